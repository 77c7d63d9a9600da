"""The world of the crash harness: an upstream, a mirror of it whose programs have crash_shim.so in them, and the truth."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

from lib.authority import Authority  # noqa: E402
from lib.lighttpd import Lighttpd  # noqa: E402
from lib.mirror import COMPLAINTS, Mirror  # noqa: E402
from lib.packages import SRC, gz, manifest, tar  # noqa: E402
from lib.process import end_process  # noqa: E402
from lib.signer import Signer  # noqa: E402
from lib.upstream import Upstream  # noqa: E402
from lib.waiting import wait_until  # noqa: E402
from lib.zig import ZigSite, bytes_for, file_name  # noqa: E402

VERSIONS = ("0.14.1", "0.13.0", "0.12.1")
NIGHTLY = "0.15.0-dev.621+a63f7875f"
NOMINATED = tuple(f"0.15.0-dev.{700 + i}+{i}63f7875f" for i in range(5))
TARGETS = ("x86_64-linux", "aarch64-macos")
SIZE, BIG_SIZE, BIG_RATE = 150_000, 1_200_000, 6_000_000
REFS = ("v1.0.0", "v1.1.0", "0123456789abcdef0123456789abcdef01234567")
RULES = """
package "demo" {{ path = "/demo/{{ref}}.tar.gz"
  upstream = "{origin}/o/demo/{{ref}}.tar.gz" }}
artifact "tool" {{ path = "/tool/{{version}}/{{file}}"
  upstream = "{origin}/o/tool/{{version}}/{{file}}" }}
"""


def sanitizer_of(program):
    """The library of AddressSanitizer that a program is linked with; it has to be the first. "" when there is none."""
    listed = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    found = re.search(r"=> (/\S*libasan\S*)", listed)
    return found[1] if found else ""


def preload(build, library):
    return " ".join(filter(None, (sanitizer_of(build / "pkgmirror-fetch"), str(library))))


class Front(Lighttpd):
    """lighttpd that starts a killed responder again at once, and has no memory of files that are gone."""

    def configuration(self, mirror):
        text = super().configuration(mirror).replace('"max-procs" => 1,', '"max-procs" => 1, "disable-time" => 0,')
        return text + 'server.stat-cache-engine = "disable"\n'


class World:
    """`truth` has the bytes of every path that the mirror can have, without its first slash."""

    def __init__(self, folder, build, environment=None, mode="fastcgi", hits="static"):
        self.folder, self.build = pathlib.Path(folder), pathlib.Path(build)
        self.authority = Authority(make_folder(self.folder / "authority"))
        self.signer = Signer(make_folder(self.folder / "signer"))
        self.upstream = Upstream(self.authority).start()
        self.site = ZigSite(self.upstream, self.signer)
        self.truth = {}
        self.fronts = 0  # how often lighttpd itself had to be started again
        self.nominated = 0  # so many of NOMINATED are
        self.fill()
        toolchains = {
            "upstream": self.upstream.origin, "public_key": self.signer.key, "index_ttl": "1s",
            "nominated_index": self.upstream.url("/nominated.json"),
        }
        self.mirror = Mirror(
            self.authority, toolchains=toolchains, front=Front(mode, hits, threads=8), build=self.build, environment=environment,
            warmer={"since": "", "classes": ["stable", "nominated", "dev"]}, extra=RULES.format(origin=self.upstream.origin), stall_timeout="5s", fetch_linger="10s",
        )

    def fill(self):
        for version in (NIGHTLY, *VERSIONS):
            self.site.release(version, targets=TARGETS, size=SIZE)
        # Some are slow enough to be killed in their midst.
        for version in (NIGHTLY, *VERSIONS):
            key = "master" if version == NIGHTLY else version
            self.site.index[key]["bootstrap"] = self.site.add_file(f"zig-bootstrap-{version}.tar.xz", version, size=BIG_SIZE)
            self.upstream.change(self.site.path(f"zig-bootstrap-{version}.tar.xz"), rate=BIG_RATE)
        self.nominations = {
            f"2025.{i}.0-mach": {"version": version, "date": "2025-06-01", "x86_64-linux": self.site.add_file(file_name(version), version, size=SIZE)}
            for i, version in enumerate(NOMINATED)
        }
        self.upstream.add("/nominated.json", self.nominated_document, modified="")
        for name in self.site.places:
            self.truth["zig/" + name] = self.site.body(name)
        for ref in REFS:
            body = gz(tar([("build.zig.zon", manifest()), ("noise", bytes_for(ref, 100_000))] + SRC))
            self.add(f"demo/{ref}.tar.gz", body)
            self.add(f"tool/{ref[:6].strip('v')}/tool-{ref[-3:]}.tar.gz", body)

    def add(self, path, body):
        self.truth[path] = body
        self.upstream.add("/o/" + path, body)

    def nominated_document(self):
        """0.14.1, and what is nominated by now."""
        return json.dumps({"0.14.1": self.site.index["0.14.1"], **dict(list(self.nominations.items())[: self.nominated])}).encode()

    def change_index(self, number):
        """Upstream's index is another one from now on; it lists the same files."""
        self.site.index["0.14.1"]["notes"] = f"edition {number}"

    # -- life

    def start(self):
        self.mirror.start()
        self.wait_alive()

    def wait_alive(self):
        """lighttpd starts what died, unless it found the socket of a responder that was killed in the instant of a fork still
        open in its child: then it takes it for a server of somebody else's, for ever."""
        alive = lambda: self.mirror.get("/").status == 200
        try:
            wait_until(alive, "the mirror to answer", 20)
        except AssertionError:
            self.fronts += 1
            self.mirror.front.stop()
            self.mirror.front.start(self.mirror)
            wait_until(alive, "the mirror to answer, behind a new lighttpd")

    def end_all(self, number):
        """Signals everything of ours but the web server."""
        for pid in [*self.mirror.services(), *self.mirror.responders()]:
            end_process(pid, number)

    def reset(self):
        """An empty state_dir, and nothing nominated."""
        self.nominated = 0
        self.mirror.stop()
        shutil.rmtree(self.mirror.state)
        (self.mirror.state / "public").mkdir(parents=True)
        self.start()

    def close(self, keep=False):
        try:
            if keep:
                self.mirror.stop()
            else:
                self.mirror.close()
        finally:
            self.upstream.close()

    def command(self, *words):
        """Runs pkgmirror-warm beside everything else: exit status and output."""
        done = subprocess.run(
            [str(self.build / "pkgmirror-warm"), *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env={**os.environ, **self.mirror.environment, "PKGMIRROR_CONFIG": str(self.mirror.configuration)}, timeout=120,
        )
        text = done.stdout.decode(errors="replace")
        return done.returncode, text

    # -- the truth

    def judge(self, path, answer, span=None):
        """Why a complete answer is wrong; "" when it is right, or not complete. `span`: the range that was asked for."""
        if not answer.whole:
            return ""
        body = self.truth[path]
        if answer.status == 200:
            right = body
        elif answer.status == 206 and span:
            right = body[span[0] : span[1] + 1]
        else:
            return f"status {answer.status} for {path}" if wrong_status(answer) else ""
        return "" if answer.body == right else f"wrong bytes of {path}: {len(answer.body)} of {len(right)}, status {answer.status}"

    def judge_index(self, answer):
        if not answer.whole or answer.status in (500, 503, 504):
            return ""
        if answer.status != 200:
            return f"status {answer.status} for index.json"
        try:
            index = json.loads(answer.body)
        except ValueError:
            return "index.json is no JSON"
        for release in index.values():
            for item in release.values():
                if isinstance(item, dict):
                    path = item["tarball"].removeprefix(self.mirror.url + "/")
                    if path not in self.truth or int(item["size"]) != len(self.truth[path]):
                        return f"index.json lists {item}"
        return ""


def wrong_status(answer):
    """A file that upstream has is never absent and never forged. 500, 503 and 504 say that something of ours just died. In
    HTML it is the web server's own word: 502 for that, 404 for a file that was deleted under its hands."""
    return answer.status in (404, 410, 429, 502) and b"<html" not in answer.body


def complaint(text):
    """The first complaint of a sanitizer in a text; "" when there is none."""
    found = COMPLAINTS.search(text)
    return text[found.start() : found.start() + 3000] if found else ""


def make_folder(path):
    path.mkdir(parents=True)
    return path
