"""What is left when a process is killed, and how it goes on."""

import os
import re
import signal
import subprocess

import pytest

from lib.lighttpd import Lighttpd
from lib.process import read_log
from lib.strace import ENVIRONMENT
from lib.waiting import wait_until
from lib.zig import file_name

NAME = file_name("0.14.1")
SIZE = 4_000_000
STEP = 500_000
START = re.compile(r"event=start ")


@pytest.fixture
def big(site):
    site.release("0.14.1", size=SIZE)
    return site


def transfers(site):
    return site.upstream.seen(site.path(NAME))


def wait_for_step(site, count):
    """Until the count-th transfer of the file has sent a step and is held."""
    wait_until(lambda: len(transfers(site)) == count and transfers(site)[-1].sent == STEP, f"transfer {count} to be held")


def test_service_killed_three_times_and_the_client_has_the_whole(mirror, big):
    gate = big.upstream.hold(big.path(NAME), at=STEP)
    with mirror.open(f"/zig/{NAME}") as answer:
        killed = set()
        for count in (1, 2, 3):
            wait_for_step(big, count)
            wait_until(lambda: mirror.part_size(f"zig/{NAME}") > (count - 1) * STEP, "the part to grow")
            answer.read((count - 1) * STEP + 1)
            killed.add(mirror.kill_service())
        wait_for_step(big, 4)
        gate.release()
        answer.rest()
        assert (answer.whole, answer.body == big.body(NAME)) == (True, True)
    assert len(killed) == 3
    assert mirror.wait_published(f"zig/{NAME}") == big.body(NAME)
    ranges = [r.headers.get("range") for r in transfers(big)]
    assert ranges[0] is None
    begins = [int(re.fullmatch(r"bytes=(\d+)-", r)[1]) for r in ranges[1:]]
    assert all(r.status == 206 and r.headers["if-range"].startswith('"') for r in transfers(big)[1:])
    assert 0 < begins[0] <= STEP and begins == sorted(begins) and len(set(begins)) == 3
    assert len(START.findall(mirror.log("fetch.log"))) == 4


def test_upstream_without_validators_starts_anew_and_cuts_the_client(mirror, big):
    big.upstream.change(big.path(NAME), etag="", modified="", ranges=False)
    gate = big.upstream.hold(big.path(NAME), at=STEP)
    with mirror.open(f"/zig/{NAME}") as answer:
        answer.read(STEP // 2)
        wait_for_step(big, 1)
        mirror.kill_service()
        wait_for_step(big, 2)
        gate.release()
        answer.rest()
    assert not answer.whole
    assert answer.body == big.body(NAME)[: len(answer.body)]
    assert mirror.wait_published(f"zig/{NAME}") == big.body(NAME)
    assert [r.headers.get("range") for r in transfers(big)] == [None, None]


def test_changed_upstream_file_is_not_mixed(mirror, big):
    """Between two lives of the service the upstream's file became another one: If-Range has it sent from its start."""
    gate = big.upstream.hold(big.path(NAME), at=STEP)
    old = big.body(NAME)
    with mirror.open(f"/zig/{NAME}") as answer:
        answer.read(STEP // 2)
        wait_for_step(big, 1)
        big.add_file(NAME, "0.14.1", body=b"another " * (SIZE // 8))
        big.index.clear()
        mirror.kill_service()
        gate.release()
        answer.rest()
    assert not answer.whole
    assert answer.body == old[: len(answer.body)]
    assert f"zig/{NAME}" not in mirror.published()


def test_killed_after_the_client_left_the_next_one_resumes(mirror, big):
    gate = big.upstream.hold(big.path(NAME), at=STEP)
    with mirror.open(f"/zig/{NAME}") as answer:
        answer.read(1)
        wait_for_step(big, 1)
    mirror.kill_service()
    assert f"zig/{NAME}" not in mirror.published()
    gate.release()
    answer = mirror.get(f"/zig/{NAME}")
    assert (answer.status, answer.whole, answer.body == big.body(NAME)) == (200, True, True)
    assert re.fullmatch(r"bytes=[1-9]\d*-", transfers(big)[-1].headers["range"])


def test_part_from_before_the_machine_started_is_not_shown(mirror, big):
    """A power cut may have left anything in it: whoever was shown that would be cut off."""
    gate = big.upstream.hold(big.path(NAME), at=STEP)
    with mirror.open(f"/zig/{NAME}") as answer:
        answer.read(1)
        wait_for_step(big, 1)
    mirror.kill_service()
    part = mirror.state / "part/zig" / NAME
    with open(part, "r+b") as file:
        file.write(bytes(4096))
    os.utime(part, (1000, 1000))
    gate.release()
    answer = mirror.get(f"/zig/{NAME}")
    assert (answer.status, answer.whole, answer.body == big.body(NAME)) == (200, True, True)
    ranges = [r.headers.get("range") for r in transfers(big)]
    assert re.fullmatch(r"bytes=[1-9]\d*-", ranges[1]) and ranges[2:] == [None]
    assert mirror.files("quarantine") == []


def test_responder_killed_and_the_file_is_published(mirror, big):
    gate = big.upstream.hold(big.path(NAME), at=STEP)
    with mirror.open(f"/zig/{NAME}") as answer:
        answer.read(STEP // 2)
        wait_for_step(big, 1)
        mirror.kill_responders()
        answer.rest()
        assert not answer.whole
        gate.release()
    assert mirror.wait_published(f"zig/{NAME}") == big.body(NAME)
    assert len(transfers(big)) == 1
    again = wait_until(lambda: (a := mirror.get(f"/zig/{NAME}")).status == 200 and a, "the mirror to answer again")
    assert again.body == big.body(NAME)


def test_terminated_responder_finishes_what_it_sends(make_mirror, big):
    mirror = make_mirror(front=Lighttpd("fastcgi"))
    gate = big.upstream.hold(big.path(NAME), at=STEP)
    with mirror.open(f"/zig/{NAME}") as answer:
        answer.read(STEP // 2)
        pid = mirror.responder()
        os.kill(pid, signal.SIGTERM)
        gate.release()
        assert answer.rest().whole
        assert answer.body == big.body(NAME)
    wait_until(lambda: pid not in mirror.responders(), "the responder to end")


def test_responder_told_to_stop_while_it_starts(make_mirror):
    """At its listen(2) libfcgi has put a handler for SIGTERM in place already, which forgets it."""
    mirror = make_mirror(start=False)
    log = mirror.logs / "responder-by-hand.log"
    with open(log, "wb") as out:
        status = subprocess.run(
            ["strace", "-qq", "-o", mirror.folder / "strace", "-e", "trace=listen", "-e", "inject=listen:signal=SIGTERM:when=1",
             mirror.build / "pkgmirror.fcgi", "--socket", mirror.folder / "by-hand.sock"],
            stdin=subprocess.DEVNULL, stderr=out, timeout=60,
            env={**os.environ, **ENVIRONMENT, "PKGMIRROR_CONFIG": str(mirror.configuration)}).returncode
    assert status == 0, read_log(log)
    assert not (mirror.folder / "by-hand.sock").exists()


def test_terminated_service_leaves_a_part_that_is_resumed(mirror, big):
    gate = big.upstream.hold(big.path(NAME), at=STEP)
    with mirror.open(f"/zig/{NAME}") as answer:
        answer.read(STEP // 2)
        wait_for_step(big, 1)
        mirror.kill_service(signal.SIGTERM)
        wait_for_step(big, 2)
        gate.release()
        assert answer.rest().whole
        assert answer.body == big.body(NAME)
    assert transfers(big)[1].headers["range"].startswith("bytes=")


def test_fifty_processes_start_one_service(make_mirror, big):
    mirror = make_mirror(start=False, offload="none")
    mirror.state.joinpath("public").rmdir()
    mirror.state.rmdir()
    children = [mirror.start_cgi(f"/zig/{NAME}") for _ in range(50)]
    try:
        for child in children:
            out, err = child.communicate(timeout=120)
            head, body = out.split(b"\r\n\r\n", 1)
            assert child.returncode == 0, err
            assert head.startswith(b"Status: 200 OK\r\n")
            assert body == big.body(NAME)
    finally:
        for child in children:
            child.kill()
            child.wait()
    assert len(START.findall(mirror.log("fetch.log"))) == 1
    assert len(mirror.services()) == 1
    assert len(transfers(big)) == 1


def test_second_service_leaves_the_first_alone(make_mirror, big):
    mirror = make_mirror()
    mirror.get(f"/zig/{NAME}")
    pid = mirror.service()
    done = mirror.program("pkgmirror-fetch", status=75)
    assert done.stderr.count("\n") == 1 and "another fetch service" in done.stderr
    assert mirror.services() == [pid]


def test_service_leaves_after_its_linger_and_comes_again(make_mirror, big, mode):
    mirror = make_mirror(front=Lighttpd(mode), fetch_linger="1s")
    mirror.get(f"/zig/{NAME}")
    wait_until(lambda: mirror.services() == [], "the service to leave")
    assert "event=stop" in mirror.log("fetch.log")
    other = file_name("0.13.0")
    assert mirror.get(f"/zig/{other}").body == big.body(other)


def test_store_file_without_its_link_is_linked_without_upstream(mirror, big):
    mirror.get(f"/zig/{NAME}")
    mirror.wait_published(f"zig/{NAME}")
    mirror.kill_service()
    (mirror.state / "public/zig" / NAME).unlink()
    big.upstream.forget()
    answer = mirror.get(f"/zig/{NAME}")
    assert (answer.status, answer.body == big.body(NAME)) == (200, True)
    assert transfers(big) == []


def test_deleted_store_file_is_a_miss(mirror, big):
    mirror.get(f"/zig/{NAME}")
    mirror.wait_published(f"zig/{NAME}")
    (mirror.state / "store/zig/stable/0.14.1" / NAME).unlink()
    answer = mirror.get(f"/zig/{NAME}")
    assert (answer.status, answer.body == big.body(NAME)) == (200, True)
    assert len(transfers(big)) == 2


