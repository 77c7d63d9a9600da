"""A published file is answered from disk: no upstream, no fetch service, no catalogue."""

import os
import signal
import subprocess

import pytest

from lib.lighttpd import Lighttpd
from lib.process import SANITIZERS
from lib.waiting import wait_until
from lib.zig import file_name

NAME = file_name("0.14.1")
TRACED = "trace=%file,%network,accept4"


@pytest.fixture
def warm(make_mirror, site, mode):
    """Starts a mirror that has the file, its service gone."""

    def start(hits):
        mirror = make_mirror(front=Lighttpd(mode, hits), fetch_linger="1s")
        assert mirror.get(f"/zig/{NAME}").status == 200
        wait_until(lambda: mirror.services() == [], "the service to leave")
        site.upstream.forget()
        return mirror

    return start


@pytest.mark.parametrize("hits", ["static", "offload", "self"])
def test_second_request_asks_nobody(warm, site, hits):
    mirror = warm(hits)
    (mirror.state / "catalog.db").rename(mirror.state / "away.db")
    for _ in range(3):
        answer = mirror.get(f"/zig/{NAME}")
        assert (answer.status, answer.body == site.body(NAME)) == (200, True)
    assert site.upstream.seen() == []
    assert mirror.services() == []
    assert not (mirror.state / "catalog.db").exists()


def test_static_hits_do_not_reach_the_responder(warm, site):
    mirror = warm("static")
    journal = mirror.state / "run/hits.log"
    before = wait_until(lambda: journal.exists() and journal.read_text(), "the line of the miss")
    assert mirror.get(f"/zig/{NAME}").body == site.body(NAME)
    mirror.front.stop()  # which writes what is not written yet
    assert journal.read_text() == before


def trace(mirror, path, wrapper, act):
    """What strace wrote of `act`."""
    tracer = subprocess.Popen(
        ["strace", "-f", "-o", path, "-e", TRACED, *wrapper], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        attached = tracer.stderr.readline().decode()
        assert "attached" in attached, attached
        act()
        tracer.send_signal(signal.SIGINT)
        tracer.communicate(timeout=60)
    finally:
        tracer.kill()
        tracer.wait()
    return path.read_text()


@pytest.mark.parametrize("hits", ["offload", "self"])
def test_responder_opens_no_catalogue(make_mirror, site, tmp_path, hits):
    mirror = make_mirror(front=Lighttpd("fastcgi", hits))
    mirror.get(f"/zig/{NAME}")
    pid = mirror.responder()
    calls = trace(mirror, tmp_path / "trace", ["-p", str(pid)], lambda: mirror.get(f"/zig/{NAME}"))
    assert NAME in calls and "accept4(" in calls
    assert "catalog.db" not in calls
    assert "connect(" not in calls and "socket(" not in calls


def test_cgi_opens_no_catalogue(make_mirror, site, tmp_path):
    mirror = make_mirror(front=Lighttpd("cgi", "self"))
    mirror.get(f"/zig/{NAME}")
    quiet = {"ASAN_OPTIONS": SANITIZERS["ASAN_OPTIONS"] + ":detect_leaks=0"}  # which cannot work under a tracer
    child = mirror.start_cgi(f"/zig/{NAME}", ["strace", "-f", "-o", str(tmp_path / "trace"), "-e", TRACED], **quiet)
    out, err = child.communicate(timeout=60)
    assert out.endswith(site.body(NAME)), err
    calls = (tmp_path / "trace").read_text()
    assert NAME in calls
    assert 'catalog.db"' not in calls  # but whether its shared memory is there
    assert "connect(" not in calls and "socket(" not in calls


def test_hits_go_on_without_room_for_the_journal(warm, site):
    """What cannot be written down is dropped; the file is sent."""
    mirror = warm("self")
    journal = mirror.state / "run/hits.log"
    wait_until(journal.exists, "the line of the miss")
    journal.unlink()
    os.mkdir(journal)
    assert mirror.get(f"/zig/{NAME}").body == site.body(NAME)
