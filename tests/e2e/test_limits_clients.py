"""Nobody's requests take the mirror from others: the miss limit by network, the fair queue, clients that do not read, an upstream
that drips. The responder is asked over FastCGI, from whatever address the test says."""

import contextlib
import os
import pathlib
import signal
import socket
import ssl
import threading

import pytest

from lib import fastcgi
from lib.bare import Bare, Said
from lib.figures import figure
from lib.lighttpd import Lighttpd
from lib.process import Port, end_process
from lib.waiting import wait_until
from lib.zig import bytes_for, file_name

NAME = file_name("0.14.1")
OLD = file_name("0.13.0")
RULE = 'artifact "tool" {{ path = "/tool/{{version}}/{{file}}" upstream = "{origin}/tool/{{version}}/{{file}}" }}\n'
BIG = 8 * 1024 * 1024


def tool(upstream, i, size=2000, **how):
    """A file that nobody signs: one request upstream. Its path on both sides."""
    path = f"/tool/1.0.{i}/tool.bin"
    upstream.add(path, bytes_for(path, size), **how)
    return path


@pytest.fixture
def make_bare(make_mirror, upstream):
    """A mirror without a web server: ask(target, address)."""

    def make(threads=32, **keys):
        return make_mirror(front=Bare(threads), extra=RULE.format(origin=upstream.origin), **keys)

    return make


def rss_kib(pid):
    return next(int(line.split()[1]) for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS"))


def gauge(mirror, name):
    text = mirror.front.ask("/-/metrics").text
    return next(float(line.split()[1]) for line in text.splitlines() if line.startswith(f"pkgmirror_{name} "))


def waiting(mirror):
    return int(mirror.front.ask("/-/health").text.split('"waiting":')[1].split("}")[0].split(",")[0])


# -- miss_limit


@pytest.mark.parametrize("same, others", [
    (["192.0.2.1"], ["192.0.2.2", "::ffff:192.0.2.3"]),
    (["192.0.2.1", "::ffff:192.0.2.1", "::ffff:c000:201", "0:0:0:0:0:ffff:192.0.2.1"], ["::ffff:192.0.2.2", "2001:db8::1"]),
    (["2001:db8:0:1::1", "2001:db8:0:1:ffff::2", "2001:0DB8:0:1:0:0:0:3"], ["2001:db8:0:2::1", "2001:db8:1:1::1", "192.0.2.1"]),
    (["fe80::1%eth0", "fe80::2", "fe80::3%2"], ["fe80:0:0:1::1"]),
], ids=["v4 is a /32", "mapped is v4", "v6 is a /64", "with a zone"])
def test_miss_limit_is_that_of_the_network(make_bare, upstream, same, others):
    mirror = make_bare(miss_limit=2)
    paths = [tool(upstream, i) for i in range(4 + len(same) + len(others))]
    asked = iter(paths)
    for i in range(2):
        assert mirror.front.ask(next(asked), same[i % len(same)]).status == 200
    for address in same:
        path = next(asked)
        refused = mirror.front.ask(path, address)
        assert (refused.status, refused.whole) == (429, True)
        assert 1 <= int(refused.headers["Retry-After"]) <= 60
        assert refused.text.count("\n") == 1 and refused.headers["Content-Type"].startswith("text/plain")
        assert upstream.seen(path) == []
    for address in others:
        assert mirror.front.ask(next(asked), address).status == 200
    # What is here is not counted, however often.
    for _ in range(20):
        assert mirror.front.ask(paths[0], same[0]).body == bytes_for(paths[0], 2000)
    assert mirror.front.ask(paths[0], same[0], REQUEST_METHOD="HEAD").status == 200
    assert mirror.front.ask(next(asked), same[0]).status == 429


# -- max_fetches


def test_another_network_goes_before_what_one_has_queued(make_bare, upstream):
    """Two slots and fifty misses of one network; the slot that is free next is the other network's."""
    mirror = make_bare(max_fetches=2)
    paths = [tool(upstream, i) for i in range(51)]
    gates = [upstream.hold(path, at=1000) for path in paths]
    with contextlib.ExitStack() as stack:
        greedy = [stack.enter_context(mirror.front.open(path, "192.0.2.1")) for path in paths[:50]]
        wait_until(lambda: gauge(mirror, "queued") == 48 and len(upstream.seen()) == 2, "all but two to be queued")
        modest = stack.enter_context(mirror.front.open(paths[50], "192.0.2.2"))
        wait_until(lambda: gauge(mirror, "queued") == 49, "one more in the queue")
        gates[paths.index(upstream.paths()[0])].release()
        wait_until(lambda: len(upstream.seen()) == 3, "the next transfer")
        assert upstream.paths()[2] == paths[50]
        gates[50].release()
        assert Said(*fastcgi.answer(modest)).body == bytes_for(paths[50], 2000)
        for gate in gates:
            gate.release()
        for path, s in zip(paths, greedy):
            answer = Said(*fastcgi.answer(s))
            assert (answer.status, answer.body == bytes_for(path, 2000)) == (200, True)


def test_one_network_never_has_all_slots(make_bare, upstream):
    """Four slots: slow transfers of one network leave one to others, as long as they last."""
    mirror = make_bare(max_fetches=4)
    paths = [tool(upstream, i) for i in range(51)]
    gates = [upstream.hold(path, at=1000) for path in paths[:50]]
    with contextlib.ExitStack() as stack:
        greedy = [stack.enter_context(mirror.front.open(path, "2001:db8::1")) for path in paths[:50]]
        wait_until(lambda: gauge(mirror, "queued") == 47, "the queue")
        assert mirror.front.ask(paths[50], "2001:db8:0:1::1").body == bytes_for(paths[50], 2000)
        assert len(upstream.seen()) == 4 and gauge(mirror, "queued") == 47
        for gate in gates:
            gate.release()
        for path, s in zip(paths, greedy):
            assert Said(*fastcgi.answer(s)).body == bytes_for(path, 2000)


# -- clients that do not read


def deaf(port, target):
    """A client that asks and then reads nothing; what the kernel takes for it is little."""
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    s.connect(("127.0.0.1", port))
    s.sendall(f"GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    return s


def test_who_reads_nothing_of_a_new_file_holds_nobody_up(make_mirror, site):
    """Sixty readers of a file that comes, which read nothing, and four threads: the transfer, hits, pages and misses go on."""
    mirror = make_mirror(front=Lighttpd("fastcgi", "offload", threads=4), stall_timeout="60s")
    site.release("0.14.1", size=BIG)
    assert mirror.get(f"/zig/{OLD}").status == 200
    gate = site.upstream.hold(site.path(NAME), at=BIG // 2)
    responder = mirror.responder()
    with contextlib.ExitStack() as stack:
        for _ in range(60):
            stack.enter_context(deaf(mirror.port, f"/zig/{NAME}"))
        gate.wait()
        wait_until(lambda: '"waiting":60' in mirror.get("/-/health").text, "sixty who wait")
        before = rss_kib(responder)
        gate.release()
        mirror.wait_published(f"zig/{NAME}")
        # The transfer went on without them; another one, a hit and a page do, too.
        assert '"waiting":60' in mirror.get("/-/health").text
        assert mirror.get(f"/zig/{OLD}").body == site.body(OLD)
        assert mirror.get(f"/zig/{NAME}").body == site.body(NAME)
        other = file_name("0.14.1", "aarch64-macos")
        assert mirror.get(f"/zig/{other}").body == site.body(other)
        grown = rss_kib(responder) - before
        figure(f"60 clients that read nothing: the responder's memory changed by {grown} KiB")
        assert grown < 8 * 1024
    wait_until(lambda: '"waiting":0' in mirror.get("/-/health").text, "them to have left")


def test_who_reads_nothing_of_a_file_that_is_here_holds_nobody_up(make_bare, upstream):
    """Likewise where the responder sends what is here by itself; and it lets go of them after four stall times."""
    mirror = make_bare(threads=4, stall_timeout="1s")
    path, other = tool(upstream, 1, BIG), tool(upstream, 2)
    for name in (path, other):
        assert mirror.front.ask(name).status == 200
    responder = mirror.responder()
    with contextlib.ExitStack() as stack:
        readers = [stack.enter_context(mirror.front.open(path, "192.0.2.1")) for _ in range(40)]
        wait_until(lambda: waiting(mirror) == 40, "forty who read nothing")
        before = rss_kib(responder)
        assert mirror.front.ask(other).body == bytes_for(other, 2000)
        assert mirror.front.ask(path).body == bytes_for(path, BIG)
        grown = rss_kib(responder) - before
        figure(f"40 clients that read nothing of what is here: the responder's memory changed by {grown} KiB")
        assert grown < 8 * 1024
        wait_until(lambda: waiting(mirror) == 0, "the responder to give them up")
        for reader in readers:
            said, ended = fastcgi.answer(reader)
            assert said.startswith(b"Status: 200") and not ended and len(said) < BIG


def test_one_network_has_half_of_the_waiting_places(make_bare, upstream):
    """512 requests may wait, and of one network 256: however many connections it makes, others are served."""
    mirror = make_bare(threads=4)
    path = tool(upstream, 1, 200_000)
    gate = upstream.hold(path, at=150_000)
    with contextlib.ExitStack() as stack:
        many = [stack.enter_context(mirror.front.open(path, "192.0.2.1")) for _ in range(256)]
        wait_until(lambda: waiting(mirror) == 256, "so many who wait")
        refused = mirror.front.ask(path, "::ffff:192.0.2.1")
        assert (refused.status, refused.whole) == (429, True)
        assert "this network" in refused.text and int(refused.headers["Retry-After"]) > 0
        other = stack.enter_context(mirror.front.open(path, "192.0.2.2"))
        wait_until(lambda: waiting(mirror) == 257, "one of another network")
        assert mirror.front.ask("/-/health", "192.0.2.1").status == 200
        gate.release()
        for s in [other, *many]:
            assert Said(*fastcgi.answer(s)).body == bytes_for(path, 200_000)
    wait_until(lambda: waiting(mirror) == 0, "them to have left")
    assert mirror.front.ask(path, "192.0.2.1").status == 200


# -- an upstream that drips


class Dripping:
    """A TLS upstream that says one byte a second, from the first of its head on (or in mid-head lines), for ever."""

    def __init__(self, authority, head):
        self.reserved = Port()
        self.origin = f"https://127.0.0.1:{self.reserved.number}"
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(authority.certificate())
        self.head = head
        self.stopping = threading.Event()
        self.asked = threading.Event()
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(("127.0.0.1", self.reserved.number))
        self.listener.listen(16)
        self.threads = []
        self.run(self.accept)

    def run(self, *words):
        self.threads.append(threading.Thread(target=words[0], args=words[1:], daemon=True))
        self.threads[-1].start()

    def accept(self):
        while not self.stopping.is_set():
            try:
                raw, _ = self.listener.accept()
            except OSError:
                return
            self.run(self.drip, raw)

    def drip(self, raw):
        try:
            with self.context.wrap_socket(raw, server_side=True) as s:
                s.settimeout(30)
                s.recv(65536)
                self.asked.set()
                while not self.stopping.is_set():
                    for piece in self.head:
                        s.sendall(piece)
                        if self.stopping.wait(1):
                            return
        except OSError:
            pass

    def close(self):
        self.stopping.set()
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for thread in self.threads:
            thread.join(40)
        self.reserved.close()


HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"
DRIPS = {
    "body": [HEAD + b"x"] + [b"x"] * 1000,
    "head": [HEAD[i:i + 1] for i in range(len(HEAD))],
    "header lines": [b"HTTP/1.1 200 OK\r\n"] + [b"X-More: 1\r\n"] * 1000,
    "interim answers": [b"HTTP/1.1 103 Early Hints\r\n\r\n"],
    "body of a refusal": [b"HTTP/1.1 500 Oh\r\nContent-Length: 100000\r\n\r\nx"] + [b"x"] * 1000,
    "chunks": [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n"] + [b"1\r\nx\r\n"] * 1000,
}


def test_an_upstream_that_drips_is_left_and_others_go_on(make_mirror, authority, upstream):
    """Every kind of drip at once, each of its own upstream: all end with 504 by the stall rule, while other files are served."""
    drips = {kind: Dripping(authority, head) for kind, head in DRIPS.items()}
    try:
        rules = "".join(
            f'artifact "drip{i}" {{ path = "/drip{i}/{{version}}/{{file}}" upstream = "{d.origin}/{{version}}/{{file}}" }}\n'
            for i, d in enumerate(drips.values()))
        mirror = make_mirror(front=Bare(), stall_timeout="2s", max_fetches=8, extra=rules + RULE.format(origin=upstream.origin))
        with contextlib.ExitStack() as stack:
            victims = [stack.enter_context(mirror.front.open(f"/drip{i}/1.0.0/file.bin", f"192.0.2.{i}")) for i in range(len(drips))]
            for drip in drips.values():
                assert drip.asked.wait(60)
            for i in range(20):
                path = tool(upstream, i, 100_000)
                assert mirror.front.ask(path, "198.51.100.1").body == bytes_for(path, 100_000)
            for kind, victim in zip(drips, victims):
                answer = Said(*fastcgi.answer(victim))
                assert (answer.status, answer.whole) == (504, True), f"{kind}: {answer}"
        assert [path for path in mirror.published() if "drip" in path] == []
        wait_until(lambda: gauge(mirror, "transfers") == 0, "no transfer to run")
    finally:
        for drip in drips.values():
            drip.close()


# -- a file that is deleted as soon as it is published


def test_a_file_that_is_deleted_before_it_is_read_is_fetched_again(make_bare, upstream):
    """The responder is stopped while the file is published and deleted: it finds nothing, and asks again."""
    mirror = make_bare(threads=4)
    path = tool(upstream, 1)
    gate = upstream.hold(path)
    responder = mirror.responder()
    with mirror.front.open(path) as s:
        gate.wait()
        os.kill(responder, signal.SIGSTOP)
        try:
            gate.release()
            mirror.wait_published(path[1:])
            wait_until(lambda: "event=published" in mirror.log(), "the log")
            link = mirror.state / "public" / path[1:]
            link.resolve().unlink()
            link.unlink()
        finally:
            os.kill(responder, signal.SIGCONT)
        answer = Said(*fastcgi.answer(s))
    assert (answer.status, answer.body) == (200, bytes_for(path, 2000))
    assert len(upstream.seen(path)) == 2
    assert mirror.published() == [path[1:]]
