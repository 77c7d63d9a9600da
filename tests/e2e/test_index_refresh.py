"""How the documents are kept fresh: one refresh, stale meanwhile, back-off, and what a mirror says that never had one."""

import os
import re
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from lib.lighttpd import Lighttpd
from lib.process import Process, end_process, read_log
from lib.strace import ENVIRONMENT
from lib.waiting import wait_until
from lib.zig import file_name

INDEX = "/download/index.json"
CLIENTS = 200


def age(mirror, seconds, name="index.json"):
    """Makes a document that old."""
    then = time.time() - seconds
    os.utime(mirror.state / "index" / name, (then, then), follow_symlinks=False)


def test_two_hundred_clients_while_a_refresh_hangs(make_mirror, site):
    mirror = make_mirror(toolchains={"index_ttl": "1s"})
    first = mirror.get("/zig/index.json")
    site.release("0.16.0")
    gate = site.upstream.hold(INDEX)
    wait_until(lambda: mirror.get("/zig/index.json").body == first.body and gate.reached.is_set(), "a refresh")
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda _: mirror.get("/zig/index.json"), range(CLIENTS)))
    assert not gate.opened.is_set()
    assert {(a.status, a.body == first.body, a.whole) for a in answers} == {(200, True, True)}
    # One that ended before the gate was there may have been due already.
    assert len([request for request in site.upstream.seen(INDEX) if not request.done]) == 1
    gate.release()
    wait_until(lambda: "0.16.0" in mirror.get("/zig/index.json").text, "the new release")


def test_headers(make_mirror, site, mode):
    mirror = make_mirror(front=Lighttpd(mode), toolchains={"index_ttl": "1h"})
    first = mirror.get("/zig/index.json", {"Accept-Encoding": "gzip, br, zstd"})
    assert first.headers["ETag"].startswith('"') and first.headers["ETag"].endswith('"')
    assert first.headers["Access-Control-Allow-Origin"] == "*"
    assert "Content-Encoding" not in first.headers
    assert "stale-if-error=" in first.headers["Cache-Control"]
    head = mirror.head("/zig/index.json")
    assert (head.status, head.body, int(head.headers["Content-Length"])) == (200, b"", len(first.body))
    part = mirror.get("/zig/index.json", {"Range": "bytes=10-19"})
    assert (part.status, part.body, part.headers["Content-Range"]) == (206, first.body[10:20], f"bytes 10-19/{len(first.body)}")
    same = mirror.get("/zig/index.json", {"If-None-Match": first.headers["ETag"]})
    assert (same.status, same.headers["Access-Control-Allow-Origin"]) == (304, "*")

    def seconds():
        words = mirror.get("/zig/index.json").headers["Cache-Control"].replace(",", " ").split()
        return int(next(word for word in words if word.startswith("max-age="))[8:])

    assert 0 < seconds() <= 3600
    age(mirror, 3000)
    assert 0 < seconds() <= 600


def test_failures_are_further_and_further_apart(make_mirror, site):
    mirror = make_mirror(toolchains={"index_ttl": "1s"})
    mirror.get("/zig/index.json")
    site.upstream.change(INDEX, status=500)

    def failed():
        mirror.get("/zig/index.json")
        return mirror.rows("SELECT failures, next_try FROM source WHERE name = 'index' AND failures > 0")

    row = wait_until(failed, "a failure")[0]
    assert row["failures"] == 1
    asked = len(site.upstream.seen(INDEX))
    while time.time() < row["next_try"] - 2:
        assert mirror.get("/zig/index.json").status == 200
        assert len(site.upstream.seen(INDEX)) == asked
    wait_until(lambda: failed()[0]["failures"] == 2, "another try")
    again = failed()[0]
    last = site.upstream.seen(INDEX)[-1]
    assert last.status == 500 and len(site.upstream.seen(INDEX)) == asked + 1
    assert again["next_try"] - row["next_try"] >= 7
    # It is remembered by the next service, and over with the first success.
    mirror.kill_service()
    mirror.get("/zig/index.json")
    site.upstream.change(INDEX, status=200)
    wait_until(lambda: mirror.get("/zig/index.json") and mirror.rows("SELECT 1 FROM source WHERE name = 'index' AND failures = 0"), "a success")


def test_last_modified_is_asked_with_when_there_is_no_etag(make_mirror, site):
    site.upstream.change(INDEX, etag="", modified="Tue, 04 Mar 2025 10:11:12 GMT")
    mirror = make_mirror(toolchains={"index_ttl": "1s"})
    mirror.get("/zig/index.json")
    wait_until(lambda: mirror.get("/zig/index.json") and len(site.upstream.seen(INDEX)) > 1 and site.upstream.seen(INDEX)[1].done, "a refresh")
    again = site.upstream.seen(INDEX)[1]
    assert (again.headers["if-modified-since"], again.status) == ("Tue, 04 Mar 2025 10:11:12 GMT", 304)


def test_another_upstream_is_not_asked_with_the_old_ones_validators(make_mirror, site, make_upstream, signer):
    mirror = make_mirror(toolchains={"index_ttl": "1h"})
    mirror.get("/zig/index.json")
    mirror.stop()
    other = make_upstream()
    other.add(INDEX, site.document().replace(site.upstream.origin.encode(), other.origin.encode()))
    mirror.sections["toolchains"]["upstream"] = other.origin
    mirror.write_configuration()
    age(mirror, 7200)
    mirror.start()
    wait_until(lambda: mirror.get("/zig/index.json").text.count(other.origin) > 0, "the other upstream's document")
    assert "if-none-match" not in other.seen(INDEX)[0].headers


@pytest.mark.parametrize("how", ["away", "fails"])
def test_never_had_one(make_mirror, site, mode, how):
    if how == "away":
        site.upstream.stop()
    else:
        site.upstream.change(INDEX, status=503)
    mirror = make_mirror(front=Lighttpd(mode))
    for _ in range(2):
        answer = mirror.get("/zig/index.json")
        assert answer.status == 504
        assert int(answer.headers["Retry-After"]) > 0


def test_offline_serves_what_there_is(make_mirror, site):
    mirror = make_mirror(toolchains={"index_ttl": "1s"})
    first = mirror.get("/zig/index.json")
    mirror.stop()
    mirror.keys["offline"] = True
    mirror.write_configuration()
    age(mirror, 7200)
    asked = len(site.upstream.seen())
    mirror.start()
    answer = mirror.get("/zig/index.json")
    assert (answer.status, answer.body) == (200, first.body)
    missing = mirror.get(f"/zig/{file_name('0.13.0')}")
    assert missing.status == 504
    assert len(site.upstream.seen()) == asked


@pytest.mark.parametrize("asked", ["a file", "the index", "warm"])
def test_a_new_base_url_is_in_the_index(make_mirror, site, asked):
    """What was imported stays, but what is served of it is built anew by the next service: at once for who asks for the index,
    else when there is time for it."""
    mirror = make_mirror(toolchains={"index_ttl": "1h"})
    assert mirror.url in mirror.get("/zig/index.json").text
    mirror.stop()
    mirror.keys["base_url"] = "http://another.example"
    mirror.write_configuration()
    mirror.start()
    if asked == "the index":
        age(mirror, 7200)
        wait_until(lambda: "http://another.example/" in mirror.get("/zig/index.json").text, "the new index")
    elif asked == "warm":
        mirror.program("pkgmirror-warm")
        assert "http://another.example/" in (mirror.state / "index/index.json").read_text()
    else:
        assert mirror.get(f"/zig/{file_name('0.14.1')}").status == 200
        wait_until(lambda: "http://another.example/" in (mirror.state / "index/index.json").read_text(), "the new index")
    assert len(site.upstream.seen(INDEX)) == (2 if asked == "warm" else 1)


def test_a_service_listens_before_it_builds_the_index_anew(mirror):
    """Whoever makes somebody start it for a file does not wait for that."""
    mirror.get("/zig/index.json")
    mirror.kill_service(signal.SIGTERM)
    trace = mirror.folder / "trace"
    strace = Process("strace", ["strace", "-f", "-e", "trace=listen,utimensat", "-o", trace, mirror.build / "pkgmirror-fetch",
                                "--config", mirror.configuration], mirror.logs / "strace.log", env=ENVIRONMENT)
    try:
        strace.start(live=lambda: '"index/index.json"' in read_log(trace))
    finally:
        for pid in mirror.services():
            end_process(pid)
        strace.stop()
    calls = re.findall(r"listen\(|utimensat\(.*index/index\.json", read_log(trace))
    assert calls[0] == "listen(", calls
