"""What must hold of an answer, of an exit and of a state. Each function returns problems, as sentences."""

import fcntl
import os
import re
import sqlite3
import struct
import subprocess

from inject_world import Answer

# What a log line must say of each failure: the system's own words, or those of SQLite, libcurl and libarchive.
OTHERS = r"disk is full|out of dynamic memory|disk I/O error|unable to open database|out of memory|Out of memory|[Cc]annot allocate|[Cc]an't allocate"
CAUSES = {
    "ENOSPC": r"No space left|" + OTHERS, "EDQUOT": r"quota exceeded|No space left|" + OTHERS, "EFBIG": r"File too large|" + OTHERS,
    "EIO": r"Input/output error|disk image is malformed|" + OTHERS, "EMFILE": r"[Tt]oo many open files|" + OTHERS, "ENFILE": r"Too many open files in system|" + OTHERS,
    "ENOMEM": r"temporarily unavailable|" + OTHERS, "ENOBUFS": r"No buffer space", "ECONNRESET": r"Connection reset",
}
COMPLAINT = re.compile(r"level=(warn|error)|^pkgmirror[a-z.-]*: |out of memory|out of dynamic memory", re.M)
OURS = re.compile(r"/pkgmirror[^/]*\+")
SYSTEM = re.compile(r"/(inject_shim|libc|libpthread|ld-linux[^/]*|libgcc_s)\.so")
REFUSALS = (500, 503, 504, 507)
SERVICE_STATUSES = {0, 1, 2, 75, 126, 127}


def ended(outcome, allowed):
    """An exit that the manual names, in time, and nothing said on the way that a sanitizer or the C library would say."""
    if outcome.status is None:
        return ["hang: it had to be killed"]
    if outcome.status < 0:
        return [f"crash: signal {-outcome.status}"]
    return [] if outcome.status in allowed else [f"exit: status {outcome.status} is none of {sorted(allowed)}"]


def function_at(place):
    """The function at a place of a stack."""
    file, _, offset = place.rpartition("+")
    return subprocess.run(["addr2line", "-fe", file, offset], capture_output=True, text=True).stdout.split("\n")[0]


def dying_library(crash, text):
    """The name of the library in which a program died, "" when that was our own code: what a library does not survive is
    told and counted, but not ours to mend."""
    if "nss_database.c" in text and "Assertion" in text:
        return "libc.so.6 (nss)"
    # glibc's fts_open(3) and getpwuid(3) use what they had no memory for.
    if crash and "/libc.so" in crash.split()[0]:
        function = function_at(crash.split()[0])
        for name in ("fts", "nss"):
            if f"{name}_" in function:
                return f"libc.so.6 ({name})"
    for place in crash.split():
        if OURS.search(place):
            return ""
        if not SYSTEM.search(place):
            return place.rpartition("+")[0].rpartition("/")[2]
    return ""


def is_peer(stack):
    """Whether the call spoke to the web server: what fails there is a client that left, and in the server's log."""
    return "libfcgi" in stack.split("+")[0]


def told(failure, text, call, stack):
    """A line of a log that tells of the failure."""
    if not COMPLAINT.search(text) and not is_peer(stack):
        return [f"log: nothing tells of {failure} of {call}"]
    return []


def named(failure, text):
    """Whether a line names the cause itself."""
    return re.search(CAUSES[failure], text) is not None


def answer(given, body, failure):
    """An answer that a client may see: the right bytes, a refusal, or one that is visibly cut off."""
    if given.status == 200 and given.whole:
        return [] if body is None or given.body == body else ["answer: a whole answer with wrong bytes"]
    if given.status == 200:
        return [] if body is None or body.startswith(given.body) else ["answer: wrong bytes before the cut"]
    if given.status == 0:
        return []
    if given.status not in REFUSALS:
        return [f"answer: status {given.status} for {failure}"]
    if failure in ("ENOSPC", "EDQUOT") and given.status == 500:
        return ["answer: status 500 rather than 507"]
    return [] if given.body.count(b"\n") == 1 else ["answer: a refusal that is not one line"]


def is_cut(given):
    return given.status == 200 and not given.whole


def cgi(outcome, body, failure):
    """(answer, problems) of a CGI."""
    given = Answer(outcome.out)
    problems = ended(outcome, {0, 1, 2}) + answer(given, body, failure)
    if (is_cut(given) or given.status == 0) and outcome.status == 0:
        problems.append("answer: cut off, with exit status 0")
    return given, problems


# -- the state


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


def catalogue(world):
    place = world.state / "catalog.db"
    if not place.exists():
        return []
    problems = []
    db = sqlite3.connect(place, timeout=30)
    try:
        found = db.execute("PRAGMA integrity_check").fetchall()
        if found != [("ok",)]:
            problems.append(f"catalogue: {found[:3]}")
        if db.execute("SELECT count(*) FROM sqlite_master WHERE name = 'provenance'").fetchone()[0]:
            bad = db.execute("SELECT path, reason FROM provenance WHERE verdict IN ('bad', 'changed')").fetchall()
            absent = db.execute("SELECT path, reason FROM fetch WHERE class IN ('absent', 'integrity')").fetchall()
            problems += [f"catalogue: a good file is bad: {row}" for row in bad]
            problems += [f"catalogue: a failure of ours is remembered as upstream's: {row}" for row in absent]
    except sqlite3.Error as error:
        problems.append(f"catalogue: {error}")
    finally:
        db.close()
    return problems


def files(state, folder):
    base = state / folder
    return sorted(os.path.relpath(os.path.join(place, name), base) for place, _, names in os.walk(base) for name in names)


def published(world):
    problems = []
    for path in files(world.state, "public"):
        link = world.state / "public" / path
        if not link.exists():
            problems.append(f"published: public/{path} leads nowhere")
        elif link.read_bytes() != world.truth.get(path):
            problems.append(f"published: wrong bytes in public/{path}")
    return problems


def state(world):
    """What holds whenever nothing is under way."""
    problems = catalogue(world) + published(world)
    if lease_is_held(world.state):
        problems.append("lease: one is held")
    problems += [f"quarantine: a good file: {path}" for path in files(world.state, "quarantine")]
    problems += [f"left: run/{path}" for path in files(world.state, "run") if ".new" in path or ".tmp" in path]
    return problems
