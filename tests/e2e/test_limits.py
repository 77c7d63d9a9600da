"""Who asks for too much is told so; what upstream does not have is asked for once a minute."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from lib.lighttpd import MODES, Lighttpd
from lib.refusals import check_refusal
from lib.waiting import wait_until
from lib.zig import TARGETS, file_name

NAMES = [file_name("0.14.1", target) for target in ("src", "bootstrap", *TARGETS)]


def test_miss_limit(make_mirror, site, mode):
    mirror = make_mirror(front=Lighttpd(mode), miss_limit=2)
    for name in NAMES[:2]:
        assert mirror.get(f"/zig/{name}").body == site.body(name)
        mirror.wait_published(f"zig/{name}")
    refused = mirror.get(f"/zig/{NAMES[2]}")
    check_refusal(refused, 429)
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    assert site.upstream.seen(site.path(NAMES[2])) == []
    for name in NAMES[:2]:
        assert mirror.get(f"/zig/{name}").status == 200
        assert mirror.get(f"/zig/{name}.minisig").status == 200


def test_joining_a_transfer_costs_nothing(make_mirror, site, mode):
    mirror = make_mirror(front=Lighttpd(mode), miss_limit=1)
    gate = site.upstream.hold(site.path(NAMES[0]), at=150_000)
    with mirror.open(f"/zig/{NAMES[0]}") as first, mirror.open(f"/zig/{NAMES[0]}") as second:
        assert (first.status, second.status) == (200, 200)
        gate.release()
        assert first.rest().body == second.rest().body == site.body(NAMES[0])


def test_max_fetches(make_mirror, site):
    """Every slot is taken for half a minute: both kinds of responder at once, because the wait is long."""
    gate = site.upstream.hold(site.path(NAMES[0]), at=150_000)
    mirrors = [make_mirror(front=Lighttpd(mode), max_fetches=1, stall_timeout="60s") for mode in MODES]
    holders = [mirror.open(f"/zig/{NAMES[0]}") for mirror in mirrors]
    try:
        wait_until(lambda: len(site.upstream.seen(site.path(NAMES[0]))) == 2, "both transfers")
        with ThreadPoolExecutor(2) as pool:
            for refused in pool.map(lambda mirror: mirror.get(f"/zig/{NAMES[1]}", timeout=120), mirrors):
                check_refusal(refused, 503)
                assert int(refused.headers["Retry-After"]) > 0
        assert site.upstream.seen(site.path(NAMES[1])) == []
        gate.release()
        for holder in holders:
            assert holder.rest().body == site.body(NAMES[0])
        for mirror in mirrors:
            mirror.wait_published(f"zig/{NAMES[0]}")
            assert mirror.get(f"/zig/{NAMES[1]}").body == site.body(NAMES[1])
    finally:
        for holder in holders:
            holder.close()


def test_one_waits_for_its_turn(make_mirror, site, mode):
    mirror = make_mirror(front=Lighttpd(mode), max_fetches=1)
    gate = site.upstream.hold(site.path(NAMES[0]), at=150_000)
    with ThreadPoolExecutor(1) as pool, mirror.open(f"/zig/{NAMES[0]}") as first:
        second = pool.submit(mirror.get, f"/zig/{NAMES[1]}")
        first.read(1)
        assert site.upstream.seen(site.path(NAMES[1])) == []
        gate.release()
        assert first.rest().whole
        assert second.result(60).body == site.body(NAMES[1])


@pytest.mark.parametrize("status", [404, 410])
def test_absent_is_remembered(mirror, site, status):
    name = file_name("0.9.9")
    path = f"/download/0.9.9/{name}"
    site.upstream.add(path, b"", status=status)
    for _ in range(3):
        check_refusal(mirror.get(f"/zig/{name}"), 404)
    assert len(site.upstream.seen(path)) == 1
    row, = mirror.rows("SELECT state, class, until - updated_at AS kept FROM fetch WHERE path = ?", f"zig/{name}")
    assert row == {"state": "failed", "class": "absent", "kept": 60}


def test_absent_is_remembered_by_the_next_service(mirror, site):
    name = file_name("0.9.9")
    mirror.get(f"/zig/{name}")
    mirror.kill_service()
    check_refusal(mirror.get(f"/zig/{name}"), 404)
    assert len(site.upstream.seen(f"/download/0.9.9/{name}")) == 1


def test_absent_is_forgotten_in_time(mirror, site):
    """A minute is long for a test: the row is aged instead."""
    import sqlite3

    name = file_name("0.9.9")
    mirror.get(f"/zig/{name}")
    with sqlite3.connect(mirror.state / "catalog.db", timeout=30) as db:
        db.execute("UPDATE fetch SET until = until - 61 WHERE path LIKE ?", (f"zig/{name}%",))
    db.close()
    site.release("0.9.9")
    assert mirror.get(f"/zig/{name}").body == site.body(name)


def test_absent_signature_is_asked_for_with_its_file(mirror, site):
    """Who asked for the signature a moment too early must not make the mirror refuse the file."""
    name = file_name("0.9.9")
    check_refusal(mirror.get(f"/zig/{name}.minisig"), 404)
    site.release("0.9.9")
    assert mirror.get(f"/zig/{name}").body == site.body(name)
    assert mirror.get(f"/zig/{name}.minisig").status == 200


def test_absent_is_not_remembered_of_what_the_index_lists(mirror, site):
    """A release that was just announced may take a moment to arrive everywhere."""
    path = site.path(NAMES[0])
    site.upstream.change(path, times=2, status=404)
    mirror.get("/zig/index.json")
    for _ in range(2):
        check_refusal(mirror.get(f"/zig/{NAMES[0]}"), 404)
    assert mirror.get(f"/zig/{NAMES[0]}").body == site.body(NAMES[0])
    assert len(site.upstream.seen(path)) == 3


@pytest.mark.parametrize("status", [403, 429])
def test_failure_is_not_remembered(mirror, site, status):
    name = file_name("0.9.9")
    site.release("0.9.9")
    site.index.pop("0.9.9")
    site.upstream.change(site.path(name), times=1, status=status)
    check_refusal(mirror.get(f"/zig/{name}"), 504)
    assert mirror.get(f"/zig/{name}").body == site.body(name)
