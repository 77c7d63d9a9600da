"""Hits that no process of ours sees: each server's log as its shipped configuration writes it, turned over by logrotate(8) with the shipped
file, read by `pkgmirror-warm` as its own configuration says. Each answer counts once, and no log has a client's address."""

import json
import os
import re
import shutil

import pytest

from lib.fronts import Apache, Caddy, Lighttpd, Nginx, adapt
from lib.process import TOP, run
from lib.server_suite import Served, assert_file, named
from lib.waiting import wait_until
from lib.warming import write_rows
from lib.zig import file_name

ADDRESSES = re.compile(r"127\.0\.0\.1|::1\b")


def rotate(front, folder):
    """What cron does with the shipped file."""
    rules = folder / "rules"
    rules.write_text(adapt((TOP / "deploy/logrotate/pkgmirror").read_text(), {"/var/log/pkgmirror/access.log {": f"{front.access_log} {{"}))
    run([shutil.which("logrotate") or "/usr/sbin/logrotate", "-f", "-s", folder / "rotated", rules])


@pytest.mark.parametrize("kind", [Apache, Caddy, Lighttpd, Nginx])
def test_hits_are_counted_over_rotations(kind, authority, signer, tmp_path):
    front = kind()
    served = Served(front, authority, signer)
    mirror = served.mirror
    mirror.sections["warmer"]["access_logs"] = [str(front.access_log)]
    mirror.write_configuration()
    path, body = f"zig/{named('warm')}", served.site.body(named("warm"))

    def ask(count):
        for _ in range(count):
            assert_file(served.get(f"/{path}?source=tests"), body)

    def lines():
        logs = [front.access_log, front.access_log.with_name("access.log.1")]
        return sum(log.read_text().count("source=tests") for log in logs if log.exists())

    def counted():
        rows = mirror.rows("SELECT sum(count) AS n, sum(bytes) AS bytes FROM hit WHERE path = ? AND source = 'tests'", path)
        assert rows[0]["bytes"] == rows[0]["n"] * len(body)
        return rows[0]["n"]

    try:
        assert_file(served.get(f"/{path}?source=other"), body)
        mirror.wait_published(path)
        # The responder is gone: what is counted now is what the web server sent by itself.
        front.stop_responder()
        ask(3)
        wait_until(lambda: lines() == 3, "the lines of the first three")
        fold = json.loads(mirror.program("pkgmirror-warm", "--json", "fold").stdout)
        assert fold["hits"] >= 3 and fold["unreadable"] == 0
        assert counted() == 3
        # Some of these are in the log that is turned over, some in the new one.
        ask(2)
        wait_until(lambda: lines() == 5, "the lines of the next two")
        rotate(front, tmp_path)
        assert front.access_log.stat().st_size == 0 and front.access_log.stat().st_mode & 0o777 == 0o640
        ask(4)
        wait_until(lambda: lines() == 9, "the lines in the new log")
        for _ in range(2):
            mirror.program("pkgmirror-warm", "fold")
            assert counted() == 9
        rotate(front, tmp_path)
        assert (front.access_log.parent / "access.log.2.gz").exists()
        ask(1)
        wait_until(lambda: lines() == 5, "the line in the newest log")
        mirror.program("pkgmirror-warm", "prune")
        assert counted() == 10
        for log in (front.access_log, front.access_log.with_name("access.log.1")):
            assert log.read_text() and not ADDRESSES.search(log.read_text())
    finally:
        served.close()


def test_a_log_that_cannot_be_read_is_told_and_nothing_is_pruned(make_mirror, site, tmp_path):
    gone = tmp_path / "gone.log"
    mirror = make_mirror(warmer={"access_logs": [str(gone)], "dev_keep_days": 0})
    nightly = file_name("0.15.0-dev.621+a63f7875f")
    assert mirror.get(f"/zig/{nightly}").whole
    place = mirror.state / "public/zig" / nightly
    mirror.wait_published(f"zig/{nightly}")
    mirror.wait_published(f"zig/{nightly}.minisig")
    journal = mirror.state / "run/hits.log"
    wait_until(lambda: journal.exists() and journal.read_text(), "the line of the miss")
    journal.unlink()
    long_ago = 1_600_000_000
    os.utime(place, (long_ago, long_ago))
    with write_rows(mirror) as db:
        db.execute("UPDATE entry SET stored_at = ?, last_hit_at = NULL", (long_ago,))
    for command in ("fold", "prune"):
        assert f"{gone}: No such file" in mirror.program("pkgmirror-warm", command, status=1).stderr
    assert place.exists()
    # A rotation that has left only the old one is none of its business.
    gone.with_name("gone.log.1").write_text("")
    mirror.program("pkgmirror-warm", "prune")
    assert not place.exists()
