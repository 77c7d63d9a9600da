"""A network of its own: only a loopback interface, with whatever addresses a test wants, and names for them. Needs root."""

import ctypes
import os
import pathlib
import subprocess
import tempfile
import threading

CLONE_NEWNS, CLONE_NEWNET = 0x20000, 0x40000000
MS_REC, MS_PRIVATE, MS_BIND = 0x4000, 0x40000, 0x1000

libc = ctypes.CDLL(None, use_errno=True)


def call(name, *arguments):
    if getattr(libc, name)(*arguments) != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{name}: {os.strerror(error)}")


def enter(addresses, hosts):
    """Moves the calling thread, and what it starts from now on, into namespaces of their own."""
    call("unshare", CLONE_NEWNET | CLONE_NEWNS)
    call("mount", b"none", b"/", None, MS_REC | MS_PRIVATE, None)
    call("mount", str(hosts).encode(), b"/etc/hosts", None, MS_BIND, None)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    for address in addresses:
        prefix = "128" if ":" in address else "32"
        subprocess.run(["ip", "address", "add", f"{address}/{prefix}", "dev", "lo", *(["nodad"] if ":" in address else [])], check=True)


def write_hosts(place, names):
    """`names` is a list of (address, name). In place: it is mounted."""
    with open(place, "w") as f:
        f.write("127.0.0.1 localhost\n" + "".join(f"{address} {name}\n" for address, name in names))


def in_namespace(function, addresses, names):
    """Runs function(hosts) in a thread that has these addresses and names, and nothing else; hosts is the file that is
    /etc/hosts there. Returns what it returns, raises what it raises."""
    outcome = {}
    with tempfile.TemporaryDirectory(prefix="pkgmirror-hosts-") as folder:
        hosts = pathlib.Path(folder, "hosts")
        write_hosts(hosts, names)

        def body():
            try:
                enter(addresses, hosts)
                outcome["value"] = function(hosts)
            except BaseException as error:
                outcome["error"] = error

        thread = threading.Thread(target=body)
        thread.start()
        thread.join()
    if "error" in outcome:
        raise outcome["error"]
    return outcome["value"]
