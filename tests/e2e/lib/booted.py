"""A throw-away machine on which systemd is process 1: units are started, stopped and confined by itself, as on any Debian. Of the
machine's own units only the bus, the journal and what is asked for are started."""

import os
import pathlib
import signal
import subprocess

import pytest

from .machine import DOMAIN, Machine
from .process import STARTER
from .waiting import wait_until

# Places for systemd besides those of a Root, in a control group of its own. What would reach the kernel of the true machine is masked.
BOOT = """
set -e
mount -t tmpfs tmpfs "$1"
cd "$1"
mkdir upper work root groups
mount -t cgroup2 cgroup2 groups
mkdir "groups/$2"
echo 0 >"groups/$2/cgroup.procs"
umount groups
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" root
cd root
mount -t proc proc proc
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount -t sysfs -o ro sysfs sys
mount -t tmpfs tmpfs dev
for name in null zero full random urandom tty; do touch dev/$name; mount --bind /dev/$name dev/$name; done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
mount -t tmpfs tmpfs run
mkdir run/lock run/log run/log/journal
mount -t tmpfs tmpfs tmp
ip link set lo up
rm -f usr/sbin/policy-rc.d
tr -d - <proc/sys/kernel/random/uuid >etc/machine-id
cd etc/systemd/system
rm -rf multi-user.target.wants timers.target.wants sockets.target.wants
mkdir -p ../system-generators
ln -s /dev/null ../system-generators/systemd-sysv-generator
for unit in systemd-sysctl.service systemd-modules-load.service systemd-remount-fs.service systemd-udevd.service systemd-udev-trigger.service \\
	systemd-logind.service systemd-random-seed.service systemd-update-utmp.service systemd-hwdb-update.service kmod-static-nodes.service \\
	systemd-binfmt.service proc-sys-fs-binfmt_misc.automount sys-kernel-debug.mount sys-kernel-tracing.mount sys-kernel-config.mount \\
	sys-fs-fuse-connections.mount dev-hugepages.mount dev-mqueue.mount apt-daily.timer apt-daily-upgrade.timer getty.target; do
	ln -sf /dev/null $unit
done
# A root of its own and no chroot: who is in one may not make user name spaces, as PrivateUsers= does. What changes is seen in /media.
cd "$1/root"
mount --bind "$1" media
pivot_root . mnt
cd /
umount -l mnt
exec unshare --cgroup sh -ec 'mount -t cgroup2 cgroup2 /sys/fs/cgroup
	exec env -i container=pkgmirror PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --unit=multi-user.target'
"""
# A control group goes when it is empty, from its leaves on.
SWEEP = 'mount -t cgroup2 cgroup2 "$1" && find "$1/$2" -depth -type d -exec rmdir {} +'


# What a container may forbid, and no package brings: a control group of one's own, and a root over that of the machine.
ALLOWED = """
mount -t tmpfs tmpfs "$1"
cd "$1"
mkdir upper work root groups
mount -t cgroup2 cgroup2 groups
mkdir "groups/$2"
rmdir "groups/$2"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" root
"""


class Booted(Machine):
    def make(self):
        allowed = subprocess.run(["unshare", "--mount", "--pid", "--net", "--ipc", "--uts", "--fork", "sh", "-ec", ALLOWED, "sh", self.folder, self.folder.name],
                                 capture_output=True, text=True)
        if allowed.returncode != 0:
            pytest.skip(f"this machine lets nobody start a systemd: {allowed.stderr.strip()}")
        log = open(self.folder.with_suffix(".log"), "ab")
        self.holder = subprocess.Popen(
            ["unshare", "--mount", "--pid", "--net", "--ipc", "--uts", "--fork", "--kill-child", "sh", "-c", BOOT, "sh", self.folder, self.folder.name],
            stdin=subprocess.PIPE, stdout=log, stderr=log, text=True,
        )
        log.close()
        children = pathlib.Path(f"/proc/{self.holder.pid}/task/{self.holder.pid}/children")
        wait_until(lambda: self.holder.poll() is not None or children.read_text().strip(), "a first process")
        self.pid = children.read_text().split()[0]
        wait_until(lambda: self.holder.poll() is not None or self.is_up(), "systemd to be up")
        assert self.holder.poll() is None, f"systemd cannot be started here:\n{self.log()}"
        self.start("journalctl", "--follow", "--lines=all")

    def outside(self, *words):
        return self.run(*(word.replace(str(self.folder), "/media") for word in words))

    def is_up(self):
        done = subprocess.run([*self.command(["systemctl", "is-system-running"])], stdin=subprocess.DEVNULL, capture_output=True, text=True)
        return done.stdout.strip() in ("running", "degraded")

    def command(self, words):
        return ["nsenter", "--target", self.pid, "--mount", "--pid", "--net", "--ipc", "--uts", "--cgroup", "env", "--chdir=/", *map(str, words)]

    def install(self, *words, status=0, **more):
        """A web server of systemd's type "simple" is started before it listens."""
        said = super().install(*words, status=status, **more)
        if status == 0 and words[0] != "caddy":  # which waits for its certificate as well
            self.wait(f"curl -ksf -o /dev/null --resolve {DOMAIN}:443:127.0.0.1 https://{DOMAIN}/-/health", "the web server")
        return said

    def systemctl(self, *words, **more):
        return self.run("systemctl", *words, **more)

    def show(self, unit, name):
        return self.systemctl("show", "--value", "-p", name, unit).strip()

    def state(self, unit):
        return self.show(unit, "ActiveState")

    def wait_state(self, unit, state):
        wait_until(lambda: self.state(unit) == state, f"{unit} to be {state}")

    def processes(self, user="pkgmirror"):
        """The processes of a user, by name, but for those that only start others."""
        return [name for name in self.run("ps", "-o", "comm=", "-u", user, status=None).split() if name != STARTER]

    def journal(self, unit=None):
        return self.run("journalctl", "--no-pager", "-o", "cat", *(["-u", unit] if unit else []))

    def close(self):
        if self.holder.poll() is None:
            os.kill(int(self.pid), signal.SIGKILL)
        self.holder.wait(30)
        subprocess.run(["unshare", "--mount", "sh", "-ec", SWEEP, "sh", self.folder, self.folder.name], check=True)
        super().close()
