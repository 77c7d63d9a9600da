"""What an upstream has at a path, and how it misbehaves there."""

import copy
import dataclasses
import hashlib
import threading
import typing

DATE = "Tue, 04 Mar 2025 10:11:12 GMT"


class Gate:
    """Holds a transfer: at byte `at` of what it sends of the body, or before its head when `at` is None."""

    def __init__(self, at):
        self.at = at
        self.reached = threading.Event()  # somebody waits here
        self.opened = threading.Event()

    def wait(self, limit=60):
        """Until a transfer has come here."""
        assert self.reached.wait(limit), f"no transfer came to byte {self.at}"
        return self

    def release(self):
        self.opened.set()


@dataclasses.dataclass
class Served:
    """The attributes are what `Upstream.add` and `Upstream.change` take as keywords."""

    body: typing.Any = b""            # bytes, or a function without arguments that gives them
    status: int = 200                 # another one is sent with a short body
    type: str = "application/octet-stream"
    etag: typing.Optional[str] = None  # None: made from the body; "": none is sent
    modified: str = DATE              # "": none is sent
    ranges: bool = True               # Range and If-Range are obeyed
    chunked: bool = False             # no Content-Length
    redirect: str = ""                # the URL of a 302
    rate: int = 0                     # bytes a second; 0: as fast as it goes
    flip: typing.Optional[int] = None  # the byte of the body whose lowest bit is changed
    cut: typing.Optional[int] = None   # stop after so many bytes of this answer's body
    polite: bool = False              # what was cut is closed as if it were whole (chunked only)
    headers: dict = dataclasses.field(default_factory=dict)  # more fields, or others
    gates: list = dataclasses.field(default_factory=list)

    def content(self):
        return self.body() if callable(self.body) else self.body

    def tag(self, content):
        return '"' + hashlib.sha256(content).hexdigest()[:20] + '"' if self.etag is None else self.etag


class Place:
    """A path: what it has, and what it does for its next requests only."""

    def __init__(self, served):
        self.served = served
        self.next = []  # [count, changes]

    def take(self):
        """What the next request sees."""
        seen = self.served
        if self.next:
            seen = dataclasses.replace(copy.copy(self.served), **self.next[0][1])
            self.next[0][0] -= 1
            if self.next[0][0] == 0:
                self.next.pop(0)
        return seen
