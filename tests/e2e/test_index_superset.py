"""index.json is upstream's and more: the real documents as a changing upstream, compared with the originals field by field."""

import json
import posixpath

import pytest

from lib.waiting import wait_until
from lib.zig import DATA, file_name

INDEX = "/download/index.json"
DOCUMENTS = ("ziglang-index-2025-05-20.json", "ziglang-index-2025-05-21.json", "ziglang-index-2025-10-11.json")
MACH = ["mach-latest", "2024.11.0-mach", "2024.10.0-mach", "0.4.0-mach", "2024.5.0-mach", "2024.3.0-mach", "0.3.0-mach", "2024.1.0-mach"]


def pairs(text):
    """A document with the order of its keys: objects are tuples of pairs."""
    return json.loads(text, object_pairs_hook=tuple)


def ours_of(entry, base):
    """What this mirror says of an entry: the tarball here, the original kept, the rest as it is."""
    fields = dict(entry)
    original = fields["tarball"]
    changed = tuple((k, base + posixpath.basename(original) if k == "tarball" else v) for k, v in entry)
    return changed if "zigTarball" in fields else (*changed, ("zigTarball", original))


def expected(upstream, nominated, base):
    """The union, with upstream's keys first, as pairs."""
    known = {key for key, _ in upstream}
    union = (*upstream, *[(key, release) for key, release in nominated if key not in known])
    return tuple((key, tuple((k, ours_of(v, base) if isinstance(v, tuple) else v) for k, v in release)) for key, release in union)


def test_union_of_the_real_documents(make_mirror, upstream):
    def real(name):
        text = (DATA / name).read_text()
        return text.replace("https://ziglang.org", upstream.origin).replace("https://pkg.machengine.org", upstream.origin)

    text = real(DOCUMENTS[0])
    nominated = real("machengine-index.json")
    upstream.add(INDEX, lambda: text.encode(), modified="")
    upstream.add("/zig/index.json", nominated.encode())
    mirror = make_mirror(toolchains={"nominated_index": upstream.url("/zig/index.json"), "index_ttl": "1s"})
    for name in DOCUMENTS:
        text = real(name)
        wanted = expected(pairs(text), pairs(nominated), f"{mirror.url}/zig/")
        wait_until(lambda: pairs(mirror.get("/zig/index.json").body) == wanted, f"the union with {name}")
        assert [key for key, _ in wanted][-8:] == MACH
    assert "refused" not in mirror.log()


def test_an_old_master_can_still_be_had(make_mirror, site):
    """The nightly of the first document is listed nowhere any more when the third has come; its files are upstream's still."""
    site.load(DOCUMENTS[0])
    version = site.index["master"]["version"]
    here, asked_later = (posixpath.basename(site.index["master"][target]["tarball"]) for target in ("x86_64-linux", "aarch64-macos"))
    mirror = make_mirror(toolchains={"index_ttl": "1s"})
    assert mirror.get(f"/zig/{here}").body == site.body(here)
    bodies = {name: site.body(name) for name in (here, asked_later)}
    for document in DOCUMENTS[1:]:
        site.load(document)
        keys = list(site.index)
        wait_until(lambda: list(json.loads(mirror.get("/zig/index.json").body)) == keys, document)
    assert site.index["master"]["version"] != version
    for name, body in bodies.items():
        answer = mirror.get(f"/zig/{name}")
        assert (answer.status, answer.body == body) == (200, True), name


def test_a_release_that_upstream_drops_stays_while_its_file_is_here(make_mirror, site):
    name = file_name("0.13.0")
    mirror = make_mirror(toolchains={"index_ttl": "1s"})
    assert mirror.get(f"/zig/{name}").status == 200
    site.release("0.12.1")
    wait_until(lambda: "0.12.1" in json.loads(mirror.get("/zig/index.json").body), "0.12.1")
    dropped = {key: site.index.pop(key) for key in ("0.13.0", "0.12.1")}
    site.release("0.15.0")
    site.release("0.15.1")
    wait_until(lambda: "0.15.1" in json.loads(mirror.get("/zig/index.json").body), "0.15.1")
    ours = json.loads(mirror.get("/zig/index.json").body)
    assert list(ours) == [*site.index, "0.13.0"]
    assert ours["0.13.0"]["x86_64-linux"]["shasum"] == dropped["0.13.0"]["x86_64-linux"]["shasum"]
    for key in dropped:
        assert f"event=index_release_dropped document=index release={key}" in mirror.log()


@pytest.mark.parametrize("hostile", ["huge", "twice", "emptied", "cut", "types"])
def test_a_hostile_document_changes_nothing(make_mirror, site, hostile):
    mirror = make_mirror(toolchains={"index_ttl": "1s"})
    first = mirror.get("/zig/index.json").body
    good = site.document()
    body = {
        "huge": b'{"x":{"notes":"' + b"x" * (8 << 20) + b'"},' + good[1:],
        "twice": good.rstrip()[:-1] + b',"0.14.1":{}}',
        "emptied": json.dumps({"0.14.1": {"src": site.index["0.14.1"]["src"]}}).encode(),
        "cut": good[:-200],
        "types": b'{"0.14.1":[1],' + good[1:],
    }[hostile]
    site.upstream.change(INDEX, body=body)
    wait_until(lambda: mirror.get("/zig/index.json").body != first or mirror.rows("SELECT 1 FROM source WHERE name = 'index' AND failures > 0"), "a refusal")
    assert mirror.get("/zig/index.json").body == first
    assert [line for line in mirror.log().splitlines() if "event=document" in line and "name=index" in line and "level=warn" in line or "level=error" in line and "event=document" in line]


def test_a_bad_entry_is_left_out_and_named(make_mirror, site):
    name = file_name("0.14.1")
    for target, url in (("x86_64-linux", f"https://evil.example/{name}"), ("src", "file:///etc/passwd"), ("bootstrap", site.upstream.url(f"/download/../{name}"))):
        site.index["0.14.1"][target]["tarball"] = url
    mirror = make_mirror()
    answer = mirror.get("/zig/index.json")
    assert "aarch64-macos" in json.loads(answer.body)["0.14.1"]
    for target in ("x86_64-linux", "src", "bootstrap"):
        assert target not in json.loads(answer.body)["0.14.1"]
        assert f"event=index_entry_refused document=index release=0.14.1 target={target}" in mirror.log()
    assert b"evil.example" not in answer.body
