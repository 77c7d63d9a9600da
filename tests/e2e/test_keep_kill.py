"""adopt, import and prune killed at the entry of their system calls, one further each time, until they come to their end: nothing is lost,
nothing is torn, and the end is that of a run that nobody disturbed."""

import os
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


def kill_and_go_on(mirror, call, trace, *arguments, step=1, after=lambda: None):
    """Returns how often it was killed."""
    for n in range(RUNS):
        how = ["-e", f"trace={call}", "-e", f"inject={call}:signal=SIGKILL:when={1 + n * step}"]
        status = strace.run(mirror, how, *arguments, output=trace)
        after()
        if status == 0:
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
    kill_and_go_on(mirror, call, tmp_path / "trace", "prune", "--class", "stable", "--days", "30")
    check_end(mirror, [])
    assert mirror.rows("SELECT count(*) AS n FROM provenance") == [{"n": 4}]
