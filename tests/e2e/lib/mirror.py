"""A pkgmirror of its own below a temporary folder: configuration, front web server, fetch service, and a look into its state."""

import os
import pathlib
import re
import shutil
import signal
import sqlite3
import subprocess
import tempfile

from . import client
from .lighttpd import Lighttpd
from .process import BUILD, LIVE_LOGS, SANITIZERS, end_process, processes, read_log, run
from .waiting import wait_until

COMPLAINTS = re.compile(r"(?:ERROR|WARNING): \w+Sanitizer|runtime error: |SUMMARY: \w+Sanitizer")


class Mirror:
    """`keys` are lines of the configuration by key (they win over those above), `toolchains` and `warmer` those of the
    sections, `extra` any more text, such as rules. `front` is the web server. Values are written as given: numbers,
    booleans, strings (quoted here) and lists."""

    def __init__(self, authority, toolchains=None, warmer=None, extra="", front=None, build=BUILD, environment=None, **keys):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="pkgmirror-"))
        self.state = self.folder / "state"
        self.logs = self.folder / "log"
        self.logs.mkdir()
        (self.state / "public").mkdir(parents=True)
        self.front = front or Lighttpd()
        self.build = build
        self.environment = environment or {}
        self.configuration = self.folder / "pkgmirror.conf"
        self.keys = {
            "base_url": f"http://127.0.0.1:{self.front.port}", "state_dir": str(self.state), "offload": self.front.offload,
            "ca_file": str(authority.ca), "allow_private_upstreams": True, "stall_timeout": "5s", "fetch_linger": "20s",
            "miss_limit": 0, **keys,
        }
        self.sections = {
            "toolchains": {"fallbacks": [], "nominated_index": "", **(toolchains or {})},
            "warmer": {"complete_versions": False, **(warmer or {})},
        }
        self.extra = extra
        self.write_configuration()

    # -- configuration

    def write_configuration(self):
        """Writes what keys, sections and extra are now. Running programs have read it already."""
        text = lines(self.keys)
        for name, keys in self.sections.items():
            text += f"{name} {{\n{lines(keys)}}}\n"
        self.configuration.write_text(text + self.extra)

    def program(self, name, *arguments, status=0, env=None, **more):
        """Runs one of our programs with this mirror's configuration in its environment, to its end."""
        env = {"PKGMIRROR_CONFIG": str(self.configuration), **self.environment, **(env or {})}
        return run([self.build / name, *arguments], status=status, env=env, **more)

    def start_cgi(self, target, wrapper=(), who=None, **parameters):
        """Starts the responder as a CGI without a web server, with more environment if need be. A Popen with pipes: the
        answer is on its standard output, the log on its standard error. `wrapper`: words before the program;
        `who`: user and groups, as Popen takes them."""
        environment = {
            "PATH": os.environ["PATH"], "PKGMIRROR_CONFIG": str(self.configuration), "GATEWAY_INTERFACE": "CGI/1.1",
            "REQUEST_METHOD": "GET", "REQUEST_URI": target, "REMOTE_ADDR": "127.0.0.1", "SERVER_PROTOCOL": "HTTP/1.1",
            "PKGMIRROR_STREAM": "1", **SANITIZERS, **self.environment, **parameters,
        }
        return subprocess.Popen(
            [*wrapper, self.build / "pkgmirror.fcgi"], env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, **(who or {}),
        )

    # -- life

    def start(self):
        self.front.start(self)
        for name in ("lighttpd.log", "responder.log"):
            LIVE_LOGS[name] = self.logs / name
        LIVE_LOGS["fetch.log"] = self.state / "run/fetch.log"
        return self

    def stop(self):
        """Ends everything that belongs to it. Fails when a sanitizer complained."""
        self.front.stop()
        for program in ("pkgmirror.fcgi", "pkgmirror-fetch", "pkgmirror-warm"):
            for pid in processes(program, str(self.configuration)):
                end_process(pid)
        for name in ("lighttpd.log", "responder.log", "fetch.log"):
            LIVE_LOGS.pop(name, None)
        for name, text in self.log_texts().items():
            assert not COMPLAINTS.search(text), f"{name}:\n{text[-8000:]}"

    def close(self):
        """stop(), and removes its folder."""
        try:
            self.stop()
        finally:
            if hasattr(self.front, "close"):
                self.front.close()
            shutil.rmtree(self.folder, ignore_errors=True)

    # -- requests

    @property
    def port(self):
        return self.front.port

    @property
    def url(self):
        return self.keys["base_url"]

    def open(self, target, method="GET", headers=None, timeout=60, **more):
        """Sends a request; the Answer has its head, the body waits to be read."""
        return client.request(self.port, target, method, headers, timeout=timeout, **more)

    def get(self, target, headers=None, method="GET", **more):
        """The whole answer."""
        with self.open(target, method, headers, **more) as answer:
            return answer.rest()

    def head(self, target, headers=None):
        return self.get(target, headers, "HEAD")

    # -- processes

    def service(self):
        """The process id of the fetch service, None when there is none."""
        found = processes("pkgmirror-fetch", str(self.configuration))
        return found[0] if found else None

    def services(self):
        return processes("pkgmirror-fetch", str(self.configuration))

    def responders(self):
        return processes("pkgmirror.fcgi", str(self.configuration))

    def responder(self):
        """The only one: while it starts there is a fork of it for a moment, which becomes the starter."""
        return wait_until(lambda: len(found := self.responders()) == 1 and found, "one responder")[0]

    def kill_service(self, number=signal.SIGKILL):
        pid = wait_until(self.service, "a fetch service")
        end_process(pid, number)
        return pid

    def kill_responders(self, number=signal.SIGKILL):
        for pid in self.responders():
            end_process(pid, number)

    # -- state

    def rows(self, sql, *values):
        """Rows of the catalogue as dicts, read-only."""
        with sqlite3.connect(f"file:{self.state}/catalog.db?mode=ro", uri=True, timeout=30) as db:
            db.row_factory = sqlite3.Row
            found = [dict(row) for row in db.execute(sql, values)]
        db.close()
        return found

    def files(self, folder):
        """Paths of files and links below state_dir/FOLDER, relative to it, sorted."""
        base = self.state / folder
        return sorted(str(pathlib.Path(place, name).relative_to(base)) for place, _, names in os.walk(base) for name in names)

    def published(self):
        return self.files("public")

    def parts(self):
        return self.files("part")

    def part_size(self, path):
        """Bytes of a growing file; -1 when there is none."""
        try:
            return (self.state / "part" / path).stat().st_size
        except FileNotFoundError:
            return -1

    def wait_published(self, path):
        """Waits for a path (without a slash in front), whose row is there before it is, and returns its bytes."""
        place = self.state / "public" / path
        wait_until(place.exists, f"{path} to be published")
        return place.read_bytes()

    def log_texts(self):
        """The logs by name."""
        found = {path.name: read_log(path) for path in sorted(self.logs.iterdir())}
        found["fetch.log"] = read_log(self.state / "run/fetch.log")
        return found

    def log(self, name="fetch.log"):
        return self.log_texts().get(name, "")


def value_text(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return "{" + ", ".join(map(value_text, value)) + "}"
    return str(value) if isinstance(value, int) else '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'


def lines(keys):
    return "".join(f"{key} = {value_text(value)}\n" for key, value in keys.items())
