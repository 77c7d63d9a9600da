"""Packages: fetched from a forge, judged whole, known by their content."""

import gzip
import hashlib
import json
import lzma
import os
import pathlib
import signal

import pytest

from lib.lighttpd import Lighttpd
from lib.packages import SRC, gz, manifest, tar, zipped, zst
from lib.waiting import wait_until

REF = "0123456789abcdef0123456789abcdef01234567"
PLAIN = [("build.zig.zon", manifest())] + SRC
HASH = "demo-1.2.3-zas0EqwAAAADO0t36lahWZf_cP9V1rLOq1fz-2ef57lx"  # what zig 0.16.0 prints for it: test_zighash.py
FORMS = {
    "tar.gz": lambda: gz(tar(PLAIN)), "tar.xz": lambda: lzma.compress(tar(PLAIN)), "tar.zst": lambda: zst(tar(PLAIN)),
    "zip": lambda: zipped(PLAIN), "tar": lambda: tar(PLAIN),
}


def rule(origin, name="demo", ending="tar.gz", more=""):
    return f"""package "{name}" {{
  path = "/{name}/{{ref}}.{ending}"
  upstream = "{origin}/o/{name}/archive/{{ref}}.{ending}"
  {more}
}}
"""


def purge(mirror, path):
    """What an operator does with rm: the file goes, its link dangles."""
    (mirror.state / "public" / path).resolve().unlink()


@pytest.fixture
def mirror(make_mirror, upstream):
    # lighttpd would go on serving a file that was just purged from its cache.
    return make_mirror(front=Lighttpd(hits="self"), extra="".join(rule(upstream.origin, f"demo-{end.replace('.', '-')}", end) for end in FORMS) + rule(upstream.origin))


def entry(mirror, path):
    return mirror.rows("SELECT * FROM entry WHERE path = ?", path)[0]


def ledger(mirror, path):
    return mirror.rows("SELECT * FROM provenance WHERE path = ? ORDER BY id", path)


@pytest.mark.parametrize("form", FORMS)
def test_package_comes_whole_with_its_hash(mirror, upstream, form):
    name, data = f"demo-{form.replace('.', '-')}", FORMS[form]()
    upstream.add(f"/o/{name}/archive/{REF}.{form}", data)
    answer = mirror.get(f"/{name}/{REF}.{form}")
    assert (answer.status, answer.whole, answer.body) == (200, True, data)
    path = f"{name}/{REF}.{form}"
    assert mirror.wait_published(path) == data
    row = entry(mirror, path)
    assert (row["kind"], row["version"], row["verdict"], row["zig_hash"], row["zig_multihash"]) == ("package", REF, "tls", HASH, None)
    assert [(r["verdict"], r["content"]) for r in ledger(mirror, path)] == [("tls", HASH)]


def test_package_without_manifest_has_both_hashes(mirror, upstream):
    upstream.add(f"/o/demo/archive/{REF}.tar.gz", gz(tar([("README", b"hello\n"), ("data/a.bin", bytes(range(256)))], root="naked")))
    assert mirror.get(f"/demo/{REF}.tar.gz").status == 200
    row = entry(mirror, f"demo/{REF}.tar.gz")
    assert row["zig_hash"] == "N-V-__8AAAYBAAC-62DYGff2Gapk5nkMPktTgjRyoCs0JeIa"
    assert row["zig_multihash"] == "1220beeb60d819f7f619aa64e6790c3e4b53823472a02b3425e21a26f6ac61a3b38c"


def test_page_instead_of_an_archive_is_refused(mirror, upstream):
    path = f"demo/{REF}.tar.gz"
    upstream.add(f"/o/demo/archive/{REF}.tar.gz", b"<!DOCTYPE html><title>Sign in</title>")
    assert mirror.get("/" + path).status == 502
    assert mirror.published() == []
    assert [r["verdict"] for r in ledger(mirror, path)] == ["bad"]
    assert len(mirror.files("quarantine")) == 1


@pytest.mark.parametrize("form", FORMS)
def test_polite_cut_is_refused(mirror, upstream, form):
    """A chunked transfer that ends as if it were whole: only the archive knows that it is not."""
    name, data = f"demo-{form.replace('.', '-')}", FORMS[form]()
    path, place = f"{name}/{REF}.{form}", f"/o/{name}/archive/{REF}.{form}"
    upstream.add(place, data, chunked=True, polite=True, cut=len(data) - (9000 if form == "tar" else 3))
    answer = mirror.get("/" + path)
    assert answer.status == 502 or not answer.whole
    assert mirror.published() == []
    assert [r["verdict"] for r in ledger(mirror, path)] == ["bad"]
    assert ledger(mirror, path)[0]["reason"].startswith("archive: ")
    # Nothing of it is remembered: the whole file is taken.
    upstream.change(place, cut=None)
    answer = mirror.get("/" + path)
    assert (answer.status, answer.whole, answer.body) == (200, True, data)


def test_bomb_is_refused(mirror, upstream):
    path = f"demo-tar-xz/{REF}.tar.xz"
    packer = lzma.LZMACompressor(preset=0)
    bomb = b"".join(packer.compress(bytes(1 << 20)) for _ in range(300)) + packer.flush()
    upstream.add(f"/o/demo-tar-xz/archive/{REF}.tar.xz", bomb)
    assert mirror.get("/" + path).status in (200, 502)
    wait_until(lambda: ledger(mirror, path), "the verdict")
    assert "unpacks to far more than it is" in ledger(mirror, path)[0]["reason"]
    assert mirror.published() == []


def child_of_service(mirror):
    """The process that unpacks, a child of the service with the same command line, once it has no descriptor but the file, the
    pipe and what a sanitizer complains to."""
    pids = mirror.services()
    return next((pid for pid in pids if parent_of(pid) in pids and {"3", "4"} <= descriptors(pid) <= {"2", "3", "4"}), None)


def descriptors(pid):
    try:
        return set(os.listdir(f"/proc/{pid}/fd"))
    except OSError:
        return {"gone"}


def parent_of(pid):
    try:
        return int(pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()[1])
    except OSError:
        return None


def test_service_goes_on_while_a_package_is_unpacked(mirror, upstream):
    """The child of the first is stopped in the middle; the second is fetched and published meanwhile."""
    first, second = f"demo/{REF}.tar.gz", f"demo-zip/{REF}.zip"
    upstream.add(f"/o/demo/archive/{REF}.tar.gz", gz(tar(PLAIN + [("zeros", bytes(100 << 20))])))
    upstream.add(f"/o/demo-zip/archive/{REF}.zip", FORMS["zip"]())
    with mirror.open("/" + first) as answer:
        child = wait_until(lambda: child_of_service(mirror), "the child")
        os.kill(child, signal.SIGSTOP)
        assert mirror.get("/" + second).whole
        assert mirror.wait_published(second) == FORMS["zip"]()
        assert first not in mirror.published()
        os.kill(child, signal.SIGCONT)
        assert answer.rest().whole
    assert mirror.wait_published(first)


def test_children_that_die_refuse_the_file(mirror, upstream):
    path = f"demo/{REF}.tar.gz"
    upstream.add(f"/o/demo/archive/{REF}.tar.gz", gz(tar(PLAIN + [("zeros", bytes(100 << 20))])))
    with mirror.open("/" + path) as answer:
        first = wait_until(lambda: child_of_service(mirror), "the child")
        os.kill(first, signal.SIGSEGV)
        # The machine may have been short of memory: another one is asked.
        os.kill(wait_until(lambda: (pid := child_of_service(mirror)) != first and pid, "the second child"), signal.SIGSEGV)
        answer.rest()
        assert answer.status == 502 or not answer.whole
    wait_until(lambda: ledger(mirror, path), "the verdict")
    assert "died" in ledger(mirror, path)[0]["reason"]
    assert mirror.published() == []


# ---- trust on first use ------------------------------------------------------------------------------------------------


def test_other_bytes_with_the_same_content_are_pinned(mirror, upstream):
    path, place = f"demo/{REF}.tar.gz", f"/o/demo/archive/{REF}.tar.gz"
    one, other = gzip.compress(tar(PLAIN), 9, mtime=1), gzip.compress(tar(PLAIN[::-1], root="renamed"), 1, mtime=2)
    upstream.add(place, one)
    assert mirror.get("/" + path).body == one
    mirror.wait_published(path)
    purge(mirror, path)
    upstream.add(place, other)
    assert mirror.get("/" + path).body == other
    assert mirror.wait_published(path) == other
    rows = ledger(mirror, path)
    assert [r["verdict"] for r in rows] == ["tls", "pinned"]
    assert rows[0]["content"] == rows[1]["content"] == HASH
    assert [r["sha256"] for r in rows] == [hashlib.sha256(b).hexdigest() for b in (one, other)]
    assert entry(mirror, path)["verdict"] == "pinned"


def test_another_content_is_refused_and_kept(mirror, upstream):
    path, place = f"demo/{REF}.tar.gz", f"/o/demo/archive/{REF}.tar.gz"
    good, evil = gz(tar(PLAIN)), gz(tar(PLAIN + [("evil", b"1")]))
    upstream.add(place, good)
    assert mirror.get("/" + path).whole
    mirror.wait_published(path)
    purge(mirror, path)
    upstream.add(place, evil)
    for _ in range(2):
        answer = mirror.get("/" + path)
        assert answer.status == 502 and evil not in answer.body
    rows = ledger(mirror, path)
    assert [r["verdict"] for r in rows] == ["tls", "changed"]
    assert rows[1]["content"] != HASH and HASH in rows[1]["reason"]
    assert [r["known"] for r in mirror.rows("SELECT * FROM changed WHERE path = ?", path)] == [HASH]
    kept = mirror.files("quarantine")
    assert len(kept) == 1 and (mirror.state / "quarantine" / kept[0]).read_bytes() == evil
    assert "changed" not in {r["verdict"] for r in mirror.rows("SELECT verdict FROM entry")}
    # The old content is welcome as ever.
    upstream.add(place, good)
    assert mirror.get("/" + path).body == good
    assert [r["verdict"] for r in ledger(mirror, path)] == ["tls", "changed", "pinned"]
    assert mirror.rows("SELECT * FROM changed") == []
    # Once more the other one: it waits for an operator again; and once only, whichever service it meets.
    mirror.wait_published(path)
    purge(mirror, path)
    upstream.add(place, evil)
    assert mirror.get("/" + path).status == 502
    mirror.kill_service()
    assert mirror.get("/" + path).status == 502
    assert [r["verdict"] for r in ledger(mirror, path)] == ["tls", "changed", "pinned", "changed"]
    assert len(mirror.rows("SELECT * FROM changed")) == 1 and len(mirror.files("quarantine")) == 2


def test_accepted_content_is_published(mirror, upstream):
    path, place = f"demo/{REF}.tar.gz", f"/o/demo/archive/{REF}.tar.gz"
    first, second = gz(tar(PLAIN)), gz(tar(PLAIN + [("more", b"1")]))
    for data, status in ((first, 200), (second, 502)):
        upstream.add(place, data)
        assert mirror.get("/" + path).status == status
        if status == 200:
            mirror.wait_published(path)
            purge(mirror, path)
    waits = json.loads(mirror.program("pkgmirror-warm", "accept", "--json", "--dry-run", path).stdout)
    assert (waits["path"], waits["accepted"], waits["known"]) == (path, False, HASH)
    told = json.loads(mirror.program("pkgmirror-warm", "accept", "--json", f"/{path}").stdout)
    content = told["content"]
    assert told == {**waits, "accepted": True} and content != HASH
    assert mirror.rows("SELECT path, why FROM want") == [{"path": path, "why": "accepted"}]
    # Packed anew once more: it is the content that was accepted.
    upstream.add(place, gzip.compress(tar(PLAIN + [("more", b"1")]), 1))
    assert mirror.get("/" + path).whole
    mirror.wait_published(path)
    rows = ledger(mirror, path)
    assert [(r["verdict"], r["http_status"]) for r in rows] == [("tls", 200), ("changed", 200), ("pinned", 0), ("pinned", 200)]
    assert {r["content"] for r in rows[1:]} == {content} and rows[2]["reason"].startswith("accepted: ")
    # What was there first is another content now, and there is nothing left to accept.
    purge(mirror, path)
    mirror.program("pkgmirror-warm", "accept", path, status=1)
    mirror.program("pkgmirror-warm", "accept", status=2)
    upstream.add(place, first)
    assert mirror.get("/" + path).status == 502


def test_package_without_hash_is_known_by_its_tree(mirror, upstream):
    path, place = f"demo/{REF}.tar.gz", f"/o/demo/archive/{REF}.tar.gz"
    strange = PLAIN + [("src/root.zig", b"twice")]
    upstream.add(place, gzip.compress(tar(strange), 9))
    assert mirror.get("/" + path).whole
    mirror.wait_published(path)
    assert entry(mirror, path)["zig_hash"] is None
    purge(mirror, path)
    upstream.add(place, gzip.compress(tar(strange), 1))
    assert mirror.get("/" + path).whole
    purge(mirror, path)
    upstream.add(place, gzip.compress(tar(PLAIN + [("src/root.zig", b"other")]), 1))
    assert mirror.get("/" + path).status == 502
    assert [r["verdict"] for r in ledger(mirror, path)] == ["tls", "pinned", "changed"]


def test_another_upstream_must_give_the_same_content(make_mirror, make_upstream):
    first, second = make_upstream(), make_upstream()
    path, place = f"demo/{REF}.tar.gz", f"/o/demo/archive/{REF}.tar.gz"
    first.add(place, gz(tar(PLAIN)))
    second.add(place, gz(tar(PLAIN, root="o-demo-0123456")))
    mirror = make_mirror(front=Lighttpd(hits="self"), extra=rule(first.origin))
    assert mirror.get("/" + path).whole
    mirror.wait_published(path)
    mirror.stop()
    purge(mirror, path)
    mirror.extra = rule(second.origin)
    mirror.write_configuration()
    mirror.start()
    assert mirror.get("/" + path).whole
    assert [(r["verdict"], r["requested_url"]) for r in ledger(mirror, path)] == [("tls", first.url(place)), ("pinned", second.url(place))]


def test_package_is_unpacked_whatever_it_is_called(make_mirror, upstream):
    mirror = make_mirror(extra=f'package "api" {{\n path = "/api/{{ref}}"\n upstream = "{upstream.origin}/tarball/{{ref}}"\n}}\n')
    upstream.add("/tarball/v1.0.0", gz(tar(PLAIN)))
    upstream.add("/tarball/v1.0.1", gz(tar(PLAIN))[:-1], chunked=True)
    assert mirror.get("/api/v1.0.0").body == gz(tar(PLAIN))
    mirror.wait_published("api/v1.0.0")
    assert entry(mirror, "api/v1.0.0")["zig_hash"] == HASH
    assert mirror.get("/api/v1.0.1").status == 502


# ---- upstreams as they are ---------------------------------------------------------------------------------------------


def test_package_without_content_length(mirror, upstream):
    data = gz(tar(PLAIN + [("big.bin", os.urandom(300_000))]))
    upstream.add(f"/o/demo/archive/{REF}.tar.gz", data, chunked=True)
    answer = mirror.get(f"/demo/{REF}.tar.gz")
    assert (answer.status, answer.whole, answer.body) == (200, True, data)
    assert mirror.wait_published(f"demo/{REF}.tar.gz") == data


@pytest.mark.parametrize("chunked", [False, True])
def test_http2_upstream(make_mirror, make_upstream, chunked):
    forge = make_upstream(http2=True)
    data = gz(tar(PLAIN + [("big.bin", os.urandom(300_000))]))
    forge.add(f"/o/demo/archive/{REF}.tar.gz", data, chunked=chunked)
    answer = make_mirror(extra=rule(forge.origin)).get(f"/demo/{REF}.tar.gz")
    assert (answer.status, answer.whole, answer.body) == (200, True, data)
    assert [r.protocol for r in forge.seen()] == ["HTTP/2"]


def test_name_of_content_disposition_is_ignored(mirror, upstream):
    data = gz(tar(PLAIN))
    upstream.add(f"/o/demo/archive/{REF}.tar.gz", data, headers={"Content-Disposition": 'attachment; filename="../../evil.zip"'})
    assert mirror.get(f"/demo/{REF}.tar.gz").whole
    mirror.wait_published(f"demo/{REF}.tar.gz")
    assert mirror.published() == [f"demo/{REF}.tar.gz"]
    assert mirror.files("store") == [f"package/demo/demo/{REF}.tar.gz"]


def test_upstream_is_told_who_asks(mirror, upstream):
    upstream.add(f"/o/demo/archive/{REF}.tar.gz", gz(tar(PLAIN)))
    mirror.get(f"/demo/{REF}.tar.gz")
    agent = upstream.seen()[0].headers["user-agent"]
    assert agent.startswith("pkgmirror/") and agent.endswith(f" (+{mirror.url})")


def test_size_is_bounded(make_mirror, upstream):
    mirror = make_mirror(extra=rule(upstream.origin), max_file_size="64K")
    for chunked in (False, True):
        upstream.add(f"/o/demo/archive/{REF}.tar.gz", os.urandom(200_000), chunked=chunked)
        answer = mirror.get(f"/demo/{REF}.tar.gz")
        assert answer.status == 504 or not answer.whole
    assert mirror.published() == []
    assert "larger than max_file_size" in mirror.log()


OPEN = """package "forge" {
  path = "/forge/{owner}/{repo}/{ref}.tar.gz"
  upstream = "%s/{owner}/{repo}/archive/{ref}.tar.gz"
  allow = {"ziglang/*", "mach/mach"}
}
artifact "files" {
  path = "/files/artifact/{version}/{file}"
  upstream = "%s/files/{version}/{file}"
}
"""


@pytest.mark.parametrize("path", [
    "/forge/ziglang/zig/main.tar.gz", "/forge/ziglang/zig/master.tar.gz", "/forge/ziglang/zig/0123456.tar.gz",
    f"/forge/ziglang/zig/{REF[:39]}.tar.gz", f"/forge/ziglang/zig/{REF}0.tar.gz", f"/forge/ziglang/zig/{'A' * 40}.tar.gz",
    "/forge/ziglang/zig/1.0.0.tar.gz", "/forge/ziglang/zig/v1.0.tar.gz", "/forge/ziglang/zig/v1.0.0/x.tar.gz",
    "/forge/ziglang/zig/refs%2Fheads%2Fmain.tar.gz", "/forge/ziglang/zig/HEAD.tar.gz", "/forge/ziglang/zig/.tar.gz",
    "/forge/nobody/zig/v1.0.0.tar.gz", "/forge/mach/other/v1.0.0.tar.gz", "/forge/ziglang/v1.0.0.tar.gz",
    "/forge/ZIGLANG/zig/v1.0.0.tar.gz", "/forge/ziglang/zig/x/v1.0.0.tar.gz",
    "/forge/../zig/v1.0.0.tar.gz", "/forge/ziglang/../v1.0.0.tar.gz", "/forge/%2e%2e/zig/v1.0.0.tar.gz",
    "/forge/ziglang/%2e%2e/v1.0.0.tar.gz", "/forge/ziglang%2f..%2fnobody/zig/v1.0.0.tar.gz", "/forge/ziglang/zig/..tar.gz",
    "/forge/ziglang/zig%00/v1.0.0.tar.gz", "/forge/ziglang/zig%5c..%5cx/v1.0.0.tar.gz", "/forge/ziglang/zi g/v1.0.0.tar.gz",
    "/files/artifact/../x", "/files/artifact/v1/..", "/files/artifact/%2e%2e/x", "/files/artifact/v1/%2e%2e",
    "/files/artifact/v1/a%2fb", "/files/artifact/v1/a?b/../c%0a", "/files/artifact/v1/", "/files/artifact/v1/a%3fb",
])
def test_what_no_rule_allows_is_404_without_upstream(make_mirror, upstream, path):
    mirror = make_mirror(extra=OPEN % (upstream.origin, upstream.origin))
    answer = mirror.get(path.replace(" ", "%20"))
    if answer.status == 400:
        # lighttpd lets neither NUL nor a line feed come to us.
        assert "%0" in path
    else:
        assert answer.status == 404
        assert len(answer.text.strip().splitlines()) == 1
    assert upstream.connections == 0
    assert mirror.service() is None


def test_allowed_owner_is_served(make_mirror, upstream):
    mirror = make_mirror(extra=OPEN % (upstream.origin, upstream.origin))
    data = gz(tar(PLAIN))
    for place in (f"ziglang/zig/{REF}", "mach/mach/v1.2.3", "ziglang/x.y_z-w/v0.1.0-dev.3+abc"):
        owner, repo, ref = place.split("/")
        upstream.add(f"/{owner}/{repo}/archive/{ref}.tar.gz", data)
        assert mirror.get(f"/forge/{place}.tar.gz").body == data
