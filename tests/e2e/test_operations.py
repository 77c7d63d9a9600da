"""docs/operations.md: each of its blocks of commands is run as it stands there, and what it promises is looked at. Needs root."""

import ast
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

from lib import fronts, operations
from lib.operations import OWNER, Apache, Caddy, Lighttpd, Nginx, Station, block
from lib.process import TOP, Process, accepts, run
from lib.signer import Signer
from lib.waiting import wait_until
from lib.warming import write_rows
from lib.zig import ZigSite, file_name

NIGHTLY_VERSION = "0.15.0-dev.621+a63f7875f"
STABLE, OLD, NIGHTLY = file_name("0.14.1"), file_name("0.13.0"), file_name(NIGHTLY_VERSION)
COLD = file_name("0.13.0", "aarch64-macos")
EMPTY = {"Content-Length": "0"}
CATALOGUE_WAYS = ("catalogue-from-backup", "catalogue-anew")


@pytest.fixture
def make_station(make_mirror, authority):
    """Stations of the upstream: make_station(front=…, state=…, KEY=VALUE, …), started."""
    made = []

    def make(front=None, state=None, start=True, **options):
        made.append(Station(make_mirror(start=False, front=front or Lighttpd(), **options), authority, state))
        return made[-1].start() if start else made[-1]

    yield make
    for station in made:
        station.close()


@pytest.fixture
def station(make_station, site):
    """One that has an old release, a new one and a nightly, each with its signature."""
    station = make_station()
    station.fetched(site, STABLE, OLD, NIGHTLY)
    wait_until(lambda: len(station.mirror.rows("SELECT 1 FROM entry")) == 6, "the rows")
    return station


def published(state):
    """path -> bytes of all that is published below a state_dir."""
    public = pathlib.Path(state, "public")
    return {str(path.relative_to(public)): path.read_bytes() for path in public.rglob("*") if path.is_symlink() and path.exists()}


def ledger(text):
    """The answer of `pkgmirror-inspect ledger` in a text: ok or BROKEN, and the number of rows."""
    row = re.search(r"│ +(ok|BROKEN) +│ +(\d+) +│ +\w+ +│ +(\d+) +│ +(\d+) +│", text)
    assert row, text
    return row.group(1), int(row.group(4))


# ---- the document itself ----------------------------------------------------------------------------------------------------------


def test_each_block_is_run_by_a_test_or_says_why_not():
    tree = ast.parse(pathlib.Path(__file__).read_text())
    used = {call.args[0].value for call in ast.walk(tree) if isinstance(call, ast.Call) and call.args and isinstance(call.args[0], ast.Constant)
            and getattr(call.func, "attr", getattr(call.func, "id", "")) in ("follow", "block", "address_block")} | {"names"} | set(CATALOGUE_WAYS)
    marks = []
    for language, info, text in operations.fences():
        if language:
            mark = operations.MARK.match(info)
            assert mark, f"a block without a mark: {info}\n{text}"
            marks += [mark.group(1)] if mark.group(1) else []
    assert len(marks) == len(set(marks)) and set(marks) == used
    # No block is missed for its fence.
    assert operations.DOCUMENT.read_text().count("```") == 2 * len(operations.fences())


def test_places_that_it_leads_to_are_there():
    text = operations.DOCUMENT.read_text()
    heads = {re.sub(r"[^a-z0-9_ -]", "", head.lower()).replace(" ", "-") for head in re.findall(r"^#+ (.*)$", text, re.MULTILINE)}
    assert set(re.findall(r"\]\(#([^)]*)\)", text)) - heads == set()
    for path in set(re.findall(r"`((?:docs|deploy|tests)/[\w./-]+)`", text)):
        assert (TOP / path).exists(), path
    units = {path.name for path in (TOP / "deploy/systemd").iterdir()} | {"pkgmirror-check.service", "pkgmirror-check.timer"}
    assert set(re.findall(r"pkgmirror[-a-z]*\.(?:service|socket|timer)", text)) <= units
    # Each word in the form of a key is one, or the name of something else that a test knows.
    keys = set(re.findall(r'\{"([a-z_]+)"', (TOP / "mirror/config.c").read_text())) | {event for _, event in events()} | {"again_in_sec"}
    words = {word for word in re.findall(r"`([a-z]+(?:_[a-z]+)+)(?: = [^`]*)?`", text) if not word.startswith("pkgmirror_")}
    assert len(words & keys) > 10 and words - keys == set()


def events():
    """(program, event) of each line that the programs log."""
    rooms = {"cgi": "responder", "fetch": "service", "warmer": "warmer"}
    found = set()
    for place in ("cgi", "fetch", "warmer", "mirror"):
        for path in (TOP / place).glob("*.c"):
            if path.name == "log.c":
                continue
            text = path.read_text()
            for level, event in re.findall(r"log_event\(\s*([^\"]*?),\s*\"(\w+)\"", text):
                # The warmer's lines are those from warn on.
                if place != "warmer" or "INFO" not in level:
                    found.add((rooms.get(place, "mirror"), event))
            for event in re.findall(r"log_fault\([^\";]*?\"(\w+)\"", text):
                found.add((rooms.get(place, "mirror"), event))
    return found


def test_table_of_events_has_all_of_them_and_no_other():
    rows = re.findall(r"^\| ([a-z ]+) \| ((?:`\w+`(?:, )?)+) \| ", operations.DOCUMENT.read_text(), re.MULTILINE)
    told = {(who, event) for who, names in rows for event in re.findall(r"\w+", names)}
    spread = {"all": ("responder", "service", "warmer"), "all but the service": ("responder", "warmer")}
    shared = {"index_entry_refused", "index_entries_refused", "index_release_dropped"}
    assert shared | {"sandbox"} == {event for who, event in events() if who == "mirror"}
    there = {(who, event) for who, event in events() if who != "mirror"} | {("service", event) for event in shared}
    there |= {(who, "sandbox") for who in spread["all"]}
    assert {(one, event) for who, event in told for one in spread.get(who, (who,))} == there


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
    before = kept.read_bytes()
    station.systemctl(["stop", "pkgmirror.service", "pkgmirror-fetch.service"])
    catalogue = station.mirror.state / "catalog.db"
    os.truncate(catalogue, catalogue.stat().st_size // 2)
    assert station.follow(how, status=None, pasted=True).returncode != 0
    assert kept.read_bytes() == before and published(kept.parent)[f"zig/{STABLE}"] == site.body(STABLE)


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
    assert (backup / "ledger").read_text().startswith("ok,") and (backup / "pkgmirror.conf").exists()
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
    station.fetched(site, fresh, row=False)
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


# ---- what stands before it ------------------------------------------------------------------------------------------------------------


def test_what_a_cdn_may_keep(station):
    index = station.get("/zig/index.json").headers["cache-control"]
    age = int(re.match(r"public, max-age=(\d+), stale-while-revalidate=900, stale-if-error=604800$", index).group(1))
    assert 0 < age <= 900
    for name in (STABLE, STABLE + ".minisig"):
        answer = station.get(f"/zig/{name}")
        assert "immutable" in answer.headers["cache-control"] or "max-age=31536000" in answer.headers["cache-control"]
        assert answer.headers["etag"] and answer.headers["last-modified"] and "content-encoding" not in answer.headers
    cold = station.get(f"/zig/{COLD}", headers={"Range": "bytes=5-9"})
    assert cold.status == 200 and cold.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert station.get("/").headers["cache-control"] == "public, max-age=300"
    for target, status in (("/-/health", 200), ("/-/status", 200), ("/-/metrics", 200), ("/zig/nothing.txt", 404), ("/zig/zig-x86_64-linux-9.9.9.tar.xz", 404)):
        answer = station.get(target)
        assert (answer.status, answer.headers["cache-control"]) == (status, "no-store"), target
    assert station.get("/zig/index.json", method="POST", headers=EMPTY).headers["cache-control"] == "no-store"


def address_block(name, comment):
    text = block(name)
    return text.replace("192.0.2.2", "127.0.0.1") if comment in text else pytest.fail(name)


@pytest.mark.parametrize("kind", [Lighttpd, Nginx, Apache, Caddy])
def test_miss_limit_counts_the_clients_behind_a_proxy(make_station, site, kind):
    front = kind()
    if kind is Lighttpd:
        front.extra = address_block("address-lighttpd", "40-address.conf")
    elif kind is Nginx:
        front.extra = address_block("address-nginx", "conf.d/address.conf")
    elif kind is Caddy:
        front.extra = address_block("address-caddy", "transport fastcgi")
    else:
        front.extra = address_block("address-apache", "a2enmod remoteip")
        front.modules += ("remoteip",)
    station = make_station(front, miss_limit=1)
    names = [file_name("0.14.1", target) for target in ("x86_64-linux", "aarch64-macos", "x86_64-windows")]

    def status(name, address):
        return station.get(f"/zig/{name}", headers={"X-Forwarded-For": address}).status

    assert status(names[0], "203.0.113.1") == 200
    assert status(names[1], "203.0.113.1") == 429
    assert status(names[1], "203.0.113.2") == 200
    assert status(names[2], "203.0.113.2") == 429


class SecondFront:
    """nginx on another machine, as the document has it, which reads the first one's files and hands on the rest."""

    def __init__(self, station):
        self.station, front = station, station.mirror.front
        self.nginx = Nginx()
        self.port, self.folder = self.nginx.port, station.mirror.folder / "second"
        self.folder.mkdir()
        text = fronts.adapt(block("second-front"), {
            "pkg.example.org": front.host, "listen 443 ": f"listen {self.port} ", "listen [::]:443 ": f"listen [::]:{self.port} ",
            "/etc/pkgmirror/tls": front.tls_folder, "/var/lib/pkgmirror/public": station.mirror.state / "public",
            "192.0.2.1:443": f"127.0.0.1:{front.port}", "/etc/ssl/certs/ca-certificates.crt": station.mirror.folder / "ca.pem"})
        kinds = ("client_body", "fastcgi", "proxy", "scgi", "uwsgi")
        temporary = "".join(f"{kind}_temp_path {self.folder}/{kind};\n" for kind in kinds)
        (self.folder / "nginx.conf").write_text(
            f"pid {self.folder}/pid;\nuser www-data;\nevents {{}}\nhttp {{\naccess_log {self.folder}/access.log;\n{temporary}{text}}}\n")
        self.process = Process("second", [fronts.program("nginx"), "-c", self.folder / "nginx.conf", "-e", self.folder / "error.log", "-g", "daemon off;"],
                               self.folder / "out")
        self.process.start(live=lambda: accepts(self.port))

    def get(self, target, **more):
        with self.open(target, **more) as answer:
            return answer.rest()

    def open(self, target, **more):
        front = self.station.mirror.front
        return operations.client.request(self.port, target, host=front.host, tls=front.tls(), **more)

    def stop(self):
        self.process.stop()
        self.nginx.close()


def test_two_fronts_one_store(make_station, site):
    front = Lighttpd()
    front.extra = address_block("address-lighttpd", "40-address.conf")
    station = make_station(front, miss_limit=2)
    second = SecondFront(station)
    try:
        # A miss at the second is one transfer, for clients of both, while it comes.
        gate = site.upstream.hold(site.path(STABLE), at=100_000)
        with second.open(f"/zig/{STABLE}") as there, station.open(f"/zig/{STABLE}") as here:
            assert len(there.read(30_000)) >= 30_000 and len(here.read(30_000)) >= 30_000
            gate.release()
            assert there.rest().whole and here.rest().whole
        assert there.body == here.body == site.body(STABLE)
        assert len(site.upstream.seen(site.path(STABLE))) == 1
        station.mirror.wait_published(f"zig/{STABLE}")
        # One that turns out bad is cut off there, too.
        site.upstream.change(site.path(COLD), flip=1000)
        bad = second.get(f"/zig/{COLD}")
        assert bad.status == 502 or not bad.whole
        # Two clients of the second have limits of their own; it is one address for the first.
        for address, status in (("127.0.0.1", 429), ("::1", 200)):
            connection = second.station.mirror.front
            answer = operations.client.request(second.port, f"/zig/{NIGHTLY}", host="localhost" if address != "::1" else "::1", tls=connection.tls(),
                                               headers={"Host": "localhost"})
            with answer:
                assert answer.rest().status == status, address
        station.mirror.wait_published(f"zig/{NIGHTLY}")
        index = second.get("/zig/index.json")
        assert index.status == 200 and json.loads(index.body)["0.14.1"]["x86_64-linux"]["tarball"] == f"{station.mirror.url}/zig/{STABLE}"
        assert second.get("/catalog.db").status == 404 and second.get(f"/zig/{STABLE}", method="POST", headers=EMPTY).status == 405
        # Its hits are its own: with its headers, and without the first.
        station.mirror.front.stop()
        answer = second.get(f"/zig/{STABLE}")
        assert answer.body == site.body(STABLE) and answer.headers["content-type"] == "application/x-xz"
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert second.get(f"/zig/{OLD}").status == 502
        second.process.stop()
        station.mirror.front.start(station.mirror)
    finally:
        second.stop()


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
    (small_disk / "run/hits.log").write_text(f"{then}\tzig/{NIGHTLY}\t\t200\t1\n")
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
