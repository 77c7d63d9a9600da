"""What crash_shim.so and the harness have in common: a mapped file that says who dies at which call, and counts."""

import ctypes
import mmap
import os
import pathlib
import shutil
import signal

ROLES = ("pkgmirror.fcgi", "pkgmirror-fetch", "pkgmirror-warm", "judge", "starter")
RESPONDER, FETCH, WARM, JUDGE, STARTER = range(len(ROLES))
HOWS = ("before", "after", "torn")
ANY = -1
CALLS_CAP, NAME_CAP, WHAT_CAP = 32, 16, 64


class Layout(ctypes.Structure):
    """struct control of crash_shim.c."""

    _fields_ = [
        ("armed", ctypes.c_int32), ("role", ctypes.c_int32), ("call", ctypes.c_int32), ("how", ctypes.c_int32), ("at", ctypes.c_int64),
        ("seen", ctypes.c_int64), ("killed", ctypes.c_int32), ("waits", ctypes.c_int32), ("killed_role", ctypes.c_int32), ("killed_call", ctypes.c_int32),
        ("killed_what", ctypes.c_char * WHAT_CAP), ("later_sec", ctypes.c_int64 * len(ROLES)), ("calls", ctypes.c_int32),
        ("names", (ctypes.c_char * NAME_CAP) * CALLS_CAP), ("counts", (ctypes.c_int64 * CALLS_CAP) * len(ROLES)),
    ]


class Control:
    """A copy of the library in a folder of its own, with its control file beside it."""

    def __init__(self, library, folder):
        self.library = pathlib.Path(folder) / "crash_shim.so"
        shutil.copy(library, self.library)
        path = self.library.with_suffix(".control")
        path.write_bytes(bytes(ctypes.sizeof(Layout)))
        with open(path, "r+b") as file:
            self.map = mmap.mmap(file.fileno(), 0)
        self.at = Layout.from_buffer(self.map)

    def name(self, call):
        return "any" if call == ANY else bytes(self.at.names[call]).split(b"\0")[0].decode()

    def counts(self):
        """How often each role made each call so far."""
        return [list(row)[: self.at.calls] for row in self.at.counts]

    def arm(self, role, call, how, at):
        """The next process of a role that makes the call for the at-th time from now on dies of it."""
        self.at.armed = self.at.killed = self.at.seen = 0
        self.at.role, self.at.call, self.at.how, self.at.at = role, call, how, at
        self.at.armed = 1

    def execute(self):
        """Kills who was to die and may not do it itself."""
        if self.at.waits:
            pid, self.at.waits = self.at.waits, 0
            os.kill(pid, signal.SIGKILL)

    def disarm(self):
        """Who was killed: (role, call, the warmer's command), or None."""
        self.at.armed = 0
        if not self.at.killed:
            return None
        return self.at.killed_role, self.at.killed_call, self.at.killed_what.decode()

    def later(self, role, seconds):
        """What the role's clock tells more than it is."""
        self.at.later_sec[role] = seconds
