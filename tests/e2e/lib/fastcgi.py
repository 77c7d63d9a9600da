"""A FastCGI client: one request a connection, sent as lighttpd sends it. For counts that a web server would blur."""

import socket
import struct

BEGIN, END, PARAMS, STDIN, STDOUT = 1, 3, 4, 5, 6


def record(kind, content):
    return struct.pack(">BBHHBB", 1, kind, 1, len(content), 0, 0) + content


def stream(kind, content):
    """Content of any length, and its end."""
    return b"".join(record(kind, content[at:at + 65535]) for at in range(0, len(content), 65535)) + record(kind, b"")


def length(n):
    return bytes([n]) if n < 128 else struct.pack(">I", n | 0x80000000)


def request(target, **more):
    """The bytes of a GET, with the parameters that lighttpd gives."""
    params = {
        "CONTENT_LENGTH": "0", "QUERY_STRING": "", "REQUEST_URI": target, "REDIRECT_STATUS": "200", "SCRIPT_NAME": target,
        "SCRIPT_FILENAME": "/srv" + target, "DOCUMENT_ROOT": "/srv/", "REQUEST_METHOD": "GET", "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_SOFTWARE": "lighttpd/1.4.69", "GATEWAY_INTERFACE": "CGI/1.1", "REQUEST_SCHEME": "http", "SERVER_PORT": "80",
        "SERVER_ADDR": "127.0.0.1", "SERVER_NAME": "127.0.0.1", "REMOTE_ADDR": "127.0.0.1", "REMOTE_PORT": "40000",
        "HTTP_HOST": "127.0.0.1", **more,
    }
    pairs = b"".join(length(len(n)) + length(len(v)) + n.encode() + v.encode() for n, v in params.items())
    return record(BEGIN, struct.pack(">HB5x", 1, 0)) + stream(PARAMS, pairs) + record(STDIN, b"")


def connect(path):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(60)
    s.connect(str(path))
    return s


def listens(path):
    """True when somebody accepts there. One connection, without a request."""
    try:
        connect(path).close()
        return True
    except OSError:
        return False


def answer(s):
    """(what the responder said, whether it ended as it should). Reads until the connection is closed."""
    data, said, ended = b"", b"", False
    while piece := s.recv(65536):
        data += piece
    while len(data) >= 8:
        kind, size, padding = data[1], int.from_bytes(data[4:6], "big"), data[6]
        said += data[8:8 + size] if kind == STDOUT else b""
        ended = ended or kind == END
        data = data[8 + size + padding:]
    return said, ended


def ask(path, data):
    with connect(path) as s:
        s.sendall(data)
        return answer(s)
