"""Mistakes of the operator and of the machine: one clear line, the right status, nothing lost."""

import os
import shutil
import sqlite3

import pytest

from lib.lighttpd import Lighttpd
from lib.process import run
from lib.refusals import check_refusal
from lib.waiting import wait_until
from lib.zig import file_name

NAME = file_name("0.14.1")
OTHER = file_name("0.13.0")
NOBODY = 65534
PROGRAMS = [["pkgmirror.fcgi", "--check-config"], ["pkgmirror-fetch"]]

GOOD = ['base_url = "https://pkg.example.org"', 'state_dir = "{state}"']

# Lines after the good ones, which line of the file is named, which key, and a word of what is said.
MISTAKES = [
    (["nonsense = 1"], 3, "nonsense", "unknown"),
    (['max_fetches = "many"'], 3, "max_fetches", "number"),
    (["max_fetches = 0"], 3, "max_fetches", "1 to 256"),
    (["", "", "miss_limit = -1"], 5, "miss_limit", "number"),
    (['fetch_linger = "soon"'], 3, "fetch_linger", "time"),
    (['max_file_size = "0"'], 3, "max_file_size", "size"),
    (['offload = "teleport"'], 3, "offload", "none of"),
    (["offline = perhaps"], 3, "offline", "true nor false"),
    (['ca_file = "/does/not/exist.pem"'], 3, "ca_file", ""),
    (["offline = true", "offline = false"], 4, "syntax", "offline is given twice"),
    (["toolchains {", '  upstream = "ftp://ziglang.org"', "}"], 4, "upstream", "https"),
    (["toolchains {", '  upstream = "http://ziglang.org"', "}"], 4, "upstream", "http"),
    (["toolchains {", '  public_key = "RWRONG"', "}"], 4, "public_key", ""),
    (["toolchains {", '  require = "trust"', "}"], 4, "require", "none of"),
    (["toolchains {", '  prefix = "zig"', "}"], 4, "prefix", "slash"),
    (["warmer {", "  colour = 1", "}"], 4, "colour", "unknown"),
    (['package "x" {', '  path = "/x/{ref}.tar.gz"', "}"], 3, "upstream", ""),
    (['package "x" {', '  path = "/x/{owner}/{ref}.tar.gz"', '  upstream = "https://example.org/{owner}/{ref}.tar.gz"', "}"], 3, "allow", ""),
]


def write(mirror, lines):
    mirror.configuration.write_text("\n".join(lines).replace("{state}", str(mirror.state)) + "\n")


def one_line(text):
    assert text.count("\n") == 1 and text.endswith("\n"), text
    return text


@pytest.mark.parametrize("lines, line, key, word", MISTAKES, ids=[f"{m[2]}-{i}" for i, m in enumerate(MISTAKES)])
def test_mistake_names_file_line_and_key(make_mirror, lines, line, key, word):
    mirror = make_mirror(start=False)
    write(mirror, GOOD + lines)
    for name, *options in PROGRAMS:
        said = one_line(mirror.program(name, *options, status=2).stderr)
        assert f"{mirror.configuration}:{line}: {key}" in said
        assert word in said


def test_key_that_is_missing(make_mirror):
    mirror = make_mirror(start=False)
    write(mirror, GOOD[1:])
    for name, *options in PROGRAMS:
        assert "base_url" in one_line(mirror.program(name, *options, status=2).stderr)


@pytest.mark.parametrize("text", ["base_url = \"unfinished\n", "toolchains {", "}", "\x00", "base_url"], ids=repr)
def test_what_is_no_configuration(make_mirror, text):
    mirror = make_mirror(start=False)
    mirror.configuration.write_text(text)
    for name, *options in PROGRAMS:
        assert f"{mirror.configuration}:" in one_line(mirror.program(name, *options, status=2).stderr)


def test_configuration_that_is_not_there(make_mirror):
    mirror = make_mirror(start=False)
    mirror.configuration.unlink()
    for name, *options in PROGRAMS:
        assert str(mirror.configuration) in one_line(mirror.program(name, *options, status=2).stderr)


def test_cgi_with_a_mistake_answers_and_logs(make_mirror, site):
    mirror = make_mirror(front=Lighttpd("cgi"))
    write(mirror, GOOD + ["nonsense = 1"])
    refused = mirror.get(f"/zig/{NAME}")
    check_refusal(refused, 500)
    assert "nonsense" not in refused.text
    assert f"{mirror.configuration}:3: nonsense" in mirror.log("responder.log")


# -- state_dir


def test_state_dir_is_a_file(make_mirror, site):
    mirror = make_mirror(start=False, front=Lighttpd("cgi"))
    shutil.rmtree(mirror.state)
    mirror.state.write_text("not a folder\n")
    said = one_line(mirror.program("pkgmirror.fcgi", "--socket", mirror.folder / "sock", status=1).stderr)
    assert f"state_dir {mirror.state}" in said
    assert f"state_dir {mirror.state}" in one_line(mirror.program("pkgmirror-fetch", status=1).stderr)
    mirror.start()
    check_refusal(mirror.get(f"/zig/{NAME}"), 500)
    assert f"state_dir {mirror.state}" in mirror.log("responder.log")
    assert mirror.state.read_text() == "not a folder\n"


class Unprivileged:
    """The programs as somebody who may only read state_dir."""

    def __init__(self, mirror):
        self.mirror = mirror
        self.who = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
        programs = mirror.folder / "bin"
        programs.mkdir()
        for name in ("pkgmirror.fcgi", "pkgmirror-fetch"):
            shutil.copy2(mirror.build / name, programs / name)
        mirror.build = programs
        mirror.folder.chmod(0o755)
        shutil.copy2(mirror.keys["ca_file"], mirror.folder / "ca.pem")
        mirror.keys["ca_file"] = str(mirror.folder / "ca.pem")
        mirror.write_configuration()
        for place, _, _ in os.walk(mirror.state):
            os.chmod(place, 0o555)

    def cgi(self, target):
        """Head, body and log of a request."""
        child = self.mirror.start_cgi(target, who=self.who)
        out, err = child.communicate(timeout=60)
        head, body = out.split(b"\r\n\r\n", 1)
        return head.decode(), body, err.decode()


@pytest.fixture
def read_only(make_mirror, site):
    mirror = make_mirror(front=Lighttpd("cgi"), offload="none")
    assert mirror.get(f"/zig/{NAME}").status == 200
    mirror.wait_published(f"zig/{NAME}")
    mirror.stop()
    yield Unprivileged(mirror)
    for place, _, _ in os.walk(mirror.state):
        os.chmod(place, 0o755)


def test_state_dir_that_cannot_be_written(read_only, site):
    done = read_only.mirror.program("pkgmirror-fetch", status=1, **read_only.who)
    assert f"state_dir {read_only.mirror.state}: cannot write" in one_line(done.stderr)
    head, body, _ = read_only.cgi(f"/zig/{NAME}")
    assert head.startswith("Status: 200 ") and body == site.body(NAME)
    head, body, log = read_only.cgi(f"/zig/{OTHER}")
    assert head.startswith("Status: 500 ") and body.count(b"\n") == 1
    assert "class=system" in one_line(log) and str(read_only.mirror.state) in log


# -- the catalogue


def spoil_version(mirror):
    with sqlite3.connect(mirror.state / "catalog.db") as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    return "has version 99, this program knows"


def spoil_content(mirror):
    for path in mirror.state.glob("catalog.db*"):
        path.unlink()
    (mirror.state / "catalog.db").write_bytes(b"this is no database, and long enough to be looked at\n" * 200)
    return "not a database"


def spoil_owner(mirror):
    for path in mirror.state.glob("catalog.db*"):
        path.unlink()
    with sqlite3.connect(mirror.state / "catalog.db") as db:
        db.execute("CREATE TABLE theirs (x)")
    db.close()
    return "is not a catalogue of pkgmirror"


@pytest.mark.parametrize("spoil", [spoil_version, spoil_content, spoil_owner])
def test_catalogue_that_cannot_be_used(mirror, site, spoil):
    mirror.get(f"/zig/{NAME}")
    mirror.wait_published(f"zig/{NAME}")
    mirror.kill_service()
    said = spoil(mirror)
    before = (mirror.state / "catalog.db").read_bytes()
    assert mirror.get(f"/zig/{NAME}").body == site.body(NAME)
    assert mirror.get(f"/zig/{OTHER}").body == site.body(OTHER)
    assert mirror.wait_published(f"zig/{OTHER}") == site.body(OTHER)
    assert mirror.get("/zig/index.json").status == 200
    lines = [line for line in mirror.log().splitlines() if "event=catalog" in line]
    assert len(lines) == 1 and said in lines[0]
    assert (mirror.state / "catalog.db").read_bytes() == before


def test_catalogue_that_is_busy(mirror, site):
    mirror.get("/zig/index.json")
    with sqlite3.connect(mirror.state / "catalog.db", timeout=30, isolation_level=None) as db:
        db.execute("BEGIN IMMEDIATE")
        answer = mirror.get(f"/zig/{NAME}")
        assert (answer.status, answer.body == site.body(NAME)) == (200, True)
        db.execute("ROLLBACK")
    db.close()


def test_catalogue_that_was_deleted(mirror, site):
    mirror.get(f"/zig/{NAME}")
    mirror.kill_service()
    for path in mirror.state.glob("catalog.db*"):
        path.unlink()
    assert mirror.get(f"/zig/{NAME}").body == site.body(NAME)
    assert mirror.get(f"/zig/{OTHER}").body == site.body(OTHER)
    mirror.wait_published(f"zig/{OTHER}")
    assert wait_until(lambda: mirror.rows("SELECT path FROM entry WHERE path = ?", f"zig/{OTHER}"), "the new catalogue's entry")


# -- the disk


@pytest.fixture
def small_disk(make_mirror, site, mode):
    """A mirror whose state_dir is a file system of 6 MiB."""
    mirror = make_mirror(start=False, front=Lighttpd(mode))
    run(["mount", "-t", "tmpfs", "-o", "size=6m", "none", mirror.state])
    try:
        (mirror.state / "public").mkdir()
        yield mirror.start()
        mirror.stop()
    finally:
        run(["umount", "-l", mirror.state])


def test_file_that_does_not_fit(small_disk, site):
    assert small_disk.get(f"/zig/{NAME}").body == site.body(NAME)
    site.release("0.13.0", size=8_000_000)
    refused = small_disk.get(f"/zig/{OTHER}")
    check_refusal(refused, 507)
    wait_until(lambda: small_disk.parts() == [], "the parts to be gone")
    assert [line for line in small_disk.log().splitlines() if "class=full" in line and OTHER in line]
    assert small_disk.get(f"/zig/{NAME}").body == site.body(NAME)
    bootstrap = file_name("0.14.1", "bootstrap")
    assert small_disk.get(f"/zig/{bootstrap}").body == site.body(bootstrap)


def test_file_without_a_length_that_does_not_fit(small_disk, site):
    site.release("0.13.0", size=8_000_000)
    site.upstream.change(site.path(OTHER), chunked=True)
    answer = small_disk.get(f"/zig/{OTHER}")
    assert answer.status == 507 or not answer.whole
    wait_until(lambda: small_disk.parts() == [], "the part to be removed")
    assert f"zig/{OTHER}" not in small_disk.published()
    assert small_disk.get(f"/zig/{NAME}").body == site.body(NAME)


def test_disk_that_fills_up_and_is_cleared(small_disk, site):
    assert small_disk.get(f"/zig/{NAME}").body == site.body(NAME)
    small_disk.wait_published(f"zig/{NAME}")
    filler = small_disk.state / "filler"
    with open(filler, "wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            pass
    assert small_disk.get(f"/zig/{NAME}").body == site.body(NAME)
    check_refusal(small_disk.get(f"/zig/{OTHER}"), 507)
    assert small_disk.get("/-/health").status == 200
    filler.unlink()
    assert small_disk.get(f"/zig/{OTHER}").body == site.body(OTHER)
    assert small_disk.wait_published(f"zig/{OTHER}") == site.body(OTHER)
    entry = small_disk.rows("SELECT verdict FROM entry WHERE path = ?", f"zig/{OTHER}")
    assert entry == [{"verdict": "signed"}]


# -- the command line


@pytest.mark.parametrize("options", [["--threads", "0"], ["--threads", "x"], ["--threads", "513"], ["--nonsense"], ["word"], []], ids=str)
def test_command_line_of_the_responder(make_mirror, options):
    done = make_mirror(start=False).program("pkgmirror.fcgi", *options, status=2)
    assert done.stdout == "" and done.stderr != ""


def test_socket_that_another_one_has(make_mirror):
    mirror = make_mirror()
    done = mirror.program("pkgmirror.fcgi", "--socket", mirror.folder / "fcgi.sock-0", status=2)
    assert "another process listens there" in one_line(done.stderr)
    assert mirror.get("/-/health").status == 200


def test_service_program_that_is_missing(make_mirror, site):
    mirror = make_mirror(front=Lighttpd("cgi"), environment={"PKGMIRROR_FETCH": "/does/not/exist"})
    check_refusal(mirror.get(f"/zig/{NAME}"), 500)
    assert "/does/not/exist" in mirror.log("responder.log")
