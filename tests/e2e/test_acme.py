"""Certificates end to end on the loopback: pkgmirror-acme, Debian's pebble as the authority, and the web servers with the shipped
configurations. acme.sh is in no package registry: tests/tools/acme-client stands in its place, which takes only the words that acme.sh documents,
and each call of the wrapper is compared word by word."""

import contextlib
import json
import os
import pathlib
import pwd
import shlex
import shutil
import signal
import socket
import ssl
import subprocess
import threading

import pytest

from lib import client
from lib.fronts import Apache, Lighttpd, Nginx, adapt
from lib.process import TOP, Port, Process, accepts, end_process, run
from lib.server_suite import Served, assert_file, named
from lib.waiting import wait_until
from lib.zig import file_name

NAME = "mirror.test"
ACME = TOP / "deploy/acme/pkgmirror-acme"
STAND_IN = TOP / "tests/tools/acme-client"
# What Debian's units do at a reload and a restart; the rest of systemctl is not called.
SYSTEMCTL = """#!/bin/sh
echo "$*" >>{folder}/systemctl
[ ! -e {folder}/refuse ] || exit 1
[ ! -e {folder}/idle ] || exit 0
pid=$(cat {folder}/server.pid)
case $1 in
reload) kill -{signal} $pid ;;
kill) kill -9 $pid ;;
restart)
    kill $pid
    while grep -qs '^State:.[^Z]' /proc/$pid/status; do sleep 0.1; done
    setsid {command} >>{folder}/restarted.log 2>&1 &
    echo $! >{folder}/server.pid ;;
esac
"""


class Authority:
    """Pebble and its name server: each name is 127.0.0.1."""

    def __init__(self, folder, authority, http_port):
        self.ports = [Port() for _ in range(4)]
        directory, management, dns, manage_dns = (port.number for port in self.ports)
        pem = authority.certificate()
        self.bundle = authority.ca
        (folder / "pebble.json").write_text(json.dumps({"pebble": {
            "listenAddress": f"127.0.0.1:{directory}", "managementListenAddress": f"127.0.0.1:{management}", "certificate": str(pem),
            "privateKey": str(pem), "httpPort": http_port, "tlsPort": 1, "ocspResponderURL": "", "externalAccountBindingRequired": False}}))
        self.names = Process("challtestsrv", ["pebble-challtestsrv", "-dns01", f"127.0.0.1:{dns}", "-defaultIPv4", "127.0.0.1", "-defaultIPv6", "",
                                              "-http01", "", "-https01", "", "-tlsalpn01", "", "-management", f"127.0.0.1:{manage_dns}"], folder / "names.log")
        self.pebble = Process("pebble", ["pebble", "-config", folder / "pebble.json", "-dnsserver", f"127.0.0.1:{dns}", "-strict"], folder / "pebble.log",
                              env={"PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0"})
        self.names.start(live=lambda: accepts(manage_dns))
        self.pebble.start(live=lambda: accepts(directory))
        self.url = f"https://127.0.0.1:{directory}/dir"
        self.root = folder / "root.pem"
        run(["curl", "-sSf", "--cacert", self.bundle, "-o", self.root, f"https://127.0.0.1:{management}/roots/0"])

    def close(self):
        self.pebble.stop()
        self.names.stop()
        for port in self.ports:
            port.close()


class Wrapper:
    """pkgmirror-acme with places of its own, a systemctl of the test and the stand-in."""

    def __init__(self, folder):
        self.folder, self.etc = folder, folder / "etc"
        self.home = folder / "home"
        (folder / "bin").mkdir()
        self.home.mkdir()
        self.env = {"PKGMIRROR_ACME_ETC": str(self.etc), "PKGMIRROR_STATE": str(folder / "state"), "ACME_SH": str(STAND_IN), "ACME_HOME": str(self.home),
                    "PATH": f"{folder}/bin:/usr/sbin:{os.environ['PATH']}", "PKGMIRROR_ACME_WAIT": "60"}

    def systemctl(self, number, server):
        (self.folder / "server.pid").write_text(str(server.child.pid))
        (self.folder / "bin/systemctl").write_text(SYSTEMCTL.format(folder=self.folder, signal=number, command=shlex.join(server.command)))
        (self.folder / "bin/systemctl").chmod(0o755)

    def systemctl_calls(self):
        place = self.folder / "systemctl"
        calls = place.read_text().splitlines() if place.exists() else []
        place.unlink(missing_ok=True)
        return calls

    def end_restarted(self):
        """The server that its systemctl started, if it did."""
        if (self.folder / "restarted.log").exists():
            end_process(int((self.folder / "server.pid").read_text()))

    def __call__(self, *words, status=0, env=None):
        return run([ACME, *words], status=status, env={**self.env, **(env or {})})

    def calls(self):
        place = self.home / "calls"
        return [json.loads(line) for line in place.read_text().splitlines()] if place.exists() else []

    @property
    def tls(self):
        return self.etc / "tls"

    def serial(self):
        return run(["openssl", "x509", "-in", self.tls / "fullchain.pem", "-noout", "-serial"]).stdout

    def install_line(self):
        return f"PKGMIRROR_ACME_ETC={self.etc} PKGMIRROR_STATE={self.env['PKGMIRROR_STATE']} {ACME} install-pair"


class WithWrapper:
    """A front whose key and certificate come from pkgmirror-acme: first the one that stands in."""

    kind = "none"

    def certificate(self):
        self.wrapper = Wrapper(self.folder)
        self.wrapper("placeholder", "--domain", NAME, "--server", self.kind)
        self.tls_folder = self.wrapper.tls

    def tls(self):
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context


class AcmeLighttpd(WithWrapper, Lighttpd):
    """With Debian's main configuration: a download that runs at a reload has five seconds."""

    kind, number = "lighttpd", signal.SIGUSR1


class AcmeNginx(WithWrapper, Nginx):
    kind, number = "nginx", signal.SIGHUP

    def write(self):
        """The load comes from one address: the limit of requests would answer it."""
        command = super().write()
        site = self.folder / "site.conf"
        site.write_text(adapt(site.read_text(), {"rate=50r/s": "rate=5000r/s", "burst=200": "burst=5000"}))
        return command


class AcmeApache(WithWrapper, Apache):
    kind, number = "apache", signal.SIGUSR1


class Load:
    """Clients that ask without a pause, each time on a new connection, and note what was not a whole file."""

    def __init__(self, served, path, body, count=3):
        self.served, self.path, self.body = served, path, body
        self.stopping, self.failed, self.good = threading.Event(), [], 0
        self.threads = [threading.Thread(target=self.ask, daemon=True) for _ in range(count)]
        for thread in self.threads:
            thread.start()

    def ask(self):
        while not self.stopping.is_set():
            try:
                answer = self.served.get(self.path, host="127.0.0.1")
                if (answer.status, answer.body) == (200, self.body):
                    self.good += 1
                else:
                    self.failed.append(repr(answer))
            except Exception as error:  # whatever it was, a client was not served
                self.failed.append(repr(error))

    def wait_more(self, count):
        wanted = self.good + count
        wait_until(lambda: self.good >= wanted or self.failed, f"{count} more answers")

    def end(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join(60)


def seen_serial(served):
    """The serial of the certificate that clients are shown."""
    with socket.create_connection(("127.0.0.1", served.front.port), timeout=30) as connection, \
            served.context.wrap_socket(connection, server_hostname=NAME) as tls:
        pem = ssl.DER_cert_to_PEM_cert(tls.getpeercert(binary_form=True))
    done = subprocess.run(["openssl", "x509", "-noout", "-serial"], input=pem, capture_output=True, text=True, check=True)
    return done.stdout


def issue_words(front, pebble):
    return ["issue", "--domain", NAME, "--server", front.kind, "--webroot", front.challenges, "--ca", pebble.url, "--ca-bundle", pebble.bundle,
            "--email", "admin@mirror.test", "--address", f"127.0.0.1:{front.port}"]


@contextlib.contextmanager
def with_authority(kind, authority, signer, folder):
    """A mirror behind a server whose certificate stands in, and an authority."""
    front = kind(host=NAME)
    served = Served(front, authority, signer)
    pebble = Authority(folder, authority, front.http)
    try:
        front.wrapper.systemctl(int(front.number), front.server)
        yield served, front, front.wrapper, issue_words(front, pebble), pebble
    finally:
        pebble.close()
        front.wrapper.end_restarted()
        served.close()


@pytest.mark.parametrize("kind", [AcmeLighttpd, AcmeNginx, AcmeApache])
def test_issue_renew_and_refusal(kind, authority, signer, tmp_path):
    with with_authority(kind, authority, signer, tmp_path) as (served, front, wrapper, issue, pebble):
        path, body = f"/zig/{named('cold')}", served.site.body(named("cold"))
        assert_file(served.get(path, host="127.0.0.1"), body)
        said = wrapper("check", status=1).stderr
        assert "placeholder" in said

        # Issue and install: https answers with a certificate that the authority's root vouches for.
        wrapper(*issue)
        assert seen_serial(served) == wrapper.serial()
        trusting = ssl.create_default_context(cafile=pebble.root)
        with socket.create_connection(("127.0.0.1", front.port)) as connection, trusting.wrap_socket(connection, server_hostname=NAME) as tls:
            assert tls.version() == "TLSv1.3"
        assert wrapper.calls() == [
            ["--issue", "-d", NAME, "-w", str(front.challenges), "--server", pebble.url, "--keylength", "ec-256", "--email", "admin@mirror.test",
             "--ca-bundle", str(pebble.bundle)],
            ["--install-cert", "-d", NAME, "--ecc", "--key-file", str(wrapper.tls / "incoming/key.pem"),
             "--fullchain-file", str(wrapper.tls / "incoming/fullchain.pem"), "--reloadcmd", wrapper.install_line()],
        ]
        assert list((front.challenges / ".well-known/acme-challenge").iterdir()) == []
        assert wrapper.systemctl_calls() == [f"reload {'apache2' if front.kind == 'apache' else front.kind}"]

        # Keys are for nobody else.
        for key in wrapper.tls.rglob("key.pem"):
            assert key.stat().st_mode & 0o777 == 0o600
        assert wrapper("check").returncode == 0
        health = json.loads(served.get("/-/health", host="127.0.0.1").body)
        assert health["certificate_days"] > 20 and health["status"] == "ok"

        # Not due: nothing changes, and the exit status says so.
        before = wrapper.serial()
        wrapper(*issue, status=2)
        wrapper("renew", status=2)
        assert wrapper.calls()[-1] == ["--renew", "-d", NAME, "--ecc"] and wrapper.serial() == before

        # Renewed under load, while a client is in the midst of a download: nobody who asks is refused, and the new certificate is shown.
        wrapper.systemctl_calls()
        gate = served.upstream.hold(served.site.path(named("slow")), at=200_000)
        with served.send(f"/zig/{named('slow')}") as slow:
            answer = client.Answer(slow, "GET")
            answer.read(200_000)  # so that nothing waits for this client
            load = Load(served, path, body)
            load.wait_more(10)
            assert wrapper("renew", "--force").stderr == ""
            assert wrapper.calls()[-1] == ["--renew", "-d", NAME, "--ecc", "--force"]
            assert seen_serial(served) == wrapper.serial()
            load.wait_more(20)
            load.end()
            gate.release()
            # lighttpd gives it five to ten seconds; the others let it go on to its end.
            if front.kind != "lighttpd" or answer.rest().whole:
                assert_file(answer.rest(), served.site.body(named("slow")))
        assert load.failed == [] and wrapper.serial() != before and len(wrapper.systemctl_calls()) == 1
        assert_file(served.get(f"/zig/{named('slow')}", host="127.0.0.1"), served.site.body(named("slow")))
        assert not (wrapper.tls / "placeholder").exists()

        # The server refuses: the pair from before stays, and the exit status says so; also when acme.sh makes nothing of it.
        before = wrapper.serial()
        (wrapper.folder / "refuse").touch()
        for env in ({}, {"ACME_LENIENT": "yes"}):
            assert "the old one stays" in wrapper("renew", "--force", status=1, env=env).stderr
            assert wrapper.serial() == before == seen_serial(served)
        (wrapper.folder / "refuse").unlink()

        # A reload that does nothing is no reload.
        (wrapper.folder / "idle").touch()
        done = wrapper("renew", "--force", status=1, env={"PKGMIRROR_ACME_WAIT": "1", "ACME_LENIENT": "yes"})
        assert f"does not show the new certificate at 127.0.0.1:{front.port}" in done.stderr
        assert "shows another certificate" in wrapper("check", status=1, env={"PKGMIRROR_ACME_WAIT": "0"}).stderr


def test_lighttpd_that_waits_for_a_client_is_restarted(authority, signer, tmp_path):
    """Whose client reads nothing more, that download does not end; lighttpd answers nobody else until it has."""
    with with_authority(AcmeLighttpd, authority, signer, tmp_path) as (served, front, wrapper, issue, _):
        wrapper(*issue)
        assert wrapper.systemctl_calls() == ["reload lighttpd"]
        path = served.mirror.state / "public/zig" / file_name("0.1.1")
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(bytes(30_000_000))
        with served.send(f"/zig/{path.name}") as stuck:
            answer = client.Answer(stuck, "GET")
            answer.read(1000)
            said = wrapper("renew", "--force", env={"PKGMIRROR_ACME_WAIT": "3"}).stderr
            assert said == f"pkgmirror-acme: lighttpd does not show the new certificate at 127.0.0.1:{front.port} 3 s after its reload: restarting it\n"
            assert seen_serial(served) == wrapper.serial()
            assert wrapper.systemctl_calls() == ["reload lighttpd", "kill --signal=KILL lighttpd", "restart lighttpd"]
            assert not answer.rest().whole
        wrapper("check")
        assert served.get(f"/zig/{path.name}", host="127.0.0.1").body == path.read_bytes()


# ---- the wrapper alone ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def wrapper(tmp_path):
    (tmp_path / "webroot").mkdir()
    return Wrapper(tmp_path)


def pair(wrapper, days, name=NAME):
    """A certificate with so many days left, where the web server reads it."""
    wrapper("placeholder", "--domain", name, status=None)
    place = wrapper.tls / "pair.test"
    place.mkdir()
    run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", days, "-subj", f"/CN={name}",
         "-keyout", place / "key.pem", "-out", place / "fullchain.pem"])
    (wrapper.tls / "current").unlink()
    (wrapper.tls / "current").symlink_to("pair.test")


def test_staging_is_the_authoritys_own(wrapper):
    wrapper("issue", "--domain", NAME, "--server", "none", "--webroot", wrapper.folder / "webroot", "--staging", status=1)
    assert wrapper.calls() == [["--issue", "-d", NAME, "-w", str(wrapper.folder / "webroot"), "--server", "letsencrypt_test", "--keylength", "ec-256"]]
    wrapper("issue", "--domain", NAME, "--domain", f"www.{NAME}", "--server", "none", "--webroot", wrapper.folder / "webroot", status=1)
    assert wrapper.calls()[1][:5] == ["--issue", "-d", NAME, "-d", f"www.{NAME}"] and wrapper.calls()[1][8] == "letsencrypt"
    assert not (wrapper.tls / "fullchain.pem").exists()


def test_a_true_certificate_follows_one_of_staging(authority, signer, tmp_path):
    """Nothing is due then. Also when the true authority does not answer the first time."""
    with with_authority(AcmeNginx, authority, signer, tmp_path) as (served, _, wrapper, issue, pebble):
        at = issue.index("--ca") + 1
        wrapper(*issue[:at], pebble.url + "?staging", *issue[at + 1:])
        staging = wrapper.serial()
        wrapper(*issue[:at], "https://127.0.0.1:1/dir", *issue[at + 1:], status=1)
        assert wrapper.serial() == staging
        wrapper(*issue)
        assert seen_serial(served) == wrapper.serial() != staging
        wrapper(*issue, status=2)
        # One that is trusted is not given up for one that is not.
        wrapper(*issue[:at - 1], *issue[at + 1:], "--staging", status=2)
        wrapper(*issue, status=2)
        assert ["--force" in call for call in wrapper.calls() if call[0] == "--issue"] == [False, True, True, False, False, False]
        assert seen_serial(served) == wrapper.serial() != staging


def test_no_key_is_on_a_command_line(wrapper):
    """Nor a line of one: each program that runs is looked at, the wrapper's own commands and what they start."""
    calls = wrapper.folder / "executed"
    command = ["strace", "-f", "-s", "100000", "-e", "trace=execve", "-o", calls, ACME]
    seen = ""
    for words in (["placeholder", "--domain", NAME], ["install-pair"], ["check"]):
        run([*command, *words], env=wrapper.env, status=None)
        seen += calls.read_text()
        if words[0] == "placeholder":
            pair(wrapper, 60)
            shutil.copytree(wrapper.tls / "pair.test", wrapper.tls / "incoming")
            (wrapper.etc / "acme.conf").write_text(f"domain={NAME}\nserver=none\nreload=\n")
    assert os.readlink(wrapper.tls / "current").startswith("pair.") and os.readlink(wrapper.tls / "current") != "pair.test"
    assert seen.count('"openssl"') > 4 and "key.pem" in seen
    keys = [key.read_text().splitlines()[1:-1] for key in wrapper.tls.rglob("key.pem")]
    assert keys and all(lines for lines in keys)
    assert [line for lines in keys for line in lines if line in seen] == []


def test_without_acme_sh_one_line_says_how_to_get_it(wrapper):
    said = wrapper("issue", "--domain", NAME, "--server", "none", "--webroot", wrapper.folder / "webroot", status=1,
                   env={"ACME_SH": "", "HOME": str(wrapper.folder)}).stderr
    assert said.count("\n") == 1 and "acmesh-official/acme.sh" in said


def test_acme_sh_is_found_in_its_usual_home(wrapper):
    home = wrapper.folder / ".acme.sh"
    home.mkdir()
    shutil.copy(STAND_IN, home / "acme.sh")
    wrapper("issue", "--domain", NAME, "--server", "none", "--webroot", wrapper.folder / "webroot", status=1,
            env={"ACME_SH": "", "HOME": str(wrapper.folder)})
    assert len(wrapper.calls()) == 1


@pytest.mark.parametrize("caller", [{"HOME": ""}, {"HOME": "/nowhere", "SUDO_USER": "you", "SUDO_UID": "1000", "SUDO_GID": "1000", "SUDO_COMMAND": str(ACME)}])
def test_units_and_sudo_find_the_home_that_acme_sh_keeps_its_things_in(wrapper, caller):
    """acme.sh goes by HOME, and refuses to be run by sudo. The one of this test notes what it is given."""
    seen = wrapper.folder / "seen"
    (wrapper.folder / "bin/acme.sh").write_text(f'#!/bin/sh\necho "$HOME ${{SUDO_COMMAND-none}}" >{seen}; exit 1\n')
    (wrapper.folder / "bin/acme.sh").chmod(0o755)
    wrapper("issue", "--domain", NAME, "--server", "none", "--webroot", wrapper.folder / "webroot", status=1, env={"ACME_SH": "", **caller})
    assert seen.read_text() == f"{pwd.getpwuid(os.getuid()).pw_dir} none\n"


@pytest.mark.parametrize("days, good", [(19, False), (10, False), (60, True)])
def test_check_warns_below_twenty_days(wrapper, make_mirror, days, good):
    mirror = make_mirror()
    pair(wrapper, days)
    env = {"PKGMIRROR_STATE": str(mirror.state)}
    assert json.loads(mirror.get("/-/health").body)["certificate_days"] is None
    done = wrapper("check", status=0 if good else 1, env=env)
    assert f"in {days - 1} days" in done.stdout or f"in {days} days" in done.stdout
    health = json.loads(mirror.get("/-/health").body)
    assert health["certificate_days"] in (days, days - 1)
    assert health["status"] == ("ok" if good else "warn")
    assert mirror.get("/-/health").status == 200
    wrapper("check", "--days", "5", env=env)


def test_a_note_that_is_none_is_no_certificate(make_mirror):
    mirror = make_mirror()
    assert mirror.get("/-/health").status == 200
    for text in ("", "soon\n", "12x\n", "-5\n", "9" * 40 + "\n"):
        (mirror.state / "run/certificate").write_text(text)
        assert json.loads(mirror.get("/-/health").body)["certificate_days"] is None, text


@pytest.mark.parametrize("words, said", [
    ([], "usage:"),
    (["renew"], "no certificate was issued yet"),
    (["renew", "--now"], "unknown option"),
    (["check"], "there is no certificate"),
    (["check", "--days", "x"], "needs a number"),
    (["issue", "--server", "nginx"], "--domain is missing"),
    (["issue", "--domain", "a b.example", "--server", "nginx"], "not a host name"),
    (["issue", "--domain", "-x.example", "--server", "nginx"], "not a host name"),
    (["issue", "--domain", NAME, "--server", "caddy"], "keeps its own certificate"),
    (["issue", "--domain", NAME, "--server", "iis"], "must be lighttpd, nginx or apache"),
    (["issue", "--domain"], "needs a value"),
    (["issue", "--domain", NAME, "--server", "none", "--webroot", "/nowhere"], "no such folder"),
    (["issue", "--domain", NAME, "--server", "nginx", "--address", "443"], "not HOST:PORT"),
    (["issue", "--domain", NAME, "--server", "nginx", "--address", "-x:443;id"], "not HOST:PORT"),
    (["install-pair"], "no certificate was issued yet"),
])
def test_mistakes_are_told_in_a_line(wrapper, words, said):
    done = wrapper(*words, status=None)
    assert done.returncode in (1, 64) and said in done.stderr
    assert said == "usage:" or done.stderr.count("\n") == 1
    assert not wrapper.etc.exists()


def test_a_key_that_does_not_belong_to_the_certificate_is_refused(wrapper):
    pair(wrapper, 60)
    (wrapper.etc / "acme.conf").write_text(f"domain={NAME}\nserver=none\nreload=\n")
    incoming = wrapper.tls / "incoming"
    incoming.mkdir()
    shutil.copy(wrapper.tls / "fullchain.pem", incoming)
    run(["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", incoming / "key.pem"])
    before = os.readlink(wrapper.tls / "current")
    assert "do not belong together" in wrapper("install-pair", status=1).stderr
    assert os.readlink(wrapper.tls / "current") == before
    assert pathlib.Path(wrapper.tls / "key.pem").exists()
