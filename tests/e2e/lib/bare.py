"""The responder alone, without a web server: asked over FastCGI, from whatever address the test says."""

import os
import selectors
import socket as sockets
import subprocess
import sys

from . import fastcgi
from .client import Headers
from .process import Process, Port

AT_ONCE = 8  # requests of one process of a flood
E2E = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class Said:
    """What the responder answered: `status`, `headers`, `body`, `whole`."""

    def __init__(self, said, ended):
        head, _, self.body = said.partition(b"\r\n\r\n")
        self.headers, self.whole = Headers(), ended
        for line in head.decode("latin-1").split("\r\n"):
            name, _, value = line.partition(":")
            self.headers.add(name, value.strip())
        self.status = int(self.headers.get("status", "0")[:3] or 0)

    @property
    def text(self):
        return self.body.decode()

    def __repr__(self):
        return f"<Said {self.status} {dict(self.headers)} {len(self.body)} bytes{'' if self.whole else ', not whole'}>"


class Bare:
    """A front for Mirror. ask() sends one request and has its whole answer; open() leaves the connection to the test."""

    offload = "none"

    def __init__(self, threads=32):
        self.threads = threads
        self.reserved = Port()  # nobody listens there; base_url wants one
        self.port = self.reserved.number
        self.responder = None

    def start(self, mirror):
        self.socket = mirror.folder / "fcgi.sock"
        self.responder = Process(
            "responder", [mirror.build / "pkgmirror.fcgi", "--socket", self.socket, "--threads", str(self.threads)],
            mirror.logs / "responder.log", env={"PKGMIRROR_CONFIG": str(mirror.configuration), **mirror.environment})
        self.responder.start(live=lambda: fastcgi.listens(self.socket))

    def stop(self):
        if self.responder is not None:
            self.responder.stop()
            self.responder = None

    def close(self):
        self.stop()
        self.reserved.close()

    def open(self, target, address="127.0.0.1", **more):
        """A connection on which the request was sent."""
        s = fastcgi.connect(self.socket)
        s.sendall(fastcgi.request(target, REMOTE_ADDR=address, **more))
        return s

    def ask(self, target, address="127.0.0.1", timeout=60, **more):
        with self.open(target, address, **more) as s:
            s.settimeout(timeout)
            return Said(*fastcgi.answer(s))


def flood(socket, targets, processes=2):
    """Asks for each target once, from processes of their own. Returns how often each status came."""
    share = [targets[i::processes] for i in range(processes)]
    running = [subprocess.Popen([sys.executable, "-m", "lib.bare", str(socket)], cwd=E2E, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
               for _ in share]
    try:
        for process, part in zip(running, share):
            process.stdin.write("\n".join(part))
            process.stdin.close()
        counts = {}
        for process in running:
            for line in process.stdout:
                status, count = line.split()
                counts[status] = counts.get(status, 0) + int(count)
            assert process.wait(120) == 0
        return counts
    finally:
        for process in running:
            process.kill()
            process.wait()
            process.stdout.close()


def main():
    """One process of a flood: several connections at once, so that those that wait for the upstream do not hold up the others."""
    path, targets = sys.argv[1], sys.stdin.read().split("\n")
    wait = selectors.DefaultSelector()
    counts, waiting = {}, {}
    at = 0
    while at < len(targets) or waiting:
        while at < len(targets) and len(waiting) < AT_ONCE:
            s = sockets.socket(sockets.AF_UNIX)
            s.connect(path)
            s.sendall(fastcgi.request(targets[at]))
            wait.register(s, selectors.EVENT_READ)
            waiting[s] = b""
            at += 1
        for key, _ in wait.select(60):
            s = key.fileobj
            piece = s.recv(65536)
            waiting[s] += piece
            if not piece:
                wait.unregister(s)
                s.close()
                status = waiting.pop(s)[16:19].decode("latin-1") or "none"
                counts[status] = counts.get(status, 0) + 1
    for status, count in counts.items():
        print(status, count)


if __name__ == "__main__":
    main()
