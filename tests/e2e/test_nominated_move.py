"""A development build that becomes nominated moves to its folder without a download, and is never missed meanwhile."""

import copy
import fcntl
import json
import os
import sqlite3
import struct
import threading

import pytest

from lib.waiting import wait_until
from lib.zig import file_name

VERSION = "0.15.0-dev.621+a63f7875f"
NAME = file_name(VERSION)
PATH = f"zig/{NAME}"
DEV, NOMINATED = f"zig/dev/{VERSION}", f"zig/nominated/{VERSION}"


@pytest.fixture
def nominated(make_mirror, site):
    """A mirror that has a nightly and its signature; nominate() makes it a nominated one, at the nominated index."""
    document = {"0.14.1": copy.deepcopy(site.index["0.14.1"])}
    site.upstream.add("/nominated.json", lambda: json.dumps(document).encode(), modified="")
    mirror = make_mirror(toolchains={"nominated_index": site.upstream.url("/nominated.json"), "index_ttl": "1s"})
    mirror.nominate = lambda: document.update({"2025.6.0-mach": {**copy.deepcopy(site.index["master"]), "machNominated": "2025-06-01"}})
    assert mirror.get(f"/{PATH}").body == site.body(NAME)
    mirror.wait_published(f"{PATH}.minisig")
    assert mirror.files("store/" + DEV) == [NAME, NAME + ".minisig"]
    return mirror


def classes(mirror):
    return {row["path"]: row["class"] for row in mirror.rows("SELECT path, class FROM entry")}


def wait_moved(mirror):
    def moved():
        mirror.get("/zig/index.json")
        return classes(mirror) == {PATH: "nominated", PATH + ".minisig": "nominated"}

    wait_until(moved, "the build to be nominated")
    wait_until(lambda: not (mirror.state / "store" / DEV).exists(), "the old folder to be gone")
    assert mirror.files("store/" + NOMINATED) == [NAME, NAME + ".minisig"]


def test_it_moves_without_a_download(nominated, site):
    inode = (nominated.state / "public" / PATH).stat().st_ino
    asked = len(site.upstream.seen(site.path(NAME)))
    stop, missed = threading.Event(), []

    def look():
        while not stop.is_set():
            try:
                with open(nominated.state / "public" / PATH, "rb") as file:
                    if file.read() != site.body(NAME):
                        missed.append("other bytes")
            except OSError as error:
                missed.append(error)

    looking = threading.Thread(target=look)
    looking.start()
    try:
        nominated.nominate()
        wait_moved(nominated)
    finally:
        stop.set()
        looking.join()
    assert missed == []
    assert (nominated.state / "public" / PATH).stat().st_ino == inode
    assert nominated.get(f"/{PATH}").body == site.body(NAME)
    assert len(site.upstream.seen(site.path(NAME))) == asked
    assert list(json.loads(nominated.get("/zig/index.json").body))[-1] == "2025.6.0-mach"


@pytest.mark.parametrize("left", ["both names", "new link", "no row"])
def test_a_move_that_was_interrupted_is_finished(nominated, site, left):
    """What a kill leaves between the steps of a move; the next service goes on."""
    nominated.nominate()
    wait_moved(nominated)
    nominated.kill_service()
    if left != "no row":
        (nominated.state / "store" / DEV).mkdir(parents=True)
        os.link(nominated.state / "store" / NOMINATED / NAME, nominated.state / "store" / DEV / NAME)
    if left == "both names":
        (nominated.state / "public" / PATH).unlink()
        (nominated.state / "public" / PATH).symlink_to(f"../../store/{DEV}/{NAME}")
    with sqlite3.connect(nominated.state / "catalog.db", timeout=30) as db:
        db.execute("UPDATE entry SET class = 'dev' WHERE path = ?", (PATH,))
    db.close()
    wait_moved(nominated)
    assert os.readlink(nominated.state / "public" / PATH) == f"../../store/{NOMINATED}/{NAME}"
    assert nominated.get(f"/{PATH}").body == site.body(NAME)


def test_it_waits_for_the_lease(nominated):
    """Who holds the lease of the path, such as the warmer, is not disturbed."""
    offset = 14695981039346656037
    for byte in PATH.encode():
        offset = (offset ^ byte) * 1099511628211 % 2**64
    offset &= 2**63 - 1
    with open(nominated.state / "run/leases", "r+b") as leases:
        lock = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, offset, 1, 0)
        fcntl.fcntl(leases, fcntl.F_OFD_SETLK, lock)
        nominated.nominate()
        wait_until(lambda: nominated.get("/zig/index.json") and classes(nominated)[PATH + ".minisig"] == "nominated", "the signature to move")
        assert classes(nominated)[PATH] == "dev"
        assert (nominated.state / "store" / DEV / NAME).exists()
    wait_moved(nominated)
