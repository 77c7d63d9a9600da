"""An upstream that fails again and again is left alone for a while, whoever asks; others go on; then one request tries whether it is back."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from lib.lighttpd import Lighttpd
from lib.refusals import check_refusal
from lib.waiting import wait_until
from lib.warming import background, end, write_rows
from lib.zig import TARGETS, file_name

NAMES = [file_name(version, target) for version in ("0.14.1", "0.13.0") for target in ("src", "bootstrap", *TARGETS)]
AT_MOST = 5  # files that are asked for of an upstream that fails; each with its signature
OTHERS = [f"tools/1.{n}.0/tool.bin" for n in range(3)]


@pytest.fixture
def other(make_upstream):
    """Another upstream, which is well."""
    server = make_upstream(name="localhost")
    for path in OTHERS:
        server.add(f"/{path}", path.encode() * 1000)
    return server


@pytest.fixture
def mirror(make_mirror, site, other):
    rule = f'artifact "tools" {{ path = "/tools/{{version}}/{{file}}"\n upstream = "{other.origin}/tools/{{version}}/{{file}}" }}\n'
    mirror = make_mirror(front=Lighttpd(hits="self"), extra=rule, warmer={"since": "0.14.0"}, max_fetches=8, stall_timeout="60s")
    mirror.program("pkgmirror-warm", "estimate", "--quiet")
    return mirror


def asked(site):
    """What was asked of the failing upstream, beside its documents."""
    return [path for path in site.upstream.paths() if "/zig-" in path]


def change_all(site, **how):
    for place in site.places.values():
        site.upstream.change(place, **how)


def test_breaker(mirror, site, other):
    change_all(site, status=429)
    for name in NAMES:
        check_refusal(mirror.get(f"/zig/{name}"), 504)
    files = [path for path in asked(site) if not path.endswith(".minisig")]
    assert 3 <= len(files) <= AT_MOST and len(asked(site)) <= 2 * AT_MOST
    reasons = [row["reason"] for row in mirror.rows("SELECT reason FROM fetch WHERE path LIKE 'zig/%' AND path NOT LIKE '%.minisig'")]
    assert len(reasons) == len(NAMES) and sum("left alone for a while" in reason for reason in reasons) >= len(NAMES) - AT_MOST

    # Another upstream is none of its business: for people, and for a warm that cannot have the rest.
    assert mirror.get(f"/{OTHERS[0]}").body == OTHERS[0].encode() * 1000
    with write_rows(mirror) as db:
        for path in OTHERS[1:]:
            db.execute("INSERT INTO want (path, why, priority, added_at) VALUES (?, 'test', 50, unixepoch())", (path,))
    before = len(asked(site))
    run = background(mirror, "--quiet")
    try:
        for path in OTHERS[1:]:
            assert mirror.wait_published(path) == path.encode() * 1000
    finally:
        end(run)
    # The warm wants five files of it and their signatures; it is tried anew when its time has come, which doubles.
    assert len(asked(site)) <= before + 6

    # Its time is over: one file is asked for, and while nothing of it is answered the others are not.
    change_all(site, status=200)
    gates = [site.upstream.hold(site.path(NAMES[0] + end)) for end in ("", ".minisig")]
    site.upstream.forget()
    pool, answers = ThreadPoolExecutor(1), []

    def let_through():
        answers.append(mirror.get(f"/zig/{NAMES[0]}"))
        return answers[-1].status == 200

    try:
        trial = pool.submit(wait_until, let_through, "a request to be let through")
        for gate in gates:
            gate.wait()
        for name in NAMES[1:]:
            check_refusal(mirror.get(f"/zig/{name}"), 504)
        assert set(asked(site)) <= {site.path(NAMES[0]), site.path(NAMES[0]) + ".minisig"}
    finally:
        for gate in gates:
            gate.release()
        pool.shutdown()
    assert trial.result() and answers[-1].body == site.body(NAMES[0])
    # It is back, for all of them, and each is asked for once.
    for name in NAMES[1:]:
        assert mirror.get(f"/zig/{name}").body == site.body(name)
    wait_until(lambda: len(mirror.published()) == len(OTHERS) + 2 * len(NAMES), "all of it")
    assert sorted(asked(site)) == sorted(site.path(name + end) for name in NAMES for end in ("", ".minisig"))


def test_an_upstream_that_fails_once_in_a_while_is_not_left_alone(mirror, site):
    """Only failures in a row count: an answer, and a 404 is one, ends the row."""
    for n, name in enumerate(NAMES):
        site.upstream.change(site.path(name), status=404 if n % 3 == 2 else 429)
        check_refusal(mirror.get(f"/zig/{name}"), 404 if n % 3 == 2 else 504)
        assert site.upstream.seen(site.path(name)), "it was asked"
