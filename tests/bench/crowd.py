"""Crowds: a hundred clients who ask for one cold file at once, and what memory the followers of a file take."""

import measure
import stacks
from origin import VERSION
from results import at_most
from stacks import Nginx, lighttpd

from lib.process import BUILD

BYTES, BYTES_QUICK = {"far plain": 20_000_000, "gentle": 3_000_000}, {"far plain": 5_000_000}
TITLES = {"far plain": "an upstream at 20 MB/s, 30 ms away", "gentle": "an upstream at 2 MB/s, 30 ms away"}
CROWD, FOLLOWERS = 100, 64


def herd(bench, who, stack, path, size, clients):
    """Samples of one crowd: first and last byte, processor time, transfers and bytes of upstream."""
    name, pids = path.rsplit("/", 1)[1], stack.pids()
    before = measure.cpu_seconds(pids)
    first, last = measure.herd(BUILD, stack.port, path, clients, size)
    used = measure.cpu_seconds(stack.pids()) - before
    kind = f"{who} {'herd' if clients > 1 else 'single'}"
    bench.results.add(f"{kind} first", first)
    bench.results.add(f"{kind} last", last)
    if clients > 1:
        count, bytes_sent = bench.origin.transfers(name)
        bench.results.add(f"{kind} cpu", used)
        bench.results.add(f"{kind} transfers", count)
        bench.results.add(f"{kind} bytes", bytes_sent / size)


def contestants(bench, keep, upstream):
    port, plain = bench.origin.ports[upstream], f"/download/{VERSION}/{{}}"
    makers = {
        "lighttpd ours static first": (lambda: bench.ours(lighttpd(), upstream), "/zig/{}"),
        "nginx ours static first": (lambda: bench.ours(Nginx(stacks.STATIC_FIRST), upstream), "/zig/{}"),
        "nginx proxy_cache": (lambda: Nginx(stacks.PROXY).start(origin=port, scheme="http"), plain),
        "varnish": (lambda: stacks.Varnish(port), plain),
        "squid": (lambda: stacks.Squid(port), plain),
    }
    found = {name.removesuffix(" static first"): (keep(make()), path) for name, (make, path) in makers.items() if bench.chosen(name)}
    for stack, path in found.values():  # a warm connection, and a service that runs
        for name in bench.origin.files(1, 1000):
            measure.Client(stack.port).get(path.format(name), close=True)
    return found


def run(bench, keep):
    sizes = BYTES_QUICK if bench.options.quick else BYTES
    everybody = {upstream: contestants(bench, keep, upstream) for upstream in sizes}
    for number in range(bench.slow_rounds):
        bench.say(f"crowd, round {number + 1} of {bench.slow_rounds}")
        for upstream, found in everybody.items():
            for who, (stack, path) in found.items():
                size = sizes[upstream]
                alone, shared = bench.origin.files(2, size)
                if "ours" in who:
                    herd(bench, f"{upstream} {who}", stack, path.format(alone), size, 1)
                herd(bench, f"{upstream} {who}", stack, path.format(shared), size, CROWD)
    lines(bench.results, sizes)
    memory(bench, keep, sizes["far plain"])


def lines(results, sizes):
    for at, size in sizes.items():
        results.section(f"{CROWD} clients, one cold file: {size // 10**6} MB from {TITLES[at]}")
        for who in ("lighttpd ours", "nginx ours"):
            one = f"{at} {who} herd"
            results.figure(f"{who}: upstream transfers", f"{one} transfers", "", 1, at_most(1, "herd"))
            results.figure(f"{who}: bytes from upstream, files", f"{one} bytes")
            results.ratio(f"{who} / varnish: slowest first byte", f"{one} first", f"{at} varnish herd first", "ms", 1e3, at_most(1.05, "herd"))
            results.ratio(f"{who} / a single client: slowest client", f"{one} last", f"{at} {who} single last", "s", 1, at_most(1.1, "herd"))
            for other in ("varnish", "squid", "nginx proxy_cache"):
                results.ratio(f"{who} / {other}: slowest client", f"{one} last", f"{at} {other} herd last", "s")
                results.ratio(f"{who} / {other}: CPU, all processes", f"{one} cpu", f"{at} {other} herd cpu", "s")
        for other in ("varnish", "squid", "nginx proxy_cache"):
            results.figure(f"{other}: upstream transfers", f"{at} {other} herd transfers")
            results.figure(f"{other}: slowest first byte", f"{at} {other} herd first", "ms", 1e3)


def memory(bench, keep, size):
    """Of new stacks, which have had no other work than these followers."""
    bench.say("memory")
    results, origin = bench.results, bench.origin
    ours = keep(bench.ours(lighttpd(), "far plain"))
    proxy = keep(Nginx(stacks.PROXY)).start(origin=origin.ports["far plain"], scheme="http")
    for name in origin.files(1, size):
        measure.herd(BUILD, ours.port, f"/zig/{name}", FOLLOWERS, size)
        measure.herd(BUILD, proxy.port, f"/download/{VERSION}/{name}", FOLLOWERS, size)
    results.add("followers responder", measure.peak_rss(*ours.mirror.responders()))
    results.add("followers service", measure.peak_rss(*ours.mirror.services()))
    results.add("followers ours", measure.peak_rss(*ours.pids()))
    results.add("followers proxy", measure.peak_rss(*proxy.pids()))
    results.section(f"Memory of {FOLLOWERS} followers of one file: the peak")
    results.figure("responder", "followers responder", "MiB", 1, at_most(16, "memory"))
    results.figure("service", "followers service", "MiB", 1, at_most(24, "memory"))
    results.ratio("lighttpd ours / nginx proxy_cache: all processes, added", "followers ours", "followers proxy", "MiB")
