"""What the processes of ours take, and whether it grows."""

import os
import pathlib
import statistics
import time

NAMES = ("pkgmirror.fcgi", "pkgmirror-fetch", "pkgmirror-warm")
STARTER = "pkgmirror-start"
MINUTE_SEC = 60
FLAT_FROM = 2             # the first minute that counts
RSS_SHARE, RSS_MORE_KIB = 1.05, 1024
DESCRIPTORS_MORE = 2
IDLE_MORE = 16            # kept connections to upstream, at most so many, may have come
HEAPS, HEAP_LEAST = 2, 32 << 20
PEAK_KIB = {"pkgmirror.fcgi": 16 * 1024, "pkgmirror-fetch": 24 * 1024}


def find(configuration):
    """Our processes of a mirror: {pid: (program, whether it is its starter)}."""
    found = {}
    for entry in pathlib.Path("/proc").iterdir():
        try:
            program = os.path.basename(os.readlink(entry / "exe")) if entry.name.isdigit() else ""
            if program in NAMES and str(configuration).encode() in (entry / "environ").read_bytes() + (entry / "cmdline").read_bytes():
                found[int(entry.name)] = program, (entry / "comm").read_text().strip() == STARTER
        except OSError:
            continue
    return found


def measure(pid):
    """(resident KiB, descriptors); None when the process is gone."""
    try:
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]), len(os.listdir(f"/proc/{pid}/fd"))
    except (OSError, IndexError):
        return None


def heaps(pid):
    """How many heaps of glibc's a process has: each but the first reserves 64 MiB."""
    count = 1
    for line in pathlib.Path(f"/proc/{pid}/maps").read_text().splitlines():
        fields = line.split()
        first, last = (int(n, 16) for n in fields[0].split("-"))
        count += len(fields) == 5 and fields[1] == "---p" and last - first > HEAP_LEAST
    return count


class Samples:
    """Of the processes that are there at the start. `label` names each."""

    def __init__(self, labels):
        self.labels = labels  # {pid: label}
        self.begun = time.monotonic()
        self.minutes = {pid: {} for pid in labels}
        self.peak = {pid: 0 for pid in labels}
        self.gone = set()

    def take(self):
        minute = int((time.monotonic() - self.begun) / MINUTE_SEC)
        for pid in self.labels:
            found = measure(pid)
            if found is None:
                self.gone.add(pid)
                continue
            self.minutes[pid].setdefault(minute, []).append(found)
            self.peak[pid] = max(self.peak[pid], found[0])

    def of(self, pid):
        """By minute: the median of resident KiB, and the least number of descriptors: a leak raises even that."""
        return {m: (statistics.median(s[0] for s in found), min(s[1] for s in found)) for m, found in sorted(self.minutes[pid].items())}

    def line(self, minute):
        parts = []
        for pid, label in self.labels.items():
            found = self.of(pid).get(minute)
            parts.append(f"{label} {found[0] / 1024:.1f} MiB {found[1]}" if found else f"{label} gone")
        return f"minute {minute}: " + ", ".join(parts)

    def table(self, whole):
        """Lines of a table, minute by minute, of the first `whole` minutes."""
        width = max(len(label) for label in self.labels.values())
        lines = [f"{'RSS MiB, the least descriptors':{width}} " + "".join(f"{'min ' + str(m):>11}" for m in range(whole)) + "       peak"]
        for pid, label in self.labels.items():
            cells = [f"{value[0] / 1024:.1f} {value[1]:3}" if value else "-" for value in (self.of(pid).get(m) for m in range(whole))]
            lines.append(f"{label:{width}} " + "".join(f"{cell:>11}" for cell in cells) + f"{self.peak[pid] / 1024:11.1f}")
        return lines

    def growth(self, whole):
        """What grew: of the minutes from FLAT_FROM on, the last two are compared with the first two. The lower of the last
        must not be above the higher of the first by more than a twentieth and 1 MiB; descriptors: 2."""
        problems = []
        for pid, label in self.labels.items():
            minutes = [value for m, value in self.of(pid).items() if FLAT_FROM <= m < whole]
            if len(minutes) < 4:
                continue
            for at, what, limit in ((0, "KiB", lambda n: n * RSS_SHARE + RSS_MORE_KIB), (1, "descriptors", lambda n: n + DESCRIPTORS_MORE)):
                first, last = max(value[at] for value in minutes[:2]), min(value[at] for value in minutes[-2:])
                if last > limit(first):
                    problems.append(f"{label} grows: {first:.0f} {what} in minutes {FLAT_FROM} and {FLAT_FROM + 1}, {last:.0f} in the last two")
        return problems
