"""adopt, export, fold, import, prune and verify killed at the entry of their system calls, one further each time, until they come to their end: nothing is lost,
nothing is torn, and the end is that of a run that nobody disturbed."""

import os
import shutil
import sqlite3
import time

import pytest

from lib import strace
from lib.lighttpd import Lighttpd
from lib.zig import file_name

CALLS = ["renameat", "unlinkat", "fsync", "symlinkat", "pwrite64"]
NAMES = [name + end for name in (file_name("0.14.1"), file_name("0.13.0")) for end in ("", ".minisig")]
PATHS = sorted("zig/" + name for name in NAMES)
RUNS = 150


def kill_and_go_on(mirror, call, trace, *arguments, step=1, after=lambda: None, ends=(0,)):
    """Returns how often it was killed. `ends`: how a run that comes to its end may exit."""
    for n in range(RUNS):
        how = ["-e", f"trace={call}", "-e", f"inject={call}:signal=SIGKILL:when={1 + n * step}"]
        status = strace.run(mirror, how, *arguments, output=trace)
        after()
        if status in ends:
            return n
        assert status == -9
    raise AssertionError("it never ended")


def check_whole(mirror, site):
    """What is visible is true, whatever was interrupted."""
    for path in mirror.published():
        place = mirror.state / "public" / path
        if place.exists():
            assert place.read_bytes() == site.body(path.removeprefix("zig/"))


def check_end(mirror, paths):
    assert mirror.published() == paths
    assert sorted(row["path"] for row in mirror.rows("SELECT path FROM entry")) == paths
    assert mirror.files("store") == sorted(os.path.relpath((mirror.state / "public" / p).resolve(), mirror.state / "store") for p in paths)
    # A link that was not given its name yet stays until it is swept.
    assert [path for path in mirror.parts() if not path.startswith(".link-")] == [] and mirror.files("quarantine") == []


@pytest.fixture
def source(site, tmp_path):
    folder = tmp_path / "other"
    folder.mkdir()
    for name in NAMES:
        (folder / name).write_bytes(site.body(name))
    return folder


@pytest.mark.parametrize("call", CALLS)
def test_adopt(make_mirror, site, source, tmp_path, call):
    mirror = make_mirror(front=Lighttpd(hits="self"))
    mirror.program("pkgmirror-warm", "estimate", "--quiet")
    killed = kill_and_go_on(mirror, call, tmp_path / "trace", "adopt", "--how", "copy", source, step=3 if call == "pwrite64" else 1,
                            after=lambda: check_whole(mirror, site))
    assert killed > 0
    check_end(mirror, PATHS)
    assert all((source / name).read_bytes() == site.body(name) for name in NAMES)


@pytest.mark.parametrize("call", ["linkat", "renameat", "symlinkat", "unlinkat"])
def test_adopt_by_hard_link(make_mirror, site, source, tmp_path, call):
    """The other mirror's files are ours as well while it runs: they keep their bytes and their inodes."""
    mirror = make_mirror(front=Lighttpd(hits="self"))
    mirror.program("pkgmirror-warm", "estimate", "--quiet")
    inodes = {name: (source / name).stat().st_ino for name in NAMES}

    def check():
        check_whole(mirror, site)
        for name in NAMES:
            assert (source / name).read_bytes() == site.body(name) and (source / name).stat().st_ino == inodes[name]

    assert kill_and_go_on(mirror, call, tmp_path / "trace", "adopt", "--how", "link", source, after=check) > 0
    check_end(mirror, PATHS)
    assert {name: (mirror.state / "public/zig" / name).stat().st_ino for name in NAMES} == inodes
    assert {(source / name).stat().st_nlink for name in NAMES} == {2}, "no third name was left behind"


def test_a_part_that_is_the_other_mirrors_file_is_not_written_to(make_mirror, upstream, site, source):
    """A torn download; then adopt, killed when it had made its link; then the download goes on."""
    mirror = make_mirror(front=Lighttpd(hits="self"))
    name = NAMES[0]
    torn = site.body(name)[:50_000]
    gate = upstream.hold(site.path(name), at=100_000)
    with mirror.open(f"/zig/{name}") as answer:
        answer.read(1)
        gate.wait()
        mirror.kill_service()
    (source / name).write_bytes(torn)
    (mirror.state / "part/zig" / name).unlink()
    os.link(source / name, mirror.state / "part/zig" / name)
    gate.release()
    assert mirror.get(f"/zig/{name}").body == site.body(name)
    assert (source / name).read_bytes() == torn


@pytest.mark.parametrize("call", CALLS)
def test_import(make_mirror, site, source, tmp_path, call):
    first = make_mirror(front=Lighttpd(hits="self"))
    first.program("pkgmirror-warm", "estimate", "--quiet")
    first.program("pkgmirror-warm", "adopt", source)
    first.program("pkgmirror-warm", "export", tmp_path / "bundle")
    island = make_mirror(front=Lighttpd(hits="self"), offline=True)
    killed = kill_and_go_on(island, call, tmp_path / "trace", "import", "--how", "copy", tmp_path / "bundle",
                            step=5 if call == "pwrite64" else 1, after=lambda: check_whole(island, site))
    assert killed > 0
    check_end(island, PATHS)
    assert island.get("/zig/index.json").status == 200
    assert len([name for name in island.files("index") if name.endswith("-index.json")]) == 1


@pytest.mark.parametrize("call", ["symlinkat", "fsync", "pwrite64"])
def test_adopt_of_our_own_store(make_mirror, site, source, tmp_path, call):
    mirror = make_mirror(start=False, offline=True)
    mirror.program("pkgmirror-warm", "adopt", "--how", "copy", "--quiet", source)
    inodes = {path: (mirror.state / "public" / path).stat().st_ino for path in PATHS}
    for path in mirror.state.glob("catalog.db*"):
        path.unlink()
    shutil.rmtree(mirror.state / "public/zig")
    assert kill_and_go_on(mirror, call, tmp_path / "trace", "adopt", mirror.state, step=7 if call == "pwrite64" else 1, after=lambda: check_whole(mirror, site)) > 0
    check_end(mirror, PATHS)
    assert {path: (mirror.state / "public" / path).stat().st_ino for path in PATHS} == inodes


@pytest.mark.parametrize("call", ["fsync", "renameat", "write"])
def test_export(make_mirror, site, source, tmp_path, call):
    """A bundle is whole when it has its manifest, not before; the next run goes on with what is there."""
    mirror, bundle = make_mirror(start=False), tmp_path / "bundle"
    mirror.program("pkgmirror-warm", "estimate", "--quiet")
    mirror.program("pkgmirror-warm", "adopt", source)
    files = {f"files/{path}": site.body(path.removeprefix("zig/")) for path in PATHS}

    def check():
        if (bundle / "manifest").exists():
            assert {name: (bundle / name).read_bytes() for name in files} == files
            assert (bundle / "manifest").read_text().count("\n") == 2 + len(files)

    assert kill_and_go_on(mirror, call, tmp_path / "trace", "export", bundle, step=3 if call == "write" else 1, after=check) > 0
    assert sorted(str(p.relative_to(bundle)) for p in bundle.rglob("*") if p.is_file()) == sorted(
        ["README", "manifest", "ledger.jsonl", "documents/index.json", *files])
    check()


@pytest.mark.parametrize("call", ["fsync", "pwrite64", "pread64"])
def test_fold(make_mirror, tmp_path, call):
    """Each line counts once."""
    mirror, log, lines = make_mirror(start=False), tmp_path / "access.log", 12_000
    line = f'- - - [10/Oct/2025:13:55:36 +0000] "GET /{PATHS[0]}?source=t HTTP/2.0" 200 7 "-" "curl/8.5"\n'
    log.write_text(line * lines)
    assert kill_and_go_on(mirror, call, tmp_path / "trace", "fold", log, step=1 if call == "fsync" else 5) > 0
    assert mirror.rows("SELECT path, source, sum(count) AS n, sum(bytes) AS bytes FROM hit") == [
        {"path": PATHS[0], "source": "t", "n": lines, "bytes": 7 * lines}]


@pytest.mark.parametrize("call", ["unlinkat", "fsync", "pwrite64"])
def test_prune(make_mirror, site, source, tmp_path, call):
    mirror = make_mirror(front=Lighttpd(hits="self"))
    mirror.program("pkgmirror-warm", "estimate", "--quiet")
    mirror.program("pkgmirror-warm", "adopt", source)
    old = time.time() - 100 * 24 * 3600
    with sqlite3.connect(mirror.state / "catalog.db", timeout=30) as db:
        db.execute("UPDATE entry SET stored_at = ?", (int(old),))
    db.close()
    for path in PATHS:
        os.utime(mirror.state / "public" / path, (old, old))
    assert kill_and_go_on(mirror, call, tmp_path / "trace", "prune", "--class", "stable", "--days", "30") > 0
    check_end(mirror, [])
    assert mirror.rows("SELECT count(*) AS n FROM provenance") == [{"n": 4}]


@pytest.mark.parametrize("call", ["linkat", "unlinkat", "fsync", "pwrite64"])
def test_verify(make_mirror, site, source, tmp_path, call):
    """A bad file: whatever kills verify, it is wanted again, comes back, and what was bad is in quarantine, with the reason in the ledger."""
    mirror = make_mirror(front=Lighttpd(hits="self"), warmer={"classes": ["nominated"]})
    mirror.program("pkgmirror-warm", "adopt", "--how", "copy", source)
    place = (mirror.state / "public" / PATHS[0]).resolve()
    bad = b"!" + place.read_bytes()[1:]
    place.write_bytes(bad)
    assert kill_and_go_on(mirror, call, tmp_path / "trace", "verify", ends=(0, 3)) > 0
    assert PATHS[0] not in mirror.published()
    assert mirror.rows("SELECT path, why FROM want") == [{"path": PATHS[0], "why": "verify"}]
    rows = mirror.rows("SELECT reason, bytes FROM provenance WHERE path = ? AND verdict = 'bad'", PATHS[0])
    assert rows and all("SHA-256" in row["reason"] and row["bytes"] == len(bad) for row in rows)
    mirror.program("pkgmirror-warm", "--quiet")
    check_whole(mirror, site)
    assert mirror.published() == PATHS and mirror.rows("SELECT * FROM want") == []
    assert {(mirror.state / "quarantine" / name).read_bytes() for name in mirror.files("quarantine")} == {bad}
    assert mirror.program("pkgmirror-warm", "verify").stdout.startswith("4 good, 0 bad, 0 gone")
