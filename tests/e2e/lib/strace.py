"""Programs under strace: stopped or killed at the entry of a chosen system call, or watched."""

import contextlib
import os
import re
import signal
import subprocess

from .process import SANITIZERS, processes, read_log
from .waiting import wait_until

# LeakSanitizer cannot work on a process that is traced.
ENVIRONMENT = {**SANITIZERS, "ASAN_OPTIONS": SANITIZERS["ASAN_OPTIONS"] + ":detect_leaks=0"}


def run(mirror, options, *arguments, output, limit=120):
    """Runs pkgmirror-warm under strace to its end; strace writes to `output`. Returns the exit status of pkgmirror-warm, negative for
    a signal, as subprocess does."""
    return subprocess.run(
        ["strace", "-qq", "-o", str(output), *options, str(mirror.build / "pkgmirror-warm"), *map(str, arguments)],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=limit,
        env={**os.environ, **ENVIRONMENT, "PKGMIRROR_CONFIG": str(mirror.configuration)},
    ).returncode


def calls(output, names):
    """How often each of the system calls was made, by what strace wrote."""
    found = dict.fromkeys(names, 0)
    for name in re.findall(r"^(\w+)\(", read_log(output), re.MULTILINE):
        if name in found:
            found[name] += 1
    return found


@contextlib.contextmanager
def stopped(mirror, call, path, *arguments, output):
    """Starts pkgmirror-warm and stops it at its first `call` on `path`, for the block; then it goes on, and must end well."""
    child = subprocess.Popen(
        ["strace", "-o", str(output), "-P", path, "-e", f"trace={call}", "-e", f"inject={call}:signal=SIGSTOP:when=1",
         str(mirror.build / "pkgmirror-warm"), *arguments],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, **ENVIRONMENT, "PKGMIRROR_CONFIG": str(mirror.configuration)},
    )
    try:
        wait_until(lambda: "stopped by SIGSTOP" in read_log(output) or child.poll() is not None, "the program to stop")
        assert child.poll() is None, child.communicate()
        yield child
        for pid in processes("pkgmirror-warm", str(mirror.configuration)):
            os.kill(pid, signal.SIGCONT)
        child.out, child.err = child.communicate(timeout=60)
        assert child.returncode == 0, child.err
    finally:
        if child.poll() is None:
            for pid in [*processes("pkgmirror-warm", str(mirror.configuration)), child.pid]:
                os.kill(pid, signal.SIGKILL)
            child.communicate()
