"""Within the linger time the connections to an upstream are used again."""

import pytest

from lib.lighttpd import Lighttpd
from lib.process import Process, read_log
from lib.waiting import wait_until
from lib.zig import ZigSite, file_name

FIRST = file_name("0.14.1")
SECOND = file_name("0.13.0")


def test_second_cold_file_opens_no_connection(mirror, site):
    # The first one has its signature beside it, so that there are two connections; the second needs no more.
    gate = site.upstream.hold(site.path(FIRST), at=150_000)
    with mirror.open(f"/zig/{FIRST}") as answer:
        gate.wait()
        site.upstream.wait_for(site.path(FIRST) + ".minisig")
        gate.release()
        assert answer.rest().whole
    mirror.wait_published(f"zig/{FIRST}")
    before = site.upstream.connections
    assert mirror.get(f"/zig/{SECOND}").body == site.body(SECOND)
    mirror.wait_published(f"zig/{SECOND}")
    assert site.upstream.connections == before
    assert len(site.upstream.seen(site.path(SECOND))) == 1


def test_refreshed_service_makes_new_ones(make_mirror, site, mode):
    mirror = make_mirror(front=Lighttpd(mode), fetch_linger="1s")
    mirror.get(f"/zig/{FIRST}")
    before = site.upstream.connections
    wait_until(lambda: mirror.services() == [], "the service to leave")
    assert mirror.get(f"/zig/{SECOND}").body == site.body(SECOND)
    assert site.upstream.connections > before


@pytest.fixture
def site2(make_upstream, signer):
    """The same over HTTP/2."""
    site = ZigSite(make_upstream(http2=True), signer)
    site.release("0.14.1")
    site.release("0.13.0")
    return site


def test_http2_needs_one_connection(make_mirror, site2, mode):
    mirror = make_mirror(front=Lighttpd(mode), toolchains={"upstream": site2.upstream.origin})
    for name in (FIRST, SECOND):
        assert mirror.get(f"/zig/{name}").body == site2.body(name)
        mirror.wait_published(f"zig/{name}")
    assert {r.protocol for r in site2.upstream.seen()} == {"HTTP/2"}
    assert len(site2.upstream.seen()) >= 5
    assert site2.upstream.connections == 1


def test_http2_broken_stream_is_resumed(make_mirror, site2, mode):
    mirror = make_mirror(front=Lighttpd(mode), toolchains={"upstream": site2.upstream.origin})
    path = site2.path(FIRST)
    site2.upstream.change(path, times=1, cut=100_000)
    answer = mirror.get(f"/zig/{FIRST}")
    assert (answer.whole, answer.body == site2.body(FIRST)) == (True, True)
    assert [r.headers.get("range") for r in site2.upstream.seen(path)][0] is None
    assert site2.upstream.seen(path)[-1].headers["range"].startswith("bytes=")


def test_http2_hang_in_one_stream_stops_no_other(make_mirror, site2, mode):
    mirror = make_mirror(front=Lighttpd(mode), toolchains={"upstream": site2.upstream.origin})
    gate = site2.upstream.hold(site2.path(FIRST), at=100_000)
    with mirror.open(f"/zig/{FIRST}") as answer:
        answer.read(1)
        assert mirror.get(f"/zig/{SECOND}").body == site2.body(SECOND)
        gate.release()
        assert answer.rest().body == site2.body(FIRST)


def test_kept_connection_that_died_is_replaced(mirror, site):
    """An upstream may close what it kept open; the next file must not notice."""
    mirror.get(f"/zig/{FIRST}")
    site.upstream.stop()
    site.upstream.start()
    answer = mirror.get(f"/zig/{SECOND}")
    assert (answer.status, answer.body == site.body(SECOND)) == (200, True)


def test_the_authorities_are_read_once(make_mirror, site):
    """The system has hundreds, which take longer to read than all else that a new connection costs."""
    mirror = make_mirror(ca_file="")
    assert mirror.get(f"/zig/{FIRST}").status == 504  # none of them vouches for the upstream
    trace = mirror.folder / "trace"
    strace = Process("strace", ["strace", "-f", "-e", "trace=connect,openat", "-o", trace, "-p", mirror.service()], mirror.logs / "strace.log")
    strace.start(live=lambda: "attached" in read_log(strace.log))
    try:
        for name in (FIRST, SECOND):
            assert mirror.get(f"/zig/{name}").status == 504
    finally:
        strace.stop()
    lines = trace.read_text().splitlines()
    assert len([line for line in lines if f"htons({site.upstream.port})" in line]) >= 2, lines
    assert not [line for line in lines if "/etc/ssl/certs/" in line], lines
