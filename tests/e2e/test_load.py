"""Everything at once on one responder of many threads, and signals in the middle: what a race would spoil. The part `threads` of
tests/run has it run with ThreadSanitizer, which says of each race where it is, whether it did harm or not; its complaint in a log
is a failure."""

import contextlib
import os
import random
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest

from lib.lighttpd import Lighttpd
from lib.waiting import wait_until
from lib.zig import TARGETS, file_name

CLIENTS = 16
STEPS = 25
COLD = ("0.11.0", "0.12.0", "0.13.0", "0.14.1")
NAMES = [file_name(version, target) for version in COLD for target in ("src", *TARGETS)]
SIGNALS = (signal.SIGHUP, signal.SIGTERM, signal.SIGHUP, signal.SIGTERM)


@pytest.fixture
def upstream(make_upstream):
    """By a name: libcurl looks it up in a thread of its own."""
    return make_upstream(name="localhost")


@pytest.fixture
def busy(make_mirror, site):
    """A mirror whose responder sends all bytes by itself."""
    for version in COLD[:2]:
        site.release(version)
    return make_mirror(front=Lighttpd("fastcgi", "self", threads=8), fetch_linger="60s", status_access="open", provenance_access="open")


def whole(mirror, site, name):
    answer = mirror.get(f"/zig/{name}")
    assert (answer.status, answer.whole) == (200, True), answer
    assert answer.body == site.body(name)
    return answer


def part(mirror, site, name):
    body = site.body(name)
    answer = mirror.get(f"/zig/{name}", {"Range": "bytes=1000-1999"})
    assert (answer.status, answer.body) in ((206, body[1000:2000]), (200, body)), answer


def unchanged(mirror, site, name):
    tag = whole(mirror, site, name).headers.get("ETag")
    if tag is not None:
        answer = mirror.get(f"/zig/{name}", {"If-None-Match": tag})
        assert answer.status == 304 or answer.body == site.body(name), answer


def leave(mirror, site, name):
    with mirror.open(f"/zig/{name}") as answer:
        assert answer.status == 200
        answer.read(1)


def page(path, status=200):
    def ask(mirror, site, name):
        answer = mirror.get(path)
        assert (answer.status, answer.whole) == (status, True), (path, answer)

    return ask


STEPS_OF_A_CLIENT = [
    whole, whole, whole, part, part, unchanged, leave,
    page("/"), page("/-/status"), page("/-/health"), page("/-/metrics"), page("/zig/index.json"), page("/zig/community-mirrors.txt"),
    page("/zig/zig-9.9.9.tar.xz", 404), page("/nothing", 404), page("/zig/%2e%2e/x", 404),
    lambda mirror, site, name: mirror.get(f"/-/provenance/zig/{name}"),
    lambda mirror, site, name: mirror.head(f"/zig/{name}"),
    lambda mirror, site, name: mirror.get(f"/zig/{name}", method="POST"),
]


def client(number, mirror, site):
    """Walks the files side by side with the others, so that each is cold for a herd and warm for those behind."""
    choose = random.Random(number)
    for step in range(STEPS):
        name = NAMES[min(len(NAMES) - 1, step * len(NAMES) // STEPS + choose.randrange(2))]
        choose.choice(STEPS_OF_A_CLIENT)(mirror, site, name)
        whole(mirror, site, name)


def test_everything_at_once(busy, site):
    with ThreadPoolExecutor(CLIENTS) as pool:
        for done in [pool.submit(client, number, busy, site) for number in range(CLIENTS)]:
            done.result()
    for name in NAMES:
        assert len(site.upstream.seen(site.path(name))) <= 1, name
    assert busy.responder()


def test_signals_under_load(busy, site):
    """A service that is asked to end ends in the middle of its transfers; the next one goes on with them, and no client sees it."""
    step = len(NAMES) // len(SIGNALS)
    with ThreadPoolExecutor(CLIENTS) as pool:
        running = [pool.submit(client, number, busy, site) for number in range(CLIENTS)]
        for at, number in enumerate(SIGNALS):
            path = site.path(NAMES[at * step])
            wait_until(lambda: site.upstream.seen(path) or all(done.done() for done in running), f"somebody to ask for {path}")
            for service in busy.services():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(service, number)
        for done in running:
            done.result()
    assert busy.log().count("event=stop") >= 1
    assert busy.responder()


def test_a_stop_under_load(busy, site):
    """A responder that is asked to end ends, what it was sending ends whole, and whoever comes after is served by the next one."""
    name = file_name("0.14.1")
    gate = site.upstream.hold(site.path(name), at=150_000)
    responder, = wait_until(busy.responders, "a responder")
    followers = [busy.open(f"/zig/{name}") for _ in range(CLIENTS)]
    try:
        for follower in followers:
            follower.read(1)
        os.kill(responder, signal.SIGTERM)
        gate.release()
        for follower in followers:
            assert follower.rest().body == site.body(name)
    finally:
        for follower in followers:
            follower.close()
    wait_until(lambda: responder not in busy.responders(), "the responder to end")
    wait_until(lambda: busy.get("/-/health").status == 200, "the next responder")
    whole(busy, site, name)
