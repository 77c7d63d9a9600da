"""pkgmirror-warm --watch: readiness, wants at once, the index when it is due, and a prompt end."""

import os
import signal
import socket
import time

import pytest

from lib.process import is_alive
from lib.waiting import wait_until
from lib.warming import background, end, summary, warm, write_rows
from lib.zig import file_name


@pytest.fixture
def watch(tmp_path):
    """Starts watchers of mirrors and waits until they say that they are ready."""
    runs = []

    def start(mirror):
        notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        notify.settimeout(60)
        place = tmp_path / f"notify{len(runs)}"
        notify.bind(str(place))
        run = background(mirror, "--watch", "--json", env={"NOTIFY_SOCKET": str(place)})
        runs.append((run, notify))
        assert b"READY=1" in notify.recv(1000)
        return run, notify

    yield start
    for run, notify in runs:
        end(run)
        notify.close()


def here(mirror, name):
    return (mirror.state / "public/zig" / name).exists()


def test_wants_come_at_once(make_mirror, upstream, site, watch):
    mirror = make_mirror(warmer={"since": "0.14.0"}, toolchains={"index_ttl": "1d"})
    watch(mirror)
    wait_until(lambda: len(mirror.published()) == 10, "the warm at the start")
    # An index of a day: only the row can be the reason.
    old = file_name("0.13.0")
    with write_rows(mirror) as db:
        db.execute("INSERT INTO want (path, why, priority, added_at) VALUES (?, 'test', 50, unixepoch())", ("zig/" + old,))
    wait_until(lambda: here(mirror, old), "what is wanted")
    wait_until(lambda: mirror.rows("SELECT * FROM want") == [], "the row to go")


def test_what_rots_comes_back_when_the_verify_that_found_it_has_ended(make_mirror, upstream, site, watch):
    """It is wanted while the verify still has the lock that a round needs."""
    mirror = make_mirror(warmer={"since": "0.14.0"}, toolchains={"index_ttl": "1d"})
    watch(mirror)
    wait_until(lambda: len(mirror.published()) == 10, "the warm at the start")
    wait_until(lambda: mirror.rows("SELECT * FROM want") == [], "the warm's end")
    first = sorted(path for path in mirror.published() if not path.endswith(".minisig"))[0]
    place = mirror.state / "public" / first
    whole = place.read_bytes()
    place.write_bytes(b"x" + whole[1:])
    # The first of the files; the others take some seconds.
    verify = background(mirror, "verify", "--speed", str(sum((mirror.state / "public" / path).stat().st_size for path in mirror.published()) // 4))
    try:
        wait_until(lambda: mirror.rows("SELECT path FROM want") != [], "the finding")
        assert verify.wait(60) == 3
        wait_until(lambda: place.exists() and place.read_bytes() == whole, "the file to be whole again")
    finally:
        end(verify)


def test_a_client_makes_the_watcher_complete_the_version(make_mirror, upstream, site, watch):
    mirror = make_mirror(warmer={"since": "0.14.0", "complete_versions": True}, toolchains={"index_ttl": "1d"})
    watch(mirror)
    wait_until(lambda: len(mirror.published()) == 10, "the warm at the start")
    assert mirror.get("/zig/" + file_name("0.13.0")).status == 200
    wait_until(lambda: len(mirror.published()) == 20, "the rest of the version")


def test_the_index_when_it_is_due(make_mirror, upstream, site, watch):
    mirror = make_mirror(warmer={"since": ""}, toolchains={"index_ttl": "1s"})
    run, _ = watch(mirror)
    wait_until(lambda: len(mirror.published()) == 20, "the warm at the start")
    site.release("0.16.0")
    wait_until(lambda: len(mirror.published()) == 30, "the new release")
    assert run.poll() is None
    assert sum(r.path == site.path(file_name("0.16.0")) for r in upstream.seen()) == 1


def test_news_in_the_middle_of_a_warm(make_mirror, upstream, site, watch):
    """What people want now does not wait for the end of a long warm."""
    mirror = make_mirror(warmer={"since": "0.14.0", "connections": 1}, toolchains={"index_ttl": "1d"})
    gate = upstream.hold(site.path(file_name("0.14.1", "aarch64-macos")), at=1000)
    watch(mirror)
    gate.wait()
    old = file_name("0.13.0")
    with write_rows(mirror) as db:
        db.execute("INSERT INTO want (path, why, priority, added_at) VALUES (?, 'test', 50, unixepoch())", ("zig/" + old,))
    # One runs, two more were asked for; the plan is made again while they wait, and what is wanted is first in it.
    wait_until(lambda: mirror.log("warm.log").count('"event":"plan"') == 2, "a new plan")
    gate.release()
    wait_until(lambda: len(mirror.published()) == 12, "all of it")
    order = [path for path in upstream.paths() if path.endswith((".xz", ".zip"))]
    assert order.index(site.path(old)) < order.index(site.path(file_name("0.14.1", "bootstrap")))
    assert all(upstream.paths().count(site.path(name)) == 1 for name in (old, file_name("0.14.1", "aarch64-macos")))


def test_hits_are_folded_and_old_nightlies_pruned(make_mirror, upstream, site, watch, tmp_path):
    log = tmp_path / "access.log"
    mirror = make_mirror(warmer={"since": "0.14.0", "dev_keep_days": 1, "access_logs": [str(log)]}, toolchains={"index_ttl": "1d"})
    nightly, release = file_name("0.15.0-dev.621+a63f7875f"), file_name("0.14.1")
    journal, then = mirror.state / "run/hits.log", int(time.time()) - 3 * 24 * 3600
    assert mirror.get("/zig/" + nightly).whole
    mirror.wait_published(f"zig/{nightly}.minisig")
    wait_until(lambda: journal.exists() and journal.read_text(), "the line of the miss")
    journal.write_text(f"{then}\tzig/{release}\ttests\t200\t5\n")
    log.write_text(f'- - - [10/Oct/2025:13:55:36 +0000] "GET /zig/{release}?source=static HTTP/2.0" 200 7 "-" "curl/8.5"\n')
    with write_rows(mirror) as db:
        db.execute("UPDATE entry SET stored_at = ?, last_hit_at = NULL", (then,))
    for name in (nightly, nightly + ".minisig"):
        os.utime(mirror.state / "public/zig" / name, (then, then))
    watch(mirror)
    hits = [{"path": f"zig/{release}", "source": source, "count": 1, "bytes": size} for source, size in (("static", 7), ("tests", 5))]
    wait_until(lambda: mirror.rows("SELECT path, source, count, bytes FROM hit ORDER BY source") == hits, "the hits to be folded")
    wait_until(lambda: not here(mirror, nightly) and not here(mirror, nightly + ".minisig"), "the nightly to go")
    wait_until(lambda: len(mirror.published()) == 10, "the warm of the release")


def test_the_end(make_mirror, upstream, site, watch):
    mirror = make_mirror(warmer={"since": ""}, fetch_linger="60s")
    name = file_name("0.14.1", "aarch64-macos")
    gate = upstream.hold(site.path(name), at=100_000)
    run, notify = watch(mirror)
    gate.wait()
    # While it watches nobody else does; while it works nobody else works.
    assert "watches over" in mirror.program("pkgmirror-warm", "--watch", status=75).stderr
    assert "works on" in mirror.program("pkgmirror-warm", status=75).stderr
    run.send_signal(signal.SIGTERM)
    assert run.wait(30) == 0
    assert b"STOPPING=1" in notify.recv(1000)
    # The part can be gone on with, and by whoever comes.
    wait_until(lambda: mirror.part_size("zig/" + name) == 100_000, "what came so far")
    service = mirror.kill_service()
    assert not is_alive(service)
    wait_until(lambda: all(r.done for r in upstream.seen()), "the upstream to notice")
    gate.release()
    assert summary(warm(mirror))["files_failed"] == 0
    asked = [r.headers.get("range") for r in upstream.seen(site.path(name))]
    assert asked == [None, "bytes=100000-"]
    assert [r.sent for r in upstream.seen(site.path(name))] == [100_000, 100_000], "no byte came twice"
    assert (mirror.state / "public/zig" / name).read_bytes() == site.body(name)


def test_it_waits_while_another_command_works(make_mirror, upstream, site, watch):
    mirror = make_mirror(warmer={"since": "0.14.0", "connections": 1}, toolchains={"index_ttl": "1d"})
    gate = upstream.hold(site.path(file_name("0.14.1", "aarch64-macos")), at=1000)
    once = background(mirror, "--quiet")
    try:
        gate.wait()
        run, _ = watch(mirror)
        gate.release()
        assert once.wait(60) == 0
        old = file_name("0.13.0")
        with write_rows(mirror) as db:
            db.execute("INSERT INTO want (path, why, priority, added_at) VALUES (?, 'test', 50, unixepoch())", ("zig/" + old,))
        wait_until(lambda: here(mirror, old), "what is wanted")
        assert run.poll() is None
    finally:
        end(once)


def test_a_catalogue_that_cannot_be_opened_is_told_now_and_then(make_mirror, site, watch):
    mirror = make_mirror(start=False, offline=True)
    (mirror.state / "catalog.db").write_bytes(b"this is no catalogue" * 500)
    run, _ = watch(mirror)
    wait_until(lambda: mirror.log("warm.log"), "the complaint")
    # While another program starts and ends it could be told a hundred times; it is told once a minute.
    mirror.program("pkgmirror-warm", "adopt", "--dry-run", mirror.folder, status=None)
    assert 1 <= mirror.log("warm.log").count("\n") < 10 and run.poll() is None
    (mirror.state / "catalog.db").unlink()
    run.send_signal(signal.SIGTERM)
    assert run.wait(30) == 0
