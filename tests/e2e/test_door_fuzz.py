"""Nonsense on the sockets that only a web server and our own programs talk to: the responder's FastCGI door and the fetch service's
wire. Nothing crashes, nothing hangs, good requests are answered with the right bytes all along, descriptors and memory do not grow,
and the processes are the same afterwards. The mutants are chosen by DOOR_SEED, which a failure shows."""

import json
import os
import pathlib
import random
import socket
import struct
import threading

import pytest

from lib import fastcgi
from lib.figures import figure
from lib.process import SANITIZERS, Process, processes
from lib.waiting import wait_until
from lib.zig import file_name

SEED = int(os.environ.get("DOOR_SEED", "8"))
ROUNDS = int(os.environ.get("DOOR_ROUNDS", "1500"))
GROWTH_KIB = 16 * 1024
BESIDE = 8
NAME = file_name("0.14.1")

# What is freed is given back soon, else the quarantine is all that grows.
SMALL_QUARANTINE = {"ASAN_OPTIONS": SANITIZERS["ASAN_OPTIONS"] + ":quarantine_size_mb=1"}


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def resident_kib(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise AssertionError("no VmRSS")


class Door:
    """A program that listens at a Unix socket, and what is held of it."""

    def __init__(self, process, path, is_well):
        self.process, self.path, self.is_well = process, path, is_well

    @property
    def pid(self):
        return self.process.child.pid

    def connect(self):
        return fastcgi.connect(self.path)

    def throw(self, data, end):
        """Sends it. `end`: "close" at once, or "half": says that it was all, and waits for the other side to close."""
        with self.connect() as s:
            try:
                s.sendall(data)
                if end == "half":
                    s.shutdown(socket.SHUT_WR)
                    while s.recv(65536):
                        pass
            except (BrokenPipeError, ConnectionResetError):
                pass

    def check(self, what):
        assert not self.process.ended(), what
        assert self.is_well(self), what

    def throw_all(self, mutants, every=25):
        count = 0
        for count, (what, data, end) in enumerate(mutants, 1):
            try:
                self.throw(data, end)
            except TimeoutError:
                raise AssertionError(f"hangs: seed {SEED}, {what}: {data!r}") from None
            if count % every == 0:
                self.check(f"seed {SEED}, mutants up to {count}, the last is {what}: {data[:2000]!r}")
        self.check(f"seed {SEED}, after all")
        return count

    def hold_to(self, mutants):
        """Throws twice; the second time must not make it larger."""
        self.throw_all(mutants())
        fds = descriptors(self.pid)
        before = resident_kib(self.pid)
        count = self.throw_all(mutants())
        # What asks beside the mutants has its own.
        wait_until(lambda: descriptors(self.pid) <= fds + BESIDE, f"no more than {fds} descriptors and {BESIDE}")
        after = resident_kib(self.pid)
        assert after <= before + GROWTH_KIB, f"{before} KiB, then {after} KiB"
        figure(f"{count} mutants twice, seed {SEED}: {fds} descriptors, {before} KiB, then {after} KiB")


class Asker:
    """Asks the responder for good things while others do not, and looks at each byte of the answer."""

    def __init__(self, path, body):
        self.path, self.body, self.answers, self.wrong = path, body, 0, None
        self.done = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def ask(self):
        first = self.answers * 4099 % len(self.body)
        said, ended = fastcgi.ask(self.path, fastcgi.request(f"/zig/{NAME}", HTTP_RANGE=f"bytes={first}-{first + 999}"))
        head, _, body = said.partition(b"\r\n\r\n")
        if not ended or b"206" not in head.split(b"\r\n")[0] or body != self.body[first:first + 1000]:
            raise AssertionError(f"answer {self.answers} is wrong: {said[:400]!r}")

    def run(self):
        try:
            while not self.done.wait(0.005):
                self.ask()
                self.answers += 1
        except (OSError, AssertionError) as error:
            self.wrong = error

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *what):
        self.done.set()
        self.thread.join()
        if what[0] is None:
            assert self.wrong is None, self.wrong
            assert self.answers > 0
            figure(f"{self.answers} right answers beside them")


class House:
    """A responder and the service that it asks, at their sockets."""

    def __init__(self, state, body, threads=()):
        self.state, self.body = state, body
        self.service = start(state, "pkgmirror-fetch", [], state.state / "run/fetch.sock", answers_done)
        path = state.folder / "door.sock"
        self.responder = start(state, "pkgmirror.fcgi", ["--socket", path, *threads], path, answers_health)

    def services(self):
        return processes("pkgmirror-fetch", str(self.state.configuration))

    def check(self, what):
        self.responder.check(what)
        self.service.check(what)
        assert self.services() == [self.service.pid], what

    def hold_to(self, door, mutants):
        self.check("at first")
        with Asker(self.responder.path, self.body):
            door.hold_to(mutants)
        self.check("after all")


@pytest.fixture
def state(make_mirror, site):
    """A mirror whose web server is asked but once; NAME is published."""
    mirror = make_mirror(fetch_linger="600s", offload="none")
    assert mirror.get(f"/zig/{NAME}").body == site.body(NAME)
    mirror.wait_published(f"zig/{NAME}")
    mirror.kill_service()
    return mirror


def start(state, name, arguments, path, is_well):
    # It is read at the end, when the program may read little else.
    leaks = state.state / "run/leaks"
    # libfcgi 2.4.2 forgets the 48 bytes that it takes for a management record which it does not know.
    leaks.write_text("leak:libfcgi\n")
    process = Process(f"{name} (door)", [state.build / name, "--config", state.configuration, *arguments], state.logs / f"door-{name}.log",
                      env={**SMALL_QUARANTINE, "LSAN_OPTIONS": f"suppressions={leaks}:print_suppressions=0"})
    door = Door(process, path, is_well)
    process.start(live=lambda: fastcgi.listens(path))
    return door


@pytest.fixture
def house(state, site):
    house = House(state, site.body(NAME))
    yield house
    assert house.responder.process.stop() == 0
    assert house.service.process.stop() == 0


# ---- FastCGI ---------------------------------------------------------------------------------------------------------


def record(kind, content=b"", version=1, number=1, length=None, padding=0):
    size = len(content) if length is None else length
    return struct.pack(">BBHHBB", version, kind, number, size, padding, 0) + content + bytes(padding)


def split(data):
    """The records of a request."""
    found = []
    while data:
        size = 8 + int.from_bytes(data[4:6], "big") + data[6]
        found.append(data[:size])
        data = data[size:]
    return found


ABORT, GET_VALUES = 2, 9
INT_MAX = 0x7FFFFFFF
# Known, and in SECURITY.md: libfcgi 2.4.2 has room on its stack for three of these in its answer; a fourth ends the process.
SHORT = bytes(byte & 0x7F for byte in range(256))
ASKED_MOST = b"\x0f\x00FCGI_MPXS_CONNS" * 3
BEGIN = record(fastcgi.BEGIN, struct.pack(">HB5x", 1, 0))
GOOD = fastcgi.request("/-/health")
PAIRS = split(GOOD)[1][8:]
ENDS = record(fastcgi.PARAMS) + record(fastcgi.STDIN)
LENGTHS = [b"\x80\xff\xff\xff", b"\x80\x01\x00\x00", b"\x80\x00\x00\x00", b"\x7f", b"\x00", b"\xff", b"\xff\xff\xff\xff"]
LARGE = 1 << 26  # AddressSanitizer takes half a second to write down that it gave a gigabyte: a few of them will do


def is_health(said, ended):
    head, _, body = said.partition(b"\r\n\r\n")
    return ended and head.startswith(b"Status: 200") and json.loads(body)["live"] is True


def answers_health(door):
    return is_health(*fastcgi.ask(door.path, GOOD))


def take_length(data):
    """A length as FastCGI writes it, and what is behind it; None at the end."""
    if data and data[0] < 128:
        return data[0], data[1:]
    return (int.from_bytes(data[:4], "big") & 0x7FFFFFFF, data[4:]) if len(data) >= 4 else (None, b"")


def parameters(data):
    """What libfcgi reads as parameters of the request that begins `data`: the content of their records, and that of a management
    record (number 0) which it does not know and does not skip."""
    found, number = b"", None
    while len(data) >= 8:
        version, kind, one, size, padding = struct.unpack_from(">BBHHB", data)
        content, data = data[8:8 + size], data[8 + size + padding:]
        if version != 1:
            break
        if one == 0:
            found += b"" if kind == GET_VALUES or number is None else content
        elif kind == fastcgi.BEGIN and number is None:
            number = one
        elif one == number:
            if kind != fastcgi.PARAMS or not content:
                break
            found += content
    return found


def room_for(data):
    """How many bytes libfcgi makes room for, for the last parameter that it reads of this request: its lengths and 2."""
    pairs = parameters(data)
    while True:
        name, pairs = take_length(pairs)
        value, pairs = take_length(pairs)
        if name is None or value is None or INT_MAX in (name, value):
            return 0
        if name + value > len(pairs):
            return name + value + 2
        pairs = pairs[name + value:]


def libfcgi_gives_up(data):
    """Known, and in SECURITY.md: of a parameter whose lengths and 2 are more than an int holds libfcgi 2.4.2 makes a size that no
    malloc has, and ends the process. No web server sends such a one."""
    return room_for(data) > INT_MAX


def with_lengths(name, value, tail=b""):
    return BEGIN + record(fastcgi.PARAMS, struct.pack(">II", name | 1 << 31, value | 1 << 31) + tail) + ENDS


def bad_lengths():
    for name in LENGTHS:
        for value in LENGTHS:
            for tail in (b"", b"REQUEST_URI/-/health", PAIRS):
                data = BEGIN + record(fastcgi.PARAMS, name + value + tail) + ENDS
                if room_for(data) < LARGE:
                    yield "lengths", data, "half"
    for name, value in ((0, INT_MAX - 2), (INT_MAX, 0), (INT_MAX, INT_MAX)):
        yield "large lengths", with_lengths(name, value, PAIRS), "half"


def mutate(choose):
    """One request gone wrong."""
    records = split(GOOD)
    at = choose.randrange(len(records))
    one = bytearray(records[at])
    kind = choose.choice(["version", "length", "id", "type", "padding", "abort", "management", "missing", "twice", "swapped",
                          "bytes", "role", "data", "garbage"])
    insert = b""
    if kind == "version":
        one[0] = choose.randrange(256)
    elif kind == "length":
        one[4:6] = choose.choice([0, 1, 7, 8, 0x7FFF, 0x8000, 0xFFFF, choose.randrange(65536)]).to_bytes(2, "big")
    elif kind == "id":
        one[2:4] = choose.choice([0, 2, 0x7FFF, 0xFFFF]).to_bytes(2, "big")
    elif kind == "type":
        one[1] = choose.choice([0, 2, 3, 6, 7, 8, 10, 11, 12, 255, choose.randrange(256)])
    elif kind == "padding":
        one[6] = choose.randrange(256)
    elif kind == "abort":
        insert = record(ABORT, choose.randbytes(choose.choice([0, 0, 8])), number=choose.choice([0, 1, 2]))
    elif kind == "management":
        names = choose.choice([b"\x0e\x00FCGI_MAX_CONNS", ASKED_MOST, b"\x0d\x00FCGI_MAX_REQS" * 3, b"\x0e\x05FCGI_MAX_CONNS",
                               b"\xff\xff\xff\xff\xff\xff\xff\xff", b"", choose.randbytes(60).translate(SHORT), b"\x00\x00" * 200])
        insert = record(choose.choice([GET_VALUES, GET_VALUES, 77]), names, number=0) * choose.choice([1, 1, 9])
    elif kind == "role":
        one = bytearray(record(fastcgi.BEGIN, struct.pack(">HB5x", choose.randrange(65536), choose.randrange(256))))
        at = 0
    elif kind == "data":
        insert = record(choose.choice([5, 8]), choose.randbytes(choose.randrange(3000)), padding=choose.randrange(9))
    elif kind == "garbage":
        return kind, choose.randbytes(choose.randrange(1, 400))
    records[at] = bytes(one)
    if kind == "missing":
        del records[at]
    elif kind == "twice":
        records.insert(at, records[at])
    elif kind == "swapped":
        choose.shuffle(records)
    elif insert:
        records.insert(at, insert)
    whole = bytearray(b"".join(records))
    if kind == "bytes":
        for _ in range(choose.randrange(1, 6)):
            whole[choose.randrange(len(whole))] = choose.choice([0, 1, 127, 128, 255, choose.randrange(256)])
    return kind, bytes(whole)


def records_gone_wrong():
    choose = random.Random(SEED)
    for at in range(len(GOOD)):
        yield f"closed at {at}", GOOD[:at], choose.choice(["close", "half"])
    yield from bad_lengths()
    for _ in range(ROUNDS):
        what, data = mutate(choose)
        if room_for(data) < LARGE:
            yield what, data, choose.choice(["close", "half", "half"])


def test_what_is_left_out_is_what_libfcgi_gives_up_at():
    assert libfcgi_gives_up(with_lengths(0, INT_MAX - 1)) and libfcgi_gives_up(with_lengths(0x3FFFFFFF, 0x3FFFFFFF))
    assert libfcgi_gives_up(BEGIN + record(fastcgi.PARAMS, PAIRS) + with_lengths(0, INT_MAX - 1)[len(BEGIN):])
    assert not libfcgi_gives_up(with_lengths(0, INT_MAX - 2)) and not libfcgi_gives_up(with_lengths(0, INT_MAX))
    assert not libfcgi_gives_up(GOOD) and not any(libfcgi_gives_up(data) for _, data, _ in bad_lengths())
    choose = random.Random(SEED)
    left_out = sum(room_for(mutate(choose)[1]) >= LARGE for _ in range(ROUNDS))
    assert left_out < ROUNDS / 20
    figure(f"{left_out} of {ROUNDS} mutants are left out")


def test_records_gone_wrong(house):
    house.hold_to(house.responder, records_gone_wrong)


def test_parameters_split_at_each_byte(house):
    """What is odd but right is answered as ever."""
    path = house.responder.path
    for at in range(1, len(PAIRS)):
        halves = record(fastcgi.PARAMS, PAIRS[:at], padding=at % 9) + record(fastcgi.PARAMS, PAIRS[at:])
        said, ended = fastcgi.ask(path, BEGIN + halves + ENDS)
        assert is_health(said, ended), (at, said)
    single = b"".join(record(fastcgi.PARAMS, PAIRS[at:at + 1]) for at in range(len(PAIRS)))
    assert is_health(*fastcgi.ask(path, BEGIN + single + ENDS))
    house.check("after them")


def test_who_says_half_a_request_holds_nobody_for_ever(state, site):
    """More of them than there are threads: they are given up, and the one behind them is served."""
    house = House(state, site.body(NAME), threads=("--threads", "8"))
    silent = []
    try:
        for at in range(12):
            silent.append(house.responder.connect())
            silent[-1].sendall(GOOD[:at * 20])
        house.check("behind silent connections")
    finally:
        for s in silent:
            s.close()
        assert house.responder.process.stop() == 0
        assert house.service.process.stop() == 0


# ---- the wire --------------------------------------------------------------------------------------------------------

LINE = f"get zig/{NAME} 127.0.0.0/8 zig\n".encode()


def says(door, data):
    """What the service answers to it, up to its end."""
    said = b""
    with door.connect() as s:
        s.sendall(data)
        while piece := s.recv(65536):
            said += piece
    return said


def answers_done(door):
    return says(door, f"get zig/{NAME} - -\n".encode()) == b"done\n"


def lines_gone_wrong():
    choose = random.Random(SEED)
    verbs = [b"get", b"want", b"refresh", b"update", b"size", b"at", b"done", b"fail", b"GET", b"quit", b"", b"\x00", b"get\x00"]
    paths = [f"zig/{NAME}".encode(), b"zig/../x", b"/zig/x", b"zig/" + b"a" * 700, b"\xff\xfe", b"zig/zig-9.9.9.tar.xz",
             b"%2e%2e", b"-", b""]
    more = [b"-", b"127.0.0.0/8", b"x" * 80, b"::/64", b"\t", b""]
    for at in range(len(LINE)):
        yield f"closed at {at}", LINE[:at], "close"
        yield f"half-closed at {at}", LINE[:at], "half"
        yield f"NUL at {at}", LINE[:at] + b"\x00" + LINE[at + 1:], "half"
    for size in (1022, 1023, 1024, 1025, 4096, 65536):
        yield "overlong", b"get " + b"z" * size, "half"
        yield "overlong with its end", b"get " + b"z" * size + b"\n", "half"
    yield "many lines", LINE * 500, "half"
    yield "many empty lines", b"\n" * 5000, "half"
    for _ in range(ROUNDS):
        fields = [choose.choice(verbs), choose.choice(paths), *choose.choices(more, k=choose.randrange(5))]
        line = bytearray(b" ".join(fields) + choose.choice([b"\n", b"\r\n", b"", b"\n" + LINE]))
        if line and choose.random() < 0.4:
            line[choose.randrange(len(line))] = choose.randrange(256)
        yield "fields", bytes(line), choose.choice(["close", "half"])


def test_lines_gone_wrong(house):
    house.hold_to(house.service, lines_gone_wrong)


def test_who_does_not_read_and_who_says_nothing(house, site):
    """Many that wait for one file without reading what is told them, and more silent ones than there is room for."""
    other = file_name("0.13.0")
    door = house.service
    waiting, silent = [], []
    try:
        house.check("at first")
        fds = descriptors(door.pid)
        gate = site.upstream.hold(site.path(other), at=150_000)
        for _ in range(200):
            waiting.append(door.connect())
            waiting[-1].sendall(f"get zig/{other} - -\n".encode())
        door.check("beside 200 that do not read")
        gate.release()
        for s in waiting:
            said = b""
            while piece := s.recv(65536):
                said += piece
            assert said.endswith(b"done\n"), said
        for _ in range(900):
            silent.append(door.connect())
        wait_until(lambda: answers_done(door), "an answer beside 900 silent ones")
        for s in waiting + silent:
            s.close()
        wait_until(lambda: descriptors(door.pid) <= fds + 4, "their descriptors to be closed")
        house.check("after them")
    finally:
        for s in waiting + silent:
            s.close()
