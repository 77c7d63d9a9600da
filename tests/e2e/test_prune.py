"""`pkgmirror-warm prune`: what is used least goes, and nothing that is in use."""

import json
import os
import sqlite3
import time

import pytest

from lib import strace
from lib.lighttpd import Lighttpd
from lib.packages import SRC, gz, manifest, tar
from lib.process import run
from lib.waiting import wait_until
from lib.zig import file_name

DAY = 24 * 3600
DEV = [f"0.16.0-dev.{n}+abcdef0{n}" for n in range(1, 5)]
SIZE = 100_000


@pytest.fixture
def mirror(make_mirror, site):
    """Three nightlies, a release and a nominated build that were here for a long time."""
    for version in DEV[:3]:
        site.release(version, targets=("x86_64-linux",), size=SIZE)
    mirror = make_mirror(front=Lighttpd(hits="self"), warmer={"dev_keep_days": 30})
    for version in [*DEV[:3], "0.14.1"]:
        path = f"zig/{file_name(version)}"
        assert mirror.get("/" + path).whole
        mirror.wait_published(path)
        mirror.wait_published(path + ".minisig")
        age(mirror, path, 100)
    journal = mirror.state / "run/hits.log"
    wait_until(lambda: journal.exists() and journal.read_text().count("\n") == 4, "the lines of the four misses")
    journal.unlink()
    return mirror


def path_of(version):
    return f"zig/{file_name(version)}"


def age(mirror, path, days, hit=None):
    """As if it had come so many days ago, and been asked for `hit` days ago."""
    now = time.time()
    with sqlite3.connect(mirror.state / "catalog.db", timeout=30) as db:
        db.execute("UPDATE entry SET stored_at = ?, last_hit_at = ? WHERE path IN (?, ?)",
                   (int(now - days * DAY), None if hit is None else int(now - hit * DAY), path, path + ".minisig"))
    db.close()
    for place in (mirror.state / "public" / path, mirror.state / "public" / (path + ".minisig")):
        if place.exists():
            os.utime(place, (now - days * DAY, now - days * DAY))


def prune(mirror, *arguments, status=0):
    lines = [json.loads(line) for line in mirror.program("pkgmirror-warm", "prune", "--json", *arguments, status=status).stdout.splitlines()]
    return [line["path"] for line in lines[:-1]], lines[-1]


def test_nightlies_past_their_days_go_with_their_signatures(mirror):
    age(mirror, path_of(DEV[1]), 100, hit=29)
    age(mirror, path_of(DEV[2]), 100, hit=31)
    before = mirror.published()
    dry, _ = prune(mirror, "--dry-run")
    assert dry == [path_of(DEV[0]), path_of(DEV[2])] and mirror.published() == before
    removed, summary = prune(mirror)
    assert removed == dry and summary["removed"] == 4 and summary["failed"] == 0
    gone = [name for path in removed for name in (path, path + ".minisig")]
    assert mirror.published() == [path for path in before if path not in gone]
    assert [f for f in mirror.files("store") if DEV[0] in f or DEV[2] in f] == []
    assert not (mirror.state / "store/zig/dev" / DEV[0]).exists()
    assert mirror.rows("SELECT * FROM entry WHERE path IN (?, ?)", *gone[:2]) == []
    assert mirror.rows("SELECT count(*) AS n FROM provenance WHERE path = ?", gone[0]) == [{"n": 1}]
    # Who wants it gets it again.
    assert mirror.get("/" + gone[0]).whole


def test_nothing_in_use_goes(mirror):
    in_journal, read, held, cold = path_of(DEV[0]), path_of(DEV[1]), path_of(DEV[2]), path_of("0.14.1")
    (mirror.state / "run/hits.log").write_text(f"{int(time.time())}\t{in_journal}\t-\t200\t1\n")
    now = time.time()
    os.utime(mirror.state / "public" / read, (now, now - 100 * DAY))
    age(mirror, held, 100, hit=0)
    removed, summary = prune(mirror, "--class", "dev", "--class", "stable", "--days", "0")
    assert removed == [cold] and summary["spared"] >= 1
    assert {in_journal, read, held} <= set(mirror.published())
    assert mirror.rows("SELECT hits FROM entry WHERE path = ?", in_journal) == [{"hits": 1}]


def test_ten_minutes(mirror):
    """By the catalogue, and by what the file system knows of reads."""
    minute = 60 / DAY
    read, everything = mirror.state / "public" / path_of("0.14.1"), ["--class", "dev", "--class", "stable", "--days", "0"]
    age(mirror, path_of(DEV[0]), 100, hit=4 * minute)
    age(mirror, path_of(DEV[1]), 100, hit=11 * minute)
    os.utime(read, (time.time() - 4 * 60, read.stat().st_mtime))
    assert prune(mirror, *everything)[0] == [path_of(DEV[2]), path_of(DEV[1])]
    os.utime(read, (time.time() - 11 * 60, read.stat().st_mtime))
    assert prune(mirror, *everything)[0] == [path_of("0.14.1")]
    assert mirror.published() == [path_of(DEV[0]), path_of(DEV[0]) + ".minisig"]


@pytest.mark.parametrize("what", ["nominated", "listed", "journal", "hit"])
def test_what_changes_before_its_lease_is_taken_stays(mirror, tmp_path, what):
    """prune has chosen three nightlies and is stopped before it has the first one's lease."""
    chosen, name = path_of(DEV[0]), file_name(DEV[0])
    now = int(time.time())
    with strace.stopped(mirror, "openat", "run/leases", "prune", "--json", output=tmp_path / "trace") as run:
        if what == "journal":
            with open(mirror.state / "run/hits.log", "a") as journal:
                journal.write(f"{now}\t{chosen}\t-\t200\t1\n")
        with sqlite3.connect(mirror.state / "catalog.db", timeout=30) as db:
            if what == "hit":
                db.execute("UPDATE entry SET last_hit_at = ? WHERE path = ?", (now - DAY, chosen))
            if what == "nominated":  # as the service does it
                new = mirror.state / "store/zig/nominated" / DEV[0]
                new.mkdir(parents=True)
                for end in ("", ".minisig"):
                    (mirror.state / "store/zig/dev" / DEV[0] / (name + end)).rename(new / (name + end))
                    link = mirror.state / "public" / (chosen + end)
                    link.unlink()
                    link.symlink_to(f"../../store/zig/nominated/{DEV[0]}/{name}{end}")
                    os.utime(new / (name + end), (now - 100 * DAY, now - 100 * DAY))
                db.execute("UPDATE entry SET class = 'nominated' WHERE version = ?", (DEV[0],))
            if what == "listed":
                db.execute("INSERT INTO release VALUES ('nominated', '2025.6.0-mach', 0, ?, NULL, 'nominated', 0, '{}')", (DEV[0],))
                db.execute("INSERT INTO artifact VALUES (?, 'nominated', '2025.6.0-mach', 'x86_64-linux', ?, 'https://n.example/x', ?, 1, 0)",
                           (name, DEV[0], "0" * 64))
                db.execute("DELETE FROM artifact WHERE file = ? AND source = 'index'", (name,))
        db.close()
    *removed, summary = map(json.loads, run.out.splitlines())
    assert [line["path"] for line in removed] == [path_of(DEV[1]), path_of(DEV[2])] and summary["spared"] == 1
    assert {chosen, chosen + ".minisig"} <= set(mirror.published())
    assert mirror.rows("SELECT count(*) AS n FROM entry WHERE version = ?", DEV[0]) == [{"n": 2}]


def test_room_is_made_by_the_least_recently_used(make_mirror, mirror):
    age(mirror, path_of(DEV[0]), 20, hit=5)
    age(mirror, path_of(DEV[1]), 20, hit=3)
    age(mirror, path_of(DEV[2]), 4)
    total = mirror.rows("SELECT sum(size) AS n FROM entry")[0]["n"]
    mirror.sections["warmer"]["max_bytes"] = str(total - SIZE - 1000)
    mirror.write_configuration()
    removed, summary = prune(mirror)
    assert removed == [path_of(DEV[0]), path_of(DEV[2])] and summary["excess"] == 0
    assert mirror.rows("SELECT sum(size) AS n FROM entry")[0]["n"] <= total - SIZE - 1000
    # Releases stay, whatever the limit is, unless they are named.
    mirror.sections["warmer"]["max_bytes"] = "1"
    mirror.write_configuration()
    removed, summary = prune(mirror, status=1)
    assert removed == [path_of(DEV[1])] and summary["excess"] > 0
    assert prune(mirror, status=1)[0] == []
    assert path_of("0.14.1") in mirror.published()
    assert prune(mirror, "--class", "stable")[0] == [path_of("0.14.1")]
    assert mirror.published() == []


def test_what_cannot_be_removed_makes_no_room(mirror):
    """A mount holds the least recently used: the next one goes in its place."""
    for place, days in enumerate((5, 3, 1)):
        age(mirror, path_of(DEV[place]), 20, hit=days)
    total = mirror.rows("SELECT sum(size) AS n FROM entry")[0]["n"]
    mirror.sections["warmer"]["max_bytes"] = str(total - SIZE)
    mirror.write_configuration()
    done = run(["unshare", "--mount", "sh", "-ec", 'mount --bind "$1" "$1"; shift; exec "$@"', "sh", (mirror.state / "public" / path_of(DEV[0])).resolve(),
                mirror.build / "pkgmirror-warm", "prune", "--json"], status=1, env={"PKGMIRROR_CONFIG": str(mirror.configuration), **mirror.environment})
    *removed, summary = map(json.loads, done.stdout.splitlines())
    assert [line["path"] for line in removed] == [path_of(DEV[1])] and path_of(DEV[2]) in mirror.published()
    size = mirror.rows("SELECT size FROM entry WHERE path = ?", path_of(DEV[2]) + ".minisig")[0]["size"] + SIZE
    assert (summary["removed"], summary["bytes"], summary["failed"], summary["excess"]) == (2, size, 1, 0)
    assert path_of(DEV[0]) in done.stderr


def test_only_named_classes_go_whatever_the_limit_is(make_mirror, site, upstream):
    ref, nominated = "0123456789abcdef0123456789abcdef01234567", DEV[3]
    rules = (f'package "demo" {{ path = "/demo/{{ref}}.tar.gz"\n upstream = "{upstream.origin}/demo/{{ref}}.tar.gz" }}\n'
             f'artifact "tools" {{ path = "/tools/{{version}}/{{file}}"\n upstream = "{upstream.origin}/tools/{{version}}/{{file}}" }}\n')
    upstream.add(f"/demo/{ref}.tar.gz", gz(tar([("build.zig.zon", manifest())] + SRC)))
    upstream.add("/tools/1.0.0/tool", b"tool" * 100)
    site.release(nominated, targets=("x86_64-linux",), size=SIZE)
    upstream.add("/n.json", lambda: json.dumps({"2025.6.0-mach": site.index["master"]}).encode())
    mirror = make_mirror(front=Lighttpd(hits="self"), extra=rules, warmer={"max_bytes": 1}, toolchains={"nominated_index": upstream.url("/n.json")})
    mirror.program("pkgmirror-warm", "estimate", "--quiet", status=None)
    places = {"stable": path_of("0.14.1"), "nominated": path_of(nominated), "package": f"demo/{ref}.tar.gz", "artifact": "tools/1.0.0/tool"}
    for path in places.values():
        assert mirror.get("/" + path).whole
        mirror.wait_published(path)
        age(mirror, path, 1000)
    for name in ("stable", "nominated"):
        mirror.wait_published(places[name] + ".minisig")
        age(mirror, places[name], 1000)
    rows = mirror.rows("SELECT class, path FROM entry WHERE path NOT LIKE '%.minisig'")
    assert {row["class"]: row["path"] for row in rows} == places
    journal = mirror.state / "run/hits.log"
    wait_until(lambda: journal.exists() and journal.read_text().count("\n") == 4, "the lines of the four misses")
    journal.unlink()
    before = mirror.published()
    assert prune(mirror, status=1)[0] == prune(mirror, "--class", "dev", "--days", "0", status=1)[0] == []
    assert mirror.published() == before
    for name, path in places.items():
        assert prune(mirror, "--class", name, "--days", "0", status=None)[0] == [path]
    assert mirror.published() == mirror.files("store") == []


def test_bad_arguments(mirror):
    for wrong in (["--class", "old"], ["--days", "x"], ["extra"]):
        mirror.program("pkgmirror-warm", "prune", *wrong, status=2)
