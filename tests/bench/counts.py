"""Counts that a busy machine does not change: instructions and system calls of a hit, against the hello programs."""

import pathlib
import re
import signal
import subprocess
import tempfile

import measure
import stacks
from origin import VERSION
from stacks import Nginx, lighttpd

from lib import fastcgi
from lib.process import BUILD, Process, end_process, read_log
from lib.waiting import wait_until

CALLGRIND = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
ATTEMPTS = 3
CALLS = ["strace", "-f", "-qq", "-o"]


def collected(said):
    """What callgrind counted of the process that it began with, which is the first to say something: what that forked tells a sum, too."""
    return int(re.search(rf"=={re.search(r'==([0-9]+)==', said)[1]}== Collected : (\d+)", said)[1])


class Served:
    """One FastCGI program without a web server, under a wrapper."""

    def __init__(self, folder, program, socket, end=signal.SIGTERM):
        self.folder, self.program, self.socket, self.end = pathlib.Path(folder), program, socket, end

    def ask(self, wrapper, target, times):
        """As asked(), again when the program could not be ended: valgrind was seen to wait for ever for its threads."""
        for attempt in range(ATTEMPTS):
            try:
                return self.asked(wrapper, target, times)
            except AssertionError:
                if attempt == ATTEMPTS - 1:
                    raise

    def asked(self, wrapper, target, times):
        """Starts it, asks so often, ends it, and returns what it wrote on its way."""
        log = self.folder / "log"
        log.unlink(missing_ok=True)
        pathlib.Path(self.socket).unlink(missing_ok=True)
        process = Process("counted", [*wrapper, *self.program, self.socket], log).start(live=lambda: fastcgi.listens(self.socket))
        try:
            for _ in range(times):
                said, ended = fastcgi.ask(self.socket, fastcgi.request(target))
                assert ended and said, target
        finally:
            # valgrind is what it runs; strace ends with it, and what that has started ends by itself.
            started = process.child.pid
            try:
                end_process(started if wrapper is CALLGRIND else measure.children()[started][0], self.end)
            finally:
                process.stop(1)
        return read_log(log)

    def instructions(self, target, times):
        one, two = (collected(self.ask(CALLGRIND, target, n)) for n in (times, 2 * times))
        return (two - one) / times

    def calls(self, target, times):
        counts = []
        for n in (times, 2 * times):
            trace = self.folder / "trace"
            self.ask([*CALLS, trace], target, n)
            counts.append(len(re.findall(r"^\d+ +(?!\+\+\+|---|<\.\.\.)\w+\(", read_log(trace), re.MULTILINE)))
        return (counts[1] - counts[0]) / times


def calls_of(server, stack, path, times):
    """System calls of a web server a hit, on one kept connection."""
    client = measure.Client(stack.port)
    client.get(path)
    with tempfile.NamedTemporaryFile(prefix="bench-trace-") as trace:
        pids = [pid for pid in stack.pids() if pathlib.Path(f"/proc/{pid}/comm").read_text().strip() == server]
        tracer = Process("strace", ["strace", "-f", "-q", "-o", trace.name, *(f"-p{pid}" for pid in pids)], f"{trace.name}.log")
        tracer.start(live=lambda: all(traced(pid) for pid in pids))
        try:
            for _ in range(times):
                client.get(path)
        finally:
            end_process(tracer.child.pid, signal.SIGTERM)
            tracer.stop()
            pathlib.Path(f"{trace.name}.log").unlink()
        return len(re.findall(r"^\d+ +(?!\+\+\+|---|<\.\.\.)\w+\(", read_log(trace.name), re.MULTILINE)) / times


def traced(pid):
    return not re.search(r"^TracerPid:\t0$", pathlib.Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)


def of_servers(bench, keep, name, times):
    """What the web server does more for a file of the mirror than for one of its own."""
    root = bench.origin.root / "download" / VERSION
    for server, static, ours in (
            ("lighttpd", keep(stacks.Lighttpd(stacks.PLAIN, root=root)), keep(bench.ours(lighttpd()))),
            ("nginx", keep(Nginx(stacks.STATIC)).start(root=root), keep(bench.ours(Nginx(stacks.STATIC_FIRST))))):
        assert measure.Client(ours.port).get(f"/zig/{name}", close=True)
        wait_until(lambda m=ours.mirror: (m.state / "public/zig" / name).exists(), "the file to be published")
        bench.results.add(f"count {server} static calls", calls_of(server, static, f"/{name}", times))
        bench.results.add(f"count {server} ours calls", calls_of(server, ours, f"/zig/{name}", times))


def cgi(command, environment, wrapper):
    done = subprocess.run([*wrapper, *command], env=environment, check=True, capture_output=True, text=True)
    return done.stderr


def run(bench, keep):
    bench.say("counts")
    results, times = bench.results, 50 if bench.options.quick else 200
    name = bench.origin.files(1, 1000)[0] + ".minisig"
    mirrors = {"offload": keep(bench.ours(lighttpd(hits="offload"))).mirror, "self": keep(bench.ours(lighttpd(hits="self"))).mirror}
    for mirror in mirrors.values():
        assert mirror.get(f"/zig/{name}").status == 200
        wait_until(lambda m=mirror: (m.state / "public/zig" / name).exists(), "the file to be published")
    with tempfile.TemporaryDirectory(prefix="bench-counts-") as folder:
        socket = f"{folder}/sock"
        programs = {"hello": Served(folder, [BUILD / "tests/bench/hello", ""], socket, signal.SIGHUP)}
        for mode, mirror in mirrors.items():
            programs[mode] = Served(folder, [mirror.build / "pkgmirror.fcgi", "--config", mirror.configuration, "--threads", "1", "--socket"], socket)
        for who, program in programs.items():
            results.add(f"count {who} instructions", program.instructions(f"/zig/{name}", times))
            results.add(f"count {who} calls", program.calls(f"/zig/{name}", times))
    of_servers(bench, keep, name, times)
    environment = {"PATH": "/usr/bin:/bin", "PKGMIRROR_CONFIG": str(mirrors["offload"].configuration), "GATEWAY_INTERFACE": "CGI/1.1", "REQUEST_METHOD": "GET",
                   "REQUEST_URI": f"/zig/{name}", "SERVER_PROTOCOL": "HTTP/1.1", "REMOTE_ADDR": "127.0.0.1"}
    for who, program in (("CGI", BUILD / "pkgmirror.fcgi"), ("hello CGI", BUILD / "tests/bench/hello_cgi")):
        said = cgi([program], environment, CALLGRIND)
        results.add(f"count {who} instructions", collected(said))
        with tempfile.NamedTemporaryFile(prefix="bench-trace-") as trace:
            cgi([program], environment, [*CALLS, trace.name])
            results.add(f"count {who} calls", len(re.findall(r"^\d+ +\w+\(", read_log(trace.name), re.MULTILINE)))
    lines(results)


def lines(results):
    results.section("What a small hit costs, counted by callgrind and strace")
    for server in ("lighttpd", "nginx"):
        results.ratio(f"{server}, static first, system calls of the web server / static", f"count {server} ours calls", f"count {server} static calls")
    for title, who, against in (("offload", "offload", "hello"), ("self", "self", "hello"), ("CGI, the whole process", "CGI", "hello CGI")):
        results.ratio(f"responder, {title}, instructions / {against}", f"count {who} instructions", f"count {against} instructions")
        results.ratio(f"responder, {title}, system calls / {against}", f"count {who} calls", f"count {against} calls")
