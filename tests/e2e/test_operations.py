"""docs/operations.md: its blocks of commands are run as they stand there, and what they promise is looked at. Needs root."""

import configparser
import json
import os
import pathlib
import pwd
import re
import shlex
import shutil
import sqlite3
import tempfile
import threading
import time

import pytest

from lib import operations
from lib.operations import CATALOGUE_WAYS, COLD, NIGHTLY, NIGHTLY_VERSION, OLD, OWNER, STABLE
from lib.process import TOP, run
from lib.signer import Signer
from lib.waiting import wait_until
from lib.warming import write_rows
from lib.zig import ZigSite, file_name


def published(state):
    """path -> bytes of all that is published below a state_dir."""
    public = pathlib.Path(state, "public")
    return {str(path.relative_to(public)): path.read_bytes() for path in public.rglob("*") if path.is_symlink() and path.exists()}


def ledger(text):
    """The answer of `pkgmirror-inspect ledger` in a text: ok or BROKEN, and the number of rows."""
    row = re.search(r"│ +(ok|BROKEN) +│ +(\d+) +│ +\w+ +│ +(\d+) +│ +(\d+) +│", text)
    assert row, text
    return row.group(1), int(row.group(4))


# ---- looking, and changing the configuration --------------------------------------------------------------------------------------


def test_look_first_and_take_a_changed_configuration(station, site):
    station.fetched(site, COLD)
    said = station.follow("look").stdout
    assert '"status":' in said and "pkgmirror.service active" in said and "pkgmirror-fetch.service active" in said
    site.upstream.change(site.path(file_name("0.14.1", "src")), flip=1000)
    assert station.get(f"/zig/{file_name('0.14.1', 'src')}").status in (0, 200, 502)
    wait_until(lambda: "event=refused" in station.log(), "the line of the log")
    said = station.follow("look").stdout
    assert "event=refused" in said and "the index says" in said

    # A download of a new file goes on while the services are started anew, and who asks meanwhile is answered.
    name = file_name("0.14.1", "bootstrap")
    gate = site.upstream.hold(site.path(name), at=100_000)
    before = station.mirror.service()
    with station.open(f"/zig/{name}") as answer:
        answer.read(30_000)
        gate.wait()
        station.mirror.keys["miss_limit"] = 7
        station.mirror.write_configuration()
        follower = threading.Thread(target=station.follow, args=("reload",))
        follower.start()
        wait_until(lambda: station.mirror.service() not in (None, before), "a new service")
        gate.release()
        asked = station.get(f"/zig/{COLD}")
        assert answer.rest().whole and answer.body == site.body(name)
        follower.join(60)
    assert asked.whole and not follower.is_alive()
    assert ("try-restart", "pkgmirror.service", "pkgmirror-fetch.service", "pkgmirror-warm.service") in station.asked
    station.mirror.configuration.write_text("base_url = 1\nnonsense = 2\n")
    asked = len(station.asked)
    assert "pkgmirror.conf:2: nonsense: unknown key" in station.follow("reload", status=None).stderr and len(station.asked) == asked


# ---- backup and restore -----------------------------------------------------------------------------------------------------------


class Load:
    """Clients that ask for hits and for new files all the time; each answer must be the right one."""

    def __init__(self, station, site, hits, misses):
        self.station, self.site, self.wrong, self.count = station, site, [], 0
        self.stopped, self.lock = threading.Event(), threading.Lock()
        self.threads = [threading.Thread(target=self.ask, args=(names, again)) for names, again in ((hits, True), (misses, False))]

    def ask(self, names, again):
        while names and not self.stopped.is_set():
            for name in names:
                if self.stopped.is_set():
                    return
                answer = self.station.get(f"/zig/{name}")
                with self.lock:
                    self.count += 1
                    if not answer.whole or answer.body != self.site.body(name):
                        self.wrong.append((name, answer))
            if not again:
                return

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopped.set()
        for thread in self.threads:
            thread.join(60)
        assert self.wrong == []


@pytest.mark.parametrize("how, place", [("backup", "state"), ("snapshot", "snapshot")])
def test_a_backup_that_fails_leaves_the_one_of_before(station, site, how, place):
    """Pasted into a shell that goes on after what fails, with a catalogue that is torn."""
    station.fetched(site, STABLE)
    station.follow(how)
    kept = station.names()["BACKUP"] / place / "catalog.db"
    anchor = station.names()["BACKUP"] / "ledger"
    before = (kept.read_bytes(), anchor.exists() and anchor.read_bytes())
    station.systemctl(["stop", "pkgmirror.service", "pkgmirror-fetch.service"])
    catalogue = station.mirror.state / "catalog.db"
    os.truncate(catalogue, catalogue.stat().st_size // 2)
    (station.mirror.state / "public/zig" / STABLE).resolve().unlink()
    assert station.follow(how, status=None, pasted=True).returncode != 0
    assert (kept.read_bytes(), anchor.exists() and anchor.read_bytes()) == before
    assert published(kept.parent)[f"zig/{STABLE}"] == site.body(STABLE)


@pytest.mark.parametrize("how, place", [("backup", "state"), ("snapshot", "snapshot")])
def test_a_file_that_vanishes_meanwhile_ends_no_backup(station, site, how, place):
    """What rsync says then, for certain."""
    (station.tools / "rsync").write_text(f'#!/bin/sh\n{shutil.which("rsync")} "$@" && exit 24\n')
    (station.tools / "rsync").chmod(0o755)
    station.follow(how)
    kept = station.names()["BACKUP"] / place
    assert published(kept)[f"zig/{STABLE}"] == site.body(STABLE)
    with sqlite3.connect(kept / "catalog.db") as db:
        assert db.execute("SELECT count(*) FROM entry").fetchone() == (6,)
    db.close()


def test_backup_under_load_and_restore_elsewhere(station, make_station, site):
    names = [f"t{n}-linux" for n in range(120)]
    site.release("0.12.0", names, size=60_000)
    misses = [file_name("0.12.0", name) for name in names]
    with Load(station, site, [STABLE, OLD, NIGHTLY], misses) as load:
        wait_until(lambda: load.count > 20, "some requests")
        before = load.count
        station.follow("backup")
        station.follow("snapshot")
        assert load.count > before
    checked = station.follow("backup-check").stdout
    backup = station.names()["BACKUP"]
    assert ledger(checked)[0] == "ok" and checked.splitlines()[-1] == "ok"
    assert (backup / "ledger").read_text().splitlines()[-1].startswith("ok,") and (backup / "pkgmirror.conf").exists()
    inode = (backup / "snapshot/store/zig/stable/0.14.1" / STABLE).stat().st_ino
    assert published(backup / "snapshot").items() >= {f"zig/{n}": site.body(n) for n in (STABLE, OLD, NIGHTLY)}.items()
    assert inode == (station.mirror.state / "public/zig" / STABLE).stat().st_ino or os.stat(backup).st_dev != inode
    # A second one over the first, with what came since, of a mirror that stands still; nothing in it is root's then.
    station.fetched(site, COLD)
    station.systemctl(["stop", "pkgmirror.service", "pkgmirror-fetch.service"])
    station.follow("backup")
    assert {path.lstat().st_uid for path in station.mirror.state.rglob("*")} == {pwd.getpwnam(OWNER).pw_uid}
    station.systemctl(["start", "pkgmirror.service", "pkgmirror-fetch.service"])
    assert station.get("/-/status").status == 200 and "class=system" not in station.log()

    kept = published(backup / "state")
    assert len(kept) >= 8 and kept[f"zig/{COLD}"] == site.body(COLD)
    with sqlite3.connect(backup / "state/catalog.db") as db:
        rows = {path for path, in db.execute("SELECT path FROM entry")}
        count = db.execute("SELECT count(*) FROM provenance").fetchone()[0]
    db.close()
    # A row for every file.
    assert set(kept) <= rows

    # On another machine, at another path, which had begun to live, and reaches nobody yet.
    other = make_station(state=station.mirror.folder.parent / f"{station.mirror.folder.name}-other/deep/state", offline=True)
    try:
        assert other.get(f"/zig/{STABLE}").status == 504 and (other.mirror.state / "catalog.db").exists()
        site.upstream.forget()
        said = other.follow("restore", names={"BACKUP": backup}).stdout
        assert ledger(said) == ("ok", count) and " 0 bad" in said and " 0 refused" in said
        for path, body in kept.items():
            answer = other.get(f"/{path}")
            assert answer.whole and answer.body == body, path
        assert "0.14.1" in json.loads(other.get("/zig/index.json").body)
        assert site.upstream.paths() == []
        wait_until(lambda: {row["path"] for row in other.mirror.rows("SELECT path FROM entry")} == set(published(other.mirror.state)), "a row each")
        assert {path.stat().st_uid for path in other.mirror.state.rglob("*")} == {other.mirror.state.stat().st_uid} != {0}
        # It goes on, in the same ledger.
        other.mirror.keys["offline"] = False
        other.mirror.write_configuration()
        other.follow("reload")
        other.fetched(site, file_name("0.14.1", "x86_64-windows"))
        assert other.as_owner("pkgmirror-inspect", "ledger", "from=1")
        assert len(other.mirror.rows("SELECT 1 FROM provenance")) > count
    finally:
        shutil.rmtree(other.mirror.state.parent.parent, ignore_errors=True)


# ---- the catalogue ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("harm, way", [("garbage", CATALOGUE_WAYS[0]), ("newer", CATALOGUE_WAYS[0]), ("torn", CATALOGUE_WAYS[1])])
def test_catalogue_is_lost(station, site, way, harm):
    station.follow("backup")
    station.fetched(site, COLD)
    wait_until(lambda: len(station.mirror.rows("SELECT 1 FROM entry")) == 8, "the rows")
    columns = "path, kind, class, version, size, sha256, blake2b, verdict"
    entries = station.mirror.rows(f"SELECT {columns} FROM entry ORDER BY path")
    assert station.follow("catalogue-check").stdout == "ok\n"
    station.systemctl(["stop", "pkgmirror-fetch.service"])
    catalogue = station.mirror.state / "catalog.db"
    if harm == "newer":
        with sqlite3.connect(catalogue) as db:
            db.execute("PRAGMA user_version = 2")
        db.close()
    else:
        data = catalogue.read_bytes()
        catalogue.write_bytes(b"no database" * 3000 if harm == "garbage" else data[: len(data) // 2])
    station.systemctl(["start", "pkgmirror-fetch.service"])
    # Hits and misses go on.
    assert station.get(f"/zig/{STABLE}").body == site.body(STABLE)
    fresh = file_name("0.14.1", "aarch64-macos")
    station.fetched(site, fresh)
    wait_until(lambda: "event=catalog" in station.log(), "the line of the log")
    if harm == "newer":
        assert "catalog.db has version 2, this program knows 1" in station.log()
    else:
        assert station.follow("catalogue-check", status=None).stdout != "ok\n"

    with Load(station, site, [STABLE, NIGHTLY], []) as load:
        said = station.follow(way).stdout
        assert load.count > 0
    assert " 0 refused" in said and " 0 failed" in said
    now = station.mirror.rows(f"SELECT {columns} FROM entry ORDER BY path")
    assert [row for row in now if fresh not in row["path"]] == entries
    assert {row["path"] for row in now} == set(published(station.mirror.state))
    assert ledger(station.as_owner("pkgmirror-inspect", "ledger", "from=1").stdout)[0] == "ok"
    brought = {row["path"]: row["requested_url"][:5] for row in station.mirror.rows("SELECT path, requested_url FROM provenance ORDER BY id")}
    assert brought[f"zig/{fresh}"] == brought[f"zig/{COLD}"] == "file:"
    assert (brought[f"zig/{STABLE}"] == "https") == (way == "catalogue-from-backup")
    station.fetched(site, file_name("0.14.1", "src"))
    wait_until(lambda: len(station.mirror.rows("SELECT 1 FROM entry")) == 12, "new rows")


# ---- from and for others ------------------------------------------------------------------------------------------------------------


LAYOUTS = {"wrench": ("cache/zig/stable/0.14.1/", "cache/zig/dev/" + NIGHTLY_VERSION + "/"), "go-mirror-zig": ("download/0.14.1/", "builds/"), "flat": ("", "")}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_moving_from_another_mirror(make_station, site, layout):
    station = make_station()
    other = station.mirror.folder / "other"
    for name, place in zip((STABLE, NIGHTLY), LAYOUTS[layout]):
        (other / place).mkdir(parents=True, exist_ok=True)
        for full in (name, name + ".minisig"):
            (other / place / full).write_bytes(site.body(full))
    site.upstream.forget()
    said = station.follow("adopt", OTHER=other).stdout
    assert said.count("4 taken, 0 here already, 0 refused, 0 unknown, 0 failed") == 2
    for name in (STABLE, NIGHTLY):
        assert station.get(f"/zig/{name}").body == site.body(name)
    assert station.get(f"/download/0.14.1/{STABLE}").body == station.get(f"/zig/{STABLE}").body
    assert {path.rsplit("/", 1)[1] for path in site.upstream.paths()} <= {"index.json", "community-mirrors.txt"}
    assert len(list(other.rglob("zig-*"))) == 4


def test_check_and_its_timer(station):
    said = station.follow("check").stdout
    assert said.count("0 of ") == 2 and "bad" not in said, said
    station.follow("check-timer")
    assert station.asked[-2:] == [("daemon-reload",), ("enable", "pkgmirror-check.timer")]
    done = run(["systemd-analyze", "verify", *station.units.glob("pkgmirror-check.*")], status=None)
    # The program itself is not where an installed one would be.
    assert [line for line in done.stderr.splitlines() if "/usr/sbin/pkgmirror-warm is not executable" not in line] == [], done.stderr
    unit = configparser.ConfigParser(interpolation=None)
    unit.optionxform = str
    unit.read(station.units / "pkgmirror-check.service")
    words = shlex.split(unit["Service"]["ExecStart"])
    assert words[0] == "/usr/sbin/pkgmirror-warm"
    assert station.as_owner(station.mirror.build / "pkgmirror-warm", *words[1:]).stdout == ""
    station.systemctl(["stop", "pkgmirror.service"])
    station.mirror.front.unlisten()
    done = station.as_owner(station.mirror.build / "pkgmirror-warm", *words[1:], status=None)
    assert done.returncode != 0


def test_offline_and_bundles(station, make_station, site):
    bundle = station.mirror.folder / "usb"
    bundle.mkdir()
    station.own(bundle)
    station.get("/zig/index.json")
    station.follow("export", BUNDLE=bundle)
    island = make_station(offline=True)
    site.upstream.forget()
    assert island.get(f"/zig/{STABLE}").status == 504
    island.follow("import", BUNDLE=bundle)
    for name in (STABLE, OLD, NIGHTLY):
        assert island.get(f"/zig/{name}").body == site.body(name)
    assert json.loads(island.get("/zig/index.json").body).keys() == site.index.keys()
    assert island.get(f"/zig/{COLD}").status == 504 and site.upstream.seen() == []
    # What is new goes into the same bundle.
    station.fetched(site, COLD)
    station.follow("export", BUNDLE=bundle)
    island.follow("import", BUNDLE=bundle)
    assert island.get(f"/zig/{COLD}").body == site.body(COLD) and site.upstream.seen(site.path(STABLE)) == []
    # One that its key does not sign is refused there.
    (bundle / "files/zig" / (OLD + ".minisig")).unlink()
    lonely = make_station(offline=True)
    assert lonely.follow("import", status=3, BUNDLE=bundle)
    assert lonely.get(f"/zig/{OLD}").status == 504 and lonely.get(f"/zig/{STABLE}").body == site.body(STABLE)


# ---- room ---------------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def small_disk():
    """A file system of 12 MB, where the owner of the mirror may go: pytest's own folders are for root alone."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="pkgmirror-"))
    folder.chmod(0o755)
    place = folder / "state"
    place.mkdir()
    run(["mount", "-t", "tmpfs", "-o", "size=12m,mode=755", "tmpfs", place])
    yield place
    run(["umount", "-l", place])
    shutil.rmtree(folder, ignore_errors=True)


def fill(place):
    """To the last byte."""
    with pytest.raises(OSError), open(place / "ballast", "wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))


def test_disk_is_full(make_station, site, small_disk):
    big = file_name("0.14.1", "big-linux")
    site.release("0.14.1", ["big-linux", "x86_64-linux"], size=3_000_000)
    site.release(NIGHTLY_VERSION, ["x86_64-linux", "aarch64-macos"], size=3_000_000)
    station = make_station(state=small_disk)
    station.fetched(site, NIGHTLY, file_name(NIGHTLY_VERSION, "aarch64-macos"), STABLE)
    journal = small_disk / "run/hits.log"
    wait_until(lambda: journal.exists() and NIGHTLY in journal.read_text(), "the line of the nightly")
    fill(small_disk)
    assert station.get(f"/zig/{big}").status == 507
    assert station.get(f"/zig/{STABLE}").body == site.body(STABLE)
    health = json.loads(station.get("/-/health").body)
    assert health["status"] == "warn" and health["ready"] and "the disk is nearly full" in health["reasons"][0]
    wait_until(lambda: "class=full" in station.log(), "the line of the log")
    said = station.follow("room").stdout
    assert "100%" in said and "dev" in said
    # Nobody asked for the nightlies for a month, and not even that can be written down.
    (small_disk / "ballast").unlink()
    then = int(time.time() - 40 * 86400)
    with write_rows(station.mirror) as db:
        db.execute("UPDATE entry SET stored_at = ?, last_hit_at = NULL", (then,))
    journal.write_text(f"{then}\tzig/{NIGHTLY}\t\t200\t1\n")
    for path in (small_disk / "store").rglob("*"):
        os.utime(path, (then, path.stat().st_mtime))
    fill(small_disk)
    station.as_owner("pkgmirror-warm", "fold", status=1)
    station.follow("make-room")
    assert [path for path in published(small_disk) if NIGHTLY_VERSION in path] == []
    assert station.get(f"/zig/{STABLE}").body == site.body(STABLE)
    assert station.get(f"/zig/{big}").body == site.body(big)
    wait_until(lambda: station.mirror.rows("SELECT 1 FROM entry WHERE path = ?", f"zig/{big}"), "its row")
    # Files that are removed by hand are misses, and nothing else.
    (small_disk / "ballast").unlink()
    shutil.rmtree(small_disk / "store/zig/stable")
    assert station.get(f"/zig/{STABLE}").body == site.body(STABLE)


@pytest.mark.parametrize("folder", ["public", "part", "quarantine", "index", "run"])
def test_state_dir_is_one_file_system(make_mirror, small_disk, folder):
    """Otherwise nothing could be published: that is told at the start, and not by files that break off."""
    mirror = make_mirror(start=False)
    shutil.rmtree(mirror.state / folder, ignore_errors=True)
    (small_disk / folder).mkdir()
    (mirror.state / folder).symlink_to(small_disk / folder)
    done = mirror.program("pkgmirror-warm", "fold", status=0 if folder == "run" else 1)
    said = f"pkgmirror-warm: state_dir {mirror.state}: {folder} is on another file system than store, and files are renamed between them\n"
    assert done.stderr == ("" if folder == "run" else said)


@pytest.mark.parametrize("path", ["same", "other"])
def test_moving_state_dir(station, site, path):
    new, old = station.mirror.folder / "new-disk", station.mirror.state
    new.mkdir()
    here = published(old)
    rows = station.mirror.rows("SELECT * FROM provenance")
    with Load(station, site, [STABLE, NIGHTLY], []):
        station.follow("move", NEW=new)
        # Stopped, and yet: static first.
        assert station.mirror.services() == station.mirror.responders() == []
        assert station.get(f"/zig/{OLD}").body == site.body(OLD)
    assert (new / "catalog.db").read_bytes() == (old / "catalog.db").read_bytes() and published(new) == here
    if path == "same":
        old.rename(station.mirror.folder / "old-disk")
        new.rename(old)
    else:
        station.follow("move-path", NEW=new)
        for name in ("pkgmirror", "pkgmirror-fetch", "pkgmirror-warm", "pkgmirror-verify", "pkgmirror-prune"):
            judge_unit(station, name, new)
        old.rename(station.mirror.folder / "old-disk")
        station.mirror.state = new
        station.mirror.front.server.stop()
        station.mirror.front.start_server()
    said = station.follow("move-start").stdout
    assert " 0 bad" in said
    for name in (STABLE, OLD, NIGHTLY):
        assert station.get(f"/zig/{name}").body == site.body(name)
    station.fetched(site, COLD)
    assert (station.mirror.state / "store/zig/stable/0.13.0" / COLD).is_file()
    wait_until(lambda: len(station.mirror.rows("SELECT * FROM provenance")) == len(rows) + 2, "new rows")
    assert station.mirror.rows("SELECT * FROM provenance")[: len(rows)] == rows


def judge_unit(station, name, new):
    """The unit with its drop-in: what it may write, by systemd's own reading."""
    merged = (TOP / f"deploy/systemd/{name}.service").read_text() + (station.units / f"{name}.service.d/state.conf").read_text()
    values = {}
    for key, value in re.findall(r"^(StateDirectory|ReadWritePaths)=(.*)$", merged, re.MULTILINE):
        values[key] = values.get(key, []) + [value] if value else []
    assert values == {"StateDirectory": [], "ReadWritePaths": [str(new)]}


# ---- keys -----------------------------------------------------------------------------------------------------------------------------


def test_upstream_changes_its_key(station, site, signer, tmp_path):
    newer = Signer(tmp_path)
    changed = ZigSite(site.upstream, newer)
    changed.index, changed.places = site.index, site.places
    changed.release("0.16.0")
    name = file_name("0.16.0")
    refused = station.get(f"/zig/{name}.minisig")
    assert refused.status == 502 and re.search(r"signature: made by key [0-9A-F]{16}, not by [0-9A-F]{16}", refused.text)
    refused = station.get(f"/zig/{name}")
    assert refused.status == 502 or not refused.whole
    assert station.get(f"/zig/{OLD}").body == site.body(OLD)

    station.mirror.sections["toolchains"].update(public_key=newer.key, old_public_keys=[signer.key])
    station.mirror.write_configuration()
    station.follow("reload")
    station.fetched(changed, name)
    # What the old one signed is as good as before: here, and fetched now.
    station.fetched(site, COLD)
    said = station.as_owner("pkgmirror-warm", "verify").stdout
    assert " 0 bad" in said
    counted = dict(line.split("|") for line in station.follow("keys").stdout.splitlines())
    assert sorted(map(int, counted.values())) == [2, 8]

    # The old one was stolen: what only it says counts for nothing any more.
    station.mirror.sections["toolchains"]["old_public_keys"] = []
    station.mirror.write_configuration()
    station.follow("reload")
    assert "made by key" in station.as_owner("pkgmirror-warm", "verify", status=3).stderr
    left = station.mirror.published()
    assert [path for path in left if path.endswith(".minisig")] == [f"zig/{name}.minisig"]
    assert {f"zig/{n}" for n in (STABLE, OLD, NIGHTLY, COLD, name)} <= set(left)


def test_our_own_signing_key(make_station, site):
    station = make_station(start=False, signing_key="/dev/null", provenance_access="open")
    key = station.mirror.folder / "signing.key"
    run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", key])
    station.own(key)
    station.mirror.keys["signing_key"] = str(key)
    station.mirror.write_configuration()
    station.start()
    station.fetched(site, STABLE)
    first = station.get("/-/key").text
    said = station.follow("signing-key", KEY=key).stdout
    second = station.get("/-/key").text
    assert first != second and said.endswith(second) and "signing key" in said
    assert second == run(["openssl", "pkey", "-in", key, "-pubout"]).stdout
    statement = json.loads(station.get(f"/-/provenance/zig/{STABLE}").body)
    assert statement["envelope"]["signatures"][0]["sig"]
    assert key.stat().st_mode & 0o777 == 0o640


# ---- monitoring -------------------------------------------------------------------------------------------------------------------------


def test_monitoring(station):
    metrics = station.get("/-/metrics").text
    told = set(re.findall(r"`(pkgmirror_[a-z_]+)", operations.DOCUMENT.read_text()))
    note = station.mirror.state / "run/certificate"
    note.write_text(f"{int(time.time()) + 50 * 86400}\n")
    metrics = station.get("/-/metrics").text
    assert len(told) > 8 and told - set(re.findall(r"^(pkgmirror_[a-z_]+)", metrics, re.MULTILINE)) == set()
    station.follow("monitor")
    note.write_text(f"{int(time.time()) + 5 * 86400}\n")
    station.follow("monitor", status=1)
    note.unlink()
    station.follow("monitor")
    station.systemctl(["stop", "pkgmirror.service"])
    station.systemctl(["stop", "pkgmirror.socket"])
    assert station.follow("monitor", status=None).returncode != 0
