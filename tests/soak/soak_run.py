#!/usr/bin/env python3
"""The soak: 64 clients that mix everything, an operator who runs every command, and an upstream that changes and fails, for ten minutes,
on the loopback, with one mirror static first and one that hands files off. `make soak` runs it on a build without sanitizers.

It fails when
- a client sees what it should not: any status that the kind of its request does not have, a body that is not upstream's, an answer that
  breaks off. Only while upstream is away, and until it is trusted again, may what is not here be refused with 504 or be cut off;
- a command fails, a process of ours is replaced, or a log has an error that nobody caused;
- memory or descriptors of a process of ours grow (soak_measure.py has the rule), or descriptors are not given back when all is over.

Ends with "N passed, N failed, N skipped"."""

import argparse
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from soak_measure import HEAPS, IDLE_MORE, MINUTE_SEC, PEAK_KIB, Samples, find, heaps, measure  # noqa: E402
from soak_world import World, wait_until  # noqa: E402

CLIENTS, CLIENT_PROCESSES = 64, 2
MEASURE_SEC = 2
SHOWN = 20
MAY_FAIL = ("cold", "fresh", "bad", "unknown")  # pools whose files may not be here while upstream is away
# Errors in the logs that we cause: the file with a flipped bit.
CAUSED = re.compile(r"badbadbad")


def label_all(world):
    """Every process of ours by a name: {pid: label}."""
    labels = {}
    for mirror in world.mirrors:
        for pid, (program, starter) in sorted(find(mirror.configuration).items(), key=lambda item: (item[1][1], item[1][0])):
            labels[pid] = f"{program}{' (starter)' if starter else ''}, {mirror.front.hits}"
    return labels


def all_labels(world):
    """label_all() when each mirror has a responder, a service, a watcher, and the starters of the first and the last."""
    labels = label_all(world)
    return labels if len(labels) == 5 * len(world.mirrors) else None


def settled(labels):
    """What each has; None when that was something else half a second ago."""
    first = {pid: measure(pid) for pid in labels}
    time.sleep(0.5)
    second = {pid: measure(pid) for pid in labels}
    return second if all(first[pid][1] == second[pid][1] for pid in labels) else None


def start_herds(world):
    share = CLIENTS // CLIENT_PROCESSES
    return [subprocess.Popen([sys.executable, "-B", str(HERE / "soak_clients.py"), str(world.plan_file), str(n), str(share)],
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, start_new_session=True) for n in range(CLIENT_PROCESSES)]


def guard(world, function, *arguments):
    try:
        function(*arguments)
    except Exception as error:  # a thread's failure is the run's
        world.fail(f"{function.__name__}: {type(error).__name__}: {error}")


def judge_clients(world, herds):
    """What they saw. The number of answers."""
    counts, got, excused, shown = {}, 0, {}, 0
    for herd in herds:
        out, _ = herd.communicate(timeout=180)
        report = json.loads(out)
        got += report["bytes"]
        for kind, status, n in report["counts"]:
            counts.setdefault(kind, {}).setdefault(status, 0)
            counts[kind][status] += n
        if report["left_out"]:
            world.fail(f"{report['left_out']} more complaints of clients")
        for c in report["complaints"]:
            cut = c["status"] in (0, 200, 206, 504)
            if c["pool"] in MAY_FAIL and cut and "not upstream's" not in c["text"] and world.in_outage(c["begun"], c["ended"]):
                key = f"{c['kind']} {c['status']}"
                excused[key] = excused.get(key, 0) + 1
            elif c["status"] == 404 and world.deleted_between(c["name"], c["begun"], c["ended"]):
                world.count("404 of a file deleted in that moment")
            elif (shown := shown + 1) <= SHOWN:
                world.fail(f"a client: {c['kind']} {c['pool']} {c['name']} at {c['begun'] - world.begun:.1f}-{c['ended'] - world.begun:.1f} s: {c['text']}")
            else:
                world.failures.append("a client")
    total = sum(n for statuses in counts.values() for n in statuses.values())
    print(f"answers: {total}, {got / 1e9:.2f} GB compared")
    for kind, statuses in sorted(counts.items()):
        print(f"  {kind}: " + ", ".join(f"{status} {n}" for status, n in sorted(statuses.items())))
    print(f"while upstream was away: {', '.join(f'{what} {n}' for what, n in sorted(excused.items())) or 'nothing failed'}")
    return total


def judge_logs(world):
    for mirror in world.mirrors:
        for name, text in mirror.log_texts().items():
            lines = [line for line in text.splitlines() if "level=error" in line and not CAUSED.search(line)]
            for line in lines[:5]:
                world.fail(f"{name}, {mirror.front.hits}: {line}")


def judge_idle(world, before):
    """When all is over the descriptors are given back."""
    world.wait_idle()
    deadline = time.monotonic() + 60
    while True:
        after = {pid: measure(pid) for pid in before}
        more = [f"{world.labels[pid]}: {before[pid][1]} descriptors before, {found[1]} after" for pid, found in after.items()
                if found and found[1] > before[pid][1] + (IDLE_MORE if world.labels[pid].startswith("pkgmirror-fetch") else 0)]
        if not more or time.monotonic() > deadline:
            break
        time.sleep(0.5)
    for text in more:
        world.fail(f"not given back: {text}")
    print("idle, before and after: " + "; ".join(
        f"{world.labels[pid]}: {before[pid][0] / 1024:.1f} and {after[pid][0] / 1024:.1f} MiB, {before[pid][1]} and {after[pid][1]} descriptors"
        for pid in before if after[pid]))


def soak(world, seconds):
    herds, threads = [], []
    try:
        world.start()
        world.wait_idle()
        world.labels = wait_until(lambda: all_labels(world), "every process of ours")
        world.burst()
        before = wait_until(lambda: settled(world.labels), "them to come to rest")
        world.begun = time.monotonic()
        samples = Samples(world.labels)
        herds = start_herds(world)
        threads = [threading.Thread(target=guard, args=(world, world.operate, mirror)) for mirror in world.mirrors]
        threads.append(threading.Thread(target=guard, args=(world, world.change)))
        for thread in threads:
            thread.start()
        shown = 0
        while (at := time.monotonic() - world.begun) < seconds:
            samples.take()
            if int(at / MINUTE_SEC) > shown:
                print(samples.line(shown), flush=True)
                shown += 1
            world.stop.wait(MEASURE_SEC)
        for herd in herds:
            herd.terminate()
        total = judge_clients(world, herds)
        world.stop.set()
        for thread in threads:
            thread.join(180)
        print("meanwhile: " + ", ".join(f"{what} {n}" for what, n in sorted(world.told.items())) + f", requests to upstream {len(world.upstream.requests)}")
        judge_idle(world, before)
        whole = int(seconds / MINUTE_SEC)
        print("\n".join(samples.table(max(1, whole))))
        for problem in samples.growth(whole):
            world.fail(problem)
        for pid, label in world.labels.items():
            most = PEAK_KIB.get(label.split(",")[0])
            usual = max(value[0] for value in samples.of(pid).values())  # a moment of many pages may take more
            if most and usual > most:
                world.fail(f"{label} had {usual / 1024:.1f} MiB, more than {most / 1024:.0f}")
            if pid not in samples.gone and heaps(pid) > HEAPS:
                world.fail(f"{label} has {heaps(pid)} heaps, more than {HEAPS}")
        now = label_all(world)
        for pid in set(world.labels) - set(now) | samples.gone:
            world.fail(f"{world.labels[pid]} is no more")
        for pid in set(now) - set(world.labels):
            world.fail(f"another {now[pid]} is there")
        judge_logs(world)
        return total
    except KeyboardInterrupt:
        world.fail("interrupted")
        return 0
    finally:
        world.stop.set()
        for herd in herds:
            if herd.poll() is None:
                herd.kill()
        for thread in threads:
            thread.join(180)
        world.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", required=True, help="a folder that was built without sanitizers, tests/faults/crash_shim.so too")
    parser.add_argument("--seconds", type=int, default=600)
    options = parser.parse_args()
    if os.geteuid() != 0:
        parser.error("it has to be root: nobody else may look at the descriptors of confined processes")
    folder = tempfile.mkdtemp(prefix="pkgmirror-soak-")
    world = World(folder, pathlib.Path(options.build).resolve())
    try:
        total = soak(world, options.seconds)
        if total == 0:
            world.fail("no client had an answer")
    except Exception as error:
        world.fail(f"{type(error).__name__}: {error}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    passed = 0 if world.failures else 1
    print(f"{passed} passed, {len(world.failures)} failed, 0 skipped")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
