"""What a client is told who asks for too much, by the web server or by the responder behind it."""

import socket

from . import client
from .fronts import HOST
from .server_suite import CHECKS, named


def assert_misses_limited(served):
    """Somebody who asks for too many new files is told 429 by the responder, where the server has no limit of its own."""
    seen = [served.get(f"/zig/{named(check)}") for check in CHECKS[:6]]
    assert {answer.status for answer in seen} == {200, 429}
    assert all("retry-after" in answer.headers for answer in seen if answer.status == 429)


def assert_limited(served, least=100):
    """Somebody who asks too fast is told 429 by the server itself, but not for the first `least` requests; and nobody else is."""
    path = f"/zig/{named('cold')}"
    assert served.get(path, host="127.0.0.1").status == 200
    request = f"HEAD {path} HTTP/1.1\r\nHost: {HOST}:{served.front.port}\r\n\r\n".encode()
    seen = []
    while 429 not in seen:
        assert len(seen) < 5000
        connection = served.context.wrap_socket(socket.create_connection(("::1", served.front.port), timeout=60), server_hostname=HOST)
        with connection:
            for _ in range(90):
                connection.sendall(request)
                seen.append(client.Answer(connection, "HEAD").status)
                if seen[-1] != 200:
                    break
    assert set(seen) == {200, 429} and seen.count(200) >= least
    assert served.get(path, host="127.0.0.1").status == 200
