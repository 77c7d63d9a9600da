"""Counts that a busy machine does not change: instructions and system calls of a hit, against the hello programs."""

import pathlib
import re
import signal
import subprocess
import tempfile

import measure
from stacks import lighttpd

from lib import fastcgi
from lib.process import BUILD, Process, end_process, read_log
from lib.waiting import wait_until

CALLGRIND = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
CALLS = ["strace", "-f", "-qq", "-o"]


class Served:
    """One FastCGI program without a web server, under a wrapper."""

    def __init__(self, folder, program, socket, end=signal.SIGTERM):
        self.folder, self.program, self.socket, self.end = pathlib.Path(folder), program, socket, end

    def ask(self, wrapper, target, times):
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
            end_process(started if wrapper is CALLGRIND else measure.children()[started][0], self.end, limit=60)
            process.stop()
        return read_log(log)

    def instructions(self, target, times):
        one, two = (int(re.findall(r"Collected : (\d+)", self.ask(CALLGRIND, target, n))[-1]) for n in (times, 2 * times))
        return (two - one) / times

    def calls(self, target, times):
        counts = []
        for n in (times, 2 * times):
            trace = self.folder / "trace"
            self.ask([*CALLS, trace], target, n)
            counts.append(len(re.findall(r"^\d+ +(?!\+\+\+|---|<\.\.\.)\w+\(", read_log(trace), re.MULTILINE)))
        return (counts[1] - counts[0]) / times


def cgi(command, environment, wrapper):
    done = subprocess.run([*wrapper, *command], env=environment, check=True, capture_output=True, text=True)
    return done.stderr


def run(bench, keep):
    bench.say("counts")
    results, times = bench.results, 20 if bench.options.quick else 100
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
    environment = {"PATH": "/usr/bin:/bin", "PKGMIRROR_CONFIG": str(mirrors["offload"].configuration), "GATEWAY_INTERFACE": "CGI/1.1", "REQUEST_METHOD": "GET",
                   "REQUEST_URI": f"/zig/{name}", "SERVER_PROTOCOL": "HTTP/1.1", "REMOTE_ADDR": "127.0.0.1"}
    for who, program in (("CGI", BUILD / "pkgmirror.fcgi"), ("hello CGI", BUILD / "tests/bench/hello_cgi")):
        said = cgi([program], environment, CALLGRIND)
        results.add(f"count {who} instructions", int(re.findall(r"Collected : (\d+)", said)[-1]))
        with tempfile.NamedTemporaryFile(prefix="bench-trace-") as trace:
            cgi([program], environment, [*CALLS, trace.name])
            results.add(f"count {who} calls", len(re.findall(r"^\d+ +\w+\(", read_log(trace.name), re.MULTILINE)))
    lines(results)


def lines(results):
    results.section("What a small hit costs in the responder, counted by callgrind and strace")
    for title, who, against in (("offload", "offload", "hello"), ("self", "self", "hello"), ("CGI, the whole process", "CGI", "hello CGI")):
        results.ratio(f"{title}, instructions / {against}", f"count {who} instructions", f"count {against} instructions")
        results.ratio(f"{title}, system calls / {against}", f"count {who} calls", f"count {against} calls")
