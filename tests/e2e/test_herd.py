"""Many clients of one cold file cost one transfer, and each has its first byte when upstream gives it."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from lib.lighttpd import Lighttpd
from lib.waiting import wait_until
from lib.zig import file_name

NAME = file_name("0.14.1")
SIZE = 8 * 1024 * 1024
RATE = 4 * 1024 * 1024


@pytest.mark.parametrize("mode, clients", [("fastcgi", 50), ("fastcgi", 120), ("cgi", 50)])
def test_a_herd_costs_one_transfer(make_mirror, site, mode, clients):
    mirror = make_mirror(front=Lighttpd(mode))
    site.release("0.14.1", size=SIZE)
    path, body = site.path(NAME), site.body(NAME)
    site.upstream.change(path, rate=RATE)
    # The upstream sends no more than a quarter before the last client has its first byte, however slow this machine is.
    quarter = site.upstream.hold(path, at=SIZE // 4 - 1)
    first_bytes = threading.Barrier(clients + 1)

    def client(_):
        with mirror.open(f"/zig/{NAME}", timeout=120) as answer:
            answer.read(1)
            first_bytes.wait(120)
            return answer.rest()

    with ThreadPoolExecutor(clients) as pool:
        answers = pool.map(client, range(clients))
        first_bytes.wait(120)
        assert site.upstream.seen(path)[0].sent < SIZE // 4
        quarter.release()
        for answer in answers:
            assert (answer.status, answer.whole) == (200, True)
            assert answer.body == body
    assert len(site.upstream.seen(path)) == 1
    assert len(site.upstream.seen(path + ".minisig")) == 1
    assert len(mirror.services()) == 1


def test_a_crowd_that_waits_keeps_nobody_from_hits_and_pages(make_mirror, site):
    mirror = make_mirror(front=Lighttpd("fastcgi", "offload", threads=4))
    warm = file_name("0.13.0")
    mirror.get(f"/zig/{warm}")
    gate = site.upstream.hold(site.path(NAME), at=150_000)
    answers = [mirror.open(f"/zig/{NAME}") for _ in range(30)]
    try:
        for answer in answers:
            answer.read(1)
        assert '"waiting":30' in mirror.get("/-/health").text
        assert mirror.get(f"/zig/{warm}").body == site.body(warm)
        gate.release()
        for answer in answers:
            assert answer.rest().body == site.body(NAME)
    finally:
        for answer in answers:
            answer.close()
    wait_until(lambda: '"waiting":0' in mirror.get("/-/health").text, "the crowd to be gone")
