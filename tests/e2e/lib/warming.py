"""Running pkgmirror-warm, to its end or beside a test."""

import contextlib
import json
import os
import signal
import sqlite3
import subprocess

from .process import SANITIZERS


def warm(mirror, *arguments, status=0):
    """Runs pkgmirror-warm and returns its JSON lines."""
    done = mirror.program("pkgmirror-warm", "--json", *arguments, status=status)
    return [json.loads(line) for line in done.stdout.splitlines()]


def summary(lines):
    assert lines[-1]["event"] == "summary"
    return lines[-1]


def background(mirror, *arguments, env=None, output=None):
    """Starts pkgmirror-warm beside the test, which ends it with end()."""
    log = open(output or mirror.logs / "warm.log", "ab")
    with log:
        return subprocess.Popen(
            [str(mirror.build / "pkgmirror-warm"), *arguments], stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
            env={**os.environ, **SANITIZERS, "PKGMIRROR_CONFIG": str(mirror.configuration), **(env or {})}, start_new_session=True,
        )


def end(run):
    if run.poll() is None:
        run.send_signal(signal.SIGKILL)
    run.wait(30)


@contextlib.contextmanager
def write_rows(mirror):
    """The catalogue, to be changed."""
    db = sqlite3.connect(mirror.state / "catalog.db", timeout=30)
    try:
        with db:
            yield db
    finally:
        db.close()
