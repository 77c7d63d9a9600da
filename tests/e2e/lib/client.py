"""An HTTP/1.1 client that sends what it is told, byte for byte, and shows what came, as it came."""

import socket


class Headers(dict):
    """Field names in lower case; a look-up takes any case. A field that came twice is joined with a comma."""

    def __getitem__(self, name):
        return super().__getitem__(name.lower())

    def __contains__(self, name):
        return super().__contains__(name.lower())

    def get(self, name, default=None):
        return super().get(name.lower(), default)

    def add(self, name, value):
        name = name.lower()
        self[name] = f"{super().__getitem__(name)}, {value}" if name in self else value


class Answer:
    """One answer on one connection. `status` is 0 when none came. The body is read as far as it is asked for."""

    def __init__(self, connection, method):
        self.connection, self.method = connection, method
        self.buffer = b""
        self.status, self.reason, self.headers = 0, "", Headers()
        self.body = b""
        self.whole = False  # the body ended as its framing promised
        self.ended = False
        self.left_of_chunk = 0
        self.first_chunk = True
        self.read_head()

    # -- bytes

    def fill(self):
        try:
            piece = self.connection.recv(65536)
        except ConnectionError:
            piece = b""
        self.buffer += piece
        return piece != b""

    def line(self):
        """The next line without its end; None when the connection ended."""
        while b"\n" not in self.buffer:
            if not self.fill():
                return None
        line, self.buffer = self.buffer.split(b"\n", 1)
        return line.rstrip(b"\r")

    def take(self, most):
        """At least one and at most `most` bytes; b"" when the connection ended."""
        if not self.buffer and not self.fill():
            return b""
        piece, self.buffer = self.buffer[:most], self.buffer[most:]
        return piece

    # -- framing

    def read_head(self):
        line = self.line()
        if line is None:
            self.end(False)
            return
        _, status, self.reason = (line.decode("latin-1") + "  ").split(" ", 2)
        self.status = int(status)
        for line in iter(self.line, b""):
            if line is None:
                self.end(False)
                return
            name, value = line.decode("latin-1").split(":", 1)
            self.headers.add(name, value.strip())
        if 100 <= self.status < 200:
            self.headers = Headers()
            self.read_head()
            return
        self.chunked = self.headers.get("transfer-encoding", "").lower() == "chunked"
        self.length = int(self.headers["content-length"]) if "content-length" in self.headers and not self.chunked else None
        if self.method == "HEAD" or self.status in (204, 304) or self.length == 0:
            self.end(True)

    def end(self, whole):
        self.ended, self.whole = True, whole

    def next_chunk(self):
        """Reads the head of a chunk. False when there is no more."""
        if not self.first_chunk and self.line() is None:
            return False
        self.first_chunk = False
        line = self.line()
        try:
            self.left_of_chunk = int((line or b"").split(b";")[0], 16)
        except ValueError:
            return False
        if self.left_of_chunk == 0:
            while self.line():
                pass
            self.end(True)
        return self.left_of_chunk > 0

    def piece(self):
        """The next bytes of the body; b"" at its end."""
        if self.ended:
            return b""
        most = 65536
        if self.chunked:
            if self.left_of_chunk == 0 and not self.next_chunk():
                self.ended = True
                return b""
            most = self.left_of_chunk
        elif self.length is not None:
            most = self.length - len(self.body)
        piece = self.take(most)
        self.body += piece
        if self.chunked:
            self.left_of_chunk -= len(piece)
        if piece == b"":
            self.end(not self.chunked and self.length is None)
        elif not self.chunked and self.length == len(self.body):
            self.end(True)
        return piece

    # -- what tests use

    def read(self, count):
        """Reads until `count` bytes of the body are here, or it ended. Returns the body so far."""
        while len(self.body) < count and self.piece():
            pass
        return self.body

    def rest(self):
        """Reads the body to its end. Returns this answer."""
        while self.piece():
            pass
        return self

    @property
    def text(self):
        return self.body.decode()

    def close(self):
        self.connection.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def __repr__(self):
        return f"<Answer {self.status} {dict(self.headers)} {len(self.body)} bytes{'' if self.whole else ', not whole'}>"


def request(port, target, method="GET", headers=None, host="127.0.0.1", timeout=60, tls=None, keep=False):
    """Sends a request and returns the Answer with its head read. The target goes out as it is (str is latin-1). `tls` is an
    ssl.SSLContext. Close the answer, or use it in `with`."""
    connection = socket.create_connection((host, port), timeout=timeout)
    if tls is not None:
        connection = tls.wrap_socket(connection, server_hostname=host)
    fields = {"Host": f"{host}:{port}", "User-Agent": "pkgmirror-tests", **(headers or {})}
    if not keep:
        fields["Connection"] = "close"
    target = target if isinstance(target, bytes) else target.encode("latin-1")
    head = method.encode() + b" " + target + b" HTTP/1.1\r\n"
    head += b"".join(f"{name}: {value}\r\n".encode("latin-1") for name, value in fields.items()) + b"\r\n"
    try:
        connection.sendall(head)
        return Answer(connection, method)
    except BaseException:
        connection.close()
        raise
