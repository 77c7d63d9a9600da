"""The Debian package: built by deploy/debian/build, judged by lintian, installed, upgraded, removed and purged on a throw-away machine."""

import contextlib
import hashlib
import os
import re
import shlex
import subprocess
import tarfile

import pytest

from lib.booted import Booted
from lib.machine import DOMAIN, Machine
from lib.process import TOP, run
from lib.zig import bytes_for

NAME = "zig-x86_64-linux-0.14.1.tar.xz"
BODY = bytes_for(NAME, 100_000)
WHOLE = hashlib.sha256(BODY).hexdigest()
PROGRAMS = ["usr/bin/pkgmirror-inspect", "usr/libexec/pkgmirror/pkgmirror-fetch", "usr/libexec/pkgmirror/pkgmirror.fcgi",
            "usr/sbin/pkgmirror-acme", "usr/sbin/pkgmirror-warm"]
SERVICES = ("pkgmirror.service", "pkgmirror-fetch.service", "pkgmirror-warm.service")
CONFFILES = ["/etc/logrotate.d/pkgmirror", "/etc/pkgmirror.conf"]
# The whole of what a package of ours may put anywhere.
PLACES = re.compile(r"(etc/(logrotate\.d/pkgmirror|pkgmirror\.conf)|lib/systemd/system/pkgmirror[-a-z]*\.(service|socket|timer)"
                    r"|usr/(bin|sbin)/pkgmirror-[a-z]+|usr/libexec/pkgmirror/pkgmirror[-.a-z]+|usr/lib/(sysusers|tmpfiles)\.d/pkgmirror\.conf"
                    r"|usr/share/doc/pkgmirror/.+|usr/share/lintian/overrides/pkgmirror|usr/share/man/man[158]/pkgmirror[-.a-z]+\.[158]\.gz"
                    r"|usr/share/pkgmirror/(deploy|queries)/.+)$")
# What a removed and purged package leaves: the mirror's files, its user, and what dpkg and the web servers note for themselves.
LEFT = re.compile(r"/(var/lib/pkgmirror/.*|etc/(passwd|group|shadow|gshadow|subuid|subgid)-?|etc/\.pwd\.lock|etc/lighttpd/conf-.*|var/lib/dpkg/.*"
                  r"|var/lib/(lighttpd|systemd|man-db)/.*|var/cache/.*|var/log/(dpkg\.log|alternatives\.log|lighttpd/.*)|root/.*|src/.*)$")


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The folder with what the build made. `make check` is the unit tests' part of the run."""
    out = tmp_path_factory.mktemp("package")
    run([TOP / "deploy/debian/build", "--out", out], timeout=400, env={**os.environ, "DEB_BUILD_OPTIONS": "nocheck parallel=2"})
    return out


def only(folder, pattern):
    found = sorted(folder.glob(pattern))
    assert len(found) == 1, found
    return found[0]


@pytest.fixture(scope="module")
def package(built):
    return only(built, "pkgmirror_*.deb")


@pytest.fixture(scope="module")
def unpacked(package, tmp_path_factory):
    root = tmp_path_factory.mktemp("unpacked")
    run(["dpkg-deb", "--raw-extract", package, root])
    return root


@contextlib.contextmanager
def with_package(kind, package):
    machine = kind()
    try:
        # The index of manual pages takes most of dpkg's time.
        machine.shell("rm -f /var/lib/man-db/auto-update")
        subprocess.run(machine.command(["sh", "-ec", "mkdir /src && cat >/src/pkgmirror.deb"]), input=package.read_bytes(), check=True)
        yield machine
    finally:
        machine.close()


@pytest.fixture
def machine(package):
    with with_package(Machine, package) as machine:
        yield machine


@pytest.fixture
def booted(package):
    with with_package(Booted, package) as machine:
        yield machine


# ---- what is built --------------------------------------------------------------------------------------------------------------


def test_source_package_has_the_release_and_the_packaging(built, tmp_path):
    release = only(built, "pkgmirror_*.orig.tar.xz")
    with tarfile.open(release) as archive:
        names = archive.getnames()
    assert {name.split("/")[0] for name in names} == {release.name.replace("_", "-").replace(".orig.tar.xz", "")}
    run(["dpkg-source", "--no-check", "-x", only(built, "pkgmirror_*.dsc"), tmp_path / "tree"])
    tree = tmp_path / "tree"
    assert {path.name for path in (tree / "debian").iterdir()} == {path.name for path in (TOP / "deploy/debian").iterdir()} - {"build"}
    assert os.access(tree / "debian/rules", os.X_OK) and not (tree / "debian/patches").exists()
    assert (tree / "deploy/install").is_file() and (tree / "tests/e2e").is_dir()


def test_lintian_finds_nothing(built):
    said = run(["lintian", "--fail-on", "error,warning", "--display-info", only(built, "pkgmirror_*.changes")], timeout=200).stdout
    assert not re.search(r"^[EW]:|(unused|mismatched)-override", said, re.MULTILINE), said
    lines = (TOP / "deploy/debian/lintian-overrides").read_text().splitlines()
    assert all(reason.startswith("# ") for reason, line in zip(["", *lines], lines) if not line.startswith("#")), "an override has no reason"


def test_each_file_is_in_its_place_and_roots(package):
    listed = [line.split() for line in run(["dpkg-deb", "--contents", package]).stdout.splitlines()]
    assert {(owner, path) for _, owner, _, _, _, path, *_ in listed if owner != "root/root"} == set()
    files = {path.removeprefix("./"): mode for mode, _, _, _, _, path, *_ in listed if not mode.startswith("d")}
    assert [path for path in files if not PLACES.match(path)] == []
    assert {path for path, mode in files.items() if "x" in mode} == set(PROGRAMS)
    assert {mode for path, mode in files.items() if path not in PROGRAMS} == {"-rw-r--r--"}
    wanted = {f"lib/systemd/system/{path.name}" for path in (TOP / "deploy/systemd").iterdir() if path.suffix in (".service", ".socket", ".timer")}
    wanted |= {f"usr/share/man/man{path.name[-1]}/{path.name}.gz" for path in (TOP / "man").iterdir()}
    wanted |= {f"usr/share/pkgmirror/queries/{path.name}" for path in (TOP / "sql/queries").iterdir()}
    wanted |= {f"usr/share/pkgmirror/{path.relative_to(TOP)}" for name in ("apache", "caddy", "examples", "lighttpd", "nginx")
               for path in (TOP / "deploy" / name).iterdir()}
    wanted |= {"usr/lib/sysusers.d/pkgmirror.conf", "usr/lib/tmpfiles.d/pkgmirror.conf", "usr/share/doc/pkgmirror/README.Debian",
               "usr/share/doc/pkgmirror/operations.md", "usr/share/doc/pkgmirror/copyright", *(path[1:] for path in CONFFILES), *PROGRAMS}
    assert wanted - set(files) == set()


def test_units_and_settings_are_those_of_deploy(unpacked):
    for unit in (unpacked / "lib/systemd/system").iterdir():
        assert unit.read_text() == (TOP / "deploy/systemd" / unit.name).read_text()
    assert (unpacked / "usr/lib/sysusers.d/pkgmirror.conf").read_text() == (TOP / "deploy/systemd/sysusers.conf").read_text()
    assert (unpacked / "usr/lib/tmpfiles.d/pkgmirror.conf").read_text() == (TOP / "deploy/systemd/tmpfiles.conf").read_text()
    assert (unpacked / "DEBIAN/conffiles").read_text().split() == CONFFILES


def test_copyright_is_the_license():
    said = (TOP / "deploy/debian/copyright").read_text().split("License: Expat\n")[-1]
    plain = "\n".join("" if line == " ." else line.removeprefix(" ") for line in said.splitlines())
    text = (TOP / "LICENSE").read_text()
    assert plain.strip() == text[text.index("Permission"):].strip()
    assert re.search(r"^Copyright: (.*)$", (TOP / "deploy/debian/copyright").read_text(), re.MULTILINE).group(1) in text


def test_an_upgrade_restarts_services_and_never_the_socket(unpacked):
    script = (unpacked / "DEBIAN/postinst").read_text()
    acted = re.findall(r"deb-systemd-invoke (\S+) (.*?) >/dev/null", script)
    units = {unit: action for action, names in acted for unit in re.findall(r"pkgmirror[-.a-z]*", names)}
    assert units == {
        "pkgmirror.socket": "start", "pkgmirror-fetch.service": "$_dh_action", "pkgmirror.service": "$_dh_action",
        "pkgmirror-acme.timer": "$_dh_action", "pkgmirror-prune.timer": "$_dh_action", "pkgmirror-verify.timer": "$_dh_action",
        "pkgmirror-warm.service": "try-restart",
    }
    # Nothing is stopped before an upgrade: it would be away as long as that takes.
    assert "deb-systemd-invoke" not in (unpacked / "DEBIAN/preinst").read_text()
    stopped = " ".join(re.findall(r"deb-systemd-invoke stop (.*)", (unpacked / "DEBIAN/prerm").read_text()))
    assert {name for name in re.findall(r"pkgmirror[-a-z]*\.[a-z]+", stopped)} == {path.name for path in (unpacked / "lib/systemd/system").iterdir()}


# ---- what is installed ------------------------------------------------------------------------------------------------------------


def recipe(server):
    """The commands of README.Debian for a web server, but for systemctl: systemd does not run on this machine."""
    text = (TOP / "deploy/debian/README.Debian").read_text().replace("mirror.example.net", DOMAIN)
    block = re.search(rf"^{server}\b[^\n]*:\n\n((?:    .*\n)+)", text, re.MULTILINE).group(1)
    lines = [line.strip() for line in block.splitlines()]
    assert lines[-1].startswith("systemctl restart ")
    return "\n".join(line for line in lines if not line.startswith("systemctl "))


def test_install_upgrade_remove_purge(machine, unpacked):
    said = machine.run("dpkg", "-i", "/src/pkgmirror.deb")
    assert "warning" not in said
    # The programs run, with the configuration as it comes.
    for program in PROGRAMS:
        if not program.endswith("pkgmirror-acme"):
            assert "0.1.0" in machine.run(f"/{program}", "--version")
    assert "issue --domain NAME" in machine.run("pkgmirror-acme", "help")
    checked = machine.run("setpriv", "--reuid=pkgmirror", "--regid=pkgmirror", "--clear-groups", "/usr/libexec/pkgmirror/pkgmirror.fcgi",
                          "--check-config")
    assert 'base_url = "https://pkg.example.org"' in checked and 'state_dir = "/var/lib/pkgmirror"' in checked
    assert machine.shell("stat -c '%U %a' /var/lib/pkgmirror /run/pkgmirror").split() == ["pkgmirror", "755"] * 2
    enabled = machine.shell("cd /etc/systemd/system && find . -name 'pkgmirror*' | sort").split()
    assert enabled == ["./multi-user.target.wants/pkgmirror-fetch.service", "./multi-user.target.wants/pkgmirror.service",
                       "./sockets.target.wants/pkgmirror.socket", "./timers.target.wants/pkgmirror-acme.timer",
                       "./timers.target.wants/pkgmirror-prune.timer", "./timers.target.wants/pkgmirror-verify.timer"]
    # What root would make the services could not write to.
    owner = machine.run("id", "-u", "pkgmirror").strip()
    for words in (["pkgmirror-warm", "verify"], ["pkgmirror-warm", "warm"], ["/usr/libexec/pkgmirror/pkgmirror-fetch", "--stay"]):
        refused = machine.run(*words, status=None)
        assert f"state_dir /var/lib/pkgmirror belongs to user {owner}: run this as that user, not as root" in refused
        assert refused.count("\n") == 1
    assert machine.shell("find /var/lib/pkgmirror").split() == ["/var/lib/pkgmirror", "/var/lib/pkgmirror/run"]
    assert "0 bad" in machine.run("runuser", "-u", "pkgmirror", "--", "pkgmirror-warm", "verify")
    machine.run("logrotate", "--debug", "/etc/logrotate.d/pkgmirror")

    # deploy/install leaves it alone.
    machine.unpack("/src/tree")
    before = machine.changed()
    for words in (["lighttpd", "--domain", DOMAIN, "--no-packages"], ["--uninstall"]):
        refused = machine.run("/src/tree/deploy/install", *words, status=1)
        assert refused.count("\n") == 1 and "the Debian package pkgmirror is installed" in refused
    assert machine.changed() == before

    # As README.Debian says, it stands behind lighttpd.
    machine.shell(f"sed -i 's/pkg.example.org/{DOMAIN}/' /etc/pkgmirror.conf && echo 'offline = true' >>/etc/pkgmirror.conf")
    machine.shell(recipe("lighttpd"))
    place = machine.publish(NAME, BODY)
    machine.start_services()
    machine.start_server("lighttpd", "-D", "-f", "/etc/lighttpd/lighttpd.conf")
    assert machine.digest(f"/zig/{NAME}") == WHOLE
    assert machine.status("/zig/zig-x86_64-linux-0.13.0.tar.xz") == "504"
    assert machine.status("/catalog.db") == "404"
    # What timers start, as their units have it.
    for name in ("pkgmirror-prune.service", "pkgmirror-verify.service"):
        service = machine.unit(name)["Service"]
        machine.run("setpriv", f"--reuid={service['User']}", f"--regid={service['Group']}", "--clear-groups", "env", service["Environment"],
                    *shlex.split(service["ExecStart"]))
    machine.stop_services()

    def kept():
        return machine.shell(f"sha256sum {place} /etc/pkgmirror.conf /etc/pkgmirror/tls/current/key.pem; ls -l /var/lib/pkgmirror/catalog.db")

    # Over itself, and over one whose configuration is another: the operator's stays, and so does all that the mirror has.
    first = kept()
    machine.run("dpkg", "-i", "/src/pkgmirror.deb")
    assert kept() == first
    machine.shell("cd /src && dpkg-deb -R pkgmirror.deb newer && sed -i 's/^Version: .*/&+1/' newer/DEBIAN/control && "
                  "echo '# more' >>newer/etc/pkgmirror.conf && dpkg-deb --root-owner-group -b newer newer.deb")
    machine.run("dpkg", "--force-confdef", "--force-confold", "-i", "/src/newer.deb")
    assert kept() == first and "# more" in machine.run("cat", "/etc/pkgmirror.conf.dpkg-dist")

    machine.run("dpkg", "--remove", "pkgmirror")
    assert kept() == first
    assert machine.shell(f"cd / && ls {' '.join(PROGRAMS)} lib/systemd/system/pkgmirror* 2>/dev/null || :") == ""
    refused = machine.run("/src/tree/deploy/install", "lighttpd", "--domain", DOMAIN, status=1)
    assert refused.count("\n") == 1 and "apt purge pkgmirror" in refused

    said = machine.run("dpkg", "--purge", "pkgmirror")
    assert "the files of the mirror and its user are kept; to remove the files: rm -r /var/lib/pkgmirror" in said
    assert machine.shell(f"sha256sum <{place}").split()[0] == WHOLE and machine.shell("stat -c %U /var/lib/pkgmirror").strip() == "pkgmirror"
    assert [path for path in machine.changed() if not LEFT.match(path)] == []
    assert machine.shell("ls -d /etc/pkgmirror* /var/log/pkgmirror /var/lib/pkgmirror-acme /run/pkgmirror 2>/dev/null || :") == ""


def test_where_systemd_runs_the_package_starts_upgrades_and_ends(booted):
    running = ("pkgmirror.socket", "pkgmirror.service", "pkgmirror-fetch.service", "pkgmirror-verify.timer", "pkgmirror-prune.timer", "pkgmirror-acme.timer")
    booted.shell("printf 'base_url = \"https://mine.example\"\\nstate_dir = \"/var/lib/pkgmirror\"\\noffline = true\\n' >/etc/pkgmirror.conf")
    booted.run("dpkg", "--force-confold", "-i", "/src/pkgmirror.deb")
    assert [booted.state(unit) for unit in running] == ["active"] * 6 and booted.state("pkgmirror-warm.service") == "inactive"
    assert set(booted.processes()) == {"pkgmirror.fcgi", "pkgmirror-fetch"}
    # The warmer when it is wanted, and from then on over an upgrade. The socket is the one of before all the time.
    booted.systemctl("enable", "--now", "pkgmirror-warm")
    since = {unit: booted.show(unit, "ActiveEnterTimestampMonotonic") for unit in (*running, "pkgmirror-warm.service")}
    booted.run("dpkg", "-i", "/src/pkgmirror.deb")
    assert {unit for unit in since if booted.show(unit, "ActiveEnterTimestampMonotonic") == since[unit]} & {*SERVICES, "pkgmirror.socket"} == {"pkgmirror.socket"}
    assert [booted.state(unit) for unit in since] == ["active"] * 7 and booted.systemctl("--failed", "--no-legend", "--plain") == ""
    booted.run("dpkg", "--purge", "pkgmirror")
    assert booted.processes() == []
    assert booted.systemctl("list-units", "--all", "--no-legend", "--plain", "pkgmirror*") == ""


def test_the_web_servers_take_what_readme_debian_tells(machine):
    machine.run("dpkg", "-i", "/src/pkgmirror.deb")
    machine.shell(f"sed -i 's/pkg.example.org/{DOMAIN}/' /etc/pkgmirror.conf")
    machine.publish(NAME, BODY)
    machine.shell(recipe("Apache"))
    machine.start_services()
    machine.start_server("apache2ctl", "-D", "FOREGROUND")
    assert machine.digest(f"/zig/{NAME}") == WHOLE
    machine.stop_services()

    machine.shell("sed -i 's/x-sendfile/x-accel-redirect/' /etc/pkgmirror.conf && rm -r /etc/pkgmirror/tls")
    machine.shell(recipe("nginx"))
    machine.start_services()
    machine.start_server("nginx", "-g", "daemon off;")
    assert machine.digest(f"/zig/{NAME}") == WHOLE
    machine.stop_services()

    # Caddy would ask an authority on the internet: that it takes the configuration is what can be seen here.
    machine.shell(recipe("Caddy"))
    machine.run("caddy", "validate", "--adapter", "caddyfile", "--config", "/etc/caddy/Caddyfile")
    assert machine.run("cat", "/etc/systemd/system/pkgmirror.socket.d/caddy.conf") == "[Socket]\nSocketGroup=caddy\n"

    # A mirror that has nothing leaves nothing.
    machine.shell("find /var/lib/pkgmirror -mindepth 1 -delete")
    assert "are kept" not in machine.run("dpkg", "--purge", "pkgmirror")
    assert machine.shell("ls -d /var/lib/pkgmirror* /etc/tmpfiles.d/pkgmirror* /etc/systemd/system/pkgmirror* 2>/dev/null || :") == ""


def test_what_deploy_install_left_is_taken_over(machine):
    machine.shell("mkdir /var/lib/pkgmirror-install && echo /usr/bin/pkgmirror-inspect >/var/lib/pkgmirror-install/files")
    refused = machine.run("dpkg", "-i", "/src/pkgmirror.deb", status=1)
    assert "first run deploy/install --uninstall, which keeps the files" in refused
    assert not [path for path in machine.changed() if "/pkgmirror" in path and not path.startswith(("/src/", "/var/lib/pkgmirror-install/"))]
    # --uninstall takes its notes away, and leaves the configuration.
    machine.shell("rm -r /var/lib/pkgmirror-install && echo 'base_url = \"https://mine.example\"' >/etc/pkgmirror.conf")
    machine.run("dpkg", "--force-confold", "-i", "/src/pkgmirror.deb")
    assert machine.run("cat", "/etc/pkgmirror.conf") == 'base_url = "https://mine.example"\n'


@pytest.mark.parametrize("words, said", [
    (["--out"], "usage:"),
    (["--tarball", "/nowhere.tar.xz"], "/nowhere.tar.xz: no such file"),
    (["--tarball", "/etc/passwd"], "the tarball is passwd"),
])
def test_mistakes_of_the_build_are_told_in_a_line(tmp_path, words, said):
    done = run([TOP / "deploy/debian/build", *(["--out", tmp_path] if len(words) > 1 else []), *words], status=None)
    assert done.returncode != 0 and said in done.stderr
    assert list(tmp_path.iterdir()) == []
