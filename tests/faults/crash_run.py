#!/usr/bin/env python3
"""The crash harness: kills processes of a mirror under load at random system calls, and looks at what is left.

Each round chooses by a seed whom to kill at which call of it, runs a load with the shim armed, starts again what died, and
checks every promise of crash_checks.py. The state stays from round to round. A number of kills, not of rounds, is what
is asked for: the round in which nobody came to the chosen call is told and counts for nothing."""

import argparse
import collections
import multiprocessing
import os
import pathlib
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback

TOP = pathlib.Path(__file__).resolve().parents[2]

import crash_checks as checks
from crash_control import ANY, HOWS, ROLES, STARTER, Control
from crash_load import Load
from crash_world import World, preload

THOROUGH_EVERY, RESET_EVERY = 12, 60
FRONTS = (("fastcgi", "static"), ("fastcgi", "self"), ("fastcgi", "offload"), ("cgi", "static"))  # a seed's remainder chooses
WEIGHTS = (20, 38, 26, 11, 5)  # of ROLES


class Harness:
    """One mirror and its kills."""

    def __init__(self, folder, build, seed, verbose):
        self.rng, self.seed, self.verbose = random.Random(seed), seed, verbose
        folder = pathlib.Path(folder)
        shim = folder / "shim"
        shim.mkdir()
        self.control = Control(build / "tests/faults/crash_shim.so", shim)
        self.world = World(folder / "world", build, {"LD_PRELOAD": preload(build, self.control.library)}, *FRONTS[seed % len(FRONTS)])
        self.world.start()
        self.typical = None
        self.kills, self.rounds, self.answers = [], 0, 0
        self.statuses = collections.Counter()
        self.problems = []

    def complain(self, found, plan):
        for problem in found:
            line = f"seed {self.seed} round {self.rounds} ({plan}): {problem}"
            self.problems.append(line)
            print(line, flush=True)

    def plan(self):
        """Role, call, how and at which of its calls. Half of the plans choose the call first, so that rare ones have their
        turn."""
        role = self.rng.choices(range(len(ROLES)), WEIGHTS)[0]
        counts = self.typical[role]
        seen = [call for call, count in enumerate(counts) if count > 0]
        call = self.rng.choice(seen) if seen and self.rng.random() < 0.6 else ANY
        most = max(1, int(sum(counts) if call == ANY else counts[call]))
        how = self.rng.randrange(len(HOWS))
        return role, call, how, self.rng.randint(1, most)

    def measure(self, before):
        """How often each call is made in a round, as far as seen."""
        delta = [[b - a for a, b in zip(x, y)] for x, y in zip(before or self.control.counts(), self.control.counts())]
        if self.typical is None:
            self.typical = delta
        else:
            self.typical = [[0.7 * old + 0.3 * new for old, new in zip(x, y)] for x, y in zip(self.typical, delta)]

    def load(self):
        load = Load(self.world, self.control, self.rng, self.rounds)
        load.run()
        self.answers += load.answers
        self.statuses.update(load.statuses)
        return load.problems

    def warm_up(self):
        """A round without a kill: how many calls there are."""
        zero = [[0] * len(row) for row in self.control.counts()]
        self.complain(self.load(), "no kill")
        self.measure([row or [0] * 32 for row in zero])

    def round(self):
        self.rounds += 1
        role, call, how, at = self.plan()
        plan = f"{ROLES[role]}, {HOWS[how]} {self.control.name(call)} number {at}"
        if role == STARTER or self.rng.random() < 0.25:
            self.world.end_all(signal.SIGKILL)
        before = self.control.counts()
        self.control.arm(role, call, how, at)
        found = self.load()
        killed = self.control.disarm()
        if killed:
            self.kills.append((killed[0], killed[1], killed[2], how))
            self.world.wait_alive()
            found += checks.after_a_kill(self.world)
        self.measure(before)
        self.complain(found, plan)
        if self.verbose:
            print(f"round {self.rounds}: {plan}: {'killed ' + killed[2] if killed else 'nobody'}", flush=True)
        return killed is not None

    def thorough(self):
        self.complain(checks.thorough(self.world, self.control), "thorough")
        self.world.wait_alive()

    def reset(self):
        self.complain(checks.sanitizers(self.world), "reset")
        self.world.upstream.forget()
        self.world.reset()

    def run(self, kills):
        self.warm_up()
        while len(self.kills) < kills and self.rounds < kills * 4 + 20 and not self.problems:
            if not self.round():
                continue
            if len(self.kills) % THOROUGH_EVERY == 0:
                self.thorough()
            if len(self.kills) % RESET_EVERY == 0:
                self.reset()
        if not self.problems:
            self.thorough()

    def result(self):
        names = [self.control.name(call) for call in range(self.control.at.calls)]
        return {
            "rounds": self.rounds, "fronts": self.world.fronts, "answers": self.answers, "statuses": dict(self.statuses), "problems": self.problems,
            "kills": [(ROLES[role], names[call], what, HOWS[how]) for role, call, what, how in self.kills],
        }


def work(queue, folder, build, seed, kills, verbose):
    """One worker process. Puts its result, whatever happens."""
    tempfile.tempdir = str(folder)
    harness = None
    failure = []
    try:
        harness = Harness(folder, build, seed, verbose)
        harness.run(kills)
    except BaseException:
        failure = [f"seed {seed} round {harness.rounds if harness else 0}: harness: {traceback.format_exc()}"]
        print(failure[0], flush=True)
    result = harness.result() if harness else {"rounds": 0, "fronts": 0, "answers": 0, "statuses": {}, "problems": [], "kills": []}
    result["problems"] = result["problems"] + failure
    try:
        if harness:
            harness.world.close(keep=bool(result["problems"]))
    except BaseException:
        result["problems"].append(f"seed {seed}: harness: {traceback.format_exc()}")
    queue.put(result)


def tell(results, began):
    kills = [kill for result in results for kill in result["kills"]]
    statuses = collections.Counter()
    for result in results:
        statuses.update(result["statuses"])
    seconds = max(1, round(time.monotonic() - began))
    print(f"{len(kills)} kills in {sum(r['rounds'] for r in results)} rounds, {seconds} s; "
          f"{sum(r['answers'] for r in results)} complete answers compared")
    if fronts := sum(r["fronts"] for r in results):
        print(f"lighttpd itself had to be started again: {fronts} times")
    print("answers:      " + ", ".join(f"{k} {v}" for k, v in sorted(statuses.items(), key=str)))
    for title, key in (("by program", program_of), ("by call", lambda k: k[1]), ("by moment", lambda k: k[3])):
        print(f"{title + ':':<13} " + ", ".join(f"{name} {n}" for name, n in collections.Counter(map(key, kills)).most_common()))


def program_of(kill):
    role, _, what, _ = kill
    return f"{role} {what}".strip() if role == "pkgmirror-warm" else role


def verdict(results, kills):
    """A line for each promise. How many were kept, how many broken."""
    problems = [problem for result in results for problem in result["problems"]]
    made = sum(len(result["kills"]) for result in results)
    failed = 0
    for word, promise in checks.PROMISES.items():
        bad = [p for p in problems if f": {word}: " in p]
        failed += bool(bad)
        print(f"{'FAILED' if bad else 'passed'}  {promise}")
    other = [p for p in problems if not any(f": {word}: " in p for word in checks.PROMISES)]
    failed += bool(other) or made < kills
    print(f"{'FAILED' if other or made < kills else 'passed'}  the harness came to {made} of {kills} kills")
    return len(checks.PROMISES) + 1 - failed, failed


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", default=os.environ.get("PKGMIRROR_BUILD", TOP / "build/test"), type=pathlib.Path)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=None, help="of the first worker; the others have the numbers after it")
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else random.randrange(1_000_000)
    print(f"crash harness: {options.kills} kills, --seed {seed} --workers {options.workers}", flush=True)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="pkgmirror-crash-"))
    began = time.monotonic()
    queue = multiprocessing.Queue()
    workers = []
    for i in range(options.workers):
        share = options.kills // options.workers + (i < options.kills % options.workers)
        place = folder / str(i)
        place.mkdir()
        workers.append(multiprocessing.Process(target=work, args=(queue, place, options.build.resolve(), seed + i, share, options.verbose)))
        workers[-1].start()
    results = [queue.get() for _ in workers]
    for worker in workers:
        worker.join()
    tell(results, began)
    passed, failed = verdict(results, options.kills)
    if failed == 0:
        shutil.rmtree(folder)
    else:
        print(f"what is left: {folder}")
    print(f"{passed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
