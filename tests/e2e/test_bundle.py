"""`pkgmirror-warm export` and `import`: a mirror for a network without internet."""

import hashlib
import json
import os

import pytest

from lib.lighttpd import Lighttpd
from lib.warming import write_rows
from lib.zig import file_name

NAMES = [file_name("0.14.1"), file_name("0.13.0"), file_name("0.15.0-dev.621+a63f7875f")]
PATHS = sorted([f"zig/{name}" for name in NAMES] + [f"zig/{name}.minisig" for name in NAMES])


@pytest.fixture
def bundle(make_mirror, site, tmp_path):
    mirror = make_mirror(front=Lighttpd(hits="self"))
    mirror.get("/zig/index.json")
    for path in PATHS:
        assert mirror.get("/" + path).whole
        mirror.wait_published(path)
    folder = tmp_path / "bundle"
    mirror.program("pkgmirror-warm", "export", folder)
    mirror.exported = folder
    return mirror


@pytest.fixture
def island(make_mirror):
    """A mirror that reaches nobody."""
    return make_mirror(front=Lighttpd(hits="self"), offline=True)


def take(mirror, folder, *arguments, status=0):
    lines = [json.loads(line) for line in mirror.program("pkgmirror-warm", "import", "--json", *arguments, folder, status=status).stdout.splitlines()]
    return {line["path"]: line for line in lines[:-1]}, lines[-1]


def manifest(folder):
    return (folder / "manifest").read_text().splitlines()


def test_an_island_serves_what_a_bundle_brings(bundle, island, site):
    site.upstream.forget()
    assert island.get("/zig/index.json").status == 504
    files, summary = take(island, bundle.exported)
    assert (summary["taken"], summary["refused"], summary["failed"], summary["documents"]) == (6, 0, 0, 1)
    assert island.published() == PATHS
    for path in PATHS:
        assert island.get("/" + path).body == site.body(path.removeprefix("zig/"))
    index = island.get("/zig/index.json")
    assert index.status == 200 and index.headers["content-type"] == "application/json"
    document = json.loads(index.body)
    assert list(document) == list(site.index)
    assert document["0.14.1"]["x86_64-linux"]["tarball"] == f"{island.url}/zig/{NAMES[0]}"
    assert site.upstream.paths() == []
    row, = island.rows("SELECT * FROM provenance WHERE path = ?", f"zig/{NAMES[0]}")
    assert row["requested_url"] == f"file://{bundle.exported.resolve()}/files/zig/{NAMES[0]}" and row["verdict"] == "signed"
    assert take(island, bundle.exported)[1]["here"] == 6
    # What came in a bundle gives way to what upstream says.
    site.release("0.14.2")
    island.keys["offline"] = False
    island.write_configuration()
    island.stop()
    island.front.start(island)
    island.program("pkgmirror-warm", "estimate", "--quiet")
    assert "0.14.2" in json.loads(island.get("/zig/index.json").body)
    assert island.rows("SELECT url FROM source WHERE name = 'index'")[0]["url"].startswith("https:")


def test_a_bundle_describes_itself(bundle, site):
    folder = bundle.exported
    assert "pkgmirror-warm import" in (folder / "README").read_text()
    head, document, *files = manifest(folder)
    assert head == "pkgmirror-bundle 1"
    body = (folder / "documents/index.json").read_bytes()
    assert document == f"document index {hashlib.sha256(body).hexdigest()}" and json.loads(body) == site.index
    for line, path in zip(files, PATHS, strict=True):
        content = (folder / "files" / path).read_bytes()
        assert line == f"file {hashlib.sha256(content).hexdigest()} {len(content)} {path}"
    rows = [json.loads(line) for line in (folder / "ledger.jsonl").read_text().splitlines()]
    assert [row["path"] for row in rows] == PATHS and rows[0]["requested_url"].startswith(site.upstream.origin)


def test_export_again_and_of_one_class(bundle, tmp_path):
    copied = {path: (bundle.exported / "files" / path).stat().st_ino for path in PATHS}
    bundle.program("pkgmirror-warm", "export", bundle.exported)
    assert {path: (bundle.exported / "files" / path).stat().st_ino for path in PATHS} == copied
    bundle.program("pkgmirror-warm", "export", "--class", "dev", tmp_path / "dev")
    assert len(manifest(tmp_path / "dev")) == 4
    with open((bundle.state / "public" / PATHS[0]).resolve(), "r+b") as file:
        file.write(b"rot")
    bundle.program("pkgmirror-warm", "export", tmp_path / "third", status=3)
    assert len(manifest(tmp_path / "third")) == 7
    bundle.program("pkgmirror-warm", "export", status=2)


def test_nothing_is_believed_that_cannot_be_verified(bundle, island, site):
    folder = bundle.exported
    forged, unsigned = folder / "files/zig" / NAMES[0], folder / "files/zig" / NAMES[1]
    forged.write_bytes(b"!" + forged.read_bytes()[1:])
    (folder / "files/zig" / (NAMES[1] + ".minisig")).unlink()
    # A digest of the index that came along vouches for nothing.
    files, summary = take(island, folder, status=3)
    assert files[f"zig/{NAMES[0]}"]["state"] == "refused" and files[f"zig/{NAMES[1]}"]["state"] == "refused"
    assert files[f"zig/{NAMES[1]}.minisig"]["state"] == "failed"
    assert (summary["taken"], summary["documents"]) == (3, 1)
    assert unsigned.read_bytes() == site.body(NAMES[1]) and f"zig/{NAMES[1]}" not in island.published()
    assert island.parts() == []


def rewrite(folder, document):
    (folder / "documents/index.json").write_text(json.dumps(document))


def test_an_index_that_contradicts_what_is_signed(bundle, island, site):
    document = json.loads((bundle.exported / "documents/index.json").read_text())
    document["0.14.1"]["x86_64-linux"]["shasum"] = "0" * 64
    rewrite(bundle.exported, document)
    files, summary = take(island, bundle.exported, status=3)
    assert files["index"]["state"] == "refused" and NAMES[0] in files["index"]["reason"]
    assert summary["documents"] == 0 and island.rows("SELECT * FROM source WHERE body IS NOT NULL") == []
    assert island.published() == PATHS


@pytest.mark.parametrize("what", ["stranger", "unwitnessed", "host", "nothing"])
def test_a_strange_index(bundle, island, what):
    document = json.loads((bundle.exported / "documents/index.json").read_text())
    if what == "stranger":
        document = {"0.1.0": {"x86_64-linux": {**document["0.14.1"]["x86_64-linux"], "tarball": "https://ziglang.org/download/0.1.0/zig-linux-x86_64-0.1.0.tar.xz"}}}
    if what == "unwitnessed":  # upstream's own hosts and names, but no signed file that is here
        del document["0.14.1"], document["0.13.0"], document["master"]
        item = {"tarball": f"{bundle.sections['toolchains']['upstream']}/download/9.9.9/zig-x86_64-linux-9.9.9.tar.xz", "shasum": "0" * 64, "size": "1"}
        document["9.9.9"] = {"date": "2025-01-01", "x86_64-linux": item}
    if what == "host":
        document["9.9.9"] = {"x86_64-linux": {"tarball": "https://evil.example/zig-x86_64-linux-9.9.9.tar.xz", "shasum": "0" * 64, "size": "1"}}
    rewrite(bundle.exported, document if what != "nothing" else [])
    files, summary = take(island, bundle.exported, status=0 if what == "host" else 3)
    if what == "host":
        assert "evil" not in island.get("/zig/index.json").text
    else:
        assert what != "unwitnessed" or "no signed file" in files["index"]["reason"]
        assert files["index"]["state"] == "refused" and island.get("/zig/index.json").status == 504


@pytest.mark.parametrize("knows", [True, False])
def test_nominated_versions_and_signed_artifacts(make_mirror, site, signer, upstream, tmp_path, knows):
    """All kinds of things that prove themselves; an island that has no nominated_index has no use for that document."""
    body, nightly = b"tool" * 1000, NAMES[2]
    upstream.add("/tools/1.0.0/tool", body)
    upstream.add("/tools/1.0.0/tool.minisig", signer.sign(body, "tool"))
    upstream.add("/tools/1.0.0/other", body)
    upstream.add("/n.json", lambda: json.dumps({"2025.6.0-mach": site.index["master"]}).encode())
    rules = (f'artifact "tools" {{ path = "/tools/{{version}}/{{file}}"\n upstream = "{upstream.origin}/tools/{{version}}/{{file}}"\n public_key = "{signer.key}" }}\n'
             f'artifact "plain" {{ path = "/plain/{{version}}/{{file}}"\n upstream = "{upstream.origin}/tools/{{version}}/{{file}}" }}\n')
    first = make_mirror(front=Lighttpd(hits="self"), extra=rules, toolchains={"nominated_index": upstream.url("/n.json")})
    first.program("pkgmirror-warm", "estimate", "--quiet")
    paths = ["plain/1.0.0/other", "tools/1.0.0/tool", "tools/1.0.0/tool.minisig", f"zig/{nightly}", f"zig/{nightly}.minisig"]
    for path in paths:
        assert first.get("/" + path).whole
        first.wait_published(path)
    first.program("pkgmirror-warm", "export", tmp_path / "bundle")
    more = {"toolchains": {"nominated_index": upstream.url("/n.json")}} if knows else {}
    island = make_mirror(front=Lighttpd(hits="self"), offline=True, extra=rules, **more)
    files, summary = take(island, tmp_path / "bundle", status=3)
    # Only what was never signed proves nothing.
    assert {path: line["state"] for path, line in files.items()} == {
        **{path: "taken" for path in paths[1:]}, "index": "taken", "nominated": "taken" if knows else "unknown", paths[0]: "refused"}
    assert summary["documents"] == 1 + knows and island.published() == paths[1:]
    assert ("2025.6.0-mach" in json.loads(island.get("/zig/index.json").body)) == knows
    assert island.get("/tools/1.0.0/tool").body == body


def test_a_document_is_never_taken_for_upstreams_own(bundle, island):
    """That it came in a bundle is noted with it or not at all: believed as upstream's it would vouch for files that are not signed."""
    (bundle.exported / "files/zig" / (NAMES[1] + ".minisig")).unlink()
    island.program("pkgmirror-warm", "fold", "--quiet")
    with write_rows(island) as db:
        db.execute("CREATE TRIGGER no BEFORE UPDATE ON source BEGIN SELECT RAISE(ABORT, 'no'); END")
    files, _ = take(island, bundle.exported, status=3)
    assert files["index"]["state"] == "failed" and files[f"zig/{NAMES[1]}"]["state"] == "refused"
    assert island.rows("SELECT url FROM source WHERE body IS NOT NULL") == island.rows("SELECT file FROM artifact") == []
    with write_rows(island) as db:
        db.execute("DROP TRIGGER no")
    for _ in range(2):
        files, _ = take(island, bundle.exported, status=3)
        assert files[f"zig/{NAMES[1]}"]["state"] == "refused" and f"zig/{NAMES[1]}" not in island.published()
        assert [row["url"][:5] for row in island.rows("SELECT url FROM source WHERE body IS NOT NULL")] == ["file:"]


def test_the_service_believes_no_digest_of_a_bundle(bundle, island, site):
    """Neither for what upstream has unsigned nor against what it has signed, before its own index has come."""
    unsigned, signed = file_name("0.13.0", "src"), file_name("0.14.1", "src")
    site.upstream.change(site.path(unsigned) + ".minisig", status=404)
    document = json.loads((bundle.exported / "documents/index.json").read_text())
    document["0.14.1"]["src"]["shasum"] = "0" * 64
    rewrite(bundle.exported, document)
    assert take(island, bundle.exported)[1]["documents"] == 1
    site.upstream.change("/download/index.json", status=503)
    island.keys["offline"] = False
    island.write_configuration()
    island.stop()
    island.front.start(island)
    assert island.get(f"/zig/{signed}").body == site.body(signed)
    island.wait_published(f"zig/{signed}")
    assert not island.get(f"/zig/{unsigned}").whole
    assert island.rows("SELECT path, verdict FROM entry WHERE path IN (?, ?)", f"zig/{signed}", f"zig/{unsigned}") == [
        {"path": f"zig/{signed}", "verdict": "signed"}]
    # Then it has come.
    site.upstream.change("/download/index.json", status=200)
    island.program("pkgmirror-warm", "estimate", "--quiet")
    assert island.get(f"/zig/{unsigned}").body == site.body(unsigned)
    island.wait_published(f"zig/{unsigned}")
    assert island.rows("SELECT verdict FROM entry WHERE path = ?", f"zig/{unsigned}") == [{"verdict": "digest"}]


def test_a_manifest_that_is_a_pipe(island, tmp_path):
    """Nobody ever writes to it."""
    os.mkfifo(tmp_path / "manifest")
    assert "no bundle" in island.program("pkgmirror-warm", "import", tmp_path, status=1, timeout=30).stderr


@pytest.mark.parametrize("line", ["file " + "0" * 64 + " 1 ../../etc/passwd", "file x 1 a", "what", "document mirrors " + "0" * 64])
def test_a_broken_manifest(bundle, island, line):
    with open(bundle.exported / "manifest", "a") as file:
        file.write(line + "\n")
    done = island.program("pkgmirror-warm", "import", bundle.exported, status=3)
    assert "manifest" in done.stderr


def test_a_folder_that_is_no_bundle(island, tmp_path):
    assert "no bundle" in island.program("pkgmirror-warm", "import", tmp_path, status=1).stderr
    island.program("pkgmirror-warm", "import", status=2)
    (tmp_path / "manifest").write_text("pkgmirror-bundle 2\n")
    island.program("pkgmirror-warm", "import", tmp_path, status=3)
