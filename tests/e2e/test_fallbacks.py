"""Flat mirrors behind the upstream: configured ones in order, the community's; what they give counts only when signed."""

import concurrent.futures
import json

import pytest

from lib import fronts
from lib.waiting import wait_until
from lib.zig import bytes_for, file_name

VERSION = "0.14.0-dev.1911+3bf89f55c"
NAME = file_name(VERSION)
PATH = f"zig/{NAME}"
BODY = bytes_for(NAME, 150_000)
INDEX = "/download/index.json"


@pytest.fixture
def flats(make_upstream):
    return [make_upstream() for _ in range(2)]


def fill(flat, signer, **how):
    """The nightly and its signature on a flat mirror; `how` is what it does wrong with the file."""
    flat.add(f"/zig/{NAME}", BODY, **how)
    flat.add(f"/zig/{NAME}.minisig", signer.sign(BODY, NAME))


def ledger(mirror, path=PATH):
    return [(row["requested_url"], row["verdict"]) for row in mirror.rows("SELECT requested_url, verdict FROM provenance WHERE path = ? ORDER BY id", path)]


def test_the_second_is_taken_when_the_first_lies(make_mirror, site, signer, flats):
    first, second = flats
    fill(first, signer, flip=1000)
    fill(second, signer)
    mirror = make_mirror(toolchains={"fallbacks": [f"{flat.origin}/zig" for flat in flats]})
    answer = mirror.get(f"/{PATH}")
    assert (answer.status, answer.whole, answer.body == BODY) == (200, True, True)
    assert ledger(mirror) == [(first.url(f"/zig/{NAME}"), "bad"), (second.url(f"/zig/{NAME}"), "signed")]
    assert [path for path in mirror.files("quarantine") if path.startswith(PATH + ".")]
    assert mirror.rows("SELECT class, verdict FROM entry WHERE path = ?", PATH) == [{"class": "dev", "verdict": "signed"}]


def test_a_bad_signature_is_refused_and_the_next_one_asked(make_mirror, site, signer, flats):
    first, second = flats
    other = bytes_for("other", 150_000)
    first.add(f"/zig/{NAME}", other)
    first.add(f"/zig/{NAME}.minisig", signer.sign(other, NAME).replace(b"file:", b"life:"))
    fill(second, signer)
    mirror = make_mirror(toolchains={"fallbacks": [f"{flat.origin}/zig" for flat in flats]})
    answer = mirror.get(f"/{PATH}")
    assert (answer.status, answer.body == BODY) == (200, True)
    assert ledger(mirror)[-1] == (second.url(f"/zig/{NAME}"), "signed")
    assert ledger(mirror, PATH + ".minisig") == [(first.url(f"/zig/{NAME}.minisig"), "bad"), (second.url(f"/zig/{NAME}.minisig"), "signed")]


def test_an_upstream_that_fails_is_replaced(make_mirror, site, signer, flats):
    fill(flats[0], signer)
    mirror = make_mirror(toolchains={"fallbacks": [f"{flats[0].origin}/zig"]})
    for end in ("", ".minisig"):
        site.upstream.add(f"/builds/{NAME}{end}", b"", status=500)
    answer = mirror.get(f"/{PATH}")
    assert (answer.status, answer.body == BODY) == (200, True)


def test_nothing_unsigned_is_taken(make_mirror, site, flats):
    flats[0].add(f"/zig/{NAME}", BODY)
    mirror = make_mirror(toolchains={"fallbacks": [f"{flats[0].origin}/zig"], "require": "tls"})
    assert mirror.get(f"/{PATH}").status in (404, 502)
    assert mirror.published() == []


def test_the_community_is_asked_but_never_this_mirror(make_mirror, site, signer, make_upstream):
    ours, *others = [make_upstream() for _ in range(4)]
    names = [file_name(VERSION, target) for target in ("x86_64-linux", "aarch64-linux", "riscv64-linux", "x86_64-macos", "aarch64-macos", "src", "bootstrap", "x86-linux")]
    for name in names:
        body = bytes_for(name, 3000)
        others[2].add(f"/zig/{name}", body)
        others[2].add(f"/zig/{name}.minisig", signer.sign(body, name))
    site.mirrors = [f"{ours.origin}/mine/zig", *[f"{flat.origin}/zig" for flat in others]]
    mirror = make_mirror(base_url=f"{ours.origin}/mine", toolchains={"fallbacks": ["community"]})
    assert mirror.get("/mine/zig/community-mirrors.txt").status == 200
    for name in names:
        answer = mirror.get(f"/mine/zig/{name}")
        assert (answer.status, answer.body == bytes_for(name, 3000)) == (200, True), name
    assert ours.seen() == []
    # Each file has an order of its own: who does not have them was asked for some first, not for all.
    assert {len(flat.seen()) > 0 for flat in others[:2]} == {True}
    assert {row["verdict"] for row in mirror.rows("SELECT verdict FROM entry")} == {"signed"}


# ---- mirrors that have each other as fallbacks ---------------------------------------------------------------------------------------


@pytest.fixture
def pair(make_mirror, site, authority):
    """Two mirrors of this kind, each the other's fallback, and a way to ask them."""
    ends = [fronts.Lighttpd(), fronts.Lighttpd()]
    urls = [f"https://localhost:{front.port}" for front in ends]
    mirrors = []
    for front, own, other in zip(ends, urls, reversed(urls)):
        front.authority = authority
        mirrors.append(make_mirror(front=front, base_url=own, stall_timeout="30s", toolchains={"fallbacks": [f"{other}/zig"]}))
        mirrors[-1].ask = lambda target, front=front, mirror=mirrors[-1]: mirror.get(target, host="localhost", tls=front.tls())
    return mirrors


def waited(pair):
    return [line for mirror in pair for line in mirror.log().splitlines() if "nothing came" in line or "no news" in line]


@pytest.mark.parametrize("status, answered", [(404, 404), (503, 504)])
def test_mirrors_do_not_wait_for_each_other(pair, site, status, answered):
    """What nobody has is answered as upstream has it, however many ask at once."""
    for end in ("", ".minisig"):
        site.upstream.add(f"/builds/{NAME}{end}", b"", status=status)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(mirror.ask, f"/{PATH}{end}") for mirror in pair * 2 for end in ("", ".minisig")]
        assert [one.result().status for one in asked] == [answered] * 8
    assert waited(pair) == []
    # Each asked upstream for itself, with its usual tries, and not once for each round.
    assert len(site.upstream.seen(f"/builds/{NAME}")) <= 40


def test_a_mirror_gives_another_what_it_has(pair, site, signer):
    first, second = pair
    for end, body in (("", BODY), (".minisig", signer.sign(BODY, NAME))):
        site.upstream.add(f"/builds/{NAME}{end}", body)
    assert second.ask(f"/{PATH}").body == BODY
    for end in ("", ".minisig"):
        second.wait_published(PATH + end)
        site.upstream.add(f"/builds/{NAME}{end}", b"", status=404)
    assert first.ask(f"/{PATH}").body == BODY
    assert ledger(first) == [(f"{second.url}/{PATH}", "signed")]


def test_what_a_mirror_asks_for_is_asked_of_upstream_alone(make_mirror, site, signer, flats):
    """Its own fallbacks it asks for people, also for those who ask a moment after a mirror."""
    fill(flats[0], signer)
    mirror = make_mirror(toolchains={"fallbacks": [f"{flats[0].origin}/zig"]})
    via = {"Via": "1.1 pkgmirror, 1.1 proxy"}
    gate = site.upstream.hold(site.upstream.add(f"/builds/{NAME}", b"", status=404))
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        stranger = pool.submit(mirror.get, f"/{PATH}", via)
        gate.wait()
        gate.release()
        assert stranger.result().status == 404
    assert flats[0].seen() == []
    assert mirror.get(f"/{PATH}.minisig", via).status == 404 and flats[0].seen() == []
    # That is not remembered against them.
    assert mirror.get(f"/{PATH}").body == BODY
    assert {request.headers["via"] for request in flats[0].seen()} == {"1.1 pkgmirror"}
    assert not any("via" in request.headers for request in site.upstream.seen())


def test_a_person_joins_what_a_mirror_asked_for(make_mirror, site, signer, flats):
    fill(flats[0], signer)
    mirror = make_mirror(toolchains={"fallbacks": [f"{flats[0].origin}/zig"]})
    gate = site.upstream.hold(site.upstream.add(f"/builds/{NAME}", b"", status=404))
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        stranger = pool.submit(mirror.get, f"/{PATH}", {"Via": "1.1 pkgmirror"})
        gate.wait()
        wait_until(lambda: site.upstream.seen(f"/builds/{NAME}.minisig"), "the signature to be asked for")
        person = pool.submit(mirror.get, f"/{PATH}")
        wait_until(lambda: json.loads(mirror.get("/-/health").body)["waiting"] == 2, "both to wait")
        gate.release()
        assert stranger.result().status == 404
        assert person.result().body == BODY
