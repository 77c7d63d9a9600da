"""Confinement of the real programs: that it is there, that it holds, that nothing is lost by it, and how it is switched off."""

import os
import pathlib
import signal
import subprocess

import pytest

from lib.lighttpd import Lighttpd
from lib.process import BUILD, STARTER, SANITIZERS, Process, is_alive, read_log
from lib.waiting import wait_until

FILE = "zig-x86_64-linux-0.14.1.tar.xz"
TOLD = "level=warn event=sandbox state=off"


def has_landlock():
    """Whether this kernel has one that is used."""
    import ctypes

    return ctypes.CDLL(None).syscall(444, None, 0, 1) >= 2


def is_confined(pid):
    status = dict(line.split(":\t", 1) for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line)
    core = [line for line in pathlib.Path(f"/proc/{pid}/limits").read_text().splitlines() if line.startswith("Max core")]
    return status["NoNewPrivs"].strip() == "1" and status["Seccomp"].strip() == "2" and core[0].split()[4:6] == ["0", "0"]


def starters(mirror):
    """The processes that responders of this mirror left outside."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        try:
            if (entry / "comm").read_text().strip() == STARTER and str(mirror.configuration).encode() in (entry / "environ").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue
    return found


@pytest.fixture
def fastcgi(make_mirror, site):
    return make_mirror(front=Lighttpd("fastcgi"))


def test_responder_and_service_are_confined(fastcgi, site):
    assert fastcgi.get(f"/zig/{FILE}").body == site.body(FILE)
    assert all(map(is_confined, fastcgi.responders())) and fastcgi.responders()
    assert is_confined(fastcgi.service())
    assert TOLD not in "".join(fastcgi.log_texts().values())


def test_a_cgi_is_confined_while_it_follows(make_mirror, site, upstream):
    mirror = make_mirror(start=False, offload="none")
    gate = upstream.hold(site.path(FILE))
    cgi = mirror.start_cgi(f"/zig/{FILE}")
    gate.wait()
    assert is_confined(cgi.pid)
    gate.release()
    out, log = cgi.communicate(timeout=60)
    assert cgi.returncode == 0 and out.endswith(site.body(FILE)), log
    wait_until(lambda: not starters(mirror), "the starter to leave")
    mirror.stop()


def test_a_watching_warmer_is_confined(make_mirror, site):
    mirror = make_mirror()
    watcher = Process("warmer", [BUILD / "pkgmirror-warm", "--quiet", "warm", "--watch"], mirror.logs / "warmer.log",
                      env={"PKGMIRROR_CONFIG": str(mirror.configuration)}).start()
    try:
        mirror.wait_published(f"zig/{FILE}")
        assert is_confined(watcher.child.pid)
    finally:
        watcher.stop()


@pytest.mark.parametrize("confined", [True, False])
def test_a_page_is_not_made_of_what_lies_elsewhere(make_mirror, site, tmp_path, confined):
    """The folder of templates has a link out of it: nobody follows it but who is not confined."""
    if not has_landlock():
        confined = False
    (tmp_path / "secret.html").write_text("a secret of this machine\n")
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates/landing.html").symlink_to(tmp_path / "secret.html")
    mirror = make_mirror(extra=f'site {{ templates = "{tmp_path}/templates" }}\n',
                         environment={} if confined else {"PKGMIRROR_NO_SANDBOX": "1"})
    page = mirror.get("/").text
    assert ("a secret of this machine" in page) is not confined


@pytest.mark.parametrize("confined", [True, False])
def test_a_service_writes_nowhere_else(make_mirror, site, tmp_path, confined):
    """part/ becomes a link out of state_dir while the service lives."""
    if not has_landlock():
        confined = False
    mirror = make_mirror(environment={} if confined else {"PKGMIRROR_NO_SANDBOX": "1"})
    assert mirror.get(f"/zig/{FILE}.minisig").status == 200
    (mirror.state / "part").rename(mirror.state / "part.old")
    (tmp_path / "elsewhere").mkdir()
    (mirror.state / "part").symlink_to(tmp_path / "elsewhere")
    answer = mirror.get(f"/zig/{FILE}")
    assert answer.status == (500 if confined else 200)
    written = [name for _, folders, files in os.walk(tmp_path / "elsewhere") for name in folders + files]
    assert not (confined and written)


def test_folders_may_be_links_to_another_disk(make_mirror, site, tmp_path):
    mirror = make_mirror(start=False)
    for name in ("store", "part", "quarantine"):
        (tmp_path / name).mkdir()
        (mirror.state / name).symlink_to(tmp_path / name)
    mirror.start()
    assert mirror.get(f"/zig/{FILE}").body == site.body(FILE)
    assert list((tmp_path / "store").rglob(FILE))


def test_a_miss_has_a_dead_service_started_again(fastcgi, site):
    assert fastcgi.get(f"/zig/{FILE}").status == 200
    first = fastcgi.kill_service()
    assert fastcgi.get("/zig/zig-0.14.1.tar.xz").body == site.body("zig-0.14.1.tar.xz")
    assert fastcgi.service() not in (None, first)


def test_a_responder_without_its_starter_makes_place(fastcgi, site):
    before = fastcgi.responders()
    assert fastcgi.get(f"/zig/{FILE}").status == 200
    fastcgi.kill_service()
    for pid in wait_until(lambda: starters(fastcgi), "a starter"):
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not any(map(is_alive, before)), "the responder to leave")
    wait_until(lambda: fastcgi.get("/zig/zig-0.14.1.tar.xz").status == 200, "another responder with a starter")
    assert "it has ended: this responder leaves" in "".join(fastcgi.log_texts().values())


def test_no_sandbox_is_told(make_mirror, site):
    mirror = make_mirror(start=False)
    environment = {**os.environ, **SANITIZERS, "PKGMIRROR_CONFIG": str(mirror.configuration)}
    log = mirror.logs / "fetch-by-hand.log"
    with open(log, "wb") as out:
        service = subprocess.Popen([BUILD / "pkgmirror-fetch", "--no-sandbox"], env=environment, stderr=out, stdin=subprocess.DEVNULL)
    try:
        wait_until(lambda: "event=start " in read_log(log), "the service")
        assert TOLD in read_log(log) and not is_confined(service.pid)
        socket = mirror.folder / "fcgi.sock"
        log = mirror.logs / "responder-by-hand.log"
        with open(log, "wb") as out:
            responder = subprocess.Popen([BUILD / "pkgmirror.fcgi", "--no-sandbox", "--socket", socket], env=environment, stderr=out,
                                         stdin=subprocess.DEVNULL)
        try:
            wait_until(lambda: socket.exists() and TOLD in read_log(log), "the responder")
            assert not is_confined(responder.pid) and not starters(mirror)
        finally:
            responder.terminate()
            assert responder.wait(30) == 0
        assert TOLD in mirror.program("pkgmirror-warm", "--no-sandbox", "--quiet", "fold").stderr
        assert TOLD in mirror.program("pkgmirror-warm", "fold", "--no-sandbox").stderr
        cgi = mirror.start_cgi("/", PKGMIRROR_NO_SANDBOX="1")
        assert TOLD.encode() in cgi.communicate(timeout=60)[1]
    finally:
        service.terminate()
        assert service.wait(30) == 0
    mirror.stop()


def test_a_service_is_as_confined_as_who_has_it_started(make_mirror, site):
    mirror = make_mirror(environment={"PKGMIRROR_NO_SANDBOX": "1"})
    assert mirror.get(f"/zig/{FILE}").status == 200
    assert TOLD in mirror.log("fetch.log")
    assert not is_confined(mirror.service())
