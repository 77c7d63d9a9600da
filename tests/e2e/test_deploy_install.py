"""deploy/install on a throw-away machine: install, upgrade from the commit before, another server, uninstall."""

import hashlib
import re
import shlex
import subprocess

import pytest

from lib.machine import DOMAIN, Machine
from lib.process import TOP
from lib.zig import bytes_for

NAME = "zig-x86_64-linux-0.14.1.tar.xz"
BODY = bytes_for(NAME, 100_000)
WHOLE = hashlib.sha256(BODY).hexdigest()
UNITS = {path.name for path in (TOP / "deploy/systemd").iterdir() if "[Install]" in path.read_text()}
# Notes what it is asked, and what the socket's drop-in says then; only links are truly made and removed.
SYSTEMCTL = """#!/bin/sh
echo "$*: $(sed -n 2p /etc/systemd/system/pkgmirror.socket.d/caddy.conf 2>/dev/null)" >>/src/calls
case $1 in enable | disable) SYSTEMD_OFFLINE=1 /usr/bin/systemctl.debian $(echo "$*" | sed s/--now//) ;; esac
"""
LOG = "/var/log/pkgmirror/access.log"
# What stays: the operator's, and what tells of the user.
KEPT = re.compile(r"/(etc/pkgmirror(\.conf|/.*)|var/lib/pkgmirror(-acme)?/.*|var/log/.*|var/cache/.*|src/.*|root/.*"
                  r"|etc/(passwd|group|shadow|gshadow|subuid|subgid)-?|etc/\.pwd\.lock|var/lib/(lighttpd|logrotate|nginx|apache2|systemd)/.*)$")


def git(*words):
    return subprocess.run(["git", "-c", f"safe.directory={TOP}", "-C", TOP, *words], check=True, capture_output=True, text=True).stdout


def commit_before():
    """The newest commit before this tree that has the installer; None when this is the first one."""
    head = "HEAD" if git("status", "--porcelain") else "HEAD~1"
    has = subprocess.run(["git", "-c", f"safe.directory={TOP}", "-C", TOP, "cat-file", "-e", f"{head}:deploy/install"], capture_output=True)
    return head if has.returncode == 0 else None


def install(machine, tree, *words, **more):
    # Not optimised: what is tested is where things go.
    return machine.run("env", "CFLAGS=-O0", "MAKEFLAGS=-j2", f"{tree}/deploy/install", *words, **more)


@pytest.fixture
def machine():
    machine = Machine()
    try:
        yield machine
    finally:
        machine.close()


def test_install_upgrade_another_server_uninstall(machine):
    before = commit_before()
    machine.unpack("/src/old", before)
    machine.unpack("/src/new")
    # What the installer of the commit before did is not judged here, but what comes of it: any commit may change the installer.
    install(machine, "/src/old", "lighttpd", "--domain", DOMAIN, "--no-packages")
    machine.start_services()
    place = machine.publish(NAME, BODY)
    machine.shell("echo 'offline = true' >>/etc/pkgmirror.conf")
    machine.stop_services()

    install(machine, "/src/new", "lighttpd", "--domain", DOMAIN, "--no-packages")
    written = machine.run("cat", "/etc/pkgmirror.conf")
    assert re.search(rf'^base_url +=+ *"https://{DOMAIN}"$', written, re.MULTILINE) and "offline = true" in written
    assert machine.shell("getent passwd pkgmirror").startswith("pkgmirror:")
    assert machine.shell("stat -c '%U %a' /var/lib/pkgmirror").strip() == "pkgmirror 755"
    assert machine.shell("stat -c '%U %a' /etc/pkgmirror/tls/current/key.pem").strip() == "www-data 600"

    # Again: nothing is another.
    def state():
        return machine.shell("find /etc /usr/libexec/pkgmirror /usr/share/pkgmirror /usr/sbin/pkgmirror* /var/lib/pkgmirror-install -type f "
                             "! -name '*.log' ! -name '*-' -exec sha256sum {} + | sort")
    first = state()
    install(machine, "/src/new", "lighttpd", "--domain", DOMAIN, "--no-packages")
    assert state() == first

    # It runs, and has the file and the operator's words of before.
    machine.start_services()
    machine.start_server("lighttpd", "-D", "-f", "/etc/lighttpd/lighttpd.conf")
    assert machine.digest(f"/zig/{NAME}") == WHOLE
    assert machine.get(f"http://{DOMAIN}/x", "-o", "/dev/null", "-w", "%{http_code} %{redirect_url}").strip() == f"301 https://{DOMAIN}/x"
    machine.stop_services()
    install(machine, "/src/new", "lighttpd", "--domain", DOMAIN, "--no-packages", "--mode", "offload")
    machine.start_services()
    machine.start_server("lighttpd", "-D", "-f", "/etc/lighttpd/lighttpd.conf")
    assert machine.digest(f"/zig/{NAME}") == WHOLE
    assert machine.status("/zig/zig-x86_64-linux-0.13.0.tar.xz") == "504"
    machine.stop_services()

    # Another server takes its place; the one before is as it was.
    said = install(machine, "/src/new", "apache", "--domain", DOMAIN, "--no-packages")
    if "access_logs" not in machine.run("cat", "/etc/pkgmirror.conf"):  # a configuration from before there was one
        assert "hits are not counted" in said
        machine.shell(f"printf 'warmer {{ access_logs = {{\"{LOG}\"}} }}\\n' >>/etc/pkgmirror.conf")
    changed = machine.changed()
    assert "/etc/pkgmirror.conf" in changed and "/etc/apache2/sites-enabled/pkgmirror.conf" in changed
    assert "/etc/lighttpd" not in " ".join(changed)
    machine.start_services()
    machine.start_server("apache2ctl", "-D", "FOREGROUND")
    machine.shell("rm -f /var/lib/pkgmirror/run/hits.log")
    assert machine.digest(f"/zig/{NAME}?source=apache") == WHOLE
    # What Apache sent by itself is counted by the warmer's own unit, as its user, over a rotation.
    machine.wait(f"grep -q source=apache {LOG}", "the line of the hit")
    machine.run("logrotate", "-f", "/etc/logrotate.d/pkgmirror")
    assert machine.shell(f"stat -c '%U %G %a %s' {LOG}").strip() == "www-data pkgmirror 640 0"
    warm = machine.unit("pkgmirror-warm.service")["Service"]
    machine.services.append(machine.start("setpriv", f"--reuid={warm['User']}", f"--regid={warm['Group']}", "--clear-groups",
                                          *shlex.split(warm["ExecStart"])))
    machine.wait(f"sqlite3 -readonly /var/lib/pkgmirror/catalog.db \"SELECT 'n=' || sum(count) FROM hit WHERE source = 'apache'\" | grep -qx n=1", "the hit")
    machine.stop_services()

    refused = install(machine, "/src/new", "nginx", "--domain", DOMAIN, "--no-packages", status=1)
    assert 'set offload = "x-accel-redirect"' in refused
    machine.shell("sed -i 's/x-sendfile/x-accel-redirect/' /etc/pkgmirror.conf")
    install(machine, "/src/new", "nginx", "--domain", DOMAIN, "--no-packages")
    assert "/etc/apache2" not in " ".join(machine.changed())
    machine.start_services()
    machine.start_server("nginx", "-g", "daemon off;")
    assert machine.digest(f"/zig/{NAME}") == WHOLE
    machine.stop_services()

    # What the server refuses for another's mistake is as it was.
    kept = machine.shell("sha256sum /etc/nginx/sites-enabled/pkgmirror")
    machine.shell("echo nonsense >/etc/nginx/conf.d/other.conf")
    refused = install(machine, "/src/new", "nginx", "--domain", DOMAIN, "--no-packages", "--mode", "offload", status=1)
    assert "other.conf" in refused and "our part of it is as it was" in refused
    assert machine.shell("rm /etc/nginx/conf.d/other.conf; sha256sum /etc/nginx/sites-enabled/pkgmirror") == kept

    # A file that is not ours stops it before it changes anything.
    machine.shell("echo theirs >/etc/caddy/pkgmirror.caddy")
    before = machine.changed()
    refused = install(machine, "/src/new", "caddy", "--domain", DOMAIN, "--no-packages", status=1)
    assert refused == "install: /etc/caddy/pkgmirror.caddy is there and is not ours: it is left alone, and nothing was changed\n"
    assert machine.changed() == before and machine.run("cat", "/etc/caddy/pkgmirror.caddy") == "theirs\n"
    machine.shell("rm /etc/caddy/pkgmirror.caddy")

    # Caddy would ask an authority on the internet: that it takes the configuration is what can be seen here, and, where systemd runs,
    # that the socket is made anew for its group.
    machine.shell(f"mkdir -p /run/systemd/system && cd /usr/bin && mv systemctl systemctl.debian && printf %s {shlex.quote(SYSTEMCTL)} >systemctl && chmod 755 systemctl")
    install(machine, "/src/new", "caddy", "--domain", DOMAIN, "--no-packages")
    calls = machine.run("cat", "/src/calls").splitlines()
    assert calls.index("restart pkgmirror.socket: SocketGroup=caddy") < calls.index("restart caddy: SocketGroup=caddy")
    assert calls.index("daemon-reload: SocketGroup=caddy") < calls.index("restart pkgmirror.socket: SocketGroup=caddy")
    changed = " ".join(machine.changed())
    assert machine.shell(f"stat -c '%U %G %a' {LOG}").strip() == "caddy pkgmirror 640"
    assert "/etc/caddy/pkgmirror.Caddyfile" in changed and "/etc/caddy/Caddyfile" not in changed and "/etc/nginx" not in changed

    install(machine, "/src/new", "--uninstall")
    assert [path for path in machine.changed() if not KEPT.match(path)] == ["/usr/bin/systemctl", "/usr/bin/systemctl.debian"]
    stopped = [line for line in machine.run("cat", "/src/calls").splitlines() if line.startswith("disable --quiet --now")]
    assert len(stopped) == 1 and {unit for unit in UNITS if unit in stopped[0]} == UNITS
    assert machine.shell(f"sha256sum <{place}").split()[0] == WHOLE
    assert "offline = true" in machine.run("cat", "/etc/pkgmirror.conf")


@pytest.mark.parametrize("words, said", [
    (["tomcat", "--domain", "a.example"], "tomcat is no web server of lighttpd, apache, nginx, caddy"),
    (["--domain", "a.example"], "which web server"),
    (["lighttpd", "nginx", "--domain", "a.example"], "lighttpd and nginx are two web servers"),
    (["lighttpd"], "--domain is missing"),
    (["lighttpd", "--domain"], "--domain needs a value"),
    (["lighttpd", "--domain=a.example"], "--domain=a.example is no option"),
    (["lighttpd", "--domain", "Mirror.example"], "is no host name (lower case"),
    (["lighttpd", "--domain", "a/b"], "is no host name"),
    (["lighttpd", "--domain", "a.example", "--mode", "both"], "static or offload"),
    (["--uninstall"], "nothing is installed"),
    (["--uninstall", "nginx"], "--uninstall goes alone"),
])
def test_mistakes_change_nothing(machine, words, said):
    machine.unpack("/src/new")
    out = machine.run("/src/new/deploy/install", *words, status=None)
    assert said in out and out.count("\n") == 1
    assert [path for path in machine.changed() if not path.startswith("/src/")] == []
