"""A throw-away machine: this one's files below an overlay, with processes, network and mounts of its own. What is done in it is
gone with it; `changed()` says what that was. systemd does not run there."""

import os
import pathlib
import signal
import subprocess
import tempfile

from .process import LIVE_LOGS, TOP
from .waiting import wait_until

SETUP = """
set -e
mount -t tmpfs tmpfs "$1"
mkdir "$1"/upper "$1"/work "$1"/root
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root"
mount -t proc proc "$1/root/proc"
mount --rbind /dev "$1/root/dev"
mount -t tmpfs tmpfs "$1/root/run"
mkdir "$1/root/run/lock"
mount -t tmpfs tmpfs "$1/root/tmp"
ip link set lo up
exec chroot "$1/root" sh -c 'echo ready; exec cat'
"""


def is_group_alive(group):
    """Whether a process group has a process that runs. The init of a throw-away machine reaps nobody: the dead do not count."""
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, its_group = stat.read_text(errors="replace").rpartition(") ")[2].split()[:3]
        except OSError:
            continue
        if int(its_group) == group and state not in "ZX":
            return True
    return False


class Root:
    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="pkgmirror-root-"))
        self.children = []
        LIVE_LOGS[self.folder.name] = self.folder.with_suffix(".log")
        self.make()

    def make(self):
        self.holder = subprocess.Popen(
            ["unshare", "--mount", "--pid", "--net", "--fork", "--kill-child", "sh", "-c", SETUP, "sh", self.folder],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        assert self.holder.stdout.readline() == "ready\n", "no throw-away root can be made here"
        self.pid = pathlib.Path(f"/proc/{self.holder.pid}/task/{self.holder.pid}/children").read_text().split()[0]

    def command(self, words):
        return ["nsenter", "--target", self.pid, "--mount", "--pid", "--net", "--root", "env", "--chdir=/", *map(str, words)]

    def run(self, *words, status=0, timeout=400, text_in="", **more):
        """Runs a program in there to its end; stdout and stderr in one text."""
        done = subprocess.run(self.command(words), input=text_in, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                              timeout=timeout, **more)
        assert status is None or done.returncode == status, f"{words} exited with {done.returncode}:\n{done.stdout[-6000:]}"
        return done.stdout

    def shell(self, script, **more):
        return self.run("sh", "-ec", script, **more)

    def start(self, *words):
        """Starts a program that stays; it ends with this machine, or by its end()."""
        log = open(self.folder.with_suffix(".log"), "ab")
        child = subprocess.Popen(self.command(words), stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
        log.close()
        self.children.append(child)
        return child

    def end(self, child):
        """Ends a program that start() began, with all of its processes: nsenter alone would leave them running."""
        os.killpg(child.pid, signal.SIGTERM)
        child.wait(30)
        wait_until(lambda: not is_group_alive(child.pid), "the end of a program")

    def wait(self, script, what):
        wait_until(lambda: subprocess.run(self.command(["sh", "-ec", script]), stdin=subprocess.DEVNULL, capture_output=True).returncode == 0, what)

    def unpack(self, place, commit=None):
        """Puts the sources there: of a commit, or as they are here, what is not yet committed included."""
        git = ["git", "-c", f"safe.directory={TOP}", "-C", TOP]
        if commit is None:
            names = subprocess.run([*git, "ls-files", "-co", "--exclude-standard", "-z"], check=True, capture_output=True).stdout
            names = b"\0".join(n for n in names.split(b"\0") if n and (TOP / n.decode()).is_file())
            source = subprocess.run(["tar", "-C", TOP, "--null", "-T", "-", "-c"], input=names, check=True, capture_output=True).stdout
        else:
            source = subprocess.run([*git, "archive", commit], check=True, capture_output=True).stdout
        subprocess.run(self.command(["sh", "-ec", f"mkdir -p {place} && tar -C {place} -x"]), input=source, check=True)

    def changed(self):
        """The files of this machine that are made, changed or removed in there."""
        return sorted(self.outside("find", f"{self.folder}/upper", "!", "-type", "d", "-printf", "/%P\\n").split())

    def outside(self, *words):
        """Runs a program with the mounts of this machine, but from outside of its root."""
        done = subprocess.run(["nsenter", "--target", self.pid, "--mount", *map(str, words)], stdin=subprocess.DEVNULL, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def log(self):
        path = self.folder.with_suffix(".log")
        return path.read_text(errors="replace") if path.exists() else ""

    def close(self):
        self.holder.stdin.close()
        self.holder.wait(30)
        for child in self.children:
            child.wait(30)
        LIVE_LOGS.pop(self.folder.name)
        self.folder.with_suffix(".log").unlink(missing_ok=True)
        self.folder.rmdir()
