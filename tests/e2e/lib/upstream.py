"""A TLS upstream on the loopback that records every request and misbehaves on request.

HTTP/1.1 with kept connections; with `http2` it offers HTTP/2 by ALPN as well. One thread a connection (HTTP/2: and one a
stream). Nothing here sleeps longer than a rate or a gate asks for, and stop() ends everything.
"""

import dataclasses
import os
import socket
import ssl
import threading
import time

from .process import Port
from .served import Gate, Place, Served
from .waiting import wait_until

PIECE = 16 * 1024


class Left(Exception):
    """The client has gone, or the upstream is being stopped."""


class Cut(Left):
    """The upstream itself ends the connection."""


@dataclasses.dataclass
class Request:
    """One that was made of the upstream."""

    method: str
    path: str
    headers: dict       # names in lower case
    connection: int     # connections are numbered from 1
    protocol: str       # "HTTP/1.1" or "HTTP/2"
    status: int = 0     # that was answered; 0: none yet
    sent: int = 0       # bytes of body
    left: bool = False  # the client went away before the end
    done: bool = False


class Upstream:
    """`origin` is its URL. Paths that nobody added are 404."""

    def __init__(self, authority, http2=False, host="127.0.0.1", name=None, names=()):
        self.host = host
        self.http2 = http2
        self.reserved = Port(host)
        self.port = self.reserved.number
        shown = name or (f"[{host}]" if ":" in host else host)
        self.origin = f"https://{shown}:{self.port}"
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(authority.certificate(*names, *([name] if name else [])))
        self.context.set_alpn_protocols(["h2", "http/1.1"] if http2 else ["http/1.1"])
        self.places = {}
        self.requests = []
        self.connections = 0
        self.lock = threading.Lock()
        self.stopping = threading.Event()
        self.open = set()
        self.threads = []
        self.listener = None

    # -- what it serves

    def add(self, path, body, **how):
        """Serves `body` (bytes, or a function that gives them) at `path`; see Served for the keywords."""
        with self.lock:
            self.places[path] = Place(Served(body=body, **how))
        return path

    def change(self, path, times=None, **how):
        """Changes how `path` is served: for good, or for the next `times` requests that nobody claimed yet."""
        with self.lock:
            place = self.places[path]
            if times is None:
                place.served = dataclasses.replace(place.served, **how)
            else:
                place.next.append([times, how])

    def remove(self, path):
        with self.lock:
            del self.places[path]

    def hold(self, path, at=None):
        """Holds the next transfers of `path` at byte `at` of what they send, or before the head. Returns the Gate."""
        gate = Gate(at)
        with self.lock:
            self.places[path].served.gates.append(gate)
        return gate

    def url(self, path):
        return self.origin + path

    # -- what it saw

    def seen(self, path=None, method=None):
        """The requests so far, in order: of a path, of a method."""
        with self.lock:
            return [r for r in self.requests if path in (None, r.path) and method in (None, r.method)]

    def paths(self):
        return [r.path for r in self.seen()]

    def forget(self):
        """Forgets the requests so far; connections keep their numbers."""
        with self.lock:
            self.requests = []

    def wait_for(self, path, count=1):
        """Waits until `path` was asked for `count` times; returns these requests."""
        return wait_until(lambda: len(self.seen(path)) >= count and self.seen(path), f"{count} requests of {path}")

    # -- life

    def start(self):
        self.stopping.clear()
        self.listener = socket.socket(self.reserved.socket.family)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((self.host, self.port))
        self.listener.listen(128)
        self.run(self.accept, self.listener)
        return self

    def stop(self):
        """Stops listening and cuts every connection. start() may follow: the port is kept."""
        self.stopping.set()
        with self.lock:
            sockets = [self.listener, *self.open]
        for s in sockets:
            if s is not None:
                try:
                    s.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
        for thread in list(self.threads):
            thread.join(30)
            assert not thread.is_alive(), "a thread of the upstream does not end"
        self.threads = []
        if self.listener is not None:
            self.listener.close()
            self.listener = None

    def close(self):
        self.stop()
        self.reserved.close()

    def run(self, function, *arguments):
        thread = threading.Thread(target=function, args=arguments, daemon=True)
        self.threads = [t for t in self.threads if t.is_alive()] + [thread]
        thread.start()

    def accept(self, listener):
        while not self.stopping.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with self.lock:
                self.connections += 1
                number = self.connections
            self.run(self.serve_connection, connection, number)

    def serve_connection(self, raw, number):
        from . import http1, http2

        with self.lock:
            self.open.add(raw)
        connection = None
        try:
            raw.settimeout(60)
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = self.context.wrap_socket(raw, server_side=True)
            with self.lock:
                self.open.discard(raw)
                self.open.add(connection)
            if self.stopping.is_set():
                return
            serve = http2.serve if connection.selected_alpn_protocol() == "h2" else http1.serve
            serve(self, connection, number)
        except (Left, OSError, ssl.SSLError):
            pass
        finally:
            with self.lock:
                self.open -= {raw, connection}
            (connection or raw).close()

    # -- one request; `channel` has head(), write(), end(), abort(), is_gone()

    def answer(self, request, channel):
        with self.lock:
            self.requests.append(request)
            place = self.places.get(request.path.split("?")[0])
            served = place.take() if place else Served(body=b"no such file\n", status=404)
        try:
            self.send(request, channel, served)
        except Left as end:
            request.left = not self.stopping.is_set() and not isinstance(end, Cut)
            raise
        finally:
            request.done = True

    def send(self, request, channel, served):
        self.pass_gates(channel, served, None, True)
        content = served.content()
        status, first, last, headers = judge(request, served, content)
        headers.update(served.headers)
        if status not in (200, 206):
            content = b"" if status == 304 else f"upstream says {status}\n".encode()
            first, last = 0, len(content)
        if status != 304 and not served.chunked:
            headers["Content-Length"] = str(last - first)
        request.status = status
        channel.head(status, headers)
        if request.method != "HEAD" and status != 304:
            if served.flip is not None and first <= served.flip < last:
                content = content[: served.flip] + bytes([content[served.flip] ^ 1]) + content[served.flip + 1 :]
            end = last if served.cut is None else min(last, first + served.cut)
            self.send_body(request, channel, served, content, first, end)
            if end < last and not served.polite:
                channel.abort()
                raise Cut
        channel.end()

    def send_body(self, request, channel, served, content, first, last):
        begun = time.monotonic()
        at = first
        piece = PIECE if served.rate == 0 else max(1, min(PIECE, served.rate // 50))
        while True:
            self.pass_gates(channel, served, at - first, False)
            if at >= last:
                return
            stops = [first + g.at for g in served.gates if g.at is not None and not g.opened.is_set() and first + g.at > at]
            end = min([at + piece, last, *stops])
            if served.rate > 0:
                self.pause(channel, begun + (end - first) / served.rate)
            channel.write(content[at:end])
            request.sent += end - at
            at = end

    def pass_gates(self, channel, served, at, before_head):
        for gate in list(served.gates):
            if not gate.opened.is_set() and (gate.at is None if before_head else gate.at == at):
                gate.reached.set()
                while not gate.opened.wait(0.02):
                    self.look(channel)

    def pause(self, channel, until):
        while (left := until - time.monotonic()) > 0:
            self.stopping.wait(min(left, 0.05))
            self.look(channel)

    def look(self, channel):
        if self.stopping.is_set() or channel.is_gone():
            raise Left


def judge(request, served, content):
    """Status, first byte, one past the last byte, and headers."""
    if served.redirect:
        return 302, 0, 0, {"Location": served.redirect}
    if served.status != 200:
        return served.status, 0, 0, {"Content-Type": "text/plain"}
    tag = served.tag(content)
    headers = {"Content-Type": served.type}
    if tag:
        headers["ETag"] = tag
    if served.modified:
        headers["Last-Modified"] = served.modified
    if served.ranges:
        headers["Accept-Ranges"] = "bytes"
    asked = request.headers
    if "if-none-match" in asked:
        if tag and asked["if-none-match"] == tag:
            return 304, 0, 0, headers
    elif served.modified and asked.get("if-modified-since") == served.modified:
        return 304, 0, 0, headers
    wanted = asked.get("range", "")
    if not served.ranges or not wanted.startswith("bytes=") or asked.get("if-range", tag) not in (tag, served.modified):
        return 200, 0, len(content), headers
    low, high = wanted[6:].split("-")
    first, last = int(low), min(int(high) + 1 if high else len(content), len(content))
    if first >= len(content):
        headers["Content-Range"] = f"bytes */{len(content)}"
        return 416, 0, 0, headers
    headers["Content-Range"] = f"bytes {first}-{last - 1}/{len(content)}"
    return 206, first, last, headers


def random_bytes(count):
    """Bytes that nothing compresses."""
    return os.urandom(count)
