"""Requests that are too large: one clear status from each web server's limits or from ours, nothing stored, and the next one is served."""

import os
import socket
import ssl

import pytest

from lib import client, fronts
from lib.bare import Bare
from lib.mirror import Mirror
from lib.upstream import Upstream
from lib.waiting import wait_until
from lib.zig import ZigSite, file_name

NAME = file_name("0.14.1")
FRONTS = {
    "lighttpd": lambda: fronts.Lighttpd("static"),
    "lighttpd-offload": lambda: fronts.Lighttpd("offload"),
    "nginx": lambda: fronts.Nginx("static"),
    "apache": lambda: fronts.Apache("static"),
    "caddy": lambda: fronts.Caddy("static"),
}
LONG = "a" * 60_000
TARGETS = {
    "name of 1 KiB": f"/zig/zig-{'a' * 1000}-linux-0.14.1.tar.xz",
    "name of 7 KiB": f"/zig/zig-{'a' * 7000}-linux-0.14.1.tar.xz",
    "name of 60 KB": f"/zig/zig-{LONG}-linux-0.14.1.tar.xz",
    "escapes": "/zig/" + "%61" * 2500,
    "folders": "/zig" + "/a" * 3500,
    "query of 60 KB": f"/zig/{file_name('0.13.0')}?source={LONG}",
}
HEADERS = {
    "one of 60 KB": {"X-Filler": LONG},
    "cookie of 60 KB": {"Cookie": "a=" + LONG},
    "range of 60 KB": {"Range": "bytes=" + ",".join(f"{i}-{i}" for i in range(8000))},
    "two thousand": {f"X-Filler-{i}": "a" * 20 for i in range(2000)},
    "a long name": {"X-" + LONG: "a"},
}
REFUSALS = (400, 404, 413, 414, 431)


class Served:
    """A mirror behind a web server as deploy/ configures it."""

    def __init__(self, front, authority, signer):
        front.authority = authority
        self.front, self.upstream = front, Upstream(authority).start()
        self.site = ZigSite(self.upstream, signer)
        self.site.release("0.14.1")
        self.mirror = Mirror(authority, front=front, base_url=f"https://{front.host}:{front.port}", fetch_linger="60s",
                             toolchains={"upstream": self.upstream.origin, "public_key": signer.key})
        try:
            self.mirror.start()
            self.context = front.tls()
        except BaseException:
            self.close()
            raise

    def ask(self, target, headers=None):
        """The answer, though the server may stop reading in the middle of the request."""
        raw = socket.create_connection((fronts.HOST, self.front.port), timeout=60)
        s = self.context.wrap_socket(raw, server_hostname=self.front.host)
        lines = [f"GET {target} HTTP/1.1", f"Host: {self.front.host}:{self.front.port}", *(f"{n}: {v}" for n, v in (headers or {}).items()), "Connection: close"]
        try:
            s.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        except (OSError, ssl.SSLError):
            pass
        with client.Answer(s, "GET") as answer:
            return answer.rest()

    def close(self):
        try:
            self.mirror.close()
        finally:
            self.upstream.close()


@pytest.fixture(scope="module", params=FRONTS)
def served(request, authority, signer):
    served = Served(FRONTS[request.param](), authority, signer)
    try:
        assert served.ask("/zig/index.json").status == 200
        assert served.ask("/zig/community-mirrors.txt").status == 200
        assert served.ask(f"/zig/{NAME}").body == served.site.body(NAME)
        served.mirror.wait_published(f"zig/{NAME}.minisig")
        wait_until(lambda: served.mirror.parts() == [] and not any(".new-" in name for name in state(served.mirror)), "all of it to have settled")
        yield served
    finally:
        served.close()


def state(mirror):
    """Every file but what counts and logs."""
    return sorted(os.path.relpath(os.path.join(place, name), mirror.state) for place, folders, names in os.walk(mirror.state) for name in names + folders
                  if not os.path.relpath(place, mirror.state).startswith("run"))


def check(served, target, headers, allowed):
    before, asked = state(served.mirror), len(served.upstream.seen())
    answer = served.ask(target, headers)
    assert answer.status in allowed and answer.whole, answer
    assert answer.status in (200, 206) or len(answer.body) < 5000
    assert answer.status != 200 or answer.body == served.site.body(NAME)
    assert state(served.mirror) == before
    assert len(served.upstream.seen()) == asked
    assert served.ask(f"/zig/{NAME}").body == served.site.body(NAME)
    return answer


@pytest.mark.parametrize("kind", TARGETS)
def test_a_target_that_is_too_long(served, kind):
    check(served, TARGETS[kind], None, REFUSALS)


@pytest.mark.parametrize("kind", HEADERS)
def test_headers_that_are_too_large(served, kind):
    """A server that takes them (Caddy has room for a megabyte) serves what they ask for."""
    check(served, f"/zig/{NAME}", HEADERS[kind], (200, 206, *REFUSALS))


# -- ours, whatever the web server lets pass


@pytest.fixture(scope="module")
def bare(authority, signer):
    upstream = Upstream(authority).start()
    site = ZigSite(upstream, signer)
    site.release("0.14.1")
    mirror = Mirror(authority, front=Bare(threads=4), toolchains={"upstream": upstream.origin, "public_key": signer.key})
    try:
        mirror.start()
        assert mirror.front.ask("/zig/index.json").status == 200
        assert mirror.front.ask("/zig/community-mirrors.txt").status == 200
        assert mirror.front.ask(f"/zig/{NAME}").body == site.body(NAME)
        mirror.wait_published(f"zig/{NAME}.minisig")
        wait_until(lambda: mirror.parts() == [] and not any(".new-" in name for name in state(mirror)), "all of it to have settled")
        yield mirror, site
    finally:
        try:
            mirror.close()
        finally:
            upstream.close()


@pytest.mark.parametrize("target", [
    "/zig/" + "a" * 1020, "/zig/" + "a" * 8187, "/zig/" + "a" * 8188, "/zig/" + "%61" * 2729, "/" + "a/" * 4000, "/zig/" + "a" * 65_000,
    f"/zig/{NAME}?source=" + "a" * 8192, f"/zig/{NAME}?" + "a" * 1_000_000], ids=range(8))
def test_our_limit_of_a_target(bare, target):
    mirror, site = bare
    before = state(mirror)
    answer = mirror.front.ask(target)
    assert (answer.status, answer.whole, answer.text.count("\n")) == (404, True, 1)
    assert len(answer.text) < 300 and answer.headers["Content-Type"].startswith("text/plain")
    assert state(mirror) == before
    assert mirror.front.ask("/-/health").status == 200


@pytest.mark.parametrize("more", [
    {"HTTP_RANGE": "bytes=" + "0-0," * 15_000 + "1-1"}, {"HTTP_IF_NONE_MATCH": '"a",' * 15_000}, {"HTTP_IF_NONE_MATCH": '"' * 60_000},
    {"HTTP_USER_AGENT": "pkgmirror/" + LONG}, {"HTTP_IF_RANGE": LONG}, {"HTTP_COOKIE": LONG}, {"address": "1" * 60_000},
    {f"HTTP_X_{i}": "b" * 10 for i in range(2000)}], ids=range(8))
def test_large_headers_are_no_harm(bare, more):
    """They are read as far as they are needed; the file is served as if they were not there, or as they say."""
    mirror, site = bare
    answer = mirror.front.ask(f"/zig/{NAME}", **more)
    assert answer.whole and answer.status in (200, 206, 304, 416)
    assert answer.status != 200 or answer.body == site.body(NAME)
    wait_until(lambda: mirror.front.ask("/-/health").status == 200, "the responder to be well")
