#!/usr/bin/env python3
"""The power-cut model: records what a mirror under load does to its disk, makes the states that a power cut could have left
at any point of it, and looks at them: at all points whether a name leads to lost bytes, at some by starting a mirror there."""

import argparse
import collections
import hashlib
import os
import pathlib
import random
import shutil
import signal
import sqlite3
import sys
import tempfile
import time

TOP = pathlib.Path(__file__).resolve().parents[2]

import crash_checks as checks
import powercut_model as model
from crash_control import Control
from crash_load import Load
from crash_world import NOMINATED, World, file_name, preload

ROUNDS = 3
POLICIES = (("all", "zeros"), ("all", "lost"), ("none", "lost"), ("none", "kept"), ("some", "any"), ("first", "any"), ("some", "torn"))
ROW_POLICIES = POLICIES[1:4]
PROMISES = {
    "lost": "no name that clients see leads to lost bytes, at any point",
    "document": "no document's name leads to lost bytes, at any point",
    **{word: checks.PROMISES[word] for word in ("published", "ledger", "rows", "lease", "left", "refused", "healed", "sanitizer")},
}
FOLDERS = ("", "public")  # that are there before the first program


class Truths:
    """Whether bytes are a path's, remembered by the object: most files do not change from point to point."""

    def __init__(self, truth):
        self.truth, self.known, self.held = truth, {}, []

    def same(self, path, data):
        if (path, id(data)) not in self.known:
            self.held.append(data)
            self.known[path, id(data)] = data == self.truth.get(path)
        return self.known[path, id(data)]


def record(world, control, recorder, rng):
    """A life of the mirror, from an empty state_dir on."""
    recorder.begin(world.mirror.state)
    world.start()
    problems = []
    for version in NOMINATED[:2]:
        world.mirror.get("/zig/" + file_name(version))
    for number in range(ROUNDS):
        world.nominated = number
        load = Load(world, control, rng, number)
        load.run()
        problems += load.problems
        if number == 0:
            world.command("warm")
    world.end_all(signal.SIGTERM)
    world.mirror.stop()
    return recorder.end(), problems


def look(state, truths):
    """What a state has that nobody may see."""
    problems = []
    for path, node in state.items():
        if path.startswith("public/") and isinstance(node, model.Link):
            data = model.look_up(state, path)
            if data is not None and not truths.same(path.removeprefix("public/"), data):
                problems.append(f"lost: {path} has {len(data)} bytes that are not upstream's")
        elif path.startswith("index/") and isinstance(node, model.Link):
            data = model.look_up(state, path)
            if data is not None and hashlib.sha256(data).hexdigest()[:32] != node.target.split("-")[0]:
                problems.append(f"document: {path} has other bytes than its name says")
    return problems


def look_rows(state, truth, folder):
    """What a state publishes without a row, or with a wrong one."""
    for name in ("catalog.db", "catalog.db-wal"):
        place = folder / name
        place.unlink(missing_ok=True)
        if isinstance(state.get(name), bytes):
            place.write_bytes(state[name])
    (folder / "catalog.db-shm").unlink(missing_ok=True)
    db = sqlite3.connect(folder / "catalog.db")
    db.execute("PRAGMA synchronous = OFF")
    try:
        known = dict(db.execute("SELECT path, sha256 FROM entry"))
    except sqlite3.OperationalError:  # there is no such table yet
        known = {}
    finally:
        db.close()
    seen = [path.removeprefix("public/") for path in state if path.startswith("public/") and isinstance(model.look_up(state, path), bytes)]
    problems = [f"rows: {path} is published and not in the catalogue" for path in seen if path not in known]
    return problems + [f"rows: the entry of {path} is wrong" for path, digest in known.items() if digest != truth.get(path)]


def look_everywhere(records, world, rng, chosen):
    """Each point under each policy. Returns the problems, how many states were looked at, and those of the chosen points."""
    disk = model.Disk(FOLDERS)
    truths, folder = Truths(world.truth), world.folder / "rows"
    folder.mkdir()
    digests = {path: hashlib.sha256(body).hexdigest() for path, body in world.truth.items()}
    problems, states, taken = [], 0, []
    for i, entry in enumerate(records):
        disk.apply(entry)
        if i in chosen:
            policies = rng.choice(model.NAME_POLICIES), rng.choice((*model.DATA_POLICIES, "any", "any"))
            taken.append((i, policies, disk.cut(*policies, rng)))
        if entry[0] == model.WRITE and i % 16:
            continue
        for policies in POLICIES:
            states += 1
            state = disk.cut(*policies, rng)
            found = look(state, truths)
            if entry[0] != model.WRITE and i % 2 and policies in ROW_POLICIES:
                found += look_rows(state, digests, folder)
            problems += [f"point {i} (after {model.KINDS[entry[0]]} {entry[1]}; {' '.join(policies)}): {p}" for p in found]
        if len(problems) > 20:
            break
    return problems, states, taken


def machine_started():
    return time.time() - float(pathlib.Path("/proc/uptime").read_text().split()[0])


def live(world, control, state):
    """A mirror begins with a state."""
    world.mirror.stop()
    shutil.rmtree(world.mirror.state)
    world.mirror.state.mkdir()
    model.write_out(state, world.mirror.state, int(machine_started()) - 3600)
    (world.mirror.state / "public").mkdir(exist_ok=True)
    problems = checks.published(world)
    world.start()
    problems += checks.accounted(world, control) + checks.everything(world) + checks.after_a_kill(world) + checks.store(world)
    return problems + checks.sanitizers(world)


def summarize(records, states, lives, began):
    kinds = collections.Counter(model.KINDS[entry[0]] for entry in records)
    print(f"{len(records)} operations recorded: " + ", ".join(f"{name} {count}" for name, count in kinds.most_common()))
    print(f"{states} states looked at, {lives} of them lived in, {round(time.monotonic() - began)} s")


def verdict(problems):
    """A line for each promise. How many were kept, how many broken."""
    failed = 0
    for word, promise in PROMISES.items():
        bad = any(f": {word}: " in p for p in problems)
        failed += bad
        print(f"{'FAILED' if bad else 'passed'}  {promise}")
    other = [p for p in problems if not any(f": {word}: " in p for word in PROMISES)]
    if other:
        print("FAILED  the model itself")
    return len(PROMISES) - failed, failed + bool(other)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", default=os.environ.get("PKGMIRROR_BUILD", TOP / "build/test"), type=pathlib.Path)
    parser.add_argument("--lives", type=int, default=20, help="in how many states a mirror is started")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else random.randrange(1_000_000)
    print(f"power-cut model: {options.lives} lives, --seed {seed}", flush=True)
    began = time.monotonic()
    build, rng = options.build.resolve(), random.Random(seed)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="pkgmirror-cut-"))
    tempfile.tempdir = str(folder)
    control = Control(build / "tests/faults/crash_shim.so", folder)
    recorder = model.Recorder(build / "tests/faults/powercut_shim.so", folder)
    world = World(folder / "world", build, {"LD_PRELOAD": preload(build, f"{control.library} {recorder.library}")})
    problems, lived = [], 0
    try:
        records, found = record(world, control, recorder, rng)
        problems += [f"recording: {problem}" for problem in found]
        chosen = set(rng.sample(range(len(records)), min(options.lives, len(records))))
        found, states, taken = look_everywhere(records, world, rng, chosen)
        problems += found
        for problem in problems:
            print(problem, flush=True)
        for i, policies, state in taken:
            if problems:
                break
            lived += 1
            found = [f"point {i} ({' '.join(policies)}): {problem}" for problem in live(world, control, state)]
            problems += found
            if found or options.verbose:
                print("\n".join(found) or f"point {i} ({' '.join(policies)}): good", flush=True)
        summarize(records, states, lived, began)
    finally:
        world.close(keep=bool(problems) or sys.exc_info()[0] is not None)
    passed, failed = verdict(problems)
    if failed == 0:
        shutil.rmtree(folder)
    else:
        print(f"what is left: {folder}")
    print(f"{passed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
