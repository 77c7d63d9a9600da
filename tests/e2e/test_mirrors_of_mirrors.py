"""Mirrors that are each other's fallback. Nobody's patience ends them: stall_timeout is an hour, so one that waits for the other would hang
the test."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from lib.lighttpd import MODES, Lighttpd
from lib.refusals import check_refusal
from lib.waiting import wait_until
from lib.zig import ZigSite, bytes_for, file_name

VERSION = "0.15.0-dev.700+abcdef012"
NAME = file_name(VERSION)
PLACE = f"/builds/{NAME}"
BODY = bytes_for(NAME, 200_000)


class Ring:
    """Mirrors, each with an upstream of its own, each with the next one as its fallback."""

    def __init__(self, make_mirror, make_upstream, signer, modes):
        fronts = [Lighttpd(mode) for mode in modes]
        self.signer = signer
        self.sites = [ZigSite(make_upstream(), signer) for _ in modes]
        self.mirrors = [
            make_mirror(front=front, stall_timeout="1h", allow_http_upstreams=True, max_fetches=4, toolchains={
                "upstream": self.sites[i].upstream.origin, "fallbacks": [f"http://127.0.0.1:{fronts[(i + 1) % len(fronts)].port}/zig"]})
            for i, front in enumerate(fronts)]
        for site, mirror in zip(self.sites, self.mirrors):
            site.release("0.14.1", targets=(), size=1000)
            assert mirror.get("/zig/index.json").status == 200

    def has(self, i):
        """The upstream of a mirror has the file and its signature."""
        self.sites[i].upstream.add(PLACE, BODY)
        self.sites[i].upstream.add(PLACE + ".minisig", self.signer.sign(BODY, NAME))

    def has_not(self, i):
        """It says 404, after the gate that is returned. It has the signature: a fallback is not asked for what has none."""
        self.sites[i].upstream.add(PLACE, b"", status=404)
        self.sites[i].upstream.add(PLACE + ".minisig", self.signer.sign(BODY, NAME))
        return self.sites[i].upstream.hold(PLACE)

    def is_idle(self):
        return all("\npkgmirror_leases 0\n" in mirror.get("/-/metrics").text for mirror in self.mirrors)


@pytest.fixture
def ring(make_mirror, make_upstream, signer):
    return lambda *modes: Ring(make_mirror, make_upstream, signer, modes)


@pytest.mark.parametrize("modes", [MODES, ("fastcgi",) * 3], ids=["two", "three"])
def test_what_nobody_has_is_404(ring, modes):
    ring = ring(*modes)
    for mirror in ring.mirrors:
        check_refusal(mirror.get(f"/zig/{NAME}"), 404)
        check_refusal(mirror.get(f"/zig/{NAME}.minisig"), 404)
    wait_until(ring.is_idle, "nothing to be at work")
    assert [mirror.parts() for mirror in ring.mirrors] == [[] for _ in modes]


def test_a_mirror_that_was_asked_by_a_mirror_remembers_nothing(ring):
    """It looked only at half of its sources: a person who asks it may have more luck."""
    ring = ring("fastcgi", "fastcgi")
    ring.has_not(0).release()
    check_refusal(ring.mirrors[0].get(f"/zig/{NAME}"), 404)
    assert ring.mirrors[1].rows("SELECT until FROM fetch WHERE path = ?", f"zig/{NAME}") == [{"until": 0}]
    assert len(ring.sites[1].upstream.seen(PLACE)) == 1
    check_refusal(ring.mirrors[1].get(f"/zig/{NAME}"), 404)
    assert len(ring.sites[1].upstream.seen(PLACE)) == 2


@pytest.mark.parametrize("first", [0, 1])
def test_both_are_asked_at_once_for_what_nobody_has(ring, first):
    """Each has a job for the file when the other asks; one of them knows first that its upstream does not have it."""
    ring = ring("fastcgi", "fastcgi")
    gates = [ring.has_not(i) for i in range(2)]
    with ThreadPoolExecutor(2) as pool:
        answers = [pool.submit(mirror.get, f"/zig/{NAME}") for mirror in ring.mirrors]
        for gate in gates:
            gate.wait()
        gates[first].release()
        other = ring.mirrors[1 - first]
        wait_until(lambda: asks(other) == 2, "one mirror to ask the other")
        gates[1 - first].release()
        for answer in answers:
            check_refusal(answer.result(60), 404)
    wait_until(ring.is_idle, "nothing to be at work")


def asks(mirror):
    """How many wait at its fetch service."""
    line = next(line for line in mirror.get("/-/metrics").text.splitlines() if line.startswith("pkgmirror_waiting_clients "))
    return int(line.split()[1])


@pytest.mark.parametrize("who", [0, 1])
def test_one_upstream_has_it(ring, who):
    """It is had by both, through each other, whoever is asked first."""
    ring = ring("fastcgi", "cgi")
    ring.has(1)
    for mirror in (ring.mirrors[who], ring.mirrors[1 - who]):
        answer = mirror.get(f"/zig/{NAME}")
        assert (answer.status, answer.whole, answer.body == BODY) == (200, True, True)
        mirror.wait_published(f"zig/{NAME}.minisig")
    for mirror in ring.mirrors:
        assert mirror.rows("SELECT verdict FROM entry WHERE path = ?", f"zig/{NAME}") == [{"verdict": "signed"}]
    assert len(ring.sites[1].upstream.seen(PLACE)) == 1


def test_both_are_asked_at_once_for_what_one_upstream_has(ring):
    ring = ring("fastcgi", "fastcgi")
    ring.has(1)
    gate = ring.sites[1].upstream.hold(PLACE, at=1000)
    with ThreadPoolExecutor(2) as pool:
        answers = [pool.submit(mirror.get, f"/zig/{NAME}") for mirror in ring.mirrors]
        gate.wait()
        wait_until(lambda: asks(ring.mirrors[1]) >= 2, "the first mirror to ask the second")
        gate.release()
        for answer in answers:
            assert answer.result(60).body == BODY
    assert len(ring.sites[1].upstream.seen(PLACE)) == 1
