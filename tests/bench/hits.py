"""Hits: what a small and a large file cost that is here, against the same web server's own file and what others would use."""

import urllib.parse

import measure
import stacks
from origin import VERSION
from results import at_least, at_most
from stacks import Nginx, lighttpd

from lib.process import BUILD

SMALL, LARGE = "small", "large"
LARGE_BYTES = 50_000_000
LIMIT_OF_SMALL = 1_000_000  # of a file that a URL of the command line names


class Contestant:
    """A stack and the paths of its small and its large file; `pids` of a foreign one are those that listen there."""

    def __init__(self, name, stack=None, small=None, large=None, base=None):
        self.name, self.stack, self.paths = name, stack, {SMALL: small, LARGE: large}
        self.base = base or f"http://127.0.0.1:{stack.port}"

    def pids(self):
        if self.stack is not None:
            return self.stack.pids()
        there = urllib.parse.urlsplit(self.base)
        return measure.family(measure.listener(there.port or 80)) if there.hostname in ("127.0.0.1", "localhost") else []


def foreign(urls):
    """The contestants of the command line, one a server: the size of a file says which it is."""
    found = {}
    for url in urls:
        there = urllib.parse.urlsplit(url)
        assert there.scheme == "http" and there.hostname, f"{url}: no http://HOST[:PORT]/PATH"
        base = f"http://{there.netloc}"
        one = found.setdefault(base, Contestant(there.netloc, base=base))
        size = measure.size_of(url)
        one.paths[SMALL if size <= LIMIT_OF_SMALL else LARGE] = url.removeprefix(base)
    return list(found.values())


def contestants(bench, keep, big):
    """Those that the options choose; their files are in their caches afterwards."""
    root = bench.origin.root / "download" / VERSION
    plain, mirror = f"/download/{VERSION}/{{}}", "/zig/{}"
    hello = BUILD / "tests/bench/hello"
    makers = {
        "lighttpd static": (lambda: stacks.Lighttpd(stacks.PLAIN, root=root), "/{}"),
        "lighttpd hello": (lambda: stacks.Lighttpd(stacks.HELLO, hello=hello, root=root), None),
        "lighttpd hello, sendfile": (lambda: stacks.Lighttpd(stacks.HELLO, hello=f"{hello} {root}/{big}.minisig", root=root), None),
        "lighttpd hello, CGI": (lambda: stacks.Lighttpd(stacks.HELLO_CGI, program=BUILD / "tests/bench/hello_cgi"), None),
        "lighttpd ours static first": (lambda: bench.ours(lighttpd()), mirror),
        "lighttpd ours offload": (lambda: bench.ours(lighttpd(hits="offload")), mirror),
        "lighttpd ours self": (lambda: bench.ours(lighttpd(hits="self")), mirror),
        "lighttpd ours CGI": (lambda: bench.ours(lighttpd("cgi", "offload")), mirror),
        "nginx static": (lambda: Nginx(stacks.STATIC).start(root=root), "/{}"),
        "nginx hello": (lambda: Nginx(stacks.HELLO_NGINX, hello="").start(root=root), None),
        "nginx hello, sendfile": (lambda: Nginx(stacks.HELLO_NGINX, hello=f"{root}/{big}.minisig").start(root=root), None),
        "nginx ours static first": (lambda: bench.ours(Nginx(stacks.STATIC_FIRST)), mirror),
        "nginx ours offload": (lambda: bench.ours(Nginx(stacks.OFFLOAD)), mirror),
        "nginx ours self": (lambda: bench.ours(Nginx(stacks.OFFLOAD, "none")), mirror),
        "nginx proxy_cache": (lambda: Nginx(stacks.PROXY).start(origin=bench.origin.ports["near"], scheme="https"), plain),
        "varnish": (lambda: stacks.Varnish(bench.origin.ports["near plain"]), plain),
        "squid": (lambda: stacks.Squid(bench.origin.ports["near plain"]), plain),
    }
    found = []
    for name, (make, path) in makers.items():
        if not bench.chosen(name):
            continue
        stack = keep(make())
        one = Contestant(name, stack, *((path.format(big + ".minisig"), path.format(big)) if path else ("/", None)))
        for file in filter(None, one.paths.values()):
            measure.Client(stack.port).get(file, close=True)
        found.append(one)
    return found + foreign(bench.options.url)


def measure_one(bench, one, kind, connections):
    """A load on one file of one contestant."""
    results, name = bench.results, f"{one.name} {kind}"
    pids = one.pids()
    before = measure.cpu_seconds(pids)
    load = measure.wrk(one.base + one.paths[kind], bench.options.seconds, connections)
    used = measure.cpu_seconds(pids) - before
    assert load["bad"] == 0 and load["requests"] + load["bytes"] > 0, f"{name}: {load}"
    results.add(f"{name} rate", load["requests" if kind == SMALL else "bytes"] / load["seconds"])
    if kind == SMALL:
        results.add(f"{name} p99", load["p99"])
    if pids:
        results.add(f"{name} cpu", used / max(1, load["requests"]) if kind == SMALL else used / load["bytes"] * 1e9)


def run(bench, keep):
    big = bench.origin.files(1, LARGE_BYTES)[0]
    found = contestants(bench, keep, big)
    for number in range(bench.options.rounds):
        bench.say(f"hits, round {number + 1} of {bench.options.rounds}")
        # Back and forth: nobody is always behind the same neighbour.
        for one in found if number % 2 == 0 else found[::-1]:
            for kind, connections in ((SMALL, 32), (LARGE, 4)):
                if one.paths[kind] is not None:
                    measure_one(bench, one, kind, connections)
    for one in found:
        if one.stack is not None:
            bench.results.add(f"{one.name} rss", measure.peak_rss(*one.pids()))
    lines(bench.results, [one for one in found if one.stack is None])


def pair(results, who, against, kind, goals=(None, None)):
    """The lines of one contestant against another."""
    rate, cpu = goals
    if kind == SMALL:
        results.ratio(f"{who} / {against}: hits", f"{who} small rate", f"{against} small rate", "1/s", 1, rate)
        results.ratio(f"{who} / {against}: 99th percentile", f"{who} small p99", f"{against} small p99", "ms", 1e3)
        results.ratio(f"{who} / {against}: CPU a hit, all processes", f"{who} small cpu", f"{against} small cpu", "µs", 1e6, cpu)
    else:
        results.ratio(f"{who} / {against}: throughput", f"{who} large rate", f"{against} large rate", "MB/s", 1e-6, rate)
        results.ratio(f"{who} / {against}: CPU a GB, all processes", f"{who} large cpu", f"{against} large cpu", "s", 1, cpu)


def lines(results, others):
    results.section("Small hits: a signature of 560 bytes, 32 kept connections")
    for server in ("lighttpd", "nginx"):
        pair(results, f"{server} ours static first", f"{server} static", SMALL, (at_least(0.95, "small-static"), None))
        pair(results, f"{server} ours offload", f"{server} hello", SMALL, (at_least(0.9, "small-offload"), None))
        pair(results, f"{server} ours offload", f"{server} hello, sendfile", SMALL)
        pair(results, f"{server} ours self", f"{server} hello", SMALL)
    pair(results, "lighttpd ours CGI", "lighttpd hello, CGI", SMALL)
    for one in ("nginx proxy_cache", "varnish", "squid", *(one.name for one in others)):
        pair(results, "lighttpd ours static first", one, SMALL)
    results.section("Large hits: 50 MB, 4 clients")
    for server in ("lighttpd", "nginx"):
        for kind in ("static first", "offload"):
            pair(results, f"{server} ours {kind}", f"{server} static", LARGE, (at_least(0.95, "large"), at_most(1.1, "large")))
        pair(results, f"{server} ours self", f"{server} static", LARGE)
    pair(results, "lighttpd ours CGI", "lighttpd static", LARGE)
    for one in ("nginx proxy_cache", "varnish", "squid", *(one.name for one in others)):
        pair(results, "lighttpd ours static first", one, LARGE)
    results.section("Memory after these loads: the peak of each process, added")
    for mode in ("static first", "offload", "self"):
        results.ratio(f"nginx ours {mode} / nginx proxy_cache", f"nginx ours {mode} rss", "nginx proxy_cache rss", "MiB")
        results.figure(f"lighttpd ours {mode}", f"lighttpd ours {mode} rss", "MiB")
    for one in ("lighttpd ours CGI", "lighttpd static", "nginx static", "varnish", "squid"):
        results.figure(one, f"{one} rss", "MiB")
