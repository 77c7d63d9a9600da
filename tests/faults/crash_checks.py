"""What must hold after a kill. Each function returns problems: sentences that begin with the word of the promise."""

import fcntl
import hashlib
import os
import pathlib
import sqlite3
import struct
import subprocess

from crash_control import FETCH, WARM
from crash_world import complaint
from lib.waiting import wait_until

PROMISES = {
    "published": "every published file is upstream's, byte for byte",
    "answer": "every complete answer is right",
    "ledger": "the catalogue is sound, the ledger's chain whole",
    "rows": "catalogue and disk agree, or come to agree",
    "lease": "no lease is held when nothing is under way",
    "left": "no part and no temporary file stays",
    "refused": "nothing good is refused",
    "healed": "every file can be had again",
    "sanitizer": "no sanitizer complains",
}
DAYS_SEC = 9 * 24 * 3600
RUN_FILES = {"counters", "fetch.lock", "fetch.log", "fetch.log.1", "fetch.sock", "hits.log", "hits.log.1", "leases", "warm.lock"}
QUERIES = pathlib.Path(__file__).resolve().parents[2] / "sql/queries"


def lease_is_held(state):
    try:
        fd = os.open(state / "run/leases", os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        asked = struct.pack("hhqqixxxx", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        return struct.unpack("hhqqixxxx", fcntl.fcntl(fd, 36, asked))[0] != fcntl.F_UNLCK  # F_OFD_GETLK
    finally:
        os.close(fd)


def leases(world):
    """Whatever is under way ends, and then nobody holds one."""
    try:
        wait_until(lambda: not lease_is_held(world.mirror.state), "leases to be free")
    except AssertionError as error:
        return [f"lease: {error}"]
    return []


def published(world):
    problems = []
    public = world.mirror.state / "public"
    for path in world.mirror.published():
        if path not in world.truth:
            problems.append(f"published: nobody knows {path}")
        elif (public / path).exists() and (public / path).read_bytes() != world.truth[path]:
            problems.append(f"published: {path} is not upstream's")
    return problems


def ledger(world):
    if not (world.mirror.state / "catalog.db").exists():
        return []
    problems = [f"ledger: integrity_check: {row}" for row in world.mirror.rows("PRAGMA integrity_check") if row["integrity_check"] != "ok"]
    done = subprocess.run(
        [str(world.build / "pkgmirror-inspect"), "--state-dir", str(world.mirror.state), "--json", "ledger", "from=1"],
        env={**os.environ, "PKGMIRROR_QUERIES": str(QUERIES)}, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
    )
    if done.returncode != 0:
        problems.append(f"ledger: {done.stdout[-500:]}{done.stderr[-500:]}")
    return problems


def entries(world):
    try:
        return {row["path"]: row for row in world.mirror.rows("SELECT path, size, sha256, verdict FROM entry")}
    except sqlite3.OperationalError:
        return {}


def rows(world):
    """What is published has its row; what a row says is true."""
    problems = []
    known = entries(world)
    for path in world.mirror.published():
        if (world.mirror.state / "public" / path).exists() and path not in known:
            problems.append(f"rows: {path} is published and not in the catalogue")
    for path, row in known.items():
        body = world.truth.get(path)
        if body is None or row["size"] != len(body) or row["sha256"] != hashlib.sha256(body).hexdigest():
            problems.append(f"rows: the entry of {path} is wrong: {row}")
    return problems


def refused(world):
    problems = [f"refused: {path} is in quarantine" for path in world.mirror.files("quarantine")]
    if (world.mirror.state / "catalog.db").exists():
        found = world.mirror.rows("SELECT path, verdict, reason FROM provenance WHERE verdict IN ('bad', 'changed')")
        problems += [f"refused: {row}" for row in found]
    return problems


def after_a_kill(world):
    """The checks that hold at once, whatever is still lacking."""
    return [*leases(world), *published(world), *ledger(world), *rows(world), *refused(world)]


# -- the thorough ones: everything is asked for, and then disk and catalogue have to be the same


def everything(world):
    problems = []
    for path, body in sorted(world.truth.items()):
        answer = world.mirror.get("/" + path)
        if (answer.status, answer.whole, answer.body == body) != (200, True, True):
            problems.append(f"healed: {path}: {answer}")
    status, text = world.command("verify")
    if status != 0:
        problems.append(f"healed: verify: status {status}: {text[-600:]}")
    return problems


def store(world):
    """public/, store/ and the entries have the same files."""
    state = world.mirror.state
    problems = []
    targets = {os.path.realpath(state / "public" / path) for path in world.mirror.published()}
    kept = {str((state / "store" / path).resolve()) for path in world.mirror.files("store")}
    problems += [f"rows: {place} is in the store and nobody's" for place in sorted(kept - targets)]
    known, seen, wanted = set(entries(world)), set(world.mirror.published()), set(world.truth)
    problems += [f"rows: {path} has an entry and no file" for path in sorted(known - seen)]
    problems += [f"rows: {path} is published without an entry" for path in sorted(seen - known)]
    problems += [f"healed: {path} is not published" for path in sorted(wanted - seen)]
    return problems


def index_folder(world):
    """Each document is a link and its file."""
    folder = world.mirror.state / "index"
    links = {path for path in folder.iterdir() if path.is_symlink()}
    expected = links | {folder / os.readlink(path) for path in links}
    return [f"left: index/{path.name}" for path in sorted(set(folder.iterdir()) - expected)]


def leftovers(world, control):
    """What the next service sweeps when it is old enough: its clock is set ahead."""
    state = world.mirror.state
    world.end_all(15)
    control.later(FETCH, DAYS_SEC)
    try:
        world.command("estimate")
        wait_until(lambda: not world.mirror.parts(), "part/ to be swept", 20)
    except AssertionError:
        pass
    finally:
        world.end_all(15)
        control.later(FETCH, 0)
    problems = [f"left: part/{path}" for path in world.mirror.parts()]
    problems += index_folder(world)
    problems += [f"left: run/{path}" for path in world.mirror.files("run") if path not in RUN_FILES]
    known = {"store", "public", "part", "quarantine", "index", "run", "catalog.db", "catalog.db-wal", "catalog.db-shm"}
    return problems + [f"left: {path.name}" for path in state.iterdir() if path.name not in known]


def sanitizers(world):
    return [f"sanitizer: {name}: {complaint(text)}" for name, text in world.mirror.log_texts().items() if complaint(text)]


def accounted(world, control):
    """Without any request: what nobody leads to is gone after a verify that comes a day later, and what has an entry is there."""
    control.later(WARM, DAYS_SEC)
    try:
        status, text = world.command("verify")
    finally:
        control.later(WARM, 0)
    state = world.mirror.state
    targets = {os.path.realpath(state / "public" / path) for path in world.mirror.published()}
    kept = {str((state / "store" / path).resolve()) for path in world.mirror.files("store")}
    seen = {path for path in world.mirror.published() if (state / "public" / path).exists()}
    problems = [] if status == 0 else [f"healed: verify: status {status}: {text[-600:]}"]
    problems += [f"left: {place} is in the store and nobody's" for place in sorted(kept - targets)]
    return problems + [f"rows: {path}: entry and file do not go together" for path in sorted(set(entries(world)) ^ seen)]


def thorough(world, control):
    return [*leases(world), *accounted(world, control), *everything(world), *after_a_kill(world), *store(world), *leftovers(world, control), *sanitizers(world)]
