"""A throw-away machine on which the mirror is installed for all: by deploy/install or as a Debian package. systemd does not run there,
so the units' own command lines are started by hand, as their user, with the socket where they expect it."""

import configparser
import shlex
import subprocess

from .root import Root

DOMAIN = "mirror.test"
UNITS = "/usr/lib/systemd/system"

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


class Machine(Root):
    def unit(self, name):
        parsed = configparser.ConfigParser(strict=False, interpolation=None)
        parsed.optionxform = str
        parsed.read_string(self.run("cat", f"{UNITS}/{name}"))
        return parsed

    def install(self, *words, tree="/src/tree", **more):
        """deploy/install of the sources there, not optimised: what is tested is where things go."""
        return self.run("env", "CFLAGS=-O0", "MAKEFLAGS=-j2", f"{tree}/deploy/install", *words, "--domain", DOMAIN, "--no-packages", **more)

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
        self.wait(f"curl -ksf -o /dev/null --resolve {DOMAIN}:443:127.0.0.1 https://{DOMAIN}/-/health", "the web server")

    def stop_services(self):
        for child in self.services:
            self.end(child)

    def publish(self, name, body):
        """Puts a toolchain file there by hand, as one that was fetched before; says where it is stored."""
        place = f"/var/lib/pkgmirror/store/zig/stable/0.14.1/{name}"
        subprocess.run(self.command(["sh", "-ec", f"mkdir -p {place.rsplit('/', 1)[0]} /var/lib/pkgmirror/public/zig && cat >{place} && "
                                     f"ln -s ../../store/zig/stable/0.14.1/{name} /var/lib/pkgmirror/public/zig/{name} && "
                                     "chown -R pkgmirror: /var/lib/pkgmirror/store /var/lib/pkgmirror/public"]), input=body, check=True)
        return place

    def get(self, path, *options):
        return self.shell(f"curl -ksS --resolve {DOMAIN}:443:127.0.0.1 --resolve {DOMAIN}:80:127.0.0.1 {shlex.join(options)} {shlex.quote(path)}")

    def status(self, path):
        return self.get(f"https://{DOMAIN}{path}", "-o", "/dev/null", "-w", "%{http_code}").strip()

    def digest(self, path):
        return self.shell(f"curl -ksSf --resolve {DOMAIN}:443:127.0.0.1 https://{DOMAIN}{path} | sha256sum").split()[0]
