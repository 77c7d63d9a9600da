"""Where an upstream may send the fetch service: redirects, and the addresses that are really connected to.

The addresses are those of a network namespace, so that a forge can be at a public one and `allow_private_upstreams` stays
off, as in real life. Whoever must not be reached has a listener that must not see a connection."""

import socket

import pytest

from lib.mirror import Mirror
from lib.namespace import in_namespace, write_hosts
from lib.packages import SRC, gz, manifest, tar
from lib.upstream import Upstream

FORGE, CDN, OTHER, DEAD = "20.1.2.3", "20.1.2.4", "2a01:4f8::5", "20.1.2.6"
PRIVATE = ["127.0.0.1", "::1", "10.0.0.1", "169.254.169.254", "192.168.7.7", "100.64.0.1", "fd00::1", "fe80::1"]
NAMES = [
    (FORGE, "forge.test"), (CDN, "cdn.test"), (OTHER, "other.test"), ("10.0.0.1", "inside.test"), (DEAD, "both.test"),
    ("10.0.0.1", "both.test"), ("::1", "six.test"), (FORGE, "moving.test"),
]
DATA = gz(tar([("build.zig.zon", manifest())] + SRC))
NOT_LISTED, NOT_PUBLIC, SCHEME = "which is not allowed", "which is no public address", "redirects to another scheme"


class Listener:
    """Counts who connects; speaks to nobody."""

    def __init__(self, host):
        self.host = host
        self.socket = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        self.socket.bind((host, 0, 0, scope()) if host.startswith("fe80") else (host, 0))
        self.socket.listen(16)
        self.socket.setblocking(False)
        self.port = self.socket.getsockname()[1]

    def url(self, scheme="https", host=None):
        host = host or self.host
        return f"{scheme}://{f'[{host}]' if ':' in host else host}:{self.port}/file.tar.gz"

    def connections(self):
        count = 0
        try:
            while True:
                self.socket.accept()[0].close()
                count += 1
        except BlockingIOError:
            return count


def scope():
    return socket.if_nametoindex("lo")


class World:
    """Inside the namespace: a forge, a CDN that is listed and another host that is not, and a mirror."""

    def __init__(self, authority, signer, hosts, redirects):
        self.hosts = hosts
        self.closers = []
        self.forge = self.upstream(authority, FORGE, "forge.test", "moving.test")
        self.cdn = self.upstream(authority, CDN, "cdn.test")
        self.other = self.upstream(authority, OTHER, "other.test")
        self.listeners = {host: Listener(host) for host in PRIVATE}
        self.plain = Listener(FORGE)
        self.mirror = Mirror(
            authority, allow_private_upstreams=False, toolchains={"upstream": self.forge.origin, "public_key": signer.key},
            extra=self.rule("demo", self.forge.origin, redirects),
        )

    def upstream(self, authority, host, *names):
        made = Upstream(authority, host=host, name=names[0], names=names[1:])
        self.closers.append(made.close)
        return made.start()

    def rule(self, name, origin, redirects=()):
        listed = ", ".join(f'"{host}"' for host in redirects)
        return (f'package "{name}" {{\n  path = "/{name}/v{{version}}.tar.gz"\n  upstream = "{origin}/{name}/{{version}}.tar.gz"\n'
                f"  redirects = {{{listed}}}\n}}\n")

    def redirect(self, version, target):
        """What the mirror answers when the forge sends it to `target`, and what it logs."""
        self.forge.add(f"/demo/{version}.tar.gz", b"", redirect=target)
        return self.ask("demo", version)

    def ask(self, name, version):
        before = len(self.mirror.log())
        answer = self.mirror.get(f"/{name}/v{version}.tar.gz")
        return answer, self.mirror.log()[before:]

    def refused(self, version, target, why):
        """Complaints about a redirect that has to be refused for that reason, and must not reach anybody."""
        cdn, other = self.cdn.connections, self.other.connections
        answer, log = self.redirect(version, target)
        reached = {host: n for host, listener in self.listeners.items() if (n := listener.connections())}
        if self.plain.connections() or self.other.connections != other or self.cdn.connections != cdn:
            reached["another"] = 1
        fine = answer.status == 504 and why in log and not reached
        return [] if fine else [(target, answer.status, reached, log)]

    def close(self):
        self.mirror.close()
        for close in self.closers:
            close()
        for listener in [*self.listeners.values(), self.plain]:
            listener.socket.close()


@pytest.fixture
def in_world(authority, signer):
    def run(function, redirects=()):
        def inside(hosts):
            world = World(authority, signer, hosts, redirects)
            try:
                world.mirror.start()
                function(world)
            finally:
                world.close()

        in_namespace(inside, [FORGE, CDN, OTHER, DEAD, *PRIVATE[2:]], NAMES)

    return run


def test_redirect_to_a_listed_host_is_followed(in_world):
    def body(world):
        world.cdn.add("/x/a%2Bb.tar.gz", DATA)
        answer, _ = world.redirect(1, world.cdn.url("/x/a%2Bb.tar.gz"))
        assert (answer.status, answer.whole, answer.body) == (200, True, DATA)
        assert world.cdn.paths() == ["/x/a%2Bb.tar.gz"]
        row = world.mirror.rows("SELECT * FROM provenance")[0]
        assert (row["requested_url"], row["effective_url"]) == (world.forge.url("/demo/1.tar.gz"), world.cdn.url("/x/a%2Bb.tar.gz"))
        assert row["remote_address"] == CDN

    in_world(body, ["cdn.test"])


def test_redirect_within_the_host_is_followed(in_world):
    def body(world):
        world.forge.add("/real.tar.gz", DATA)
        for version, target in ((1, world.forge.url("/real.tar.gz")), (2, "/real.tar.gz"), (3, "../real.tar.gz"), (4, "//" + world.forge.origin[8:] + "/real.tar.gz")):
            answer, _ = world.redirect(version, target)
            assert (answer.status, answer.body) == (200, DATA)

    in_world(body)


def test_redirect_that_no_rule_lists_is_refused(in_world):
    def body(world):
        wrong = world.refused(1, world.cdn.url("/x.tar.gz"), NOT_LISTED)
        wrong += world.refused(2, world.other.url("/x.tar.gz"), NOT_LISTED)
        wrong += world.refused(3, world.plain.url("http"), SCHEME)
        for version, host in enumerate(PRIVATE[:7], 10):
            wrong += world.refused(version, world.listeners[host].url(), NOT_LISTED)
        wrong += world.refused(20, world.listeners["10.0.0.1"].url(host="inside.test"), NOT_LISTED)
        wrong += world.refused(21, world.plain.url("https", "user:secret@forge.test"), "no URL of ours")
        wrong += world.refused(22, "file:///etc/passwd", "no URL of ours")
        wrong += world.refused(23, "gopher://forge.test/x", "no URL of ours")
        assert wrong == []
        assert world.mirror.published() == []

    in_world(body)


def test_redirect_to_an_address_that_is_not_public_is_refused_though_listed(in_world):
    """The listed name is not what counts, but the address that would be connected to."""
    odd = {"167772161": "10.0.0.1", "127.1": "127.0.0.1", "0x7f.0.0.1": "127.0.0.1", "::ffff:10.0.0.1": "10.0.0.1", "64:ff9b::a00:1": "10.0.0.1"}

    def body(world):
        wrong = []
        for version, host in enumerate(PRIVATE[:7], 10):
            wrong += world.refused(version, world.listeners[host].url(), NOT_PUBLIC)
        for version, name in enumerate(("inside.test", "both.test"), 20):
            wrong += world.refused(version, world.listeners["10.0.0.1"].url(host=name), NOT_PUBLIC)
        wrong += world.refused(22, world.listeners["::1"].url(host="six.test"), NOT_PUBLIC)
        for version, (text, host) in enumerate(odd.items(), 30):
            wrong += world.refused(version, world.listeners[host].url(host=text), NOT_PUBLIC)
        assert wrong == []
        # None of this is the forge's fault for others.
        world.forge.add("/demo/99.tar.gz", DATA)
        assert world.ask("demo", 99)[0].body == DATA

    in_world(body, ["inside.test", "both.test", "six.test", *(f"[{h}]" if ":" in h else h for h in [*PRIVATE[:7], *odd])])


def test_redirect_loop_ends(in_world):
    def body(world):
        there, back = world.forge.url("/demo/1.tar.gz"), world.cdn.url("/back.tar.gz")
        world.cdn.add("/back.tar.gz", b"", redirect=there)
        answer, log = world.redirect(1, back)
        assert answer.status == 504 and "more than 5 redirects" in log
        assert len(world.forge.seen()) + len(world.cdn.seen()) == 6

    in_world(body, ["cdn.test"])


def test_upstream_that_moves_to_a_private_address_is_not_reached(in_world):
    def body(world):
        listener = world.listeners["10.0.0.1"]
        world.mirror.stop()
        port = world.forge.port
        world.mirror.extra = world.rule("moving", f"https://moving.test:{port}") + world.rule("inside", listener.url(host="inside.test").rsplit("/", 1)[0])
        world.mirror.write_configuration()
        world.mirror.start()
        world.forge.add("/moving/1.tar.gz", DATA)
        world.forge.add("/moving/2.tar.gz", DATA)
        assert world.ask("moving", 1)[0].body == DATA
        answer, log = world.ask("inside", 1)
        assert answer.status == 504 and NOT_PUBLIC in log
        # The same name has another address now, and the service no open connection any more.
        write_hosts(world.hosts, [("10.0.0.1", "moving.test")])
        with Same(port, "10.0.0.1") as trap:
            world.mirror.kill_service()
            answer, log = world.ask("moving", 2)
            assert answer.status == 504 and NOT_PUBLIC in log
            assert trap.connections() == listener.connections() == 0

    in_world(body)


class Same(Listener):
    """A listener on a given port of another address."""

    def __init__(self, port, host):
        self.host, self.port = host, port
        self.socket = socket.socket()
        self.socket.bind((host, port))
        self.socket.listen(16)
        self.socket.setblocking(False)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()
