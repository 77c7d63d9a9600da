"""What people see of a warm: in a real terminal of several widths, in a log, and nothing when they want nothing."""

import json
import os
import re
import subprocess

import pytest

from lib.process import SANITIZERS, run
from lib.waiting import wait_until
from lib.warming import background, end
from lib.zig import file_name

BAR = re.compile(r"(\[#*-*\] )?\s*(\d+%\s+)?\d+( of |/)20 ?.*(/s).*")
HELD = 100_000


class Terminal:
    """A tmux of its own."""

    def __init__(self, folder, columns):
        self.socket = str(folder / "tmux")
        self.env = {**os.environ, **SANITIZERS, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}
        self.columns = columns

    def tmux(self, *words):
        return run(["tmux", "-S", self.socket, "-f", "/dev/null", *words], env=self.env).stdout

    def start(self, command):
        self.tmux("new-session", "-d", "-x", str(self.columns), "-y", "24", command)

    def resize(self, columns):
        self.columns = columns
        self.tmux("resize-window", "-x", str(columns), "-y", "24")

    def lines(self):
        """What is to be seen, without empty lines."""
        return [line.rstrip() for line in self.tmux("capture-pane", "-p").splitlines() if line.strip()]

    def close(self):
        subprocess.run(["tmux", "-S", self.socket, "kill-server"], env=self.env, capture_output=True)


@pytest.fixture
def terminal(tmp_path):
    terminals = []

    def make(columns):
        terminals.append(Terminal(tmp_path, columns))
        return terminals[-1]

    yield make
    for one in terminals:
        one.close()


@pytest.fixture
def held(upstream, site):
    """A site whose first two files stop in their middle. Their names and gates."""
    names = [file_name("0.14.1", target) for target in ("aarch64-macos", "x86_64-linux")]
    return names, [upstream.hold(site.path(name), at=HELD) for name in names]


def shows(screen, columns, names):
    """True when the screen has the bar and a line for each running transfer, as wide as it may be, and nothing else."""
    lines = screen.lines()
    at = [i for i, line in enumerate(lines) if BAR.fullmatch(line)]
    if len(at) != 1 or len(lines) - at[0] - 1 != len(names) or any("READY" in line for line in lines):
        return False
    bar, transfers = lines[at[0]], lines[at[0] + 1 :]
    wide = columns - 1
    for name, line in zip(names, transfers):
        stem = name if len(name) < columns - 10 else name[-12:]
        if stem not in line or not line.endswith("50%") or len(line) != wide:
            return False
    if columns >= 80 and not bar.startswith("["):
        return False
    return len(bar) == wide if bar.startswith("[") else len(bar) <= wide


def test_a_terminal_of_three_widths(make_mirror, upstream, site, held, terminal):
    names, gates = held
    mirror = make_mirror(warmer={"since": "", "connections": 2})
    screen = terminal(80)
    screen.start(f"PKGMIRROR_CONFIG={mirror.configuration} {mirror.build}/pkgmirror-warm; echo status $?; cat")
    for columns in (80, 40, 200, 40, 80, 200):
        screen.resize(columns)
        wait_until(lambda: shows(screen, columns, names), f"the display at {columns} columns; it is {screen.lines()}")
        text = "\n".join(screen.lines())
        bar = next(line for line in screen.lines() if BAR.fullmatch(line))
        # Files, bytes, speed and what is left are to be seen at every width.
        assert "0/20" in bar or "0 of 20 files" in bar
        assert "200.0 kB" in bar and "/s" in bar and re.search(r"-:--|\d:\d\d", bar), text
        if columns >= 80:
            assert all(name in text for name in names)
    for gate in gates:
        gate.release()
    wait_until(lambda: "status 0" in screen.lines(), "the end")
    lines = screen.lines()
    assert re.fullmatch(r"20 files are here; 20 of them fetched now, 2\.0 MB in \d+\.\d s", lines[0])
    assert lines[1:] == ["status 0"], "nothing of the display is left"


def test_a_complaint_stands_above_the_display(make_mirror, upstream, site, held, terminal):
    names, gates = held
    gone = file_name("0.14.1", "x86_64-windows")
    upstream.change(site.path(gone), status=404)
    mirror = make_mirror(warmer={"since": "0.14.0", "connections": 3})
    screen = terminal(120)
    screen.start(f"PKGMIRROR_CONFIG={mirror.configuration} {mirror.build}/pkgmirror-warm; echo status $?; cat")
    wait_until(lambda: any(line.startswith(f"pkgmirror-warm: zig/{gone}: ") for line in screen.lines()), "the complaint")
    wait_until(lambda: any(names[0] in line for line in screen.lines()), "the display")
    for gate in gates:
        gate.release()
    wait_until(lambda: "status 1" in screen.lines(), "the end")
    lines = screen.lines()
    assert lines[0].startswith(f"pkgmirror-warm: zig/{gone}: ") and "; 1 failed" in "".join(lines) and lines[-1] == "status 1"
    assert not any("[#" in line for line in lines)


def test_lines_while_it_runs(make_mirror, upstream, site, held):
    """In a log one every few seconds, without a control byte; as JSON an object of numbers."""
    _, gates = held
    mirrors = [make_mirror(start=False, warmer={"since": "", "connections": 2}) for _ in range(2)]
    runs = [background(mirror, *arguments) for mirror, arguments in zip(mirrors, ([], ["--json"]))]
    plain = re.compile(r"0 of 20 files, 200\.0 kB of [\d.]+ MB, ([\d.]+ k?M?B|-)/s, (\d+:)+\d\d left|0 of 20 files, 200\.0 kB of .*, -:-- left")
    try:
        wait_until(lambda: any(plain.fullmatch(line) for line in mirrors[0].log("warm.log").splitlines()), "a line for people")

        def last_event():
            events = [json.loads(line) for line in mirrors[1].log("warm.log").splitlines(keepends=True) if line.endswith("\n")]
            return [e for e in events if e["event"] == "progress" and e["bytes_done"] == 2 * HELD]

        event = wait_until(last_event, "an event")[-1]
        assert (event["files"], event["files_done"], event["running"]) == (20, 0, 2) and event["bytes"] > 2 * HELD
        assert json.loads(mirrors[1].log("warm.log").splitlines()[0])["event"] == "plan"
        for gate in gates:
            gate.release()
        assert [run.wait(60) for run in runs] == [0, 0]
    finally:
        for run in runs:
            end(run)
    assert not re.search(r"[\x00-\x09\x0b-\x1f]", mirrors[0].log("warm.log"))
    lines = [json.loads(line) for line in mirrors[1].log("warm.log").splitlines()]
    assert [e["event"] for e in lines].count("file") == 20 and lines[-1]["event"] == "summary"


def test_a_log_has_plain_lines(make_mirror, upstream, site):
    mirror = make_mirror(warmer={"since": ""})
    done = mirror.program("pkgmirror-warm")
    assert "\x1b" not in done.stdout and "\r" not in done.stdout
    assert done.stdout.splitlines()[-1].startswith("20 files are here; 20 of them fetched now")
    assert mirror.program("pkgmirror-warm").stdout == "nothing to do: 20 files are here\n"


def test_quiet_says_nothing(make_mirror, upstream, site):
    mirror = make_mirror(warmer={"since": ""})
    done = mirror.program("pkgmirror-warm", "--quiet")
    assert done.stdout == "" and done.stderr == ""
    upstream.change(site.path(file_name("0.13.0")), status=404)
    done = mirror.program("pkgmirror-warm", "--quiet")
    assert done.stdout == "" and done.stderr == ""
