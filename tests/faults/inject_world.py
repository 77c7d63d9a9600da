"""The world of the fault injection: an upstream, a state_dir, and our programs with inject_shim.so in them, without a web server."""

import ctypes
import hashlib
import io
import os
import pathlib
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tarfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

from lib.authority import Authority  # noqa: E402
from lib.mirror import lines  # noqa: E402
from lib.process import processes  # noqa: E402
from lib.signer import Signer  # noqa: E402
from lib.upstream import Upstream  # noqa: E402
from lib.zig import ZigSite, bytes_for, file_name  # noqa: E402

VERSION = "0.14.1"
FILE = file_name(VERSION)
ZIG, PACKAGE = f"zig/{FILE}", "demo/v1.0.0.tar.gz"
SIZE = 100_000
LIMIT_SEC = 30
PR_SET_CHILD_SUBREAPER = 36


class Outcome:
    """What a run of a program came to. `status` is what it exited with, negative: the signal; None: it hung."""

    def __init__(self, status, out, err):
        self.status, self.out, self.err = status, out, err


def make_archive():
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, body in (("demo/build.zig", b"// nothing\n"), ("demo/noise", bytes_for("noise", SIZE))):
            info = tarfile.TarInfo(name)
            info.size = len(body)
            archive.addfile(info, io.BytesIO(body))
    return out.getvalue()


class World:
    """`truth` has the bytes of every path that the mirror can have. `state` is reset() before each run."""

    def __init__(self, folder, build):
        self.folder, self.build = pathlib.Path(folder), pathlib.Path(build)
        self.state, self.templates = self.folder / "state", self.folder / "templates"
        for place in ("authority", "signer", "templates"):
            (self.folder / place).mkdir()
        self.authority, self.signer = Authority(self.folder / "authority"), Signer(self.folder / "signer")
        self.upstream = Upstream(self.authority).start()
        self.site = ZigSite(self.upstream, self.signer)
        entry = self.site.add_file(FILE, VERSION, size=SIZE)
        self.site.index[VERSION] = {"date": "2025-03-05", "x86_64-linux": entry}
        archive = make_archive()
        self.upstream.add("/o/demo/v1.0.0.tar.gz", archive)
        self.truth = {ZIG: self.site.body(FILE), f"{ZIG}.minisig": self.site.body(f"{FILE}.minisig"), PACKAGE: archive}
        self.configuration = self.folder / "pkgmirror.conf"
        self.write_configuration()
        self.environment = {"PATH": os.environ["PATH"], "PKGMIRROR_CONFIG": str(self.configuration)}
        # A service that a responder starts becomes ours when its parent ends: its exit status can then be had.
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)

    def write_configuration(self, **more):
        keys = {
            "base_url": "http://127.0.0.1", "state_dir": str(self.state), "offload": "none", "ca_file": str(self.authority.ca),
            "allow_private_upstreams": True, "stall_timeout": "2s", "fetch_linger": "600s", "miss_limit": 0, **more,
        }
        toolchains = {"upstream": self.upstream.origin, "public_key": self.signer.key, "fallbacks": [], "nominated_index": ""}
        warmer = {"complete_versions": False, "classes": ["stable"], "since": "", "dev_keep_days": 1}
        self.configuration.write_text(
            lines(keys) + f"toolchains {{\n{lines(toolchains)}}}\nwarmer {{\n{lines(warmer)}}}\n"
            + f'package "demo" {{ path = "/demo/{{ref}}.tar.gz"\n upstream = "{self.upstream.origin}/o/demo/{{ref}}.tar.gz" }}\n'
        )

    def close(self):
        self.end_all()
        self.upstream.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    # -- the state

    def reset(self, template=None):
        """An empty state_dir, or a copy of one that keep() kept."""
        shutil.rmtree(self.state, ignore_errors=True)
        if template is None:
            self.state.mkdir()
        else:
            shutil.copytree(self.templates / template, self.state, symlinks=True)

    def keep(self, template):
        shutil.copytree(self.state, self.templates / template, symlinks=True, ignore=shutil.ignore_patterns("fetch.sock"))

    def forget_file(self, path):
        """Removes a published file by hand, as an operator may."""
        link = self.state / "public" / path
        target = link.resolve()
        link.unlink(missing_ok=True)
        target.unlink(missing_ok=True)

    # -- programs

    def start(self, program, *words, control=None, environment=None, stdin=subprocess.DEVNULL):
        env = {**self.environment, **(environment or {})}
        if control is not None:
            env["LD_PRELOAD"] = str(control.library)
        return subprocess.Popen(
            [self.build / program, *map(str, words)], env=env, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd="/")

    def finish(self, child, limit=LIMIT_SEC):
        try:
            out, err = child.communicate(timeout=limit)
            return Outcome(child.returncode, out, err.decode(errors="replace"))
        except subprocess.TimeoutExpired:
            child.kill()
            out, err = child.communicate()
            return Outcome(None, out, err.decode(errors="replace"))

    def run(self, program, *words, **more):
        return self.finish(self.start(program, *words, **more))

    def cgi(self, target, control=None):
        """One request of the responder as a CGI."""
        return self.run("pkgmirror.fcgi", control=control, environment={
            "GATEWAY_INTERFACE": "CGI/1.1", "REQUEST_METHOD": "GET", "REQUEST_URI": target, "REMOTE_ADDR": "127.0.0.1",
            "SERVER_PROTOCOL": "HTTP/1.1", "PKGMIRROR_STREAM": "1"})

    def service(self):
        """The id of the process that listens, None when nobody does."""
        with socket.socket(socket.AF_UNIX) as s:
            try:
                s.connect(str(self.state / "run/fetch.sock"))
            except OSError:
                return None
            return struct.unpack("3i", s.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]

    def end_service(self):
        """Asks the service to end; its exit status, None when there was none, "hung" when it had to be killed."""
        pid = self.service()
        if pid is None:
            return None
        os.kill(pid, signal.SIGTERM)
        end = time.monotonic() + LIMIT_SEC
        while time.monotonic() < end:
            done, status = self.wait_for(pid)
            if done:
                return status
            time.sleep(0.001)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        return "hung"

    @staticmethod
    def wait_for(pid):
        try:
            found, status = os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            return True, None
        return found == pid, os.waitstatus_to_exitcode(status) if found == pid else None

    def orphans(self):
        """What ended meanwhile and was not waited for: exit statuses of services and their starters."""
        found = []
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return found
            if pid == 0:
                return found
            found.append(os.waitstatus_to_exitcode(status))

    def end_all(self):
        for program in ("pkgmirror.fcgi", "pkgmirror-fetch", "pkgmirror-warm"):
            for pid in processes(program, str(self.configuration)):
                os.kill(pid, signal.SIGKILL)

    def log(self):
        try:
            return (self.state / "run/fetch.log").read_text(errors="replace")
        except OSError:
            return ""


class Answer:
    """An answer of a CGI or FastCGI responder: `status` 0 when there was none, `whole` unless it was cut off."""

    def __init__(self, raw, whole=True):
        head, found, self.body = raw.partition(b"\r\n\r\n")
        self.head = head.decode("latin-1")
        status = re.match(r"Status: (\d+)", self.head)
        self.status = int(status[1]) if status and found else 0
        length = re.search(r"^Content-Length: (\d+)", self.head, re.M)
        self.whole = whole and bool(self.status) and (length is None or int(length[1]) == len(self.body))


def digest(data):
    return hashlib.sha256(data).hexdigest()
