#!/usr/bin/env python3
"""Clients of the soak: a process with a share of them. soak_run.py starts it; it prints what it saw as JSON when it is asked to end.

What there is to ask for is in the plan, a file that soak_world.py replaces: a client reads it before each request. `hot` are files that
are here, `fresh` those that upstream has had for some seconds, `cold` those that are not here or were not a moment ago, `bad` those
that upstream gives with a flipped bit. What an answer must be is a matter of that; one that is not is told, with its time."""

import hashlib
import json
import os
import pathlib
import random
import signal
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

from lib import client  # noqa: E402
from lib.zig import bytes_for  # noqa: E402

PACE_SEC = 0.5           # the longest pause between two requests of a client
SLOW_PIECES, SLOW_PAUSE_SEC = 10, 0.2
TOLD = 5000              # complaints in full
KEPT = 400               # bodies in memory
PAGES = ("/", "/-/status", "/-/health", "/-/metrics", "/zig/community-mirrors.txt")
ABSENT = ("/no/such", "/zig/%2e%2e/x", "/zig/x.exe", "/-/none", "/zig/zig-x86_64-linux-0.14.1.tar.gz", "/-/provenance/zig/none")


class Plan:
    def __init__(self, path):
        self.path, self.stamp = path, None
        self.look()

    def look(self):
        stamp = os.stat(self.path).st_ino
        if stamp != self.stamp:
            now = json.loads(pathlib.Path(self.path).read_text())
            self.now, self.stamp = now, stamp
        return self.now


class Herd:
    def __init__(self, path, seed, count):
        self.plan, self.seed, self.count = Plan(path), seed, count
        self.stop = threading.Event()
        self.lock = threading.Lock()
        self.counts, self.complaints, self.bytes, self.left_out = {}, [], 0, 0
        self.bodies = {}

    def body(self, name, size):
        """The true bytes."""
        body = self.bodies.get(name)
        if body is None:
            body = bytes_for(name, size)
            with self.lock:
                if len(self.bodies) >= KEPT:
                    self.bodies.pop(next(iter(self.bodies)))
                self.bodies[name] = body
        return body

    def complain(self, kind, pool, name, begun, text, status):
        with self.lock:
            if len(self.complaints) < TOLD:
                self.complaints.append({"kind": kind, "pool": pool, "name": name, "begun": begun, "ended": time.monotonic(), "text": text, "status": status})
            else:
                self.left_out += 1


class Client:
    """One of them. Each function is a kind of request."""

    def __init__(self, herd, number):
        self.herd = herd
        self.random = random.Random(herd.seed * 1000 + number)
        self.number = number

    def live(self):
        herd = self.herd
        kinds, weights = zip(*KINDS)
        while not herd.stop.is_set():
            self.now = herd.plan.look()
            self.port = self.now["ports"][self.number % len(self.now["ports"])]
            kind = self.random.choices(kinds, weights)[0]
            self.kind, self.pool, self.name, self.begun = kind.__name__, "", "", time.monotonic()
            try:
                kind(self)
            except OSError as error:
                herd.complain(self.kind, self.pool, self.name, self.begun, repr(error), 0)
            herd.stop.wait(self.random.random() * PACE_SEC)

    # -- one request

    def choose(self, *pools):
        """A name of the first pool that has any."""
        for pool in pools:
            names = self.now[pool]
            if names:
                self.pool, self.name = pool, self.random.choice(names)
                return self.name
        raise AssertionError("an empty plan")

    def true(self, name):
        return self.herd.body(name, self.now["files"][name]["size"])

    def open(self, target, headers=None, method="GET"):
        return client.request(self.port, target, method, headers)

    def get(self, target, headers=None, method="GET"):
        with self.open(target, headers, method) as answer:
            return answer.rest()

    def judge(self, answer, good, why=""):
        with self.herd.lock:
            key = self.kind, answer.status
            self.herd.counts[key] = self.herd.counts.get(key, 0) + 1
            self.herd.bytes += len(answer.body)
        if not good:
            text = f"{answer!r} {why} {answer.body[:150]!r}" if answer.status != 200 else f"{answer!r} {why}"
            self.herd.complain(self.kind, self.pool, self.name, self.begun, text, answer.status)

    def judge_whole(self, answer):
        self.judge(answer, answer.status == 200 and answer.whole and answer.body == self.true(self.name), "not upstream's bytes" if answer.whole and answer.status == 200 else "")

    # -- kinds

    def hit(self):
        name = self.choose("hot")
        self.judge_whole(self.get(f"/zig/{name}?source=soak"))

    def fresh(self):
        name = self.choose("fresh", "hot")
        self.judge_whole(self.get(f"/zig/{name}"))

    def cold(self):
        name = self.choose("cold", "fresh", "hot")
        self.judge_whole(self.get(f"/zig/{name}?source=herd"))

    def alias(self):
        name = self.choose("hot")
        self.judge_whole(self.get(f"/download/{self.now['files'][name]['version']}/{name}"))

    def signature(self):
        name = self.choose("hot")
        answer = self.get(f"/zig/{name}.minisig")
        good = hashlib.sha256(answer.body).hexdigest() == self.now["files"][name]["signature"]
        self.judge(answer, answer.status == 200 and answer.whole and good)

    def fresh_signature(self):
        name = self.choose("fresh", "hot")
        answer = self.get(f"/zig/{name}.minisig")
        good = hashlib.sha256(answer.body).hexdigest() == self.now["files"][name]["signature"]
        self.judge(answer, answer.status == 200 and answer.whole and good)

    def range(self):
        name = self.choose("hot")
        true = self.true(name)
        size, first = len(true), self.random.randrange(len(true))
        last = min(size, first + 1000)
        wanted, part = self.random.choice([(f"{first}-{last - 1}", true[first:last]), (f"{first}-", true[first:]), (f"-{size - first}", true[first:])])
        answer = self.get(f"/zig/{name}", {"Range": f"bytes={wanted}"})
        self.judge(answer, answer.status == 206 and answer.whole and answer.body == part, wanted)

    def cold_range(self):
        """A file that is not here may be sent from its start."""
        name = self.choose("cold", "fresh", "hot")
        true = self.true(name)
        first = self.random.randrange(len(true))
        answer = self.get(f"/zig/{name}", {"Range": f"bytes={first}-"})
        self.judge(answer, answer.whole and (answer.status, answer.body) in ((206, true[first:]), (200, true)))

    def beyond(self):
        name = self.choose("hot")
        answer = self.get(f"/zig/{name}", {"Range": f"bytes={len(self.true(name))}-"})
        self.judge(answer, answer.status == 416)

    def head(self):
        name = self.choose("hot")
        answer = self.get(f"/zig/{name}", method="HEAD")
        self.judge(answer, answer.status == 200 and answer.headers.get("content-length") == str(len(self.true(name))))

    def unchanged(self):
        name = self.choose("hot")
        first = self.get(f"/zig/{name}", method="HEAD")
        self.judge(first, first.status == 200)
        for field, value in (("If-None-Match", first.headers.get("etag")), ("If-Modified-Since", first.headers.get("last-modified"))):
            if value is not None:
                answer = self.get(f"/zig/{name}", {field: value})
                self.judge(answer, answer.status == 304 or answer.status == 200 and answer.body == self.true(name), field)

    def slow(self):
        name = self.choose("hot", "fresh")
        with self.open(f"/zig/{name}") as answer:
            for piece in range(SLOW_PIECES):
                answer.read((piece + 1) * 15_000)
                self.herd.stop.wait(SLOW_PAUSE_SEC)
            self.judge_whole(answer.rest())

    def slow_cold(self):
        name = self.choose("cold", "fresh", "hot")
        with self.open(f"/zig/{name}") as answer:
            for piece in range(SLOW_PIECES):
                answer.read((piece + 1) * 15_000)
                self.herd.stop.wait(SLOW_PAUSE_SEC)
            self.judge_whole(answer.rest())

    def leave(self):
        name = self.choose("cold", "fresh", "hot")
        with self.open(f"/zig/{name}") as answer:
            got = answer.read(self.random.randrange(100_000))
            self.judge(answer, answer.status == 200 and self.true(name).startswith(got))

    def absent(self):
        path = self.random.choice(ABSENT)
        answer = self.get(path)
        self.judge(answer, answer.status == 404 and answer.whole, path)

    def unknown(self):
        """A name that upstream has to be asked for."""
        self.pool, self.name = "unknown", f"zig-9.{self.random.randrange(100_000)}.0.tar.xz"
        answer = self.get(f"/zig/{self.name}")
        self.judge(answer, answer.status == 404 and answer.whole)

    def refused(self):
        method = self.random.choice(("POST", "PUT", "DELETE"))
        answer = self.get(self.random.choice(("/-/status", "/zig/index.json")), {"Content-Length": "0"}, method)
        self.judge(answer, answer.status == 405 and "allow" in answer.headers, method)

    def bad(self):
        """Cut off, or told so: nobody holds a whole one."""
        name = self.choose("bad")
        answer = self.get(f"/zig/{name}")
        self.judge(answer, answer.status == 502 or answer.status == 200 and not answer.whole)

    def index(self):
        answer = self.get("/zig/index.json")
        good = answer.status == 200 and answer.whole
        if good:
            releases = json.loads(answer.text)
            good = set(self.now["stable"]) <= set(releases) and all(
                item["tarball"].startswith(f"http://127.0.0.1:{self.port}/zig/")
                for release in releases.values() for item in release.values() if isinstance(item, dict) and "tarball" in item)
        self.judge(answer, good)

    def page(self):
        answer = self.get(self.random.choice(PAGES))
        self.judge(answer, answer.status == 200 and answer.whole)

    def provenance(self):
        answer = self.get(f"/-/provenance/zig/{self.choose('hot')}")
        self.judge(answer, answer.status == 200 and answer.whole and isinstance(json.loads(answer.text), dict))


KINDS = [
    (Client.hit, 20), (Client.fresh, 12), (Client.cold, 12), (Client.alias, 2), (Client.signature, 4), (Client.fresh_signature, 3),
    (Client.range, 6), (Client.cold_range, 3), (Client.beyond, 1), (Client.head, 3), (Client.unchanged, 3), (Client.slow, 2),
    (Client.slow_cold, 2), (Client.leave, 4), (Client.absent, 4), (Client.unknown, 1), (Client.refused, 2), (Client.bad, 0.5), (Client.index, 3), (Client.page, 5),
    (Client.provenance, 2),
]


def main():
    path, seed, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    herd = Herd(path, seed, count)
    signal.signal(signal.SIGTERM, lambda *_: herd.stop.set())
    threads = [threading.Thread(target=Client(herd, number).live) for number in range(count)]
    for thread in threads:
        thread.start()
    while not herd.stop.wait(0.2):
        dead = [thread for thread in threads if not thread.is_alive()]
        if dead:
            herd.complain("thread", "", "", time.monotonic(), "a client died of an exception, see standard error", 0)
            herd.stop.set()
    for thread in threads:
        thread.join()
    counts = [[kind, status, n] for (kind, status), n in sorted(herd.counts.items())]
    print(json.dumps({"counts": counts, "bytes": herd.bytes, "complaints": herd.complaints, "left_out": herd.left_out}))


if __name__ == "__main__":
    main()
