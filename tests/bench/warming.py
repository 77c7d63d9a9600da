"""Warming: the files of a release that the mirror lacks, against curl with the same list and as many connections."""

import pathlib
import subprocess
import tempfile
import time

import measure
from origin import VERSION
from results import at_most
from stacks import lighttpd

from lib.process import end_process

FILES, CONNECTIONS = 400, 4
SIZES = {"near": 4_000_000, "far": 1_000_000}
TITLES = {"near": "an upstream without a limit", "far": "an upstream at 20 MB/s a transfer and 30 ms away"}


def curl(bench, at, base, names):
    """Seconds of `curl -Z` for these files and their signatures, to a folder on the same disk; and with what ours does beside that: both
    digests, and an fsync of each file."""
    with tempfile.TemporaryDirectory(prefix="bench-curl-") as folder:
        wanted = [name + end for name in names for end in ("", ".minisig")]
        config = pathlib.Path(folder, "config")
        config.write_text("".join(f'url = "{base}/download/{VERSION}/{name}"\noutput = "{folder}/{name}"\n' for name in wanted))
        begun, used = time.perf_counter(), measure.own_children()
        subprocess.run(["curl", "-Z", "--parallel-max", str(CONNECTIONS), "-sS", "--fail", "--cacert", bench.authority.ca, "-K", config], check=True,
                       capture_output=True)
        seconds = time.perf_counter() - begun
        bench.results.add(f"{at} curl cpu", measure.own_children() - used)
        assert len(list(pathlib.Path(folder).iterdir())) == len(wanted) + 1
        for program in ("sync", "sha256sum", "b2sum"):
            subprocess.run([program, *(f"{folder}/{name}" for name in wanted)], check=True, capture_output=True)
        return seconds, time.perf_counter() - begun


def warm(mirror):
    begun = time.perf_counter()
    mirror.program("pkgmirror-warm", "--quiet", timeout=600)
    return time.perf_counter() - begun


def touched(mirror):
    """What says that a file was written: its place, size and time. The log says that upstream was asked whether the index is still the same."""
    found = {}
    for path in mirror.state.rglob("*"):
        if path.is_file() and path.name != "fetch.log":
            stat = path.stat()
            found[path] = (stat.st_size, stat.st_mtime_ns, stat.st_ino)
    return found


def one(bench, at, folder, names):
    results = bench.results
    base = bench.origin.url(at) + folder
    plain, checked = curl(bench, at, base, names)
    results.add(f"{at} curl", plain)
    results.add(f"{at} checked", checked)
    ours = bench.ours(lighttpd(), at, folder, warmer={"connections": CONNECTIONS, "since": ""}, max_fetches=CONNECTIONS + 1)
    try:
        used = measure.own_children()
        results.add(f"{at} warm", warm(ours.mirror))
        results.add(f"{at} warm cpu", measure.own_children() - used + measure.cpu_seconds(ours.mirror.services()))
        assert len(ours.mirror.published()) == 2 * len(names), ours.mirror.log()[-2000:]
        # The service folds its bookkeeping into the catalogue when it ends; a later run finds everything done.
        for service in ours.mirror.services():
            end_process(service)
        warm(ours.mirror)
        before = touched(ours.mirror)
        results.add(f"{at} nothing", warm(ours.mirror))
        after = touched(ours.mirror)
        changed = [str(path.relative_to(ours.mirror.state)) for path, what in after.items() if before.get(path) != what]
        results.add(f"{at} written", len(changed))
        if changed:
            bench.say(f"written with nothing to do: {', '.join(changed)}")
    finally:
        ours.close()


def run(bench, keep):
    origin, few = bench.origin, bench.options.quick
    sets = {}
    for at, size in SIZES.items():
        names = origin.files((FILES // 2) // (10 if few else 1), size)
        sets[at] = (f"/warm-{at}", names)
        origin.index(*sets[at], at)
    for number in range(bench.slow_rounds):
        bench.say(f"warm, round {number + 1} of {bench.slow_rounds}")
        for at, (folder, names) in sets.items():
            one(bench, at, folder, names)
    lines(bench.results, len(names))


def lines(results, count):
    results.section(f"Warming, {CONNECTIONS} connections, against curl -Z")
    for at, title in TITLES.items():
        results.ratio(f"{count} files of {SIZES[at] // 10**6} MB and their signatures, {title}", f"{at} warm", f"{at} curl", "s", 1, at_most(1.05, "warm"))
        results.ratio(f"the same / curl, then sync, sha256sum and b2sum, {title}", f"{at} warm", f"{at} checked", "s")
        results.ratio(f"CPU, service and warmer / curl, {title}", f"{at} warm cpu", f"{at} curl cpu", "s")
    results.figure("nothing to do: its time", "near nothing", "ms", 1e3, at_most(100, "warm"))
    results.figure("nothing to do: files of state_dir that were written, the log apart", "near written", "", 1, at_most(0, "warm"))
