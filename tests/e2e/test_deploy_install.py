"""deploy/install on a throw-away machine: install, upgrade from the commit before, another server, uninstall. systemd does not run
there, so the units' own command lines are started by hand, as their user, with the socket where they expect it."""

import configparser
import re
import shlex
import subprocess

import pytest

from lib.process import TOP
from lib.root import Root
from lib.zig import bytes_for

NAME = "zig-x86_64-linux-0.14.1.tar.xz"
BODY = bytes_for(NAME, 100_000)
DOMAIN = "mirror.test"
UNITS = "/usr/lib/systemd/system"
# What stays: the operator's, and what tells of the user.
KEPT = re.compile(r"/(etc/pkgmirror(\.conf|/.*)|var/lib/pkgmirror(-acme)?/.*|var/log/.*|var/cache/.*|src/.*|root/.*"
                  r"|etc/(passwd|group|shadow|gshadow|subuid|subgid)-?|etc/\.pwd\.lock|var/lib/(lighttpd|nginx|apache2|systemd)/.*)$")

# Listens at a Unix socket and becomes a program with it as descriptor 0, as systemd's StandardInput=socket does.
LISTEN = """
import os, pwd, socket, sys
path, user = sys.argv[1:3]
listener = socket.socket(socket.AF_UNIX)
if os.path.exists(path):
    os.unlink(path)
listener.bind(path)
listener.listen(64)
who = pwd.getpwnam(user)
os.chmod(path, 0o660)
os.chown(path, who.pw_uid, __import__("grp").getgrnam("www-data").gr_gid)
os.dup2(listener.fileno(), 0)
os.setgroups([])
os.setgid(who.pw_gid)
os.setuid(who.pw_uid)
os.execv(sys.argv[3], sys.argv[3:])
"""


def git(*words):
    return subprocess.run(["git", "-c", f"safe.directory={TOP}", "-C", TOP, *words], check=True, capture_output=True, text=True).stdout


def commit_before():
    """The newest commit before this tree that has the installer; None when this is the first one."""
    head = "HEAD" if git("status", "--porcelain") else "HEAD~1"
    has = subprocess.run(["git", "-c", f"safe.directory={TOP}", "-C", TOP, "cat-file", "-e", f"{head}:deploy/install"], capture_output=True)
    return head if has.returncode == 0 else None


class Machine(Root):
    def install(self, tree, *words, **more):
        # Not optimised: what is tested is where things go.
        return self.run("env", "CFLAGS=-O0", "MAKEFLAGS=-j2", f"{tree}/deploy/install", *words, **more)

    def unit(self, name):
        parsed = configparser.ConfigParser(strict=False, interpolation=None)
        parsed.optionxform = str
        parsed.read_string(self.run("cat", f"{UNITS}/{name}"))
        return parsed

    def start_services(self):
        """The units' ExecStart as their User, and the web server as Debian's unit has it."""
        responder, socket = self.unit("pkgmirror.service")["Service"], self.unit("pkgmirror.socket")["Socket"]
        fetch = self.unit("pkgmirror-fetch.service")["Service"]
        assert responder["StandardInput"] == "socket"
        self.services = [
            self.start("python3", "-c", LISTEN, socket["ListenStream"], responder["User"], *shlex.split(responder["ExecStart"])),
            self.start("setpriv", f"--reuid={fetch['User']}", f"--regid={fetch['Group']}", "--clear-groups", *shlex.split(fetch["ExecStart"])),
        ]
        self.wait(f"test -S {socket['ListenStream']} && test -S /var/lib/pkgmirror/run/fetch.sock", "the services")

    def start_server(self, *words):
        self.services.append(self.start(*words))
        self.wait("curl -ksf -o /dev/null --resolve mirror.test:443:127.0.0.1 https://mirror.test/-/health", "the web server")

    def stop_services(self):
        for child in self.services:
            self.end(child)

    def get(self, path, *options):
        return self.shell(f"curl -ksS --resolve {DOMAIN}:443:127.0.0.1 --resolve {DOMAIN}:80:127.0.0.1 {shlex.join(options)} {shlex.quote(path)}")

    def digest(self, url):
        return self.shell(f"curl -ksSf --resolve {DOMAIN}:443:127.0.0.1 {url} | sha256sum")


@pytest.fixture
def machine():
    machine = Machine()
    try:
        yield machine
    except BaseException:
        print(machine.log())
        raise
    finally:
        machine.close()


def test_install_upgrade_another_server_uninstall(machine):
    before = commit_before()
    machine.unpack("/src/old", before)
    machine.unpack("/src/new")
    machine.install("/src/old", "lighttpd", "--domain", DOMAIN, "--no-packages")
    assert f'base_url  = "https://{DOMAIN}"' in machine.run("cat", "/etc/pkgmirror.conf")
    assert "user_exists" in machine.shell("getent passwd pkgmirror >/dev/null && echo user_exists")
    assert machine.shell("stat -c '%U %a' /var/lib/pkgmirror").strip() == "pkgmirror 755"
    assert machine.shell("stat -c '%U %a' /etc/pkgmirror/tls/current/key.pem").strip() == "www-data 600"

    # Again: nothing is another.
    def state():
        return machine.shell("find /etc /usr/libexec/pkgmirror /usr/share/pkgmirror /usr/sbin/pkgmirror* /var/lib/pkgmirror-install -type f "
                             "! -name '*.log' ! -name '*-' -exec sha256sum {} + | sort")
    first = state()
    machine.install("/src/old", "lighttpd", "--domain", DOMAIN, "--no-packages")
    assert state() == first

    # It runs, has a file, and keeps it and the operator's words over an upgrade.
    machine.start_services()
    machine.start_server("lighttpd", "-D", "-f", "/etc/lighttpd/lighttpd.conf")
    place = f"/var/lib/pkgmirror/store/zig/stable/0.14.1/{NAME}"
    subprocess.run(machine.command(["sh", "-ec", f"mkdir -p {place.rsplit('/', 1)[0]} /var/lib/pkgmirror/public/zig && cat >{place} && "
                                    f"ln -s ../../store/zig/stable/0.14.1/{NAME} /var/lib/pkgmirror/public/zig/{NAME}"]), input=BODY, check=True)
    whole = machine.digest(f"https://{DOMAIN}/zig/{NAME}")
    assert machine.get(f"http://{DOMAIN}/x", "-o", "/dev/null", "-w", "%{http_code} %{redirect_url}").strip() == f"301 https://{DOMAIN}/x"
    machine.shell("echo 'offline = true' >>/etc/pkgmirror.conf")
    machine.stop_services()
    machine.install("/src/new", "lighttpd", "--domain", DOMAIN, "--no-packages", "--mode", "offload")
    assert "offline = true" in machine.run("cat", "/etc/pkgmirror.conf")
    machine.start_services()
    machine.start_server("lighttpd", "-D", "-f", "/etc/lighttpd/lighttpd.conf")
    assert machine.digest(f"https://{DOMAIN}/zig/{NAME}") == whole
    assert machine.get(f"https://{DOMAIN}/zig/zig-x86_64-linux-0.13.0.tar.xz", "-o", "/dev/null", "-w", "%{http_code}").strip() == "504"
    machine.stop_services()

    # Another server takes its place; the one before is as it was.
    machine.install("/src/new", "apache", "--domain", DOMAIN, "--no-packages")
    changed = machine.changed()
    assert "/etc/pkgmirror.conf" in changed and "/etc/apache2/sites-enabled/pkgmirror.conf" in changed
    assert "/etc/lighttpd" not in " ".join(changed)
    machine.start_services()
    machine.start_server("apache2ctl", "-D", "FOREGROUND")
    assert machine.digest(f"https://{DOMAIN}/zig/{NAME}") == whole
    machine.stop_services()

    refused = machine.install("/src/new", "nginx", "--domain", DOMAIN, "--no-packages", status=1)
    assert 'set offload = "x-accel-redirect"' in refused
    machine.shell("sed -i 's/x-sendfile/x-accel-redirect/' /etc/pkgmirror.conf")
    machine.install("/src/new", "nginx", "--domain", DOMAIN, "--no-packages")
    assert "/etc/apache2" not in " ".join(machine.changed())
    machine.start_services()
    machine.start_server("nginx", "-g", "daemon off;")
    assert machine.digest(f"https://{DOMAIN}/zig/{NAME}") == whole
    machine.stop_services()

    # Caddy would ask an authority on the internet: that it takes the configuration is what can be seen here.
    machine.install("/src/new", "caddy", "--domain", DOMAIN, "--no-packages")
    changed = " ".join(machine.changed())
    assert "/etc/caddy/pkgmirror.Caddyfile" in changed and "/etc/caddy/Caddyfile" not in changed and "/etc/nginx" not in changed

    machine.install("/src/new", "--uninstall")
    assert [path for path in machine.changed() if not KEPT.match(path)] == []
    assert machine.shell(f"sha256sum <{place}") == whole
    assert "offline = true" in machine.run("cat", "/etc/pkgmirror.conf")


@pytest.mark.parametrize("words, said", [
    (["tomcat", "--domain", "a.example"], "usage:"),
    (["lighttpd"], "is no host name"),
    (["lighttpd", "--domain", "a/b"], "is no host name"),
    (["lighttpd", "--domain", "a.example", "--mode", "both"], "static or offload"),
    (["--uninstall"], "nothing is installed"),
])
def test_mistakes_change_nothing(machine, words, said):
    machine.unpack("/src/new")
    out = machine.run("/src/new/deploy/install", *words, status=None)
    assert said in out
    assert [path for path in machine.changed() if not path.startswith("/src/")] == []
