"""docs/operations.md: what stands before a mirror: a CDN, a proxy whose clients are counted, a second front. Needs root."""

import json
import re

import pytest

from lib import fronts, operations
from lib.operations import COLD, NIGHTLY, OLD, STABLE, Apache, Caddy, Lighttpd, Nginx, block
from lib.process import Process, accepts
from lib.zig import file_name

EMPTY = {"Content-Length": "0"}


def test_what_a_cdn_may_keep(station):
    index = station.get("/zig/index.json").headers["cache-control"]
    age = int(re.match(r"public, max-age=(\d+), stale-while-revalidate=900, stale-if-error=604800$", index).group(1))
    assert 0 < age <= 900
    for name in (STABLE, STABLE + ".minisig"):
        answer = station.get(f"/zig/{name}")
        assert "immutable" in answer.headers["cache-control"] or "max-age=31536000" in answer.headers["cache-control"]
        assert answer.headers["etag"] and answer.headers["last-modified"] and "content-encoding" not in answer.headers
    cold = station.get(f"/zig/{COLD}", headers={"Range": "bytes=5-9"})
    assert cold.status == 200 and cold.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert station.get("/").headers["cache-control"] == "public, max-age=300"
    for target, status in (("/-/health", 200), ("/-/status", 200), ("/-/metrics", 200), ("/zig/nothing.txt", 404), ("/zig/zig-x86_64-linux-9.9.9.tar.xz", 404)):
        answer = station.get(target)
        assert (answer.status, answer.headers["cache-control"]) == (status, "no-store"), target
    assert station.get("/zig/index.json", method="POST", headers=EMPTY).headers["cache-control"] == "no-store"


def address_block(name, comment):
    text = block(name)
    return text.replace("192.0.2.2", "127.0.0.1") if comment in text else pytest.fail(name)


@pytest.mark.parametrize("kind", [Lighttpd, Nginx, Apache, Caddy])
def test_miss_limit_counts_the_clients_behind_a_proxy(make_station, site, kind):
    front = kind()
    if kind is Lighttpd:
        front.extra = address_block("address-lighttpd", "40-address.conf")
    elif kind is Nginx:
        front.extra = address_block("address-nginx", "conf.d/address.conf")
    elif kind is Caddy:
        front.extra = address_block("address-caddy", "transport fastcgi")
    else:
        front.extra = address_block("address-apache", "a2enmod remoteip")
        front.modules += ("remoteip",)
    station = make_station(front, miss_limit=1)
    names = [file_name("0.14.1", target) for target in ("x86_64-linux", "aarch64-macos", "x86_64-windows")]

    def status(name, address):
        return station.get(f"/zig/{name}", headers={"X-Forwarded-For": address}).status

    assert status(names[0], "203.0.113.1") == 200
    assert status(names[1], "203.0.113.1") == 429
    assert status(names[1], "203.0.113.2") == 200
    assert status(names[2], "203.0.113.2") == 429


class SecondFront:
    """nginx on another machine, as the document has it, which reads the first one's files and hands on the rest."""

    def __init__(self, station):
        self.station, front = station, station.mirror.front
        self.nginx = Nginx()
        self.port, self.folder = self.nginx.port, station.mirror.folder / "second"
        self.folder.mkdir()
        text = fronts.adapt(block("second-front"), {
            "pkg.example.org": front.host, "listen 443 ": f"listen {self.port} ", "listen [::]:443 ": f"listen [::]:{self.port} ",
            "/etc/pkgmirror/tls": front.tls_folder, "/var/lib/pkgmirror/public": station.mirror.state / "public",
            "192.0.2.1:443": f"127.0.0.1:{front.port}", "/etc/ssl/certs/ca-certificates.crt": station.mirror.folder / "ca.pem"})
        kinds = ("client_body", "fastcgi", "proxy", "scgi", "uwsgi")
        temporary = "".join(f"{kind}_temp_path {self.folder}/{kind};\n" for kind in kinds)
        (self.folder / "nginx.conf").write_text(
            f"pid {self.folder}/pid;\nuser www-data;\nevents {{}}\nhttp {{\naccess_log {self.folder}/access.log;\n{temporary}{text}}}\n")
        self.process = Process("second", [fronts.program("nginx"), "-c", self.folder / "nginx.conf", "-e", self.folder / "error.log", "-g", "daemon off;"],
                               self.folder / "out")
        self.process.start(live=lambda: accepts(self.port))

    def get(self, target, **more):
        with self.open(target, **more) as answer:
            return answer.rest()

    def open(self, target, **more):
        front = self.station.mirror.front
        return operations.client.request(self.port, target, host=front.host, tls=front.tls(), **more)

    def stop(self):
        self.process.stop()
        self.nginx.close()


def test_two_fronts_one_store(make_station, site):
    front = Lighttpd()
    front.extra = address_block("address-lighttpd", "40-address.conf")
    station = make_station(front, miss_limit=2)
    second = SecondFront(station)
    try:
        # A miss at the second is one transfer, for clients of both, while it comes.
        gate = site.upstream.hold(site.path(STABLE), at=100_000)
        with second.open(f"/zig/{STABLE}") as there, station.open(f"/zig/{STABLE}") as here:
            assert len(there.read(30_000)) >= 30_000 and len(here.read(30_000)) >= 30_000
            gate.release()
            assert there.rest().whole and here.rest().whole
        assert there.body == here.body == site.body(STABLE)
        assert len(site.upstream.seen(site.path(STABLE))) == 1
        station.mirror.wait_published(f"zig/{STABLE}")
        # One that turns out bad is cut off there, too.
        site.upstream.change(site.path(COLD), flip=1000)
        bad = second.get(f"/zig/{COLD}")
        assert bad.status == 502 or not bad.whole
        # Two clients of the second have limits of their own; it is one address for the first.
        for address, status in (("127.0.0.1", 429), ("::1", 200)):
            connection = second.station.mirror.front
            answer = operations.client.request(second.port, f"/zig/{NIGHTLY}", host="localhost" if address != "::1" else "::1", tls=connection.tls(),
                                               headers={"Host": "localhost"})
            with answer:
                assert answer.rest().status == status, address
        station.mirror.wait_published(f"zig/{NIGHTLY}")
        index = second.get("/zig/index.json")
        assert index.status == 200 and json.loads(index.body)["0.14.1"]["x86_64-linux"]["tarball"] == f"{station.mirror.url}/zig/{STABLE}"
        assert second.get("/catalog.db").status == 404 and second.get(f"/zig/{STABLE}", method="POST", headers=EMPTY).status == 405
        # Its hits are its own: with its headers, and without the first.
        station.mirror.front.stop()
        answer = second.get(f"/zig/{STABLE}")
        assert answer.body == site.body(STABLE) and answer.headers["content-type"] == "application/x-xz"
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert second.get(f"/zig/{OLD}").status == 502
        second.process.stop()
        station.mirror.front.start(station.mirror)
    finally:
        second.stop()
