"""pkgmirror-warm: what should be here comes, once, in order, and nothing is done twice."""

import collections
import hashlib
import json
import os
import posixpath
import re
import signal
import socket

import pytest

from lib.waiting import wait_until
from lib.warming import background, end, summary, warm, write_rows
from lib.zig import DATA, ZigSite, file_name

INDEXES = ("/download/index.json", "/download/community-mirrors.txt")


def snapshot(mirror):
    """Everything that a write would change: folders and files by inode, size and times, the WAL among them; links; rows. The
    service's log, what it counts in memory, and the times of the documents' links, which say when they were last compared, may move."""
    files = {}
    for place, folders, names in os.walk(mirror.state):
        for name in [".", *folders, *names]:
            path = os.path.normpath(os.path.join(place, name))
            info = os.lstat(path)
            if os.path.islink(path):
                files[path] = (info.st_ino, os.readlink(path))
            elif not name.startswith("fetch.log") and not name.endswith("-shm"):
                files[path] = (info.st_ino, info.st_nlink, info.st_size, info.st_mtime_ns)
    tables = [row["name"] for row in mirror.rows("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")]
    return files, {table: mirror.rows(f"SELECT * FROM {table}") for table in tables}


@pytest.fixture
def real(upstream, signer):
    """The real index of ziglang.org, and Mach's at /mach/index.json, with small files: every stable and nominated one."""
    site = ZigSite(upstream, signer).load()
    text = (DATA / "machengine-index.json").read_text().replace("https://pkg.machengine.org/zig", upstream.origin + "/mach")
    nominated = json.loads(text.replace("https://ziglang.org", upstream.origin))
    for release in nominated.values():
        for item in release.values():
            if isinstance(item, dict) and "tarball" in item:
                name = posixpath.basename(item["tarball"])
                place = item.get("zigTarball", item["tarball"]).removeprefix(upstream.origin)
                if name not in site.places:
                    site.add_file(name, "", size=2000, place=place)
                body = site.body(name)
                item.update(shasum=hashlib.sha256(body).hexdigest(), size=str(len(body)))
    upstream.add("/mach/index.json", json.dumps(nominated).encode(), type="application/json")
    return site


def times_asked(upstream):
    """How often each file was asked for, by name."""
    return collections.Counter(posixpath.basename(path) for path in upstream.paths())


def make_real(make_mirror, upstream, **options):
    return make_mirror(
        toolchains={"nominated_index": upstream.origin + "/mach/index.json"},
        warmer={"since": "", "classes": ["stable", "nominated"]}, **options)


def test_all_of_the_real_documents_each_file_once(make_mirror, upstream, real):
    mirror = make_real(make_mirror, upstream, fetch_linger="10m")  # nobody closes the catalogue meanwhile
    lines = warm(mirror)
    listed = sorted(real.places)
    assert len(listed) > 600
    assert mirror.published() == ["zig/" + name for name in listed]
    for name in listed:
        assert (mirror.state / "public/zig" / name).read_bytes() == real.body(name)
    assert {name: count for name, count in times_asked(upstream).items() if count != 1 or name not in listed} == {
        "index.json": 2, "community-mirrors.txt": 1}
    assert summary(lines)["files_fetched"] == len(listed) and summary(lines)["files_failed"] == 0
    assert {row["verdict"] for row in mirror.rows("SELECT verdict FROM entry")} == {"signed"}
    assert len(mirror.rows("SELECT path FROM entry WHERE class = 'nominated'")) > 100
    assert mirror.rows("SELECT * FROM want") == [] and mirror.parts() == []
    assert upstream.connections < 30, "connections are reused"
    # Newest release first: a stable one before all nightlies of its predecessors.
    order = [posixpath.basename(path) for path in upstream.paths() if path.endswith((".xz", ".zip"))]
    assert max(map(order.index, (n for n in order if "-0.15.2." in n))) < min(map(order.index, (n for n in order if "-0.14.1." in n)))

    # Again: conditional requests of the documents, and no write.
    upstream.forget()
    before = snapshot(mirror)
    assert before[0][str(mirror.state / "catalog.db-wal")] and len(before[0]) > 2 * len(listed) and before[1]["entry"]
    again = summary(warm(mirror))
    assert again["files_fetched"] == 0 and again["files_here"] == len(listed)
    assert sorted(upstream.paths()) == sorted([*INDEXES, "/mach/index.json"])
    assert [r.status for r in upstream.seen()] == [304] * 3
    files, rows = snapshot(mirror)
    assert {path: (what, files.get(path)) for path, what in before[0].items() if what != files.get(path)} == {}
    assert files.keys() == before[0].keys() and rows == before[1]

    # And with another service, as a nightly run has it.
    mirror.kill_service(signal.SIGTERM)
    upstream.forget()
    before = snapshot(mirror)
    assert summary(warm(mirror))["files_fetched"] == 0
    assert [r.status for r in upstream.seen()] == [304] * 3
    files, rows = snapshot(mirror)
    run = mirror.state / "run"
    changed = {path for path in files.keys() | before[0].keys() if files.get(path) != before[0].get(path)}
    assert changed <= {str(run), str(run / "fetch.sock"), str(run / "counters")} and rows == before[1]


def test_what_people_asked_for_goes_first(make_mirror, upstream, signer):
    site = ZigSite(upstream, signer)
    for version in ("0.14.1", "0.13.0"):
        site.release(version)
    mirror = make_mirror(warmer={"since": "0.14.0", "connections": 1, "complete_versions": True})
    # A person has one file of a release that is too old to be warmed: the rest of it is wanted, and before the newest.
    assert mirror.get("/zig/" + file_name("0.13.0")).status == 200
    wait_until(lambda: len(mirror.rows("SELECT path FROM want")) == 8, "the rest of the version to be wanted")
    upstream.forget()
    lines = warm(mirror)
    order = [posixpath.basename(path) for path in upstream.paths() if path.endswith((".xz", ".zip"))]
    assert len(order) == 9
    # A signature comes with its file: before the next one.
    places = [path for path in upstream.paths() if "/zig-" in path]
    for this, following in zip(order, order[1:]):
        at = places.index(site.path(this) + ".minisig")
        assert at < places.index(site.path(following)) and places.count(places[at]) == 1
    assert all("0.13.0" in name for name in order[:4]) and all("0.14.1" in name for name in order[4:])
    # Of a release what is asked for often goes before source and bootstrap.
    assert set(order[-2:]) == {file_name("0.14.1", "src"), file_name("0.14.1", "bootstrap")}
    assert summary(lines)["files_fetched"] == 18
    assert mirror.rows("SELECT * FROM want") == []


def test_a_new_target_of_a_later_index_is_warmed(make_mirror, upstream, site):
    mirror = make_mirror(warmer={"since": ""})
    warm(mirror)
    assert "zig/zig-riscv128-haiku-0.14.1.tar.xz" not in mirror.published()
    site.index["0.14.1"]["riscv128-haiku"] = site.add_file("zig-riscv128-haiku-0.14.1.tar.xz", "0.14.1")
    site.release("0.16.0")
    lines = warm(mirror)
    assert summary(lines)["files_fetched"] == 2 + 10
    assert (mirror.state / "public/zig/zig-riscv128-haiku-0.14.1.tar.xz").read_bytes() == site.body("zig-riscv128-haiku-0.14.1.tar.xz")
    assert "zig/" + file_name("0.16.0", "src") in mirror.published()


def say(mirror, line):
    """A connection to the service that has said one line."""
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(60)
    connection.connect(str(mirror.state / "run/fetch.sock"))
    connection.sendall(line.encode())
    return connection


def test_a_client_goes_before_what_is_queued_for_warming(make_mirror, upstream, site):
    """One slot for all: what waits for it when a client comes, waits for the client too."""
    mirror = make_mirror(warmer={"since": "", "connections": 4}, max_fetches=1)
    first = "/download/0.14.1/" + file_name("0.14.1", "aarch64-macos")
    gate = upstream.hold(first, at=1000)
    run = background(mirror, "--quiet")
    try:
        gate.wait()
        last = file_name("0.13.0", "bootstrap")
        with say(mirror, f"get zig/{last} - test\n") as client:
            # The service hears in order: what this one asks for comes after the client.
            with say(mirror, "refresh\n") as other:
                assert other.recv(100) == b""
            gate.release()
            heard = b""
            while not heard.endswith(b"done\n"):
                heard += client.recv(1000) or pytest.fail(f"the service said {heard}")
        assert run.wait(60) == 0
    finally:
        end(run)
    order = [path for path in upstream.paths() if path.endswith((".xz", ".zip"))]
    assert order[:2] == [first, site.path(last)]
    assert sorted(order) == sorted(set(order)) and len(order) == 10


def test_a_client_in_the_middle_of_a_warm(make_mirror, upstream, site):
    """With a slot that warming may not have, a client waits for nobody."""
    mirror = make_mirror(warmer={"since": "", "connections": 4}, max_fetches=3)
    targets = [file_name("0.14.1", target) for target in ("aarch64-macos", "x86_64-linux")]
    gates = [upstream.hold(site.path(name), at=1000) for name in targets]
    run = background(mirror, "--quiet")
    try:
        for gate in gates:
            gate.wait()
        last = file_name("0.13.0", "bootstrap")
        answer = mirror.get("/zig/" + last)
        assert answer.status == 200 and answer.body == site.body(last)
        order = [path for path in upstream.paths() if path.endswith((".xz", ".zip"))]
        assert sorted(order[:2]) == sorted(map(site.path, targets)) and order[2:] == [site.path(last)]
        for gate in gates:
            gate.release()
        assert run.wait(60) == 0
    finally:
        end(run)
    assert all(count == 1 for name, count in times_asked(upstream).items() if name.startswith("zig-"))


def test_estimate_and_dry_run_fetch_nothing(make_mirror, upstream, site):
    mirror = make_mirror(warmer={"since": ""})
    for arguments in (["estimate"], ["--dry-run"], ["warm", "--dry-run"]):
        lines = warm(mirror, *arguments)
        releases = {line["release"]: line for line in lines if line["event"] == "release"}
        assert list(releases) == ["0.14.1", "0.13.0"], "newest first"
        assert releases["0.14.1"]["files_lacking"] == 10 and releases["0.14.1"]["bytes_lacking"] == 5 * 200_000
        total = lines[-1]
        assert total["event"] == "estimate" and total["files_lacking"] == 20 and total["files_here"] == 0
        assert total["fits"] is True and total["bytes_free"] > 0
    assert mirror.published() == [] and set(upstream.paths()) <= set(INDEXES)
    assert warm(mirror)[-1]["files_fetched"] == 20
    total = warm(mirror, "estimate")[-1]
    assert total["files_here"] == 20 and total["files_lacking"] == 0 and total["bytes_here"] > 10 * 200_000
    (mirror.state / "public/zig" / file_name("0.13.0", "src")).resolve().unlink()
    head, first, second, total, disk = mirror.program("pkgmirror-warm", "estimate").stdout.splitlines()
    assert head.split() == ["release", "here", "lacking"]
    assert re.fullmatch(r"0\.14\.1 +10 +1\.0 MB +0 +0 B", first) and re.fullmatch(r"0\.13\.0 +9 +\d+\.\d kB +1 +200\.0 kB", second)
    assert re.fullmatch(r"total +19 +1\.8 MB +1 +200\.0 kB", total) and re.fullmatch(r"free on disk: \S+ .B, of which warming may take \S+ .B", disk)


def test_what_fails_is_told_put_off_and_tried_again_later(make_mirror, upstream, site):
    mirror = make_mirror(warmer={"since": ""}, toolchains={"fallbacks": []})
    gone, forged, mute = (file_name("0.14.1", t) for t in ("src", "bootstrap", "x86_64-windows"))
    upstream.change(site.path(gone), status=404)
    upstream.change(site.path(forged), flip=100)
    upstream.change(site.path(mute + ".minisig"), status=404)
    lines = warm(mirror, status=3)
    assert summary(lines)["files_failed"] == 2 and summary(lines)["files_waiting"] == 0
    ended = {posixpath.basename(line["path"]): line for line in lines if line["event"] == "file" and line["state"] != "fetched"}
    assert ended[gone]["class"] == "absent" and ended[forged]["class"] == "integrity"
    assert ended[mute + ".minisig"]["state"] == "unsigned", "the index vouches for it"
    assert set(ended) - {gone, forged, mute + ".minisig"} == set()
    assert "zig/" + mute in mirror.published() and "zig/" + gone not in mirror.published()
    rows = {row["path"]: row for row in mirror.rows("SELECT * FROM want")}
    assert {posixpath.basename(path) for path in rows} == set(ended)
    assert all(row["attempts"] == 1 and row["next_try"] - row["added_at"] == 3600 for row in rows.values())
    # Not again before its time, though upstream has mended it.
    upstream.change(site.path(gone), status=200)
    upstream.change(site.path(forged), flip=None)
    upstream.forget()
    again = summary(warm(mirror, status=1))
    assert again["files_fetched"] == 0 and again["files_unsigned"] == 1 and again["files_waiting"] >= 2
    assert set(upstream.paths()) == set(INDEXES)
    with write_rows(mirror) as db:
        db.execute("UPDATE want SET next_try = 0")
        db.execute("INSERT INTO want (path, why, priority, added_at) VALUES ('of/no/rule', 'test', 50, 1)")
    last = summary(warm(mirror))
    assert last["files_failed"] == 0 and last["files_unsigned"] == 1 and last["paths_of_no_rule"] == 1
    assert {"zig/" + gone, "zig/" + forged, "zig/" + forged + ".minisig"} <= set(mirror.published())
    row, = mirror.rows("SELECT * FROM want WHERE path <> 'of/no/rule'")
    assert row["attempts"] == 2 and row["next_try"] - row["added_at"] >= 2 * 3600, "the pause doubles"


def test_an_upstream_that_is_away(make_mirror, upstream, site):
    """Nothing is torn, everything that failed is told, and the next run has it all."""
    mirror = make_mirror(warmer={"since": "0.14.0"})
    warm(mirror, "estimate")
    upstream.stop()
    done = mirror.program("pkgmirror-warm", status=1)
    assert "index: " in done.stderr and file_name("0.14.1") in done.stderr
    assert mirror.published() == []
    upstream.start()
    mirror.kill_service()
    with write_rows(mirror) as db:
        db.execute("UPDATE want SET next_try = 0")
    assert summary(warm(mirror))["files_fetched"] == 10


def test_offline_asks_nobody(make_mirror, upstream, site):
    mirror = make_mirror(warmer={"since": "0.14.0"})
    warm(mirror)
    mirror.kill_service()
    mirror.keys["offline"] = True
    mirror.write_configuration()
    upstream.forget()
    assert summary(warm(mirror))["files_here"] == 10
    os.unlink(mirror.state / "public/zig" / file_name("0.14.1"))
    os.unlink(mirror.state / "store/zig/stable/0.14.1" / file_name("0.14.1"))
    done = mirror.program("pkgmirror-warm", status=1)
    assert "offline" in done.stderr and "1 were not tried" in done.stdout
    assert upstream.seen() == [] and mirror.rows("SELECT * FROM want") == []


def test_one_at_a_time(make_mirror, upstream, site):
    mirror = make_mirror(warmer={"since": "", "connections": 1})
    gate = upstream.hold("/download/0.14.1/" + file_name("0.14.1", "aarch64-macos"))
    run = background(mirror, "--quiet")
    try:
        gate.wait()
        assert "another pkgmirror-warm" in mirror.program("pkgmirror-warm", status=75).stderr
        assert mirror.program("pkgmirror-warm", "estimate", "--quiet").stdout == ""
        # A stop leaves the transfer to the service: nothing of it is lost.
        run.send_signal(signal.SIGTERM)
        assert run.wait(30) == 1
        gate.release()
        mirror.wait_published("zig/" + file_name("0.14.1", "aarch64-macos"))
        assert summary(warm(mirror))["files_failed"] == 0
        assert all(count == 1 for name, count in times_asked(upstream).items() if name.startswith("zig-"))
    finally:
        end(run)


@pytest.mark.parametrize("arguments", [["bogus"], ["--bogus"], ["warm", "--bogus"], ["warm", "more"], ["estimate", "more"]])
def test_a_wrong_command_line(make_mirror, site, arguments):
    done = make_mirror(start=False).program("pkgmirror-warm", *arguments, status=2)
    assert done.stdout == "" and len(done.stderr.splitlines()) == 1


def test_a_wrong_configuration(make_mirror, site, tmp_path):
    (tmp_path / "wrong.conf").write_text("bogus = 1\n")
    done = make_mirror(start=False).program("pkgmirror-warm", "--config", tmp_path / "wrong.conf", status=2)
    assert "wrong.conf:1: bogus" in done.stderr
