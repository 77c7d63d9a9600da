#!/usr/bin/env python3
"""Fault injection: lets every call that our programs make fail, one a run, and looks at answer, exit, log and state.

A recording finds the calls of a scene; then the scene is run once for each of them: k = 1, 2, ... to the last. Allocations
are tens of thousands, most of them deep in OpenSSL and SQLite: of them the first one of each place is struck, a place
being the way through our program and the last two functions of the library; --every strikes all. With --places it is so
with the other calls as well. With --seconds it ends after that time: the failures of one miss and of the programs'
starts come first, the others in an order that chance mixes."""

import argparse
import collections
import multiprocessing
import multiprocessing.util
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
import traceback

sys.dont_write_bytecode = True
TOP = pathlib.Path(__file__).resolve().parents[2]

import inject_checks as checks  # noqa: E402
from inject_control import FAILURES, Control  # noqa: E402
from inject_scenes import all_scenes, make_templates  # noqa: E402
from inject_world import World  # noqa: E402


class Worker:
    def __init__(self, build, library):
        shared = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="pkgmirror-inject-", dir=shared))
        self.world = World(self.folder / "w", build) if (self.folder / "w").mkdir() is None else None
        self.control = Control(library, self.folder)
        self.scenes = {scene.name: scene for scene in all_scenes()}
        make_templates(self.world)

    def close(self):
        self.world.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def begin(self, scene, failure, at, recording=False):
        self.world.reset(scene.template)
        self.control.arm(scene.program, failure, at, recording)

    def record(self, name, failure):
        """The calls of a scene by place, of a run in which none fails. What is wrong with that run is told, too."""
        scene = self.scenes[name]
        self.begin(scene, failure, 0, True)
        problems = scene.run(self.world, self.control, failure)
        self.finish_quietly(scene, problems)
        self.control.disarm()
        return self.control.calls_by_place(), problems

    def finish_quietly(self, scene, problems):
        if scene.program != "pkgmirror-fetch" or not problems:
            problems += scene.recover(self.world, self.control)

    def strike(self, name, failure, at):
        """Lets the at-th call fail. None when there was none; else what became of it."""
        scene = self.scenes[name]
        if hasattr(scene, "baseline") and scene.baseline is None:
            self.record(name, failure)
        begun = time.monotonic()
        self.begin(scene, failure, at)
        problems = scene.run(self.world, self.control, failure)
        struck, call, stack = self.control.at.struck, self.control.at.call.decode(), self.control.at.stack.decode()
        self.control.disarm()
        problems += scene.recover(self.world, self.control)
        # The service's end, and that of a responder, may be what was struck.
        struck, call, stack = self.control.at.struck, self.control.at.call.decode() or call, self.control.at.stack.decode() or stack
        problems += checks.state(self.world)
        library = checks.dying_library(self.control.at.crash.decode(), scene.text)
        if library and failure == "ENOMEM":
            problems = [p for p in problems if not re.match(r"crash: signal (6|11)|service: ended with -(6|11)$", p)]
        if not struck:
            return {"problems": problems} if problems else None
        named = checks.named(failure, scene.text) or checks.is_peer(stack) or scene.peer
        if not scene.fine and not library and not scene.peer:
            problems += checks.told(failure, scene.text, call, stack)
        return {"problems": problems, "fine": scene.fine, "named": named, "library": library, "call": call, "stack": stack, "crash": self.control.at.crash.decode(), "text": scene.text[-3000:],
                "seconds": time.monotonic() - begun}


worker = broken = None
deadline = 0


def set_up(build, library, until):
    global worker, broken, deadline
    deadline = until
    try:
        worker = Worker(build, library)
        multiprocessing.util.Finalize(worker, worker.close, exitpriority=10)
    except Exception as error:  # a pool would start workers for ever
        traceback.print_exc()
        broken = error


def do(task):
    kind, name, failure, at = task
    if broken is not None:
        raise broken
    if kind == "strike" and deadline and time.monotonic() > deadline:
        return task, "late"
    try:
        return task, (worker.record if kind == "record" else worker.strike)(*([name, failure] + ([at] if kind == "strike" else [])))
    except Exception:  # the driver's own: told like a problem, or it would be lost in the pool
        worker.world.end_all()
        return task, ({}, [traceback.format_exc()]) if kind == "record" else {"problems": [traceback.format_exc()]}


def explain(stack):
    """The functions of a stack, innermost first."""
    names = []
    for place in stack.split():
        file, _, offset = place.rpartition("+")
        done = subprocess.run(["addr2line", "-fe", file, offset], capture_output=True, text=True)
        lines = done.stdout.splitlines() or ["??"]
        where = lines[1].split("/")[-1].split(" ")[0] if len(lines) > 1 else ""
        names.append(f"{lines[0]} ({where})" if lines[0] != "??" else os.path.basename(file))
    return " < ".join(names)


def plan(pool, scenes, failures, o):
    """What to strike: (scene, failure, call) for each, and how many places each of them has."""
    tasks, problems, sizes = [], [], {}
    recordings = [("record", name, failure, 0) for name in scenes for failure in failures]
    for (_, name, failure, _), (found, wrong) in pool.imap_unordered(do, recordings):
        problems += [(name, failure, 0, {"problems": [p]}) for p in wrong]
        by_place = o.places or (failure == "ENOMEM" and not o.every)
        calls = sorted(numbers[0] for numbers in found.values()) if by_place else range(1, sum(map(len, found.values())) + 1)
        tasks += [("strike", name, failure, at) for at in calls]
        sizes[name, failure] = (sum(map(len, found.values())), len(found))
    return tasks, problems, sizes


def in_order(tasks, seed):
    """However short the time is: one of each failure of each scene, then those of one miss and of the starts, then the rest."""
    random.Random(seed).shuffle(tasks)
    seen, first = set(), {scene.name for scene in all_scenes() if scene.first}
    fresh = [not (task[1:3] in seen or seen.add(task[1:3])) for task in tasks]
    order = sorted(range(len(tasks)), key=lambda i: 0 if fresh[i] else 1 if tasks[i][1] in first and tasks[i][2] != "ENOMEM" else 2)
    return [tasks[i] for i in order]


class Report:
    def __init__(self):
        self.struck = collections.Counter()
        self.fine = self.unnamed = 0
        self.libraries = collections.Counter()
        self.problems, self.slowest = [], []

    def take(self, task, found, verbose):
        _, name, failure, at = task
        if found is None:
            return
        if found["problems"]:
            self.problems.append((name, failure, at, found))
            print_problem(name, failure, at, found)
        if "call" not in found:
            return
        self.struck[name, failure] += 1
        self.fine += found["fine"]
        if found["library"]:
            self.libraries[found["library"]] += 1
        elif not found["fine"] and not found["named"]:
            self.unnamed += 1
            if verbose:
                print(f"unnamed: {name}: {failure} {at} {found['call']}: {explain(found['stack'])}\n  {found['text'][-1500:]}")
        self.slowest = sorted([*self.slowest, (found["seconds"], name, failure, at, found["call"])], reverse=True)[:5]

    def print(self, sizes, failures, seconds, verbose):
        names = sorted({name for name, _ in sizes})
        width = max(map(len, names), default=0)
        print("\nstruck / calls of a life (places)")
        print(" " * width, *(f"{failure:>19}" for failure in failures))
        for name in names:
            cells = []
            for failure in failures:
                calls, places = sizes.get((name, failure), (0, 0))
                cells.append(f"{self.struck[name, failure]:>5}/{calls:>6} ({places:>4})")
            print(name.ljust(width), *cells)
        total = sum(self.struck.values())
        print(f"\n{total} failures injected in {seconds:.0f} s: {self.fine} did no harm, {total - self.fine} were refused or ended a program, "
              f"{self.unnamed} of these without the cause's own words in the log; {len(self.problems)} problems")
        for library, count in sorted(self.libraries.items()):
            print(f"{count} times the program died in {library}, which does not survive a failed allocation")
        if verbose:
            for line in self.slowest:
                print("slow:", *line)


def print_problem(name, failure, at, found):
    print(f"PROBLEM {name}: {failure} at call {at}: {found.get('call', '')}")
    for problem in found["problems"]:
        print(f"  {problem}")
    if found.get("crash"):
        print(f"  died at {explain(found['crash'])}")
    if "stack" in found:
        print(f"  at {explain(found['stack'])}\n  log: {found['text'][-1200:]}", flush=True)


def sanitized(build):
    return "libasan" in subprocess.run(["ldd", build / "pkgmirror-fetch"], capture_output=True, text=True, check=True).stdout


def read_options():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--build", default=TOP / "build/faults", type=pathlib.Path, help="built without sanitizers")
    p.add_argument("--places", action="store_true", help="one call of each place")
    p.add_argument("--every", action="store_true", help="every allocation as well: hours")
    p.add_argument("--seconds", type=float, default=0, help="stop after so many seconds")
    p.add_argument("--scene", action="append", default=[], help="only scenes with this in their name")
    p.add_argument("--failure", action="append", choices=FAILURES, help="only this one")
    p.add_argument("--at", type=int, help="only this call")
    p.add_argument("--workers", type=int, default=2)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--verbose", action="store_true")
    return p.parse_args()


def main():
    o = read_options()
    if sanitized(o.build):
        print(f"inject_run.py: {o.build} has sanitizers, which have an allocator of their own: configure another without")
        return 2
    failures = o.failure or list(FAILURES)
    scenes = [s.name for s in all_scenes() if not o.scene or any(word in s.name for word in o.scene)]
    begun = time.monotonic()
    report = Report()
    until = begun + o.seconds if o.seconds else 0
    with multiprocessing.Pool(o.workers, set_up, (o.build, o.build / "tests/faults/inject_shim.so", until)) as pool:
        tasks, problems, sizes = plan(pool, scenes, failures, o)
        for problem in problems:
            report.problems.append(problem)
            print_problem(*problem)
        if o.at is not None:
            tasks = [("strike", name, failure, o.at) for name in scenes for failure in failures]
        tasks = in_order(tasks, o.seed)
        print(f"{len(tasks)} calls to strike in {len(scenes)} scenes, found in {time.monotonic() - begun:.0f} s", flush=True)
        done = 0
        for task, found in pool.imap_unordered(do, tasks):
            if found != "late":
                report.take(task, found, o.verbose)
                done += 1
        print(f"{done} of {len(tasks)} were struck")
        pool.close()
        pool.join()
    report.print(sizes, failures, time.monotonic() - begun, o.verbose)
    left = {task[1] for task in tasks} - {name for name, _ in report.struck}
    for name in sorted(left):
        print(f"{name}: no failure came to it")
    bad = len({problem[0] for problem in report.problems} | left)
    print(f"{len(scenes) - bad} passed, {bad} failed, 0 skipped")  # scenes
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
