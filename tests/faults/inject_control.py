"""What inject_shim.so and the driver have in common: a mapped file that says which call of whom fails, and counts."""

import ctypes
import errno
import mmap
import pathlib
import shutil

SPACE, IO, FD, MEMORY, NET = 1, 2, 4, 8, 16
# Failure by failure: the classes of calls that it strikes, and errno.
FAILURES = {
    "ENOSPC": (SPACE, errno.ENOSPC), "EDQUOT": (SPACE, errno.EDQUOT), "EFBIG": (SPACE, errno.EFBIG),
    "EIO": (IO, errno.EIO), "EMFILE": (FD, errno.EMFILE), "ENFILE": (FD, errno.ENFILE),
    "ENOMEM": (MEMORY, errno.ENOMEM), "ENOBUFS": (NET, errno.ENOBUFS), "ECONNRESET": (NET, errno.ECONNRESET),
}
CALLS_CAP = 1 << 19


class Layout(ctypes.Structure):
    """struct control of inject_shim.c."""

    _fields_ = [
        ("program", ctypes.c_char * 32), ("classes", ctypes.c_int32), ("error", ctypes.c_int32), ("at", ctypes.c_int64),
        ("recording", ctypes.c_int32), ("struck", ctypes.c_int32), ("count", ctypes.c_int64), ("call", ctypes.c_char * 32),
        ("stack", ctypes.c_char * 2048), ("crash", ctypes.c_char * 2048), ("places", ctypes.c_uint64 * CALLS_CAP),
    ]


class Control:
    """A copy of the library in a folder of its own, with its control file beside it."""

    def __init__(self, library, folder):
        self.library = pathlib.Path(folder) / "inject_shim.so"
        shutil.copy(library, self.library)
        path = pathlib.Path(f"{self.library}.control")
        with open(path, "w+b") as file:
            file.truncate(ctypes.sizeof(Layout))
            self.map = mmap.mmap(file.fileno(), 0)
        self.at = Layout.from_buffer(self.map)

    def arm(self, program, failure, at, recording=False):
        """From now on the at-th call fails of a program that begins; at 0: none, calls are counted only."""
        self.at.classes, self.at.error = FAILURES[failure]
        self.at.program = program.encode()
        self.at.at, self.at.recording = at, recording
        self.at.count = self.at.struck = 0
        self.at.call = self.at.stack = self.at.crash = b""

    def disarm(self):
        """No call fails any more, of running programs neither."""
        self.at.at = self.at.classes = self.at.recording = 0

    def calls_by_place(self):
        """Of a recording: for each place in the programs (a stack) the numbers of its calls."""
        found = {}
        for number in range(min(self.at.count, CALLS_CAP)):
            found.setdefault(self.at.places[number], []).append(number + 1)
        return found
