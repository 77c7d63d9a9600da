"""HTTP/2 for lib/upstream.py. Under one lock: OpenSSL's connections are not for two threads at once."""

import select
import ssl
import threading

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions

from .upstream import Left, Request


class Connection:
    def __init__(self, socket):
        self.socket = socket
        self.change = threading.Condition()
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
        self.gone = set()  # streams that the client reset
        self.closed = False

    def flush(self):
        """Sends what h2 has to say. With the lock held; the socket does not block."""
        data = memoryview(self.h2.data_to_send())
        while data:
            try:
                data = data[self.socket.send(data) :]
            except (ssl.SSLWantWriteError, ssl.SSLWantReadError):
                select.select([], [self.socket], [], 1)
            except (OSError, ssl.SSLError):
                self.closed = True
                self.change.notify_all()
                raise Left from None

    def receive(self):
        """The events that came; None at the end."""
        if not self.socket.pending():
            select.select([self.socket], [], [], 0.2)
        with self.change:
            try:
                data = self.socket.recv(65536)
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return []
            except (OSError, ssl.SSLError):
                data = b""
            if not data:
                return None
            try:
                events = self.h2.receive_data(data)
            except h2.exceptions.ProtocolError:
                return None
            for event in events:
                if isinstance(event, h2.events.StreamReset):
                    self.gone.add(event.stream_id)
            self.flush()
            self.change.notify_all()
            return events


class Channel:
    def __init__(self, connection, stream):
        self.connection, self.stream = connection, stream

    def act(self, function):
        with self.connection.change:
            if self.is_gone():
                raise Left
            try:
                function()
            except h2.exceptions.ProtocolError:
                raise Left from None
            self.connection.flush()

    def head(self, status, headers):
        fields = [(":status", str(status)), *((name.lower(), value) for name, value in headers.items())]
        self.act(lambda: self.connection.h2.send_headers(self.stream, fields))

    def write(self, data):
        c = self.connection
        while data:
            with c.change:
                while not self.is_gone() and c.h2.local_flow_control_window(self.stream) == 0:
                    c.change.wait(0.2)
                if self.is_gone():
                    raise Left
                size = min(len(data), c.h2.local_flow_control_window(self.stream), c.h2.max_outbound_frame_size)
            piece, data = data[:size], data[size:]
            self.act(lambda: c.h2.send_data(self.stream, piece))

    def end(self):
        self.act(lambda: self.connection.h2.end_stream(self.stream))

    def abort(self):
        self.act(lambda: self.connection.h2.reset_stream(self.stream, h2.errors.ErrorCodes.INTERNAL_ERROR))

    def is_gone(self):
        return self.connection.closed or self.stream in self.connection.gone


def answer(upstream, request, channel):
    try:
        upstream.answer(request, channel)
    except Left:
        pass


def serve(upstream, socket, number):
    socket.setblocking(False)
    c = Connection(socket)
    with c.change:
        c.h2.initiate_connection()
        c.flush()
    try:
        while not upstream.stopping.is_set():
            events = c.receive()
            if events is None:
                return
            for event in events:
                if isinstance(event, h2.events.RequestReceived):
                    fields = dict(event.headers)
                    headers = {name: value for name, value in fields.items() if not name.startswith(":")}
                    request = Request(fields[":method"], fields[":path"], headers, number, "HTTP/2")
                    upstream.run(answer, upstream, request, Channel(c, event.stream_id))
    finally:
        with c.change:
            c.closed = True
            c.change.notify_all()
