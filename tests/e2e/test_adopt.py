"""`pkgmirror-warm adopt`: the files of another mirror, each taken only when it proves itself."""

import json
import os
import pathlib
import shutil
import subprocess

import pytest

from lib.lighttpd import Lighttpd
from lib.packages import SRC, gz, manifest, tar
from lib.process import SANITIZERS
from lib.zig import file_name

SIGNED = file_name("0.14.1")
UNSIGNED = file_name("0.13.0")
NIGHTLY = file_name("0.15.0-dev.621+a63f7875f")
FORGED = file_name("0.14.1", "aarch64-macos")
TRUNCATED = file_name("0.13.0", "aarch64-macos")
UNKNOWN = "zig-linux-the-best.tar.xz"
REF = "0123456789abcdef0123456789abcdef01234567"

LAYOUTS = {
    "wrench": lambda version, name: f"cache/zig/{'dev' if '-dev.' in version else 'stable'}/{version}/{name}",
    "go-mirror-zig": lambda version, name: f"builds/{name}" if "-dev." in version else f"download/{version}/{name}",
    "flat": lambda version, name: name,
}


def adopt(mirror, *arguments, status=0):
    lines = [json.loads(line) for line in mirror.program("pkgmirror-warm", "adopt", "--json", *arguments, status=status).stdout.splitlines()]
    states = {}
    for line in lines[:-1]:
        states.setdefault(line["state"], {})[os.path.basename(line["file"])] = line
    return states, lines[-1]


def fill(folder, place, site):
    """A folder of another mirror, with one forged, one truncated and one unknown file."""
    forged = bytearray(site.body(FORGED))
    forged[100] ^= 1
    for version, name, body in (("0.14.1", SIGNED, site.body(SIGNED)), ("0.14.1", SIGNED + ".minisig", site.body(SIGNED + ".minisig")),
                                ("0.13.0", UNSIGNED, site.body(UNSIGNED)), ("0.15.0-dev.621+a63f7875f", NIGHTLY, site.body(NIGHTLY)),
                                ("0.14.1", FORGED, bytes(forged)), ("0.14.1", FORGED + ".minisig", site.body(FORGED + ".minisig")),
                                ("0.13.0", TRUNCATED, site.body(TRUNCATED)[:70_000]), ("0.13.0", UNKNOWN, b"x")):
        path = pathlib.Path(folder, place(version, name))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
        os.utime(path, (1_700_000_000, 1_700_000_000))


@pytest.mark.parametrize("how", ["auto", "link", "copy"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts(make_mirror, site, layout, how, tmp_path):
    mirror = make_mirror(front=Lighttpd(hits="self"))
    source = tmp_path / "mirror"
    fill(source, LAYOUTS[layout], site)
    before = {p: p.stat().st_ino for p in source.rglob("*") if p.is_file()}
    states, summary = adopt(mirror, "--how", how, source, status=3)
    assert set(states["taken"]) == {SIGNED, SIGNED + ".minisig", UNSIGNED, NIGHTLY, FORGED + ".minisig"}
    assert set(states["refused"]) == {FORGED, TRUNCATED} and set(states["unknown"]) == {UNKNOWN}
    assert "70000 bytes" in states["refused"][TRUNCATED]["reason"]
    assert (summary["taken"], summary["refused"], summary["unknown"], summary["failed"]) == (5, 2, 1, 0)

    assert mirror.published() == sorted(f"zig/{name}" for name in states["taken"])
    assert mirror.parts() == [] and mirror.files("quarantine") == []
    verdicts = {row["path"]: row for row in mirror.rows("SELECT path, class, verdict, size FROM entry")}
    assert verdicts[f"zig/{SIGNED}"]["verdict"] == "signed" and verdicts[f"zig/{UNSIGNED}"]["verdict"] == "digest"
    assert verdicts[f"zig/{NIGHTLY}"]["class"] == "dev"
    row, = mirror.rows("SELECT * FROM provenance WHERE path = ?", f"zig/{SIGNED}")
    assert row["requested_url"] == f"file://{source.resolve()}/{LAYOUTS[layout]('0.14.1', SIGNED)}" and row["http_status"] == 0
    assert f"file:{SIGNED}" in row["trusted_comment"]
    # The other mirror keeps what it had.
    assert {p: p.stat().st_ino for p in source.rglob("*") if p.is_file()} == before
    shared = (mirror.state / "public/zig" / SIGNED).stat().st_ino in before.values()
    assert shared == (how == "link") or how == "auto"
    # And it is served, without upstream.
    site.upstream.forget()
    answer = mirror.get(f"/zig/{SIGNED}")
    assert answer.body == site.body(SIGNED) and answer.headers["last-modified"] == "Tue, 14 Nov 2023 22:13:20 GMT"
    assert site.path(SIGNED) not in site.upstream.paths()
    states, summary = adopt(mirror, source, status=3)
    assert (summary["taken"], summary["here"]) == (0, 5)


def test_our_own_store_after_the_catalogue_was_lost(make_mirror, site, upstream):
    rule = f'package "demo" {{ path = "/demo/{{ref}}.tar.gz"\n upstream = "{upstream.origin}/o/demo/{{ref}}.tar.gz" }}\n'
    upstream.add(f"/o/demo/{REF}.tar.gz", gz(tar([("build.zig.zon", manifest())] + SRC)))
    mirror = make_mirror(front=Lighttpd(hits="self"), extra=rule)
    paths = [f"zig/{SIGNED}", f"zig/{SIGNED}.minisig", f"zig/{UNSIGNED}", f"zig/{NIGHTLY}", f"zig/{FORGED}", f"demo/{REF}.tar.gz"]
    for path in paths:
        assert mirror.get("/" + path).whole
        mirror.wait_published(path)
    for path in paths[2:5]:
        mirror.wait_published(path + ".minisig")
    columns = "path, kind, class, version, size, sha256, blake2b, zig_hash, zig_multihash"
    before = mirror.rows(f"SELECT {columns} FROM entry ORDER BY path")
    published = mirror.published()
    inodes = {path: (mirror.state / "public" / path).stat().st_ino for path in published}
    mirror.stop()
    for path in mirror.state.glob("catalog.db*"):
        path.unlink()
    shutil.rmtree(mirror.state / "public/zig")
    forged = mirror.state / "store/zig/stable/0.14.1" / FORGED
    with open(forged, "r+b") as file:
        file.seek(100)
        file.write(b"!!!!")
    (mirror.state / "store/zig/stable/0.14.1" / UNKNOWN).write_bytes(b"x")
    nightly, = (mirror.state / "store/zig/dev").rglob(NIGHTLY)
    os.truncate(nightly, nightly.stat().st_size - 1)
    states, summary = adopt(mirror, mirror.state, status=3)
    bad = {f"zig/{FORGED}", f"zig/{NIGHTLY}"}
    assert set(states["refused"]) == {FORGED, NIGHTLY} and set(states["unknown"]) == {UNKNOWN}
    assert mirror.rows(f"SELECT {columns} FROM entry ORDER BY path") == [row for row in before if row["path"] not in bad]
    left = [path for path in published if path not in bad]
    assert mirror.published() == left
    assert {path: (mirror.state / "public" / path).stat().st_ino for path in left} == {path: inodes[path] for path in left}
    assert [r["verdict"] for r in mirror.rows("SELECT verdict FROM entry WHERE path = ?", paths[0])] == ["signed"]
    # What was refused is put right by the next who asks.
    mirror.front.start(mirror)
    for name in (FORGED, NIGHTLY):
        assert mirror.get(f"/zig/{name}").body == site.body(name)


def test_what_nothing_vouches_for(make_mirror, site, upstream, tmp_path):
    """A package that this mirror never had, and an unsigned file that no index lists."""
    rule = f'package "demo" {{ path = "/demo/{{ref}}.tar.gz"\n upstream = "{upstream.origin}/o/demo/{{ref}}.tar.gz" }}\n'
    mirror = make_mirror(front=Lighttpd(hits="self"), extra=rule, toolchains={"require": "tls"})
    body = gz(tar([("build.zig.zon", manifest())] + SRC))
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / f"{REF}.tar.gz").write_bytes(body)
    (tmp_path / file_name("0.9.9")).write_bytes(b"what is this")
    states, _ = adopt(mirror, tmp_path, status=3)
    assert set(states["refused"]) == {f"{REF}.tar.gz", file_name("0.9.9")} and mirror.published() == []
    # Known by its content from an earlier fetch, it proves itself.
    upstream.add(f"/o/demo/{REF}.tar.gz", body)
    assert mirror.get(f"/demo/{REF}.tar.gz").whole
    mirror.wait_published(f"demo/{REF}.tar.gz")
    (mirror.state / f"public/demo/{REF}.tar.gz").resolve().unlink()
    states, _ = adopt(mirror, tmp_path / "demo", tmp_path, status=3)
    assert set(states["taken"]) == {f"{REF}.tar.gz"}
    assert mirror.rows("SELECT verdict FROM entry WHERE path = ?", f"demo/{REF}.tar.gz") == [{"verdict": "pinned"}]


def test_reflinks(make_mirror, site, tmp_path):
    """Where the file system has none each file fails with the reason, and nothing is left of it."""
    mirror = make_mirror(start=False, offline=True)
    fill(tmp_path / "m", LAYOUTS["flat"], site)
    probe = subprocess.run(["cp", "--reflink=always", tmp_path / "m" / SIGNED, mirror.state / "probe"], capture_output=True)
    states, summary = adopt(mirror, "--how", "reflink", tmp_path / "m", status=1 if probe.returncode else 3)
    if probe.returncode:
        assert summary["failed"] == 7 and summary["taken"] == 0
        assert all("reflink" in line["reason"] for line in states["failed"].values())
    else:
        assert SIGNED in states["taken"]
        assert (mirror.state / "public/zig" / SIGNED).stat().st_ino != (tmp_path / "m" / SIGNED).stat().st_ino
    assert mirror.parts() == [] and len(mirror.files("store")) == summary["taken"]


def test_names_that_are_no_text(make_mirror, site, tmp_path):
    """A file name may be any bytes: a line of JSON and a line for people stay one line each."""
    mirror = make_mirror(start=False, offline=True)
    place = os.fsencode(tmp_path / "m")
    os.mkdir(place)
    for name in (b"zig-\xff\xfe.tar.xz", b"zig\n\x1b[31mpkgmirror-warm: all is well.zip", "zig-\u00e9.zip".encode()):
        with open(os.path.join(place, name), "wb"):
            pass
    command = [mirror.build / "pkgmirror-warm", "adopt", tmp_path / "m"]
    env = {**os.environ, **SANITIZERS, "PKGMIRROR_CONFIG": str(mirror.configuration)}
    done = subprocess.run([*command, "--json"], env=env, capture_output=True, check=True)
    lines = [json.loads(line) for line in done.stdout.decode().splitlines()]
    assert [line.get("state") for line in lines] == ["unknown"] * 3 + [None]
    assert {os.path.basename(line["file"]) for line in lines[:-1]} == {
        "zig-\ufffd\ufffd.tar.xz", "zig\n\x1b[31mpkgmirror-warm: all is well.zip", "zig-\u00e9.zip"}
    done = subprocess.run(command, env=env, capture_output=True, check=True)
    complaints = done.stderr.splitlines()
    assert len(complaints) == 3 and all(line.startswith(b"pkgmirror-warm: /") for line in complaints)
    assert b"\x1b" not in done.stderr


def test_dry_run_and_mistakes(make_mirror, site, tmp_path):
    mirror = make_mirror(front=Lighttpd(hits="self"))
    fill(tmp_path / "m", LAYOUTS["flat"], site)
    mirror.program("pkgmirror-warm", "estimate", "--quiet")
    states, summary = adopt(mirror, "--dry-run", tmp_path / "m", status=3)
    assert summary["taken"] == 5 and mirror.files("store") == mirror.published() == mirror.parts() == []
    mirror.program("pkgmirror-warm", "adopt", status=2)
    mirror.program("pkgmirror-warm", "adopt", "--how", "magic", tmp_path, status=2)
    assert "no such folder" in mirror.program("pkgmirror-warm", "adopt", tmp_path / "none", status=1).stderr
