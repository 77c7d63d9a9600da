"""What the figures were taken on: processors, memory, kernel, disk, and the versions of what took part."""

import os
import pathlib
import re
import subprocess
import tempfile

PACKAGES = ("lighttpd", "nginx-light", "varnish", "squid", "wrk", "curl", "libfcgi0ldbl", "libcurl4", "libsqlite3-0")


def text(*command):
    try:
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def field(path, name):
    found = re.search(rf"^{name}\s*:\s*(.+)$", pathlib.Path(path).read_text(), re.MULTILINE)
    return found[1] if found else "unknown"


def describe():
    """{what: how it is said to a reader}."""
    memory = int(field("/proc/meminfo", "MemTotal").split()[0]) / 2**20
    packages = {name: text("dpkg-query", "-W", "-f", "${Version}", name) for name in PACKAGES}
    return {
        "Processors": f"{len(os.sched_getaffinity(0))} of {field('/proc/cpuinfo', 'model name')}, for servers, upstream and load together",
        "Memory": f"{memory:.0f} GiB",
        "Kernel": f"Linux {os.uname().release.split('-')[0]} {os.uname().machine}, {'a virtual machine' if 'hypervisor' in field('/proc/cpuinfo', 'flags').split() else 'no virtual machine'}",
        "Disk": text("stat", "-f", "-c", "%T", tempfile.gettempdir()),
        "System": field_of_release(),
        "Versions": ", ".join(f"{name} {version}" for name, version in packages.items() if version),
        "Busy with other work when it began": f"load average {os.getloadavg()[0]:.1f}",
    }


def field_of_release():
    found = re.search(r'^PRETTY_NAME="(.+)"$', pathlib.Path("/etc/os-release").read_text(), re.MULTILINE)
    return found[1] if found else "unknown"
