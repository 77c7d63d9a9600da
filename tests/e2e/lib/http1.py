"""HTTP/1.1 for lib/upstream.py."""

import http
import select
import ssl

from .upstream import Left, Request

HEAD_MAX = 64 * 1024


class Channel:
    def __init__(self, connection):
        self.connection = connection
        self.chunked = False

    def head(self, status, headers):
        self.chunked = "Content-Length" not in headers and status not in (204, 304)
        if self.chunked:
            headers = {**headers, "Transfer-Encoding": "chunked"}
        try:
            reason = http.HTTPStatus(status).phrase
        except ValueError:
            reason = "Unknown"
        lines = [f"HTTP/1.1 {status} {reason}", *(f"{name}: {value}" for name, value in headers.items())]
        self.put("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n")

    def write(self, data):
        self.put(b"%x\r\n%b\r\n" % (len(data), data) if self.chunked else data)

    def end(self):
        if self.chunked:
            self.put(b"0\r\n\r\n")

    def abort(self):
        """The caller closes the connection."""

    def put(self, data):
        try:
            self.connection.sendall(data)
        except (OSError, ssl.SSLError):
            raise Left from None

    def is_gone(self):
        """A client that waits for its answer says nothing: what can be read is its end."""
        return bool(select.select([self.connection], [], [], 0)[0])


def read_head(connection, rest):
    """One request's head: (lines, what came after it). Raises Left at the end of the connection."""
    data = rest
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65536)
        if not piece or len(data) > HEAD_MAX:
            raise Left
        data += piece
    head, rest = data.split(b"\r\n\r\n", 1)
    return head.decode("latin-1").split("\r\n"), rest


def serve(upstream, connection, number):
    connection.settimeout(None)
    rest = b""
    while not upstream.stopping.is_set():
        lines, rest = read_head(connection, rest)
        method, path, _ = lines[0].split(" ")
        headers = {name.lower(): value.strip() for name, value in (line.split(":", 1) for line in lines[1:])}
        upstream.answer(Request(method, path, headers, number, "HTTP/1.1"), Channel(connection))
