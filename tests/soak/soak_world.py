"""The world of the soak: an upstream that changes and fails, two mirrors of it, an operator for each, and the plan for the clients."""

import hashlib
import json
import os
import pathlib
import random
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1] / folder) for folder in ("e2e", "faults")]

from crash_control import WARM, Control  # noqa: E402
from lib.authority import Authority  # noqa: E402
from lib.lighttpd import Lighttpd  # noqa: E402
from lib.mirror import Mirror  # noqa: E402
from lib.process import TOP, run  # noqa: E402
from lib.signer import Signer  # noqa: E402
from lib.upstream import Upstream  # noqa: E402
from lib.waiting import wait_until  # noqa: E402
from lib.warming import background, end  # noqa: E402
from lib.zig import ZigSite, file_name  # noqa: E402

FRONTS = ("static", "offload")
FILE_BYTES = 200_000
STABLE = ("0.11.0", "0.12.0", "0.12.1", "0.13.0", "0.14.0", "0.14.1")
BAD = "zig-x86_64-linux-0.10.0-dev.1+badbadbad.tar.xz"
STEP_SEC = 3              # of what changes
KEPT_RELEASES = 12        # nightlies that upstream still has
FRESH_RELEASES = 2
REST_STEPS, COLD_STEPS = 3, 2
BATCH = 3                 # files that are deleted by hand at a time
OUTAGE_EVERY, OUTAGE_SEC = 20, 2  # steps, and how long
AFTER_OUTAGE_SEC = 20     # retries, the host is left alone, the trial
PRUNE_AHEAD_SEC = 560     # prune spares what was used in the last ten minutes: so those are 40 s
ANOTHER = 75
BURST, BURST_TIMES = ("/", "/-/status", "/-/health", "/-/metrics", "/zig/index.json", "/-/provenance/zig/zig-0.14.1.tar.xz"), 3
FAULTS = ({}, {}, {"status": 503}, {"status": 500}, {"cut": 70_000}, {"cut": 0}, {"rate": 150_000}, {"chunked": True})


class World:
    def __init__(self, folder, build):
        self.folder, self.build = pathlib.Path(folder), pathlib.Path(build)
        self.failures, self.lock = [], threading.Lock()
        self.stop = threading.Event()
        self.outages = []         # (begin, end) by the monotonic clock
        self.deletions = []       # (time, name)
        self.told = {}            # counts of what happened
        self.releases = []        # names of nightlies, the oldest first
        self.plan = {"stable": list(STABLE), "files": {}, "hot": [], "fresh": [], "cold": [], "bad": [BAD]}
        self.control = Control(self.build / "tests/faults/crash_shim.so", self.folder)
        self.control.later(WARM, PRUNE_AHEAD_SEC)
        self.authority = Authority(self.folder)
        (self.folder / "signer").mkdir()
        self.signer = Signer(self.folder / "signer")
        self.upstream = Upstream(self.authority).start()
        self.site = ZigSite(self.upstream, self.signer)
        self.mirrors, self.watchers = [], []

    def fail(self, text):
        with self.lock:
            self.failures.append(text)
        print(f"FAILED: {text}", flush=True)

    def count(self, what, n=1):
        with self.lock:
            self.told[what] = self.told.get(what, 0) + n

    # -- start and end

    def start(self):
        for version in STABLE:
            self.plan["hot"] += self.release(version)
        self.site.add_file(BAD, "0.10.0-dev.1+badbadbad", size=FILE_BYTES)
        self.upstream.change(self.site.path(BAD), flip=1000)
        self.nightly()
        for hits in FRONTS:
            mirror = Mirror(
                self.authority, front=Lighttpd("fastcgi", hits), build=self.build, fetch_linger="3600s", stall_timeout="10s",
                toolchains={"upstream": self.upstream.origin, "public_key": self.signer.key, "index_ttl": "10s"},
                warmer={"complete_versions": True, "classes": ["stable"], "since": ""}, status_access="open", provenance_access="open",
            )
            self.mirrors.append(mirror.start())
            # Everything of the releases is here before the first client comes.
            mirror.program("pkgmirror-warm", "warm", "--quiet")
            self.watchers.append(background(mirror, "--watch", "--quiet"))
            assert mirror.get("/-/health").status == 200
        self.plan["ports"] = [mirror.port for mirror in self.mirrors]
        self.publish()

    def close(self):
        self.stop.set()
        for watcher in self.watchers:
            end(watcher)
        for mirror in self.mirrors:
            try:
                mirror.close()
            except AssertionError as error:
                self.fail(str(error))
        self.upstream.close()

    # -- what upstream has, and the plan

    def release(self, version):
        """Adds a version at upstream. Its names."""
        self.site.release(version, size=FILE_BYTES)
        names = [file_name(version, target) for target in ("src", "x86_64-linux", "aarch64-macos", "x86_64-windows")]
        for name in names:
            signature = hashlib.sha256(self.site.body(name + ".minisig")).hexdigest()
            self.plan["files"][name] = {"version": version, "size": FILE_BYTES, "signature": signature}
        return names

    def nightly(self):
        """A new nightly; upstream drops one that is old."""
        self.releases.append(self.release(f"0.15.0-dev.{1000 + self.told.get('nightlies', 0)}+a63f7875f"))
        self.count("nightlies")
        self.plan["fresh"] = sum(self.releases[-FRESH_RELEASES:], [])
        if len(self.releases) > KEPT_RELEASES:
            for name in self.releases.pop(0):
                for what in (name, name + ".minisig"):
                    self.upstream.remove(self.site.places.pop(what))
                del self.plan["files"][name]

    def publish(self):
        path = self.folder / "plan.json"
        path.with_suffix(".new").write_text(json.dumps(self.plan))
        os.replace(path.with_suffix(".new"), path)

    @property
    def plan_file(self):
        return self.folder / "plan.json"

    # -- what happens meanwhile

    def change(self):
        """A step each few seconds: a new nightly, and files that somebody deletes by hand. Such a file rests first, nobody asks for it:
        a web server that finds a file by itself may answer 404 when it is deleted in that moment."""
        choose = random.Random(8)
        resting, cold, step = [], [], 0
        while not self.stop.wait(STEP_SEC):
            step += 1
            self.nightly()
            if step % OUTAGE_EVERY == 0:
                self.outage()
            phase = step % (REST_STEPS + 1 + COLD_STEPS)
            if phase == 1:
                back = [name for name in cold if self.is_here(name)]
                self.plan["hot"] += back
                cold = [name for name in cold if name not in back]
                resting = choose.sample(self.plan["hot"], BATCH)
                self.plan["hot"] = [name for name in self.plan["hot"] if name not in resting]
            elif phase == REST_STEPS + 1:
                self.delete(resting)
            elif phase == (REST_STEPS + 2) % (REST_STEPS + 1 + COLD_STEPS):
                for name in resting:
                    fault = choose.choice(FAULTS)
                    if fault:
                        self.upstream.change(self.site.path(name), times=1, **fault)
                        self.count("faults of upstream")
                cold += resting
                resting = []
            self.plan["cold"] = list(cold)
            self.publish()

    def is_here(self, name):
        return all((mirror.state / "public/zig" / name).exists() for mirror in self.mirrors)

    def delete(self, names):
        self.deletions += [(time.monotonic(), name) for name in names]
        for mirror in self.mirrors:
            for name in names:
                link = mirror.state / "public/zig" / name
                if link.exists():
                    link.resolve().unlink()
                    self.count("files deleted by hand")

    def outage(self):
        begun = time.monotonic()
        self.outages.append((begun, begun + 3600))
        self.upstream.stop()
        self.stop.wait(OUTAGE_SEC)
        self.upstream.start()
        self.outages[-1] = begun, time.monotonic()
        self.count("outages")

    def in_outage(self, begun, ended):
        """Whether upstream was away, or is left alone for having been away, at some time between."""
        return any(ended >= first and begun <= last + AFTER_OUTAGE_SEC for first, last in self.outages)

    def deleted_between(self, name, begun, ended):
        """Whether somebody deleted it just when a client, who had not looked at the plan for long, asked for it."""
        return any(what == name and begun <= at <= ended for at, what in self.deletions)

    def operate(self, mirror):
        """An operator who does one thing after the other."""
        prune = ["prune", "--class", "dev", "--days", "0"]
        while True:
            for command in (["fold"], ["verify"], ["estimate"], prune, ["warm"], ["warm", "--dry-run"], ["inspect"]):
                if self.stop.is_set():
                    return
                begun = time.monotonic()
                status, text = self.command(mirror, command)
                while status == ANOTHER and not self.stop.wait(0.5):
                    status, text = self.command(mirror, command)
                self.count(command[0])
                # What cannot be had from upstream is told.
                excused = status == 1 and command[0] in ("warm", "estimate") and self.in_outage(begun, time.monotonic())
                if status not in (0, ANOTHER) and not excused:
                    self.fail(f"{' '.join(command)} of {mirror.front.hits} exited with {status}: {text[-2000:]}")
                if command is prune and status == 0:
                    self.count("files pruned", int(json.loads(text.splitlines()[-1])["removed"]))
                self.stop.wait(1)

    def command(self, mirror, words):
        env = {"LD_PRELOAD": str(self.control.library)} if words[0] == "prune" else {}
        if words[0] == "inspect":
            done = run([mirror.build / "pkgmirror-inspect", "--state-dir", mirror.state, "--json", "summary"], status=None,
                       env={"PKGMIRROR_QUERIES": str(TOP / "sql/queries")})
        else:
            done = mirror.program("pkgmirror-warm", "--json", *words, status=None, env=env)
        return done.returncode, done.stdout + done.stderr

    def burst(self):
        """Every page by 64 clients at once, and again: each thread has touched its stack, and memory that only grows to where it was
        is no leak."""
        def ask(mirror):
            for path in BURST * BURST_TIMES:
                mirror.get(path)

        with ThreadPoolExecutor(64) as pool:
            for done in [pool.submit(ask, mirror) for mirror in self.mirrors for _ in range(32)]:
                done.result()

    def wait_idle(self):
        """Until the services have nothing more to do."""
        for mirror in self.mirrors:
            wait_until(lambda: '"waiting":0' in mirror.get("/-/health").text, "nobody to wait")
