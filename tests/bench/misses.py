"""Cold misses: what a client waits for a file that nobody had, against asking upstream itself and against nginx's proxy_cache."""

import time

import measure
import stacks
from origin import VERSION
from results import at_most
from stacks import Nginx, lighttpd

FIRST_BYTES, WHOLE_BYTES, WHOLE_BYTES_QUICK = 2_000_000, 50_000_000, 10_000_000
TRIES = 4  # of a first byte, in each round
TITLES = {"near": "an upstream without a limit", "far": "an upstream at 20 MB/s, 30 ms away"}


class Ways:
    """The ways to a file of one upstream: the mirror, proxy_cache, and the upstream itself; all with a warm connection to it."""

    def __init__(self, bench, keep, name):
        self.bench, self.name, self.port = bench, name, bench.origin.ports[name]
        self.ours = bench.ours(lighttpd(), name)
        keep(self.ours)
        self.proxy = keep(Nginx(stacks.PROXY)).start(origin=self.port, scheme="https")
        self.direct = measure.Client(self.port, tls=True)
        for name in bench.origin.files(2, 1000):
            self.each(name)

    def each(self, name):
        """{who: (first byte, last byte)} in seconds, one after the other, and the processor time of ours and of nginx."""
        found, cpu = {}, {}
        for who, stack, path in (("ours", self.ours, f"/zig/{name}"), ("proxy", self.proxy, f"/download/{VERSION}/{name}")):
            pids = stack.pids()
            before = measure.cpu_seconds(pids)
            found[who] = measure.Client(stack.port).get(path, close=True)
            cpu[who] = measure.cpu_seconds(pids) - before
        found["direct"] = self.direct.get(f"/download/{VERSION}/{name}")
        return found, cpu


def first_bytes(bench, ways):
    results, at = bench.results, ways.name
    total = {}
    for name in bench.origin.files(TRIES, FIRST_BYTES):
        found, cpu = ways.each(name)
        for who, seconds in cpu.items():
            total[who] = total.get(who, 0) + seconds
        for who, times in found.items():
            results.add(f"{at} first {who}", times[0])
        results.add(f"{at} first more", found["ours"][0] - found["proxy"][0])
    for who, seconds in total.items():
        results.add(f"{at} first cpu {who}", seconds / TRIES)


def whole(bench, ways, size):
    results, at = bench.results, ways.name
    for name in bench.origin.files(1, size):
        found, cpu = ways.each(name)
        for who, times in found.items():
            results.add(f"{at} whole {who}", times[1])
        for who, seconds in cpu.items():
            results.add(f"{at} cpu {who}", seconds / size * 1e9)


def cold_service(bench, ways):
    """The service is not running: the first byte has its start, the index, and a handshake before it."""
    results, at = bench.results, ways.name
    for name in bench.origin.files(1, FIRST_BYTES):
        ways.ours.mirror.kill_service(15)
        before = measure.cpu_seconds(ways.ours.pids())
        cold = measure.Client(ways.ours.port).get(f"/zig/{name}", close=True)[0]
        results.add(f"{at} cold cpu", measure.cpu_seconds(ways.ours.pids()) - before)
        direct = fresh(ways.port, name)
        results.add(f"{at} cold", cold)
        results.add(f"{at} cold direct", direct)
        results.add(f"{at} cold more", cold - direct)


def fresh(port, name):
    """The first byte of upstream's own, the connection that is made for it included."""
    begun = time.perf_counter()
    client = measure.Client(port, tls=True)
    connected = time.perf_counter() - begun
    return connected + client.get(f"/download/{VERSION}/{name}", close=True)[0]


def run(bench, keep):
    size = WHOLE_BYTES_QUICK if bench.options.quick else WHOLE_BYTES
    both = [Ways(bench, keep, name) for name in ("near", "far")]
    for number in range(bench.options.rounds):
        bench.say(f"misses, round {number + 1} of {bench.options.rounds}")
        for ways in both:
            first_bytes(bench, ways)
            whole(bench, ways, size)
            cold_service(bench, ways)
    lines(bench.results, f"{size // 10**6} MB")


def lines(results, size):
    results.section("Cold misses: lighttpd, static first")
    for at, title in TITLES.items():
        results.figure(f"{title}: first byte, warm connection, more than nginx proxy_cache", f"{at} first more", "ms", 1e3,
                       at_most(3, "miss-warm"))
        results.ratio(f"{title}: CPU of a file of {FIRST_BYTES // 10**6} MB / nginx proxy_cache", f"{at} first cpu ours", f"{at} first cpu proxy", "ms", 1e3)
        results.ratio(f"{title}: first byte, warm connection / direct", f"{at} first ours", f"{at} first direct", "ms", 1e3)
        results.figure(f"{title}: first byte, cold service, more than direct", f"{at} cold more", "ms", 1e3, at_most(25, "miss-cold"))
        results.ratio(f"{title}: CPU of a file of {FIRST_BYTES // 10**6} MB, cold service / warm", f"{at} cold cpu", f"{at} first cpu ours", "ms", 1e3)
        results.ratio(f"{title}: {size} / direct", f"{at} whole ours", f"{at} whole direct", "s", 1, at_most(1.02, "miss-whole"))
        results.ratio(f"{title}: {size} / nginx proxy_cache", f"{at} whole ours", f"{at} whole proxy", "s")
        results.ratio(f"{title}: CPU a GB / nginx proxy_cache", f"{at} cpu ours", f"{at} cpu proxy", "s")
