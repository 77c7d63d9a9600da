"""Processes of a test: a port that stays ours, a log that is kept, and an end that is certain."""

import os
import pathlib
import signal
import socket
import subprocess

from .waiting import wait_until

# Logs of what runs now, by name: conftest.py shows them when a test fails.
LIVE_LOGS = {}

STARTER = "pkgmirror-start"

TOP = pathlib.Path(__file__).resolve().parents[3]
BUILD = pathlib.Path(os.environ.get("PKGMIRROR_BUILD", TOP / "build/test"))

SANITIZERS = {
    "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "abort_on_error=1:detect_stack_use_after_return=1:strict_string_checks=1"),
    "UBSAN_OPTIONS": os.environ.get("UBSAN_OPTIONS", "print_stacktrace=1:halt_on_error=1"),
    "TSAN_OPTIONS": os.environ.get("TSAN_OPTIONS", "second_deadlock_stack=1:history_size=4"),
}


class Port:
    """A TCP port that nobody else is given while this object lives: bound, but not listening. A server that sets
    SO_REUSEADDR, and they all do, may listen on it."""

    def __init__(self, host="127.0.0.1"):
        self.socket = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind((host, 0))
        self.number = self.socket.getsockname()[1]

    def close(self):
        self.socket.close()


def accepts(port, host="127.0.0.1"):
    """True when somebody listens there."""
    try:
        socket.create_connection((host, port), timeout=5).close()
        return True
    except OSError:
        return False


def read_log(path):
    try:
        return pathlib.Path(path).read_text(errors="replace")
    except OSError:
        return ""


class Process:
    """A program in a session of its own, its output in a log. `stdin` is a file or a socket, nothing if not given."""

    def __init__(self, name, command, log, env=None, cwd=None, stdin=subprocess.DEVNULL):
        self.name, self.command, self.log, self.cwd, self.stdin = name, [str(word) for word in command], pathlib.Path(log), cwd, stdin
        self.env = {**os.environ, **SANITIZERS, **(env or {})}
        self.child = None

    def start(self, live=None, limit=60):
        """Starts it and waits until live() is true."""
        with open(self.log, "ab") as log:
            self.child = subprocess.Popen(
                self.command, stdin=self.stdin, stdout=log, stderr=subprocess.STDOUT, env=self.env, cwd=self.cwd,
                start_new_session=True,
            )
        LIVE_LOGS[self.name] = self.log
        if live is not None:
            wait_until(lambda: self.ended() or live(), f"{self.name} to live", limit)
            assert not self.ended(), f"{self.name} ended with {self.child.returncode}:\n{read_log(self.log)}"
        return self

    def ended(self):
        return self.child is not None and self.child.poll() is not None

    def signal(self, number):
        if not self.ended():
            self.child.send_signal(number)

    def stop(self, limit=30):
        """Asks it to end, makes it end, and takes with it what is left of its process group. Returns its exit status."""
        if self.child is None:
            return None
        LIVE_LOGS.pop(self.name, None)
        if not self.ended():
            self.child.terminate()
            try:
                self.child.wait(limit)
            except subprocess.TimeoutExpired:
                pass
        try:
            os.killpg(self.child.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        status = self.child.wait(limit)
        self.child = None
        return status


def program_of(exe, words):
    """The name of a program, by its file and its command line: valgrind stands before what it runs."""
    if os.path.basename(exe).startswith("memcheck-"):
        exe = next((word for word in words.decode(errors="replace").split("\0")[1:] if word and not word.startswith("-")), "")
    return os.path.basename(exe)


def processes(program, word):
    """The ids of the live processes of a program that have `word` in their command line or environment. What is left outside
    of a confined program to start services is none of them."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            if (entry / "comm").read_text().strip() == STARTER:
                continue
            words = (entry / "cmdline").read_bytes()
            if program_of(os.readlink(entry / "exe"), words) != program or (entry / "stat").read_text().split(") ")[1][0] == "Z":
                continue
            if word.encode() in words + (entry / "environ").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def is_alive(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().split(") ")[1][0] != "Z"
    except OSError:
        return False


def end_process(pid, number=signal.SIGTERM, limit=30):
    """Sends a signal to a process that is not our child, and waits until it is gone."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
    wait_until(lambda: not is_alive(pid), f"process {pid} to end", limit)


def run(command, *, status=0, timeout=120, env=None, **more):
    """Runs a program to its end and returns it (stdout, stderr as text). `status` is what it must exit with; None: any."""
    done = subprocess.run(
        [str(word) for word in command], stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
        timeout=timeout, env={**os.environ, **SANITIZERS, **(env or {})}, **more,
    )
    assert status is None or done.returncode == status, f"{command} exited with {done.returncode}:\n{done.stdout}{done.stderr}"
    return done


def curl(*arguments, status=0, timeout=120):
    """Runs curl, silent but for its errors."""
    return run(["curl", "-sS", *arguments], status=status, timeout=timeout)
