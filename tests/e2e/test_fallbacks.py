"""Flat mirrors behind the upstream: configured ones in order, the community's; what they give counts only when signed."""

import pytest

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
