"""/-/health: live, ready, and degraded with its reasons; the status page and the metrics say the same."""

import json
import shutil
import time

import pytest

from lib.lighttpd import Lighttpd
from lib.process import run
from lib.zig import file_name

INDEX = "/download/index.json"
NAME = file_name("0.14.1")


def health(mirror, status=200):
    answer = mirror.get("/-/health")
    assert (answer.status, answer.headers["Content-Type"]) == (status, "application/json")
    return json.loads(answer.text)


def metric(mirror, name):
    for line in mirror.get("/-/metrics").text.splitlines():
        if line.startswith(f"pkgmirror_{name} "):
            return float(line.split()[1])
    return None


def check_degraded(mirror, *reasons):
    """Every place that tells has just these reasons; none of them takes the mirror out of a load balancer."""
    found = health(mirror)
    assert (found["live"], found["ready"], found["degraded"]) == (True, True, bool(reasons))
    assert found["status"] == ("warn" if reasons else "ok")
    assert len(found["reasons"]) == len(reasons)
    for reason, said in zip(reasons, found["reasons"]):
        assert reason in said
    assert metric(mirror, "ready") == 1 and metric(mirror, "degraded") == bool(reasons)
    page = mirror.get("/-/status").text
    assert ("To be looked after" in page) == bool(reasons)
    assert all(reason in page for reason in found["reasons"])
    return found


def test_a_mirror_that_is_well(mirror):
    assert mirror.get("/zig/index.json").status == 200
    found = check_degraded(mirror)
    assert 0 <= found["index_age_seconds"] < 600
    assert found["certificate_days"] is None and metric(mirror, "certificate_days") is None


def test_a_fresh_mirror_that_has_nothing_yet(make_mirror):
    found = check_degraded(make_mirror())
    assert found["index_age_seconds"] is None


@pytest.mark.parametrize("seconds, reason", [
    (60 * 86400 + 600, None), (20 * 86400 + 600, None), (20 * 86400 - 600, "the certificate ends in 19 days"),
    (600, "the certificate ends in 0 days"), (-600, "the certificate has ended"), (600 - 10 * 86400, "the certificate has ended")])
def test_the_certificate(mirror, seconds, reason):
    (mirror.state / "run").mkdir(exist_ok=True)
    (mirror.state / "run/certificate").write_text(f"{int(time.time()) + seconds}\n")
    found = check_degraded(mirror, *[reason] if reason else [])
    days = seconds // 86400
    assert found["certificate_days"] == metric(mirror, "certificate_days") == days
    assert f"<b>{days}</b> days until the certificate ends" in mirror.get("/-/status").text


def test_an_index_that_cannot_be_refreshed(make_mirror, site):
    mirror = make_mirror(warmer={"classes": ["stable"], "since": "9.0.0"})
    assert mirror.get("/zig/index.json").status == 200
    site.upstream.change(INDEX, status=500)
    for _ in range(3):
        check_degraded(mirror)
        mirror.program("pkgmirror-warm", "--quiet", status=1)
    check_degraded(mirror, "upstream's index could not be refreshed 3 times in a row")
    assert metric(mirror, "index_refresh_failures") == 3
    mirror.kill_service()
    check_degraded(mirror, "3 times in a row")
    site.upstream.change(INDEX, status=200)
    mirror.program("pkgmirror-warm", "--quiet")
    check_degraded(mirror)
    assert metric(mirror, "index_refresh_failures") == 0


@pytest.mark.parametrize("mode", ["fastcgi", "cgi"])
def test_a_service_that_cannot_be_started(make_mirror, site, mode):
    mirror = make_mirror(front=Lighttpd(mode), environment={"PKGMIRROR_FETCH": "/does/not/exist"})
    # A CGI that makes run/ has no shared counters yet.
    assert [mirror.get(f"/zig/{NAME}").status for _ in range(2)] == [500, 500]
    check_degraded(mirror, "the fetch service cannot be started or reached")
    mirror.stop()
    del mirror.environment["PKGMIRROR_FETCH"]
    mirror.start()
    assert mirror.get(f"/zig/{NAME}").body == site.body(NAME)
    check_degraded(mirror)


def test_a_disk_that_is_nearly_full(make_mirror):
    mirror = make_mirror(start=False, front=Lighttpd("cgi"))
    run(["mount", "-t", "tmpfs", "-o", "size=6m", "none", mirror.state])
    try:
        (mirror.state / "public").mkdir()
        mirror.start()
        check_degraded(mirror, "the disk is nearly full: ")
        mirror.stop()
    finally:
        run(["umount", "-l", mirror.state])


def test_a_state_that_was_removed(make_mirror):
    mirror = make_mirror(front=Lighttpd("fastcgi"))
    check_degraded(mirror)
    shutil.rmtree(mirror.state)
    found = health(mirror, status=503)
    assert (found["status"], found["live"], found["ready"]) == ("fail", True, False)
    assert found["reasons"] == ["state_dir was removed under this process: start it again"]
    assert metric(mirror, "ready") == 0
