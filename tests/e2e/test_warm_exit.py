"""The exit status of every command of pkgmirror-warm, what it prints with --json and that --quiet prints nothing: one table."""

import contextlib
import fcntl
import json
import os
import shutil
import signal
import socket
import struct

import pytest

from lib.packages import SRC, gz, manifest, tar
from lib.warming import background, end
from lib.zig import file_name

NAME = file_name("0.14.1")
REF = "0123456789abcdef0123456789abcdef01234567"
PACKAGE = f"demo/{REF}.tar.gz"
WORK, WATCH = 0, 1  # the bytes of run/warm.lock


@contextlib.contextmanager
def locked(mirror, byte):
    """As if another pkgmirror-warm were at work, or watched."""
    (mirror.state / "run").mkdir(exist_ok=True)
    with open(mirror.state / "run/warm.lock", "wb") as file:
        fcntl.fcntl(file, fcntl.F_OFD_SETLK, struct.pack("@hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, byte, 1, 0))
        yield


class Case:
    """What a case works on. Its methods get a mirror ready and return the arguments of the command."""

    def __init__(self, make_mirror, make_upstream, site, tmp_path):
        self.site, self.upstream, self.tmp_path, self.make_upstream = site, site.upstream, tmp_path, make_upstream
        rule = f'package "demo" {{ path = "/demo/{{ref}}.tar.gz"\n upstream = "{self.upstream.origin}/demo/{{ref}}.tar.gz" }}\n'
        self.mirror = make_mirror(start=False, extra=rule, warmer={"since": "0.14.0"})

    def set(self, section=None, **keys):
        (self.mirror.sections[section] if section else self.mirror.keys).update(keys)
        self.mirror.write_configuration()

    def folder(self, *names, change=None):
        """A folder with files of the site, one of them changed."""
        place = self.tmp_path / "files"
        place.mkdir(exist_ok=True)
        for name in names or (NAME, NAME + ".minisig"):
            body = self.site.body(name)
            (place / name).write_bytes(b"!" + body[1:] if name == change else body)
        return place

    def stocked(self, **keys):
        """An offline mirror with one signed file."""
        self.set(offline=True, **keys)
        self.mirror.program("pkgmirror-warm", "adopt", "--quiet", "--how", "copy", self.folder())
        return self.mirror.state / "store/zig/stable/0.14.1" / NAME

    def rotten(self):
        with open(self.stocked(), "r+b") as file:
            file.write(b"rot")

    def bundle(self, change=None):
        self.stocked()
        place = self.tmp_path / "bundle"
        self.mirror.program("pkgmirror-warm", "export", "--quiet", place)
        for path in self.mirror.state.glob("catalog.db*"):
            path.unlink()
        shutil.rmtree(self.mirror.state / "public")
        if change:
            (place / "files/zig" / change).write_bytes(b"!" + self.site.body(change)[1:])
        return place

    # -- warm and estimate

    def warm_well(self):
        return ["warm"]

    def warm_what_is_gone(self):
        self.upstream.change(self.site.path(NAME), status=404)
        return ["warm"]

    def warm_what_is_forged(self):
        self.upstream.change(self.site.path(NAME), flip=7)
        return ["warm"]

    def watch_what_cannot_be_locked(self):
        (self.mirror.state / "run/warm.lock").mkdir(parents=True)
        return ["--watch"]

    def estimate_without_upstream(self):
        self.upstream.stop()
        return ["estimate"]

    def estimate_beyond_max_bytes(self):
        self.set("warmer", max_bytes=500_000)
        return ["estimate"]

    # -- verify and prune

    def verify_well(self):
        self.stocked()
        return ["verify"]

    def verify_what_is_not_there(self):
        self.stocked()
        return ["verify", "zig/nothing"]

    def verify_what_rotted(self):
        self.rotten()
        return ["verify"]

    def prune_well(self):
        self.stocked()
        return ["prune"]

    def prune_what_may_not_go(self):
        self.stocked()
        self.set("warmer", max_bytes=1)
        return ["prune"]

    # -- adopt, export, import

    def adopt_well(self):
        self.set(offline=True)
        return ["adopt", self.folder()]

    def adopt_nothing(self):
        self.set(offline=True)
        return ["adopt", self.tmp_path / "none"]

    def adopt_a_forgery(self):
        self.set(offline=True)
        return ["adopt", self.folder(change=NAME)]

    def export_well(self):
        self.stocked()
        return ["export", self.tmp_path / "bundle"]

    def export_to_a_file(self):
        self.stocked()
        (self.tmp_path / "file").write_text("")
        return ["export", self.tmp_path / "file"]

    def export_what_rotted(self):
        self.rotten()
        return ["export", self.tmp_path / "bundle"]

    def import_well(self):
        return ["import", self.bundle()]

    def import_nothing(self):
        self.set(offline=True)
        return ["import", self.tmp_path]

    def import_a_forgery(self):
        return ["import", self.bundle(change=NAME)]

    # -- fold, check, accept

    def fold_well(self):
        (self.tmp_path / "log").write_text("")
        return ["fold", self.tmp_path / "log"]

    def fold_nothing(self):
        return ["fold", self.tmp_path / "none"]

    def other_mirror(self, **how):
        """Somebody's, with the files that are asked for, the first one as `how` says."""
        other = self.make_upstream()
        for name in (NAME, file_name("0.15.0-dev.621+a63f7875f")):
            for end in ("", ".minisig"):
                other.add(f"/zig/{name}{end}", self.site.body(name + end))
        other.change(f"/zig/{NAME}", **how)
        return f"{other.origin}/zig"

    def check_well(self):
        return ["check", self.other_mirror()]

    def check_what_is_gone(self):
        return ["check", self.other_mirror(status=404)]

    def check_a_forgery(self):
        return ["check", self.other_mirror(flip=7)]

    def accept_well(self):
        """The package came with one content, and then with another."""
        first, second = (gz(tar([("build.zig.zon", manifest())] + SRC + more)) for more in ([], [("more", b"1")]))
        for data in (first, second):
            self.upstream.add(f"/{PACKAGE}", data)
            ask(self.mirror, PACKAGE)
            if data == first:
                self.mirror.wait_published(PACKAGE)
                (self.mirror.state / "public" / PACKAGE).resolve().unlink()
        return ["accept", PACKAGE]

    def accept_what_does_not_wait(self):
        self.stocked()
        return ["accept", PACKAGE]


def ask(mirror, path):
    """The service, that a command of the warmer starts, for a file."""
    mirror.program("pkgmirror-warm", "estimate", "--quiet")
    with socket.socket(socket.AF_UNIX) as service:
        service.settimeout(60)
        service.connect(str(mirror.state / "run/fetch.sock"))
        service.sendall(f"get {path} - test\n".encode())
        while service.recv(4096):
            pass


# What each command exits with. 3 is for commands that look at content, 75 for those that change a mirror.
TABLE = {
    "warm": {0: Case.warm_well, 1: Case.warm_what_is_gone, 2: ["more"], 3: Case.warm_what_is_forged, 75: WORK},
    "--watch": {1: Case.watch_what_cannot_be_locked, 2: ["more"], 75: WATCH},
    "estimate": {0: Case.warm_well, 1: Case.estimate_without_upstream, 2: ["more"]},
    "verify": {0: Case.verify_well, 1: Case.verify_what_is_not_there, 2: ["--sample", "x"], 3: Case.verify_what_rotted, 75: WORK},
    "prune": {0: Case.prune_well, 1: Case.prune_what_may_not_go, 2: ["--class", "x"], 75: WORK},
    "adopt": {0: Case.adopt_well, 1: Case.adopt_nothing, 2: [], 3: Case.adopt_a_forgery, 75: WORK},
    "export": {0: Case.export_well, 1: Case.export_to_a_file, 2: [], 3: Case.export_what_rotted},
    "import": {0: Case.import_well, 1: Case.import_nothing, 2: [], 3: Case.import_a_forgery, 75: WORK},
    "fold": {0: Case.fold_well, 1: Case.fold_nothing, 2: ["--what"], 75: WORK},
    "check": {0: Case.check_well, 1: Case.check_what_is_gone, 2: [], 3: Case.check_a_forgery},
    "accept": {0: Case.accept_well, 1: Case.accept_what_does_not_wait, 2: [], 75: WORK},
}
CASES = [(command, status) for command, row in TABLE.items() for status in row if status in (0, 1, 3)]


@pytest.fixture
def case(make_mirror, make_upstream, site, tmp_path):
    return Case(make_mirror, make_upstream, site, tmp_path)


def run(mirror, *arguments, status):
    """Its JSON lines, each an object, and its complaints."""
    done = mirror.program("pkgmirror-warm", *arguments, status=status)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert all(isinstance(line, dict) and line["event"] for line in lines)
    return lines, done.stderr


@pytest.mark.parametrize("command, status", CASES)
def test_status(case, command, status):
    arguments = [*TABLE[command][status](case)]
    if command == "estimate":
        arguments[0] = command
    lines, complaints = run(case.mirror, *arguments, "--json", status=status)
    if status == 0:
        assert complaints == "" and (lines or command == "accept")
        # What was done is done: again, without a word. Only what was accepted does not wait any more.
        done = case.mirror.program("pkgmirror-warm", *arguments, "--quiet", "--json", status=0 if command != "accept" else 1)
        assert done.stdout == "" and (done.stderr == "" or command == "accept")
    else:
        told = [line for line in lines if line.get("state") in ("bad", "refused", "failed") or line.get("result") in ("FAILED", "FORGED")]
        assert told or complaints, "nobody is told why"
        assert all(line.startswith("pkgmirror-warm: ") or " level=error " in line for line in complaints.splitlines())


def test_an_estimate_of_what_does_not_fit(case):
    arguments = case.estimate_beyond_max_bytes()
    lines, _ = run(case.mirror, *arguments, "--json", status=1)
    assert lines[-1]["fits"] is False and lines[-1]["files_beyond_max_bytes"] > 0
    assert "max_bytes" in case.mirror.program("pkgmirror-warm", *arguments, status=1).stdout
    # As the warm itself finds.
    total = run(case.mirror, "warm", "--json", status=1)[0][-1]
    assert total["files_unfit"] == lines[-1]["files_beyond_max_bytes"]
    case.set("warmer", max_bytes=5_000_000)
    assert run(case.mirror, *arguments, "--json", status=0)[0][-1]["fits"] is True


@pytest.mark.parametrize("command", TABLE)
def test_mistakes_are_two(case, command):
    mirror, wrong = case.mirror, case.tmp_path / "wrong.conf"
    wrong.write_text("bogus = 1\n")
    for arguments in ([command, *TABLE[command][2]], [command, "--bogus"], [command, "--config"], ["--config", wrong, command, "x"]):
        done = mirror.program("pkgmirror-warm", *arguments, status=2)
        assert done.stdout == "" and "pkgmirror-warm" in done.stderr and len(done.stderr.splitlines()) == 1
    assert mirror.services() == []


def test_another_one_is_running(case):
    folder = case.folder()
    more = {"adopt": [folder], "import": [folder], "accept": [PACKAGE], "export": [case.tmp_path / "bundle"], "check": [case.other_mirror()]}
    for command, row in TABLE.items():
        with locked(case.mirror, row.get(75, WORK)):
            done = case.mirror.program("pkgmirror-warm", command, *more.get(command, []), status=75 if 75 in row else 0)
            assert ("another pkgmirror-warm" in done.stderr) == (75 in row)
    # A dry run only looks: it needs not wait.
    with locked(case.mirror, WORK):
        for command in ("verify", "prune", "fold"):
            case.mirror.program("pkgmirror-warm", command, "--dry-run")


@pytest.mark.parametrize("name", ["path", "abstract"])
def test_a_watcher_that_is_asked_to_end(case, name):
    """sd_notify(3) knows sockets in the file system and abstract ones."""
    case.set(offline=True)
    place = str(case.mirror.folder / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.settimeout(60)
        notify.bind(place if name == "path" else "\0" + place)
        run = background(case.mirror, "--watch", "--quiet", env={"NOTIFY_SOCKET": place if name == "path" else "@" + place})
        try:
            assert notify.recv(100).startswith(b"READY=1\n")
            run.send_signal(signal.SIGINT)
            assert notify.recv(100) == b"STOPPING=1\n"
            assert run.wait(30) == 0
        finally:
            end(run)
    assert case.mirror.log("warm.log") == ""
