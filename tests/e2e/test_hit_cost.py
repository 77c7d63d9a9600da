"""What a hit costs, in instructions and system calls: counts, which a busy machine does not change. The program is built as
a package would build it (tests/bench/build), without sanitizers.

A budget is what was measured and a tenth more. Who makes a hit dearer than that should know why; who makes it cheaper lowers the budget."""

import os
import re

import pytest

from lib import fastcgi
from lib.figures import figure
from lib.process import TOP, Process, end_process, read_log, run
from lib.waiting import wait_until
from lib.zig import file_name

NAME = file_name("0.14.1") + ".minisig"
ALLOWED = ["openat", "newfstatat", "landlock_add_rule", "close"]
COUNT = 100  # requests of the shorter of two runs, whose difference has no start-up in it

FASTCGI_OFFLOAD = 29_000  # measured: 26,600; half of it is libfcgi, which reads the parameters one by one
FASTCGI_SELF = 29_500  # measured: 27,000
CGI_OFFLOAD = 2_300_000  # measured: 2,100,000, of which the loader has 1,820,000


@pytest.fixture(scope="session")
def plain():
    """The folder of the plain build."""
    return TOP / run([TOP / "tests/bench/build", "pkgmirror.fcgi"], timeout=600).stdout.strip()


@pytest.fixture
def stored(make_mirror, plain):
    """Makes a mirror that has one file, and no web server: stored(offload)."""

    def make(offload):
        mirror = make_mirror(start=False, build=plain, offload=offload)
        place = mirror.state / "store/zig/stable/0.14.1" / NAME
        place.parent.mkdir(parents=True)
        place.write_bytes(os.urandom(560))
        link = mirror.state / "public/zig" / NAME
        link.parent.mkdir(parents=True)
        link.symlink_to(f"../../store/zig/stable/0.14.1/{NAME}")
        return mirror

    return make


def serve(mirror, wrapper, act):
    """Runs the responder with one thread under `wrapper`, and act(socket) against it. Returns what the wrapper wrote."""
    socket, log = mirror.folder / "own.sock", mirror.logs / "responder.log"
    process = Process("responder", [*wrapper, mirror.build / "pkgmirror.fcgi", "--config", mirror.configuration, "--socket", socket,
                                    "--threads", "1"], log)
    process.start(live=lambda: fastcgi.listens(socket))
    try:
        act(socket)
    finally:
        children = run(["pgrep", "-P", str(process.child.pid)], status=None).stdout.split()
        if wrapper[0] == "strace":
            end_process(int(children[0]))
        process.stop()
    return read_log(log)


def collected(said):
    """What callgrind counted of the process that did most: what else was forked tells a sum, too, in an order that is not said."""
    return max(map(int, re.findall(r"Collected : (\d+)", said)))


def check(mirror, said, offload):
    body = (mirror.state / "public/zig" / NAME).read_bytes()
    assert said.startswith(b"Status: 200 OK\r\n"), said
    if offload == "none":
        assert said.endswith(b"\r\n\r\n" + body)
    else:
        assert f"X-Sendfile: {mirror.state}/public/zig/{NAME}\r\n".encode() in said


def instructions(mirror, requests, offload):
    def act(socket):
        for _ in range(requests):
            said, ended = fastcgi.ask(socket, fastcgi.request(f"/zig/{NAME}"))
            assert ended
        check(mirror, said, offload)

    log = serve(mirror, ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"], act)
    return collected(log)


@pytest.mark.parametrize("offload, budget", [("x-sendfile", FASTCGI_OFFLOAD), ("none", FASTCGI_SELF)])
def test_instructions_of_a_fastcgi_hit(stored, offload, budget):
    mirror = stored(offload)
    one, two = (instructions(mirror, n, offload) for n in (COUNT, 2 * COUNT))
    each = (two - one) / COUNT
    figure(f"{offload}: {each:.0f} instructions a hit")
    assert 0 < each < budget


def test_instructions_of_a_cgi_hit(stored):
    """Of the whole process: the loader and the configuration are most of it."""
    mirror = stored("x-sendfile")
    child = mirror.start_cgi(f"/zig/{NAME}", ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"])
    out, err = child.communicate(timeout=60)
    check(mirror, out, "x-sendfile")
    count = collected(err.decode())
    figure(f"CGI: {count} instructions a hit")
    assert count < CGI_OFFLOAD


def test_system_calls_of_a_fastcgi_hit(stored):
    """The list that cgi/published.c names."""
    mirror = stored("x-sendfile")
    trace = mirror.folder / "trace"

    def act(socket):
        for _ in range(2):  # the first one reads the time zone
            assert fastcgi.ask(socket, fastcgi.request(f"/zig/{NAME}"))[1]

    serve(mirror, ["strace", "-f", "-o", trace], act)
    lines = trace.read_text().splitlines()
    accepted = [i for i, line in enumerate(lines) if re.search(r"accept4\(.*\) = \d+$", line)]
    thread = lines[accepted[-1]].split()[0]
    names = calls(lines[accepted[-1]:], thread)
    assert names[:names.index("close") + 1] == ["accept4", "setsockopt", "read", "newfstatat", "write", "close"], lines[-40:]


def calls(lines, thread):
    """The names of the system calls that a thread began."""
    return [m[1] for line in lines if (m := re.match(rf"{thread} +(\w+)\(", line))]


def test_system_calls_of_a_cgi_hit(stored):
    """Once the configuration is read and the folder open: the counters, the file, the journal, the answer."""
    mirror = stored("x-sendfile")
    fastcgi_run = serve(mirror, ["env"], lambda socket: fastcgi.ask(socket, fastcgi.request(f"/zig/{NAME}")))
    assert "error" not in fastcgi_run, fastcgi_run  # it made the counters and the journal
    trace = mirror.folder / "trace"
    child = mirror.start_cgi(f"/zig/{NAME}", ["strace", "-f", "-o", str(trace)])
    out, _ = child.communicate(timeout=60)
    check(mirror, out, "x-sendfile")
    lines = trace.read_text().splitlines()
    begun = next(i for i, line in enumerate(lines) if '"run/counters"' in line)
    names = [name for name in calls(lines[begun:], lines[begun].split()[0]) if name not in ("brk", "mmap", "munmap")]
    assert names == ["openat", "newfstatat", "close",  # run/counters
                     "rt_sigaction", "newfstatat",  # the file, for whether a starter is needed
                     "fstatfs", "access",  # there is no catalogue, but its empty shared memory
                     "landlock_create_ruleset", "landlock_create_ruleset",
                     *ALLOWED, *["newfstatat"] * 6, *ALLOWED,  # state_dir, what of it is a link, run/
                     *ALLOWED, *ALLOWED,  # that; random numbers
                     "prlimit64", "prctl", "prctl", "landlock_restrict_self", "close", "seccomp",
                     "newfstatat",  # the file
                     "openat", "newfstatat", "write", "close",  # run/hits.log
                     "write", "close", "close", "exit_group"], lines[begun:]
