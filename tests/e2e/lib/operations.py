"""docs/operations.md taken at its word: its blocks of commands, and a mirror as it is on an installed machine, on which they are run.

A block is marked by the info string of its fence: ```sh test=NAME, or untested="why". What runs is its very text: only the values of
the names that it begins with are this machine's. The programs run as a user of their own, the web server has Debian's and deploy/'s
configuration, and the shell is root's. systemd does not run here: a `systemctl` of the tests does to the processes what the units say."""

import contextlib
import grp
import json
import os
import pathlib
import pwd
import re
import shutil
import socket
import threading

from . import client, fronts
from .process import TOP, Process, read_log, run
from .zig import file_name

DOCUMENT = TOP / "docs/operations.md"
FENCE = re.compile(r"^```(\w*) ?(.*)\n((?:(?!```).*\n)*)```$", re.MULTILINE)
MARK = re.compile(r'test=([a-z-]+)$|untested="([^"]{10,})"$')
NAME = re.compile(r"^([A-Z]+)=(\S+)", re.MULTILINE)
OWNER = "daemon"
AS_OWNER = ["setpriv", f"--reuid={OWNER}", f"--regid={OWNER}", "--clear-groups"]
# What a station has from the beginning, and a file that it has not; how a catalogue is had again.
NIGHTLY_VERSION = "0.15.0-dev.621+a63f7875f"
STABLE, OLD, NIGHTLY = file_name("0.14.1"), file_name("0.13.0"), file_name(NIGHTLY_VERSION)
THERE = (STABLE, OLD, NIGHTLY)
COLD = file_name("0.13.0", "aarch64-macos")
CATALOGUE_WAYS = ("catalogue-from-backup", "catalogue-anew")
PROGRAMS = ("pkgmirror.fcgi", "pkgmirror-fetch", "pkgmirror-warm", "pkgmirror-inspect")

ASK = """#!{python}
import json, socket, sys
with socket.socket(socket.AF_UNIX) as asked:
    asked.connect("{place}")
    asked.sendall(json.dumps(sys.argv[1:]).encode() + b"\\n")
    status, text = json.loads(asked.makefile().readline())
sys.stdout.write(text)
sys.exit(status)
"""


def fences():
    """(language, info, text) of each block of the document."""
    return FENCE.findall(DOCUMENT.read_text())


def block(name):
    found = [text for _, info, text in fences() if info == f"test={name}"]
    assert len(found) == 1, f"docs/operations.md has {len(found)} blocks named {name}"
    return found[0]


def as_set(text, values):
    """The text with other values of the names that it sets; each must be one."""
    for name, value in values.items():
        text, count = re.subn(rf"^{name}=\S+", lambda _, v=value, n=name: f"{n}={v}", text, flags=re.MULTILINE)
        assert count == 1, f"{name} is set {count} times in\n{text}"
    return text


class Installed:
    """What is said of a front (lib/fronts.py) when the responder is started by pkgmirror.socket as a user of its own."""

    listener = None
    extra = ""

    @property
    def fastcgi(self):
        return self.folder / "socket/fcgi.sock"

    def listen(self):
        self.fastcgi.unlink(missing_ok=True)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(self.fastcgi))
        self.listener.listen(64)
        os.chmod(self.fastcgi, 0o660)
        os.chown(self.fastcgi, pwd.getpwnam(OWNER).pw_uid, grp.getgrnam("www-data").gr_gid)

    def unlisten(self):
        if self.listener is not None:
            self.listener.close()
            self.listener = None

    def start_responder(self):
        if self.listener is None:
            self.listen()
        self.responder = Process(
            "responder", [*AS_OWNER, self.mirror.build / "pkgmirror.fcgi"], self.mirror.logs / "responder.log",
            env={"PKGMIRROR_CONFIG": str(self.mirror.configuration), **self.mirror.environment}, stdin=self.listener)
        self.responder.start()

    def stop(self):
        super().stop()
        self.unlisten()


class Lighttpd(Installed, fronts.Lighttpd):
    def write(self):
        command = super().write()
        (self.folder / "conf-enabled/40-extra.conf").write_text(self.extra)
        return command


class Nginx(Installed, fronts.Nginx):
    def write(self):
        command = super().write()
        with open(self.folder / "temporary.conf", "a") as file:
            file.write(self.extra)
        return command


class Apache(Installed, fronts.Apache):
    def site(self):
        return self.extra + super().site()


class Caddy(Installed, fronts.Caddy):
    def write(self):
        command = super().write()
        site = self.folder / "pkgmirror.caddy"
        site.write_text(fronts.adapt(site.read_text(), {"transport fastcgi {": self.extra.rstrip().removesuffix("}") if self.extra else "transport fastcgi {"}))
        return command

    def start(self, mirror):
        super().start(mirror)
        # Its own authority is the one that a client has to trust.
        with open(mirror.folder / "ca.pem", "a") as file:
            file.write((self.folder / "caddy/pki/authorities/local/root.crt").read_text())


class Station:
    """`mirror` is a lib.mirror.Mirror that is not started. `asked` has what was asked of systemd."""

    def __init__(self, mirror, authority, state=None):
        self.mirror, self.asked, self.processes = mirror, [], {}
        folder = mirror.folder
        folder.chmod(0o755)
        mirror.logs.chmod(0o755)
        if state is not None:
            mirror.state = state
            mirror.keys["state_dir"] = str(state)
        mirror.state.mkdir(parents=True, exist_ok=True)
        self.units, self.tools, bin_folder = folder / "units", folder / "tools", folder / "bin"
        for place in (self.units, self.tools, bin_folder, folder / "socket"):
            place.mkdir()
        for name in PROGRAMS:
            shutil.copy2(mirror.build / name, bin_folder)
        shutil.copytree(TOP / "sql/queries", folder / "queries")
        shutil.copy(authority.ca, folder / "ca.pem")
        mirror.build = bin_folder
        mirror.keys["ca_file"] = str(folder / "ca.pem")
        mirror.keys["base_url"] = f"https://{mirror.front.host}:{mirror.front.port}"
        mirror.front.authority = authority
        # A service that is not there is systemd's to start.
        mirror.environment["PKGMIRROR_FETCH"] = "/bin/false"
        mirror.write_configuration()
        self.own()
        self.serve_systemctl()
        self.write_tool("journalctl", f"#!/bin/sh\ncat {mirror.logs}/responder.log {mirror.logs}/service.log\n")

    # -- life

    def start(self):
        self.start_unit("pkgmirror-fetch.service")
        self.mirror.start()
        return self

    def close(self):
        for name in list(self.processes):
            self.processes.pop(name).stop()
        self.mirror.stop()
        self.door.shutdown(socket.SHUT_RDWR)
        self.door.close()
        self.thread.join(30)

    def own(self, *places):
        """Gives folders, the state's if none is named, to the user of the programs."""
        for place in places or [self.mirror.state]:
            run(["chown", "-R", f"{OWNER}:", place])

    # -- systemd

    def write_tool(self, name, text):
        (self.tools / name).write_text(text)
        (self.tools / name).chmod(0o755)

    def serve_systemctl(self):
        place = self.mirror.folder / "systemctl.sock"
        self.door = socket.socket(socket.AF_UNIX)
        self.door.bind(str(place))
        self.door.listen(8)
        self.write_tool("systemctl", ASK.format(python=shutil.which("python3"), place=place))
        self.thread = threading.Thread(target=self.answer_systemctl, daemon=True)
        self.thread.start()

    def answer_systemctl(self):
        while True:
            try:
                connection, _ = self.door.accept()
            except OSError:
                return
            with connection, connection.makefile("rw") as file:
                try:
                    reply = [0, self.systemctl([word for word in json.loads(file.readline()) if not word.startswith("--")])]
                except Exception as error:  # told to the script, which fails with it
                    reply = [1, f"systemctl of the tests: {error!r}\n"]
                file.write(json.dumps(reply) + "\n")

    def systemctl(self, words):
        verb, units = words[0], words[1:]
        self.asked.append((verb, *units))
        for unit in units:
            assert (TOP / "deploy/systemd" / unit).exists() or (self.units / unit).exists(), f"no unit {unit}"
        # Sockets before what they belong to, as its After= says; the others at once: systemd waits for none of them.
        for sockets in (True, False):
            jobs = [threading.Thread(target=self.do, args=(verb, unit, self.is_active(unit)))
                    for unit in units if unit.endswith(".socket") == sockets]
            for thread in jobs:
                thread.start()
            for thread in jobs:
                thread.join()
        if verb in ("start", "restart", "try-restart"):
            assert all(self.is_active(unit) for unit in units if verb != "try-restart"), units
        return "".join(f"{unit} {'active' if self.is_active(unit) else 'inactive'}\n" for unit in units)

    def do(self, verb, unit, was_active):
        if verb in ("stop", "restart", "try-restart"):
            self.stop_unit(unit)
        if verb in ("start", "restart") or (verb == "try-restart" and was_active):
            self.start_unit(unit)

    def is_active(self, unit):
        front = self.mirror.front
        if unit == "pkgmirror.socket":
            return front.listener is not None
        if unit == "pkgmirror.service":
            return front.responder is not None
        return unit in self.processes

    def stop_unit(self, unit):
        front = self.mirror.front
        if unit == "pkgmirror.socket":
            front.unlisten()
        elif unit == "pkgmirror.service" and front.responder is not None:
            front.stop_responder()
            front.responder = None
        elif unit in self.processes:
            self.processes.pop(unit).stop()

    def start_unit(self, unit):
        front, mirror = self.mirror.front, self.mirror
        if self.is_active(unit):
            return
        if unit == "pkgmirror.socket":
            front.listen()
        elif unit == "pkgmirror.service":
            front.start_responder()
        elif unit == "pkgmirror-fetch.service":
            self.processes[unit] = Process(
                "fetch", [*AS_OWNER, mirror.build / "pkgmirror-fetch", "--stay"], mirror.logs / "service.log",
                env={"PKGMIRROR_CONFIG": str(mirror.configuration)})
            self.processes[unit].start(live=lambda: accepts_unix(self.state_dir() / "run/fetch.sock"))

    def state_dir(self):
        """As the configuration has it now."""
        return pathlib.Path(re.search(r'^state_dir = "(.*)"$', self.mirror.configuration.read_text(), re.MULTILINE).group(1))

    # -- the document

    def environment(self):
        return {
            "PATH": f"{self.tools}:{self.mirror.build}:{os.environ['PATH']}:/usr/sbin:/sbin", "PKGMIRROR_CONFIG": str(self.mirror.configuration),
            "PKGMIRROR_QUERIES": str(self.mirror.folder / "queries"), "CURL_CA_BUNDLE": str(self.mirror.folder / "ca.pem"),
            **self.mirror.environment,
        }

    def names(self):
        return {"STATE": self.mirror.state, "CONF": self.mirror.configuration, "OWNER": OWNER, "URL": self.mirror.keys["base_url"],
                "BACKUP": self.mirror.folder / "backup", "UNITS": self.units, "LIBEXEC": self.mirror.build}

    def follow(self, name, status=0, names=None, pasted=False, **own):
        """Runs the block of that name as root's shell would, but that it ends at the first command that fails, unless it is
        `pasted`. `names` are other values of the common names, `own` those of names that the block sets."""
        common = as_set(block("names"), {**self.names(), **(names or {})})
        return run(["sh", *([] if pasted else ["-e"]), "-c", common + as_set(block(name), own)], status=status, timeout=300, env=self.environment(), cwd="/")

    def as_owner(self, *words, status=0):
        return run([*AS_OWNER, *words], status=status, env=self.environment(), cwd="/")

    def log(self):
        return read_log(self.mirror.logs / "service.log") + read_log(self.mirror.logs / "responder.log")

    # -- clients

    def get(self, target, **more):
        return self.mirror.get(target, host=self.mirror.front.host, tls=self.mirror.front.tls(), **more)

    def open(self, target, **more):
        return self.mirror.open(target, host=self.mirror.front.host, tls=self.mirror.front.tls(), **more)

    def fetched(self, site, *names):
        """Asks for files and waits until they are published, with their signatures."""
        for name in names:
            answer = self.get(f"/zig/{name}")
            assert answer.whole and answer.body == site.body(name), answer
            self.mirror.wait_published(f"zig/{name}")
            self.mirror.wait_published(f"zig/{name}.minisig")


def accepts_unix(path):
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as client:
        try:
            client.connect(str(path))
            return True
        except OSError:
            return False
