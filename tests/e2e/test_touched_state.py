"""What an operator or a clock does to state_dir while the programs work in it."""

import json
import os
import shutil
import sqlite3
import time

import pytest

from lib.lighttpd import Lighttpd
from lib.waiting import wait_until
from lib.zig import file_name

NAME = file_name("0.14.1")
OTHER = file_name("0.13.0")
THIRD = file_name("0.13.0", "aarch64-macos")
INDEX = "/download/index.json"


@pytest.fixture
def touched(make_mirror, site):
    """A mirror that is up, has its documents, and whose service stays."""
    mirror = make_mirror(fetch_linger="600s")
    assert mirror.get("/zig/index.json").status == 200
    wait_until((mirror.state / "index/community-mirrors.txt").exists, "the list of mirrors")  # it comes at the same time
    return mirror


def rule_of(upstream):
    return f'artifact "tool" {{\n path = "/tool/{{version}}/{{file}}"\n upstream = "{upstream.origin}/tool/{{version}}/{{file}}"\n}}\n'


def test_run_folder_is_deleted_under_a_service(touched, site):
    """A second service is started then; the first one leaves it the place, and takes nothing of it along."""
    first = touched.service()
    with touched.open(f"/zig/{NAME}") as answer:
        gate = site.upstream.hold(site.path(NAME), at=65536)
        shutil.rmtree(touched.state / "run")
        assert touched.get(f"/zig/{OTHER}").body == site.body(OTHER)
        gate.release()
        answer.rest()
        assert not answer.whole or answer.body == site.body(NAME)
    left = wait_until(lambda: [pid for pid in touched.services() if pid != first] == touched.services() and touched.services(), "the first service to leave")
    assert len(left) == 1
    assert (touched.state / "run/fetch.sock").exists()
    assert touched.get(f"/zig/{NAME}").body == site.body(NAME)
    assert touched.get(f"/zig/{THIRD}").body == site.body(THIRD)
    assert touched.services() == left


def test_catalogue_is_deleted_under_a_service(touched, site):
    """What comes from then on is in the new one."""
    assert touched.get(f"/zig/{NAME}").status == 200
    for path in touched.state.glob("catalog.db*"):
        path.unlink()
    assert touched.get(f"/zig/{OTHER}").body == site.body(OTHER)
    wait_until((touched.state / "catalog.db").exists, "a new catalogue")
    assert touched.get(f"/zig/{THIRD}").body == site.body(THIRD)
    wait_until(lambda: touched.rows("SELECT 1 FROM entry WHERE path = ?", f"zig/{THIRD}"), "the entry")
    assert touched.rows("SELECT 1 FROM provenance WHERE path = ?", f"zig/{THIRD}")


@pytest.mark.parametrize("folder", ["part", "index", "quarantine"])
def test_folder_is_deleted_under_a_service(touched, site, folder):
    shutil.rmtree(touched.state / folder)
    answer = touched.get("/zig/index.json")
    assert (answer.status, "0.14.1" in json.loads(answer.body)) == (200, True)
    assert touched.get(f"/zig/{NAME}").body == site.body(NAME)


def test_part_folder_is_deleted_while_the_index_changes(make_mirror, site):
    mirror = make_mirror(toolchains={"index_ttl": "1s"})
    assert mirror.get("/zig/index.json").status == 200
    shutil.rmtree(mirror.state / "part")
    site.release("0.16.0")
    wait_until(lambda: "0.16.0" in json.loads(mirror.get("/zig/index.json").body), "the new release")


def test_signature_is_purged_while_its_file_comes(touched, site):
    """It is asked for again: the file is not taken for a forged one."""
    gate = site.upstream.hold(site.path(NAME), at=131072)
    with touched.open(f"/zig/{NAME}") as answer:
        touched.wait_published(f"zig/{NAME}.minisig")
        gate.wait()
        shutil.rmtree(touched.state / "store")
        gate.release()
        assert answer.rest().body == site.body(NAME)
    assert touched.rows("SELECT reason FROM provenance WHERE verdict = 'bad'") == []
    assert len(site.upstream.seen(site.path(NAME) + ".minisig")) == 2


def test_absence_is_not_remembered_beyond_a_clock_that_went_back(touched, site):
    name = "zig-x86_64-linux-0.12.9.tar.xz"
    assert touched.get(f"/zig/{name}").status == 404
    with sqlite3.connect(touched.state / "catalog.db", timeout=30) as db:
        db.execute("UPDATE fetch SET until = until + 86400")
    db.close()
    site.add_file(name, "0.12.9")
    assert touched.get(f"/zig/{name}").body == site.body(name)


def test_index_is_refreshed_after_a_clock_that_went_back(touched, site):
    link, later = touched.state / "index/index.json", 4_000_000_000
    touched.kill_service()
    os.utime(link, (later, later), follow_symlinks=False)
    before = len(site.upstream.seen(INDEX))
    assert touched.get("/zig/index.json").status == 200
    wait_until(lambda: len(site.upstream.seen(INDEX)) > before, "upstream to be asked")
    wait_until(lambda: link.lstat().st_mtime < later, "the new time")


def test_rule_is_taken_away(make_mirror, upstream):
    """What it brought is not served any more by the responder, and is served again when the rule is back."""
    upstream.add("/tool/1.0.0/tool.bin", b"tool" * 100)
    rule = rule_of(upstream)
    mirror = make_mirror(front=Lighttpd("fastcgi", "offload"), extra=rule)
    assert mirror.get("/tool/1.0.0/tool.bin").status == 200
    mirror.stop()
    mirror.extra = ""
    mirror.write_configuration()
    mirror.start()
    assert mirror.get("/tool/1.0.0/tool.bin").status == 404
    mirror.stop()
    mirror.extra = rule
    mirror.write_configuration()
    mirror.start()
    upstream.forget()
    assert mirror.get("/tool/1.0.0/tool.bin").body == b"tool" * 100
    assert upstream.seen() == []


def test_log_of_a_service_that_never_leaves_is_turned_over(touched, site):
    log = touched.state / "run/fetch.log"
    os.truncate(log, 2 * 1024 * 1024)
    wait_until((touched.state / "run/fetch.log.1").exists, "the log to be turned over")
    assert touched.get(f"/zig/{NAME}").status == 200
    wait_until(lambda: "event=published" in log.read_text(), "the event in the new log")
    assert log.stat().st_size < 1024 * 1024


@pytest.mark.parametrize("outlived", [False, True], ids=["killed", "power cut"])
def test_part_from_before_the_machine_started(make_mirror, upstream, outlived):
    """Nobody vouches for the content: what the disk may never have got is not gone on with."""
    body = os.urandom(400_000)
    place = upstream.add("/tool/1.0.0/tool.bin", body)
    mirror = make_mirror(extra=rule_of(upstream))
    gate = upstream.hold(place, at=200_000)
    with mirror.open("/tool/1.0.0/tool.bin"):
        gate.wait()
        wait_until(lambda: mirror.part_size("tool/1.0.0/tool.bin") >= 200_000, "the part")
    mirror.kill_service()
    gate.release()
    part = mirror.state / "part/tool/1.0.0/tool.bin"
    if outlived:
        with part.open("r+b") as file:
            file.write(bytes(4096))
        before = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME) - 60
        os.utime(part, (before, before))
    upstream.forget()
    assert mirror.get("/tool/1.0.0/tool.bin").body == body
    assert [("range" in r.headers) for r in upstream.seen(place)] == [not outlived]
