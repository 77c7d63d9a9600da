"""The lives that are struck: of a miss, of each program from its start to its end. A scene is run once for each call that fails."""

import os
import re
import shutil
import signal
import socket
import sqlite3
import struct
import subprocess
import time

import inject_checks as checks
from inject_world import FILE, PACKAGE, ZIG, Answer, Outcome

RESPONDER, SERVICE, WARM = "pkgmirror.fcgi", "pkgmirror-fetch", "pkgmirror-warm"


class Scene:
    """`program` is struck. `template` is the state it begins with. run() returns problems, and in `self.fine` whether the
    failure did no harm; recover() those of the same without a failure."""

    program = None
    template = None
    first = False  # one miss, or a program's start

    def __init__(self, name):
        self.name = name
        self.fine = self.peer = False
        self.text = ""

    def end(self, world):
        """Ends what the scene left running; its exit status must be one of the manual's."""
        problems = []
        status = world.end_service()
        if status not in (None, 0):
            problems.append(f"service: ended with {status}")
        problems += [f"service: ended with {s}" for s in world.orphans() if s not in checks.SERVICE_STATUSES]
        return problems


class Miss(Scene):
    """A client wants what is not here: a responder as CGI starts the service, which gets it."""

    def __init__(self, name, program, path, template):
        super().__init__(name)
        self.program, self.path, self.template = program, path, template
        self.first = path == ZIG and template is not None

    def run(self, world, control, failure):
        outcome = world.cgi("/" + self.path, control)
        given, problems = checks.cgi(outcome, world.truth[self.path], failure)
        self.fine = given.status == 200 and given.whole and outcome.status == 0
        self.text = outcome.err + world.log()
        # The web server's end of a CGI's standard output: a client that left.
        self.peer = self.program == RESPONDER and control.at.call == b"write" and outcome.status == 1
        return problems

    def recover(self, world, control):
        outcome = world.cgi("/" + self.path)
        given = Answer(outcome.out)
        problems = []
        if (given.status, given.body == world.truth[self.path]) != (200, True):
            problems.append(f"recovery: {given.head[:60]!r} {given.body[:90]!r} {outcome.err[-300:]}")
        problems += self.end(world)
        if not (world.state / "public" / self.path).exists():
            problems.append("recovery: it is not published")
        return problems


class Command(Scene):
    """A program that is run to its end: the status has to be that of a run without a failure, or a documented one."""

    def __init__(self, name, program, words, template=None, expect=None, allowed=(1, 2)):
        super().__init__(name)
        self.program, self.words, self.template, self.expect, self.allowed = program, words, template, expect, allowed
        self.baseline = None
        self.first = words == ["--check-config"]

    def once(self, world, control=None):
        if self.template == "old":  # copying it was a use
            make_old(world)
        words = [str(word).format(state=world.state, folder=world.folder) for word in self.words]
        shutil.rmtree(world.folder / "out", ignore_errors=True)
        return world.run(self.program, *words, control=control)

    def run(self, world, control, failure):
        outcome = self.once(world, control)
        if self.baseline is None:  # the first run, in which no call fails
            self.baseline = outcome
            return [] if outcome.status in (0, 1) else [f"baseline: {outcome.status} {outcome.err}"]
        problems = checks.ended(outcome, {self.baseline.status, *self.allowed})
        self.text = outcome.err + world.log()
        self.fine = outcome.status == self.baseline.status
        # What a table or a configuration that is printed tells of it is told.
        if self.fine and checks.named(failure, outcome.out.decode(errors="replace")):
            return problems
        if self.fine and self.expect:
            problems += [f"result: {p}" for p in self.expect(world, outcome, self.baseline)]
        return problems

    def recover(self, world, control):
        outcome = self.once(world)
        problems = []
        if outcome.status != self.baseline.status:
            problems.append(f"recovery: status {outcome.status}: {outcome.err[-300:]}")
        elif self.expect:
            problems += [f"recovery: {p}" for p in self.expect(world, outcome, self.baseline)]
        return problems + self.end(world)


# -- the responder as FastCGI


def record(kind, content=b""):
    return struct.pack(">BBHHBx", 1, kind, 1, len(content), 0) + content


def field(name, value):
    return struct.pack(">II", len(name) | 0x80000000, len(value) | 0x80000000) + name.encode() + value.encode()


def request(target, method="GET", **more):
    params = {"REQUEST_METHOD": method, "REQUEST_URI": target, "REMOTE_ADDR": "127.0.0.1", "SERVER_PROTOCOL": "HTTP/1.1",
              "SERVER_SOFTWARE": "lighttpd/1.4", "GATEWAY_INTERFACE": "CGI/1.1", **more}
    body = b"".join(field(name, value) for name, value in params.items())
    return record(1, struct.pack(">HB5x", 1, 0)) + record(4, body) + record(4) + record(5)


def parse_records(raw):
    """The answer in what a responder sent: whole when its end record came, and nothing that is no record."""
    out, ended = b"", False
    while len(raw) >= 8:
        version, kind, _, length, padding = struct.unpack(">BBHHBx", raw[:8])
        if version != 1:
            return Answer(out, whole=False)
        if kind == 6:
            out += raw[8 : 8 + length]
        ended = ended or kind == 3
        raw = raw[8 + length + padding :]
    return Answer(out, whole=ended)


class Responder(Scene):
    """The responder as FastCGI: start, hits, a miss, every page, stop. Then, struck or not, all of it again."""

    program = RESPONDER
    template = "published"
    first = True
    TARGETS = (f"/{ZIG}", f"/{PACKAGE}", "/", "/zig/index.json", f"/-/provenance/{ZIG}", "/-/status", "/-/health", "/-/metrics")

    def run(self, world, control, failure):
        self.start(world, control)
        problems, texts = [], []
        self.fine = True
        for target in self.TARGETS:
            given = self.ask(target)
            if given is None:
                break
            problems += [f"{target}: {p}" for p in checks.answer(given, world.truth.get(target[1:]), failure)]
            if given.status not in (0, 200):
                # What health says is in its body, with its reasons.
                texts.append(("level=warn " if target == "/-/health" else "") + given.body.decode(errors="replace"))
            self.fine = self.fine and given.status == 200 and given.whole
        self.outcome = world.finish(self.child) if self.child.poll() is not None else None
        if self.outcome is not None:
            self.fine = False
            problems += checks.ended(self.outcome, {1, 2})
            texts.append(self.outcome.err)
        self.text = "".join(texts) + world.log()
        self.failure = failure
        return problems

    def start(self, world, control):
        self.place = str(world.folder / "fcgi.sock")
        if os.path.exists(self.place):
            os.unlink(self.place)
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(self.place)
            listener.listen(16)
            self.child = world.start(self.program, "--threads", 2, control=control, stdin=listener)

    def ask(self, target):
        """The answer; None when nobody listens any more."""
        raw = b""
        try:
            with socket.socket(socket.AF_UNIX) as s:
                s.settimeout(60)
                s.connect(self.place)
                s.sendall(request(target))
                while piece := s.recv(1 << 16):
                    raw += piece
        except ConnectionError:
            if self.child.poll() is None and not raw:
                time.sleep(0.01)
            if self.child.poll() is not None:
                return None
        except TimeoutError:
            return Answer(b"Status: 598 hang\r\n\r\n")
        return parse_records(raw)

    def recover(self, world, control):
        problems = []
        if self.outcome is None:
            again = self.again(world)
            problems += [] if again and self.leaves() else again
            self.child.send_signal(signal.SIGTERM)
            outcome = world.finish(self.child)
            problems += checks.ended(outcome, {0, 1})
            self.text += outcome.err
        self.start(world, None)
        problems += self.again(world)
        self.child.send_signal(signal.SIGTERM)
        problems += checks.ended(world.finish(self.child), {0})
        return problems + self.end(world)

    def leaves(self):
        """Whether it ends by itself: one whose starter has ended does so within a second, for the web server to start another."""
        try:
            return self.child.wait(5) == 1
        except subprocess.TimeoutExpired:
            return False

    def again(self, world):
        problems = []
        for target in self.TARGETS:
            given = self.ask(target)
            body = world.truth.get(target[1:])
            if given is None or given.status != 200 or not given.whole or (body is not None and body != given.body):
                problems.append(f"recovery: {target}: {given and given.head[:200]!r} {given and given.body[:120]!r}")
        return problems


class ServiceStart(Scene):
    """The service as a supervisor starts it: until it listens, and its end."""

    program = SERVICE
    first = True

    def __init__(self, name, template=None):
        super().__init__(name)
        self.template = template

    def run(self, world, control, failure):
        child = world.start(SERVICE, "--stay", control=control)
        end = time.monotonic() + 60
        while child.poll() is None and world.service() is None and time.monotonic() < end:
            time.sleep(0.001)
        self.fine = child.poll() is None
        if self.fine:
            child.send_signal(signal.SIGTERM)
        outcome = world.finish(child)
        self.text = outcome.err
        self.fine = self.fine and outcome.status == 0
        return checks.ended(outcome, {0, 1, 2, 75})

    def recover(self, world, control):
        problems = self.run(world, None, None)
        return problems + ([] if self.fine else ["recovery: it does not start"]) + self.end(world)


# -- what commands must leave behind


def is_here(*paths):
    def expect(world, outcome, baseline):
        return [f"{path} is not here" for path in paths if not (world.state / "public" / path).exists()]
    return expect


def is_gone(path):
    def expect(world, outcome, baseline):
        return [f"{path} is still here"] if (world.state / "public" / path).exists() else []
    return expect


def same_output(world, outcome, baseline):
    def plain(text):
        return re.sub(rb"\d+ free|[\d.]+ [KMGT]iB|\d{10}", b"", text)
    return [] if plain(outcome.out) == plain(baseline.out) else [f"another output: {outcome.out[-200:]!r}"]


def same_total(world, outcome, baseline):
    def total(text):
        return re.search(rb"^total.*", text, re.M)
    mine, its = total(outcome.out), total(baseline.out)
    return [] if mine and its and mine[0] == its[0] else [f"another output: {outcome.out[-200:]!r}"]


def adopted(world, outcome, baseline):
    with sqlite3.connect(world.state / "catalog.db") as db:
        rows = {row[0] for row in db.execute("SELECT path FROM entry")}
    db.close()
    return [f"{path} has no entry" for path in (ZIG, f"{ZIG}.minisig") if path not in rows] + is_here(ZIG)(world, outcome, baseline)


def folded(world, outcome, baseline):
    with sqlite3.connect(world.state / "catalog.db") as db:
        hits = db.execute("SELECT coalesce(sum(count), 0) FROM hit").fetchone()[0]
    db.close()
    return [] if hits == 3 else [f"{hits} hits are counted, 3 were there"]


def exported(world, outcome, baseline):
    made = {path.relative_to(world.folder / "out") for path in (world.folder / "out").rglob("*") if path.is_file()}
    kept = {path.relative_to(world.folder / "bundle") for path in (world.folder / "bundle").rglob("*") if path.is_file()}
    return [f"the bundle has {sorted(map(str, made ^ kept))} more or less"] if made != kept else []


def make_old(world):
    for path in (world.state / "store").rglob("zig-*"):
        os.utime(path, (1600000000, 1600000000))


def make_templates(world):
    """The states that scenes begin with, made by runs without a failure."""
    def do(program, *words):
        outcome = world.run(program, *words)
        assert outcome.status == 0, (program, words, outcome.status, outcome.err, world.log())

    world.reset()
    assert Answer(world.cgi("/" + PACKAGE).out).status == 200, world.log()
    world.forget_file(PACKAGE)
    assert Answer(world.cgi("/zig/index.json").out).status == 200, world.log()
    world.end_service()
    world.keep("index")
    assert Answer(world.cgi("/" + ZIG).out).status == 200, world.log()
    assert Answer(world.cgi(f"/{ZIG}.minisig").out).status == 200, world.log()
    world.end_service()
    with open(world.state / "run/hits.log", "w") as hits:
        hits.writelines(f"1700000000\t{ZIG}\tzig\t200\t{n}\n" for n in (1, 2, 3))
    world.keep("published")
    do(WARM, "export", world.folder / "bundle")
    flat = world.folder / "flat"
    flat.mkdir()
    for end in ("", ".minisig"):
        shutil.copy(world.state / f"public/{ZIG}{end}", flat / f"{FILE}{end}")
    with sqlite3.connect(world.state / "catalog.db") as db:
        db.execute("UPDATE entry SET stored_at = 1600000000")
    db.close()
    world.keep("old")
    world.reset("published")
    for path in world.state.glob("catalog.db*"):
        path.unlink()
    shutil.rmtree(world.state / "public")
    world.keep("lost")


def all_scenes():
    return [
        Miss("miss: responder (CGI), starts the service", RESPONDER, ZIG, "index"),
        Miss("miss: service, toolchain file", SERVICE, ZIG, "index"),
        Miss("miss: service, package", SERVICE, PACKAGE, "index"),
        Miss("miss: service, empty state_dir", SERVICE, ZIG, None),
        Responder("responder (FastCGI): start, hits, miss, pages, stop"),
        Command("responder --check-config", RESPONDER, ["--check-config"], "index", same_output),
        ServiceStart("service: start and stop, empty state_dir"),
        ServiceStart("service: start and stop", "published"),
        Command("warm", WARM, ["warm"], "index", is_here(ZIG, f"{ZIG}.minisig")),
        Command("warm estimate", WARM, ["estimate"], "index", same_total),
        Command("warm adopt, its own store", WARM, ["adopt", "{state}"], "lost", adopted),
        Command("warm adopt, a copy", WARM, ["adopt", "--how", "copy", "{folder}/flat"], "index", adopted),
        Command("warm export", WARM, ["export", "{folder}/out"], "published", exported),
        Command("warm import", WARM, ["import", "--how", "copy", "{folder}/bundle"], "index", adopted),
        Command("warm prune", WARM, ["prune", "--class", "stable", "--days", "1"], "old", is_gone(ZIG)),
        Command("warm verify", WARM, ["verify", "--speed", "0"], "published", is_here(ZIG, f"{ZIG}.minisig")),
        Command("warm fold", WARM, ["fold"], "published", folded),
        Command("warm accept", WARM, ["accept", "--dry-run", PACKAGE], "published", same_output),
    ]
