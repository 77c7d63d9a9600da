"""`pkgmirror-warm verify`: what rots on the disk is found, put away and brought back."""

import hashlib
import json
import os
import signal
import sqlite3
import subprocess

import pytest

from lib.lighttpd import Lighttpd
from lib.process import SANITIZERS
from lib.waiting import wait_until
from lib.zig import file_name

NAMES = [file_name("0.14.1"), file_name("0.13.0"), file_name("0.14.1", "aarch64-macos")]
PATHS = [f"zig/{name}" for name in NAMES]


@pytest.fixture
def mirror(make_mirror, site):
    """With three files and their signatures; lighttpd would serve removed files from its cache."""
    mirror = make_mirror(front=Lighttpd(hits="self"))
    for path in PATHS:
        assert mirror.get("/" + path).whole
        mirror.wait_published(path)
        mirror.wait_published(path + ".minisig")
    return mirror


def verify(mirror, *arguments, status=0):
    """The events, the summary last."""
    return [json.loads(line) for line in mirror.program("pkgmirror-warm", "verify", "--json", *arguments, status=status).stdout.splitlines()]


def damage(mirror, path, at=1000):
    place = (mirror.state / "public" / path).resolve()
    with open(place, "r+b") as file:
        file.seek(at)
        byte = file.read(1)
        file.seek(at)
        file.write(bytes([byte[0] ^ 1]))
    return place


def test_all_is_well(mirror):
    summary, = verify(mirror)
    assert (summary["good"], summary["bad"], summary["gone"], summary["failed"]) == (6, 0, 0, 0)
    assert summary["bytes"] == sum((mirror.state / "public" / p).stat().st_size for p in mirror.published())


def test_a_bad_file_is_put_away_and_comes_back(mirror, site):
    place = damage(mirror, PATHS[0])
    bad = place.read_bytes()
    found, summary = verify(mirror, status=3)
    assert (found["path"], found["state"], summary["bad"], summary["good"]) == (PATHS[0], "bad", 1, 5)
    assert "SHA-256" in found["reason"]
    assert (mirror.state / found["quarantine"]).read_bytes() == bad
    assert PATHS[0] not in mirror.published() and not place.exists()
    assert mirror.rows("SELECT * FROM entry WHERE path = ?", PATHS[0]) == []
    assert mirror.rows("SELECT path, why FROM want") == [{"path": PATHS[0], "why": "verify"}]
    row = mirror.rows("SELECT * FROM provenance WHERE path = ? ORDER BY id DESC LIMIT 1", PATHS[0])[0]
    assert (row["verdict"], row["reason"], row["http_status"]) == ("bad", found["reason"], 0)
    assert row["requested_url"] == f"file:{place.relative_to(mirror.state)}"
    mirror.program("pkgmirror-warm", "warm", "--quiet", status=None)
    assert mirror.wait_published(PATHS[0]) == site.body(NAMES[0])
    assert mirror.rows("SELECT * FROM want WHERE path = ?", PATHS[0]) == []
    assert verify(mirror)[-1]["bad"] == 0


@pytest.mark.parametrize("proof", ["index", "signature"])
def test_a_catalogue_that_lies_is_not_believed(mirror, proof):
    """The file was exchanged and the catalogue made to fit."""
    place = damage(mirror, PATHS[0])
    with sqlite3.connect(mirror.state / "catalog.db", timeout=30) as db:
        db.execute("UPDATE entry SET sha256 = ? WHERE path = ?", (hashlib.sha256(place.read_bytes()).hexdigest(), PATHS[0]))
        if proof == "signature":
            db.execute("DELETE FROM artifact")
    db.close()
    found, summary = verify(mirror, PATHS[0], status=3)
    assert found["path"] == PATHS[0] and summary["bad"] == 1 and proof in found["reason"]


def test_a_bad_signature_does_not_cost_its_file(mirror):
    damage(mirror, PATHS[0] + ".minisig", at=200)
    found, summary = verify(mirror, status=3)
    assert (found["path"], summary["bad"], summary["good"]) == (PATHS[0] + ".minisig", 1, 5)
    assert PATHS[0] in mirror.published()


def test_a_truncated_file(mirror):
    place = (mirror.state / "public" / PATHS[1]).resolve()
    os.truncate(place, 5000)
    found, summary = verify(mirror, "/zig/", status=3)
    assert (found["path"], summary["bad"]) == (PATHS[1], 1) and "5000 bytes" in found["reason"]


def test_what_was_removed_by_hand_leaves_the_tables(mirror):
    (mirror.state / "public" / PATHS[2]).resolve().unlink()
    summary, = verify(mirror)
    assert (summary["gone"], summary["good"]) == (1, 5)
    assert mirror.rows("SELECT * FROM entry WHERE path = ?", PATHS[2]) == [] and PATHS[2] not in mirror.published()
    assert mirror.rows("SELECT * FROM want") == []


def test_a_dry_run_and_a_sample_change_nothing_they_should_not(mirror):
    place = damage(mirror, PATHS[0])
    before = mirror.files("store")
    assert [e["path"] for e in verify(mirror, "--dry-run", status=3)[:-1]] == [PATHS[0]]
    assert place.exists() and mirror.files("store") == before and mirror.files("quarantine") == []
    assert verify(mirror, "--sample", "100%", "--dry-run", status=3)[-1]["bad"] == 1
    # A coin for each file. Of 240 throws fewer than 60 or more than 180 are heads one time in 10 to the 14.
    judged = [sum(verify(mirror, "--sample", "50%", "--dry-run", status=None)[-1][state] for state in ("good", "bad")) for _ in range(40)]
    assert 60 <= sum(judged) <= 180
    for wrong in (["--sample", "0"], ["--sample", "101%"], ["--speed", "fast"]):
        mirror.program("pkgmirror-warm", "verify", *wrong, status=2)
    mirror.program("pkgmirror-warm", "verify", "zig/nothing", status=1)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_an_interrupted_run_goes_on_where_it_was(mirror, number):
    """Slow enough to be caught in the middle, which the cursor tells."""
    command = [mirror.build / "pkgmirror-warm", "verify", "--speed", "60k", "--json"]
    env = {**os.environ, **SANITIZERS, "PKGMIRROR_CONFIG": str(mirror.configuration)}
    process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True)
    try:
        wait_until(lambda: mirror.rows("SELECT value FROM cursor WHERE name = 'verify'"), "a place to go on from")
        process.send_signal(number)
        out, _ = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    first = json.loads(out.splitlines()[-1])["good"] if out else None
    done = mirror.rows("SELECT value FROM cursor WHERE name = 'verify'")[0]["value"]
    left = len(mirror.rows("SELECT path FROM entry WHERE path > ?", done))
    assert 0 < left < 6
    if number == signal.SIGTERM:
        assert process.returncode == 0 and first == 6 - left
    summary, = verify(mirror, "--speed", "0")
    assert (summary["good"], summary["complete"]) == (left, True)
    assert mirror.rows("SELECT * FROM cursor") == []
    assert verify(mirror, "--speed", "0")[-1]["good"] == 6
