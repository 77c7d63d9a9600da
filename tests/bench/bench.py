"""The table: each line a ratio to what stands beside it, the median over interleaved rounds with its extremes."""

import argparse
import json
import pathlib
import platform
import statistics
import sys
import tempfile

import measure
import stacks
from stacks import Nginx, Ours, lighttpd

from lib.authority import Authority
from lib.process import BUILD, Port
from lib.signer import Signer
from lib.zig import bytes_for

VERSION = "0.14.1"
RATE = 20 * 2**20
BIG = 50_000_000


class Table:
    """Collects samples by name; prints one against another."""

    def __init__(self):
        self.samples, self.lines = {}, []

    def add(self, name, value):
        self.samples.setdefault(name, []).append(value)

    def median(self, name):
        return statistics.median(self.samples[name])

    def ratio(self, title, name, against, unit="", scale=1, goal=""):
        """name / against, round by round."""
        pairs = [a / b for a, b in zip(self.samples[name], self.samples[against]) if b]
        self.lines.append({"line": title, "ratio": statistics.median(pairs), "least": min(pairs), "most": max(pairs),
                           "is": self.median(name) * scale, "against": self.median(against) * scale, "unit": unit, "goal": goal})

    def figure(self, title, value, unit, goal=""):
        self.lines.append({"line": title, "is": value, "unit": unit, "goal": goal})

    def show(self):
        print(f"\n{'':50} {'ratio':>7} {'least':>7} {'most':>7}  {'is':>11} {'against':>11}")
        for l in self.lines:
            if "ratio" in l:
                print(f"{l['line']:50} {l['ratio']:7.2f} {l['least']:7.2f} {l['most']:7.2f}  {l['is']:11.2f} {l['against']:11.2f} {l['unit']:6} {l['goal']}")
            else:
                print(f"{l['line']:50} {'':7} {'':7} {'':7}  {l['is']:11.2f} {'':11} {l['unit']:6} {l['goal']}")


class Origin:
    """An upstream of nginx: TLS as fast as it goes, TLS and plain HTTP at RATE."""

    def __init__(self, authority, signer):
        self.signer = signer
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="bench-origin-"))
        self.fast, self.slow = self.folder / "fast", self.folder / "slow"
        self.slow_port, self.plain_port = Port(), Port()
        for root in (self.fast, self.slow):
            (root / "download" / VERSION).mkdir(parents=True)
        self.nginx = Nginx(stacks.ORIGIN)
        self.nginx.start(pem=authority.certificate(), root=self.fast, slow_root=self.slow, slow=self.slow_port.number,
                         plain=self.plain_port.number, rate=RATE)
        self.urls = {"fast": f"https://127.0.0.1:{self.nginx.port}", "slow": f"https://127.0.0.1:{self.slow_port.number}",
                     "plain": f"http://127.0.0.1:{self.plain_port.number}"}
        self.count = 0

    def index(self):
        for root, url in ((self.fast, self.urls["fast"]), (self.slow, self.urls["slow"])):
            part = {"tarball": f"{url}/download/{VERSION}/zig-none-linux-{VERSION}.tar.xz", "shasum": "0" * 64, "size": "1"}
            (root / "download/index.json").write_text(json.dumps({VERSION: {"date": "2025-05-21", "none-linux": part}}))
            (root / "download/community-mirrors.txt").write_text("https://mirror.example/zig\n")

    def files(self, count, size):
        """New signed files at both roots; their names."""
        names = []
        for _ in range(count):
            self.count += 1
            name = f"zig-cpu{self.count}-linux-{VERSION}.tar.xz"
            body = bytes_for(name, size)
            signature = self.signer.sign(body, name)
            for root in (self.fast, self.slow):
                (root / "download" / VERSION / name).write_bytes(body)
                (root / "download" / VERSION / (name + ".minisig")).write_bytes(signature)
            names.append(name)
        return names

    def transfers(self, name):
        """How often the access log has the file, and the bytes sent for it."""
        lines = [l for l in (self.nginx.folder / "access.log").read_text().splitlines() if f"{name} " in l]
        return len(lines), sum(int(l.split('" ')[1].split()[1]) for l in lines)

    def close(self):
        self.nginx.close()


class Bench:
    def __init__(self, options):
        self.options, self.table, self.open = options, Table(), []
        folder = pathlib.Path(tempfile.mkdtemp(prefix="bench-keys-"))
        self.authority, self.signer = Authority(folder), Signer(folder)
        self.origin = self.keep(Origin(self.authority, self.signer))
        self.origin.index()

    def keep(self, thing):
        self.open.append(thing)
        return thing

    def close(self):
        for thing in reversed(self.open):
            thing.close()

    def ours(self, front, origin="fast", **keys):
        return self.keep(Ours(self.authority, self.signer, self.origin.urls[origin], front, **keys))

    def say(self, text):
        print(text, file=sys.stderr, flush=True)

    # -- hits

    def hit_contestants(self, big):
        static = self.origin.fast / "download" / VERSION
        found = {
            "lighttpd static": (self.keep(stacks.Alone(stacks.PLAIN, root=static)), "/{}"),
            "lighttpd hello": (self.keep(stacks.Alone(stacks.HELLO, hello=BUILD / "tests/bench/hello")), "/"),
            "lighttpd ours static first": (self.ours(lighttpd()), "/zig/{}"),
            "lighttpd ours offload": (self.ours(lighttpd(hits="offload")), "/zig/{}"),
            "lighttpd ours self": (self.ours(lighttpd(hits="self")), "/zig/{}"),
            "nginx static": (self.keep(Nginx(stacks.STATIC).start(root=static)), "/{}"),
            "nginx ours static first": (self.ours(Nginx(stacks.STATIC_FIRST)), "/zig/{}"),
            "nginx ours offload": (self.ours(Nginx(stacks.OFFLOAD)), "/zig/{}"),
            "nginx proxy_cache": (self.keep(Nginx(stacks.PROXY).start(origin=self.origin.nginx.port)), f"/download/{VERSION}/{{}}"),
            "varnish": (self.keep(stacks.Varnish(self.origin.plain_port.number)), f"/download/{VERSION}/{{}}"),
        }
        found["lighttpd ours CGI"] = (self.ours(lighttpd("cgi", "offload")), "/zig/{}")
        for url in self.options.url:
            found[url] = (None, url)
        for name, (stack, path) in found.items():
            for file in (big, big + ".minisig"):
                if stack is not None and "hello" not in name:
                    measure.Client(stack.port).get(path.format(file), close=True)
        return found

    def hits(self):
        big = self.origin.files(1, BIG)[0]
        small = big + ".minisig"
        found = self.hit_contestants(big)
        for number in range(self.options.rounds):
            self.say(f"hits, round {number + 1}")
            for name, (stack, path) in found.items():
                base = f"http://127.0.0.1:{stack.port}" if stack else ""
                r = measure.wrk(base + path.format(small), self.options.seconds, 32)
                assert r["bad"] == 0 or stack is None, f"{name}: {r['bad']} bad answers"
                self.table.add(name + " small", r["rps"])
                self.table.add(name + " p99", r["p99"])
                if "hello" in name:
                    continue
                before = measure.cpu_seconds(stack.pids()) if stack else 0
                r = measure.wrk(base + path.format(big), self.options.seconds, 4)
                self.table.add(name + " large", r["bytes"])
                if stack:
                    used = measure.cpu_seconds(stack.pids()) - before
                    self.table.add(name + " cpu", used / max(1e-9, r["bytes"] * self.options.seconds / 1e9))
        for server in ("lighttpd", "nginx"):
            for kind, small_goal, large_goal in (("static first", "0.95", "0.95"), ("offload", "", "0.95")):
                name, static = f"{server} ours {kind}", f"{server} static"
                self.table.ratio(f"{name}: small hits", name + " small", static + " small", "1/s", goal=small_goal)
                self.table.ratio(f"{name}: large hits", name + " large", static + " large", "MB/s", 1e-6, large_goal)
                self.table.ratio(f"{name}: CPU per GB", name + " cpu", static + " cpu", "s", goal="<= 1.1")
        self.table.ratio("lighttpd ours offload against a FastCGI hello", "lighttpd ours offload small", "lighttpd hello small", "1/s", goal="0.9")
        for name in ("lighttpd ours self", "lighttpd ours CGI", "nginx proxy_cache", "varnish", *self.options.url):
            against = "nginx static" if "nginx" in name else "lighttpd static"
            self.table.ratio(f"{name}: small hits", name + " small", against + " small", "1/s")
            self.table.ratio(f"{name}: large hits", name + " large", against + " large", "MB/s", 1e-6)
        self.table.ratio("lighttpd ours static first: p99 of small hits", "lighttpd ours static first p99", "lighttpd static p99", "ms", 1e3)

    # -- misses

    def misses(self):
        count = self.options.rounds * 4
        ours = self.ours(lighttpd())
        proxy = self.keep(Nginx(stacks.PROXY).start(origin=self.origin.nginx.port))
        direct = measure.Client(self.origin.nginx.port, tls=True)
        warm = self.origin.files(1, 1000)[0]
        measure.Client(ours.port).get(f"/zig/{warm}", close=True)
        measure.Client(proxy.port).get(f"/download/{VERSION}/{warm}", close=True)
        for name in self.origin.files(count, 2_000_000):
            a, b = measure.Client(ours.port), measure.Client(proxy.port)
            self.table.add("miss ours", a.get(f"/zig/{name}", close=True)[0])
            self.table.add("miss proxy", b.get(f"/download/{VERSION}/{name}", close=True)[0])
            self.table.add("miss direct", direct.get(f"/download/{VERSION}/{name}")[0])
        more = [a - b for a, b in zip(self.table.samples["miss ours"], self.table.samples["miss proxy"])]
        self.table.figure("cold miss: first byte, more than nginx proxy_cache", statistics.median(more) * 1e3, "ms", "<= 3")
        self.table.ratio("cold miss: first byte against direct", "miss ours", "miss direct", "ms", 1e3)
        for name in self.origin.files(self.options.rounds, 1000):
            ours.mirror.kill_service(15)
            cold = measure.Client(ours.port).get(f"/zig/{name}", close=True)[0]
            fresh = measure.Client(self.origin.nginx.port, tls=True)
            self.table.add("cold service", cold - fresh.get(f"/download/{VERSION}/{name}", close=True)[0])
        self.table.figure("cold miss: first byte with a cold service, more than direct", self.table.median("cold service") * 1e3, "ms", "<= 25")
        for speed, port in (("fast", self.origin.nginx.port), ("slow", self.origin.slow_port.number)):
            mirror = ours if speed == "fast" else self.ours(lighttpd(), "slow")
            for name in self.origin.files(self.options.rounds, BIG):
                self.table.add(f"whole direct {speed}", measure.Client(port, tls=True).get(f"/download/{VERSION}/{name}", close=True)[1])
                self.table.add(f"whole ours {speed}", measure.Client(mirror.port).get(f"/zig/{name}", close=True)[1])
            title = "upstream at 20 MB/s" if speed == "slow" else "upstream unlimited"
            self.table.ratio(f"cold miss: whole 50 MB file, {title}", f"whole ours {speed}", f"whole direct {speed}", "s",
                             goal="<= 1.02" if speed == "slow" else "")

    # -- crowds

    def crowd(self):
        ours = self.ours(lighttpd(), "plain")
        varnish = self.keep(stacks.Varnish(self.origin.plain_port.number))
        transfers = 0
        for name in self.origin.files(self.options.rounds, 20_000_000):
            alone = self.origin.files(1, 20_000_000)[0]
            self.table.add("single", measure.herd(ours.port, f"/zig/{alone}", 1)[1])
            for who, port, path in (("ours", ours.port, f"/zig/{name}"), ("varnish", varnish.port, f"/download/{VERSION}/{name}")):
                first, last = measure.herd(port, path, 100)
                self.table.add(f"herd first {who}", first)
                self.table.add(f"herd last {who}", last)
                if who == "ours":
                    transfers = max(transfers, self.origin.transfers(name)[0])
        self.table.figure("100 clients, one cold file: upstream transfers", transfers, "", "1")
        self.table.ratio("100 clients, one cold file: slowest first byte", "herd first ours", "herd first varnish", "ms", 1e3, "Varnish's")
        self.table.ratio("100 clients, one cold file: slowest client, against a single one", "herd last ours", "single", "s")
        self.table.ratio("100 clients, one cold file: slowest client, against Varnish's", "herd last ours", "herd last varnish", "s", goal="<= 1.1")

    def memory(self):
        ours = self.ours(lighttpd(), "plain")
        name = self.origin.files(1, 20_000_000)[0]
        measure.herd(ours.port, f"/zig/{name}", 64)
        self.table.figure("64 followers: responder's peak RSS", measure.peak_rss(ours.mirror.responders()[0]), "MiB", "< 16")
        self.table.figure("64 followers: service's peak RSS", measure.peak_rss(ours.mirror.service()), "MiB", "< 24")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="interleaved rounds (default 5)")
    parser.add_argument("--seconds", type=int, default=2, help="length of a load (default 2)")
    parser.add_argument("--json", help="write the results there, too")
    parser.add_argument("--url", action="append", default=[], help="another contestant for small and large hits, by the URL of a file")
    parser.add_argument("part", nargs="*", choices=["hits", "misses", "crowd", "memory", []], help="all when none is named")
    options = parser.parse_args()
    bench = Bench(options)
    try:
        for part in options.part or ["hits", "misses", "crowd", "memory"]:
            bench.say(part)
            getattr(bench, part)()
    finally:
        bench.close()
    machine = f"{platform.system()} {platform.release()}, {platform.machine()}, {len(__import__('os').sched_getaffinity(0))} cores"
    print(f"{machine}, {options.rounds} rounds; load generator and servers share the machine")
    bench.table.show()
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps({"machine": machine, "lines": bench.table.lines}, indent=1) + "\n")


main()
