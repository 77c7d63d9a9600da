"""The units under a systemd that runs, as deploy/install leaves them: activation, confinement, timers, the certificate's renewal, the end."""

import json
import re

import pytest

from lib.booted import Booted
from lib.machine import DOMAIN
from lib.waiting import wait_until

UPSTREAM = "/srv/demo"
PORT = 8443
COMMIT = "0123456789abcdef0123456789abcdef01234567"
NIGHTLY = "zig-linux-x86_64-0.15.0-dev.621+a63f7875f.tar.xz"
SERVICES = ("pkgmirror.service", "pkgmirror-fetch.service", "pkgmirror-warm.service")
TIMERS = ("pkgmirror-verify.timer", "pkgmirror-prune.timer", "pkgmirror-acme.timer")
CONFIGURATION = f"""base_url = "https://{DOMAIN}"
state_dir = "/var/lib/pkgmirror"
ca_file = "{UPSTREAM}/ca.pem"
allow_private_upstreams = true
toolchains {{ upstream = "https://127.0.0.1:{PORT}" fallbacks = {{}} nominated_index = "" public_key = "KEY" }}
package "demo" {{ path = "/demo/{{ref}}.tar.gz" upstream = "https://127.0.0.1:{PORT}/demo/{{ref}}.tar.gz" }}
warmer {{ access_logs = {{"/var/log/pkgmirror/access.log"}} }}
"""


@pytest.fixture(scope="module")
def machine():
    """With deploy/demo's upstream on its loopback, and the mirror behind lighttpd."""
    machine = Booted()
    try:
        machine.unpack("/src/tree")
        machine.run("/src/tree/deploy/demo/upstream", UPSTREAM, PORT)
        machine.shell(f"cd {UPSTREAM} && mkdir -p www/demo demo-1 && head -c 300000 /dev/urandom >demo-1/filler && tar -czf www/demo/{COMMIT}.tar.gz demo-1")
        machine.start("lighttpd", "-D", "-f", f"{UPSTREAM}/lighttpd.conf")
        key = machine.run("tail", "-n", "1", f"{UPSTREAM}/minisign.pub").strip()
        machine.run("tee", "/etc/pkgmirror.conf", text_in=CONFIGURATION.replace("KEY", key))
        machine.install("lighttpd")
        yield machine
    finally:
        machine.close()


def published(machine):
    return set(machine.shell("cd /var/lib/pkgmirror/public && find zig -type l -printf '%f\\n' 2>/dev/null || :").split())


def main_process(machine, unit):
    pid = machine.show(unit, "MainPID")
    assert pid != "0", f"{unit} does not run"
    return pid


def test_all_units_are_up(machine):
    for unit in ("pkgmirror.socket", *SERVICES, *TIMERS):
        assert machine.state(unit) == "active", unit
        assert machine.systemctl("is-enabled", unit).strip() == "enabled"
    # Of a unit of this type it means that the warmer itself has said so.
    assert machine.show("pkgmirror-warm.service", "Type") == "notify"
    for timer in TIMERS:
        assert machine.show(timer, "NextElapseUSecRealtime") != ""
    assert machine.systemctl("--failed", "--no-legend", "--plain") == ""
    assert set(machine.processes()) == {"pkgmirror.fcgi", "pkgmirror-fetch", "pkgmirror-warm"}


def test_first_request_starts_the_responder(machine):
    machine.systemctl("stop", "pkgmirror.service")
    assert machine.state("pkgmirror.service") == "inactive" and machine.state("pkgmirror.socket") == "active"
    assert "pkgmirror.fcgi" not in machine.processes()
    asked = [machine.start("sh", "-c", f"curl -ksSf --resolve {DOMAIN}:443:127.0.0.1 -o /tmp/health.{n} https://{DOMAIN}/-/health") for n in range(8)]
    assert [child.wait(60) for child in asked] == [0] * 8
    assert machine.state("pkgmirror.service") == "active"
    assert machine.run("readlink", f"/proc/{main_process(machine, 'pkgmirror.service')}/fd/0").startswith("socket:")
    assert machine.shell("stat -c '%U %G %a' /run/pkgmirror/fcgi.sock").strip() == "pkgmirror www-data 660"


def test_a_new_file_goes_through_the_confined_services(machine):
    """Toolchain file, package that is unpacked by a child, pages: what the units forbid is nothing that the programs need."""
    for path, place in ((f"/zig/{NIGHTLY}", f"builds/{NIGHTLY}"), (f"/demo/{COMMIT}.tar.gz", f"demo/{COMMIT}.tar.gz")):
        wanted = machine.run("sha256sum", f"{UPSTREAM}/www/{place}").split()[0]
        for _ in ("miss", "hit"):
            assert machine.digest(path) == wanted
        machine.wait(f"test -f '/var/lib/pkgmirror/public{path}'", "its publication")
    rows = machine.shell("sqlite3 -readonly /var/lib/pkgmirror/catalog.db 'SELECT path, verdict, zig_hash IS NOT NULL FROM entry ORDER BY path'").split()
    assert f"demo/{COMMIT}.tar.gz|tls|1" in rows and f"zig/{NIGHTLY}|signed|0" in rows
    for path in ("/", "/-/health", "/zig/index.json", f"/-/provenance/zig/{NIGHTLY}"):
        assert machine.status(path) == "200", path
    assert machine.status("/zig/zig-x86_64-linux-9.9.9.tar.xz") == "404"
    assert machine.shell("stat -c %U /var/lib/pkgmirror/catalog.db /var/lib/pkgmirror/store/zig/dev").split() == ["pkgmirror"] * 2


def test_the_warmer_gets_what_the_index_lists(machine):
    wanted = set(machine.shell(f"cd {UPSTREAM}/www/download && find . -path './0.1*/*' -type f -printf '%f\\n'").split())
    assert len(wanted) > 10
    wait_until(lambda: wanted <= published(machine), "every file of the releases")


def test_each_process_is_confined(machine):
    own = {kind: machine.run("readlink", f"/proc/1/ns/{kind}") for kind in ("user", "net", "mnt")}
    for unit in SERVICES:
        pid = main_process(machine, unit)
        status = dict(line.split(":\t", 1) for line in machine.run("cat", f"/proc/{pid}/status").splitlines() if ":\t" in line)
        assert {status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}, unit
        assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2"
        # systemd's filters, and one more, which is its own.
        assert int(status["Seccomp_filters"]) > 1
        spaces = {kind: machine.run("readlink", f"/proc/{pid}/ns/{kind}") != own[kind] for kind in own}
        assert spaces == {"user": True, "mnt": True, "net": unit != "pkgmirror-fetch.service"}, unit
        inside = ["nsenter", "--target", pid, "--mount", "--root", "setpriv", "--reuid=pkgmirror", "--regid=pkgmirror", "--clear-groups"]
        assert "Read-only" in machine.run(*inside, "touch", "/etc/x", "/usr/x", status=1)
        machine.run(*inside, "touch", "/var/lib/pkgmirror/run/x")
        machine.run(*inside, "rm", "/var/lib/pkgmirror/run/x")
    said = machine.journal("pkgmirror*")
    assert not re.search(r"landlock|seccomp|sandbox|SIGSYS|core-dump|denied|not permitted", said, re.IGNORECASE), said


def test_who_was_killed_is_back_however_often(machine):
    for unit in ("pkgmirror-fetch.service", "pkgmirror.service"):
        assert machine.show(unit, "StartLimitIntervalUSec") == "0"  # else the fifth time would be the last
        for _ in range(2):
            pid = main_process(machine, unit)
            machine.run("kill", "-KILL", pid)
            wait_until(lambda: machine.state(unit) == "active" and machine.show(unit, "MainPID") not in ("0", pid), f"{unit} to be back")
        assert machine.state("pkgmirror.socket") == "active"
    wait_until(lambda: machine.status("/zig/zig-x86_64-linux-9.9.8.tar.xz") == "404", "an answer of upstream's")


def test_an_upgrade_fails_no_request(machine):
    """Hits and what the responder answers, while programs and units are exchanged."""
    name = machine.shell("cd /var/lib/pkgmirror/public/zig && ls *.minisig | head -n 1").strip()
    machine.shell("rm -f /tmp/done /tmp/failed")
    server, responder = main_process(machine, "lighttpd"), main_process(machine, "pkgmirror.service")
    ask = f"curl -ksSf -o /dev/null --resolve {DOMAIN}:443:127.0.0.1 https://{DOMAIN}"
    load = [machine.start("sh", "-c", f"while [ ! -e /tmp/done ]; do {ask}{path} 2>>/tmp/failed; done") for path in (f"/zig/{name}", "/-/health", "/zig/index.json")]
    machine.install("lighttpd")
    machine.run("touch", "/tmp/done")
    assert [child.wait(60) for child in load] == [0] * 3
    assert machine.run("cat", "/tmp/failed") == ""
    assert main_process(machine, "lighttpd") == server and main_process(machine, "pkgmirror.service") != responder


def test_timers_fire(machine):
    """As their calendar says: for one who was off at the time at once, here without the hours of the dice."""
    for timer in TIMERS[:2]:
        service = timer.replace(".timer", ".service")
        machine.shell(f"mkdir -p /run/systemd/system/{timer}.d && printf '[Timer]\\nRandomizedDelaySec=0\\n' >/run/systemd/system/{timer}.d/test.conf"
                      f" && systemctl stop {timer} && touch -d '-30 days' /var/lib/systemd/timers/stamp-{timer}")
        machine.systemctl("daemon-reload")
        before = machine.show(service, "ExecMainStartTimestampMonotonic")
        machine.systemctl("start", timer)
        wait_until(lambda: machine.show(service, "ExecMainStartTimestampMonotonic") != before and machine.state(service) == "inactive", f"{service} to have run")
        assert machine.show(service, "Result") == "success" and machine.show(service, "ExecMainStatus") == "0", machine.journal(service)
        assert machine.state(timer) == "active"


def test_what_rots_is_found_by_the_timers_service_and_fetched_again(machine):
    place = machine.run("readlink", "-f", f"/var/lib/pkgmirror/public/zig/{NIGHTLY}").strip()
    whole = machine.run("sha256sum", place).split()[0]
    machine.shell(f"printf x | dd of='{place}' bs=1 seek=1000 conv=notrunc status=none")
    machine.systemctl("start", "pkgmirror-verify.service", status=None)
    machine.wait(f"sha256sum '/var/lib/pkgmirror/public/zig/{NIGHTLY}' | grep -q {whole}", "the file to be whole again")
    service = "pkgmirror-verify.service"
    assert (machine.state(service), machine.show(service, "ExecMainStatus"), machine.show(service, "NRestarts")) == ("failed", "3", "0")
    machine.systemctl("reset-failed")


def test_a_verify_that_another_command_keeps_out_is_tried_again(machine):
    service = "pkgmirror-verify.service"
    machine.shell(f"mkdir -p /run/systemd/system/{service}.d && printf '[Unit]\nStartLimitIntervalSec=0\n[Service]\nRestartSec=100ms\n' >/run/systemd/system/{service}.d/soon.conf && systemctl daemon-reload")
    other = machine.start("/usr/bin/python3", "-c", "import fcntl, signal\nlock = open('/var/lib/pkgmirror/run/warm.lock', 'r+')\n"
                          "fcntl.lockf(lock, fcntl.LOCK_EX, 1, 0)\nopen('/tmp/held', 'w')\nsignal.pause()")
    machine.wait("[ -e /tmp/held ]", "the lock")
    machine.systemctl("start", "--no-block", service)
    wait_until(lambda: int(machine.show(service, "NRestarts")) >= 2, "a second try")
    assert "status=75" in machine.journal(service)
    machine.end(other)
    wait_until(lambda: machine.state(service) == "inactive", "the check to have ended")
    assert machine.show(service, "Result") == "success" and machine.show(service, "ExecMainStatus") == "0", machine.journal(service)


def test_the_certificate_is_renewed_by_its_unit(machine):
    """With Debian's pebble as the authority, behind each web server that pkgmirror-acme reloads. As one would by sudo, from a home that is not root's."""
    authority = ("--ca", "https://127.0.0.1:14000/dir", "--ca-bundle", f"{UPSTREAM}/ca.pem")
    machine.run("tee", "/srv/pebble.json", text_in=json.dumps({"pebble": {
        "listenAddress": "127.0.0.1:14000", "managementListenAddress": "127.0.0.1:15000", "certificate": f"{UPSTREAM}/server.pem",
        "privateKey": f"{UPSTREAM}/server.pem", "httpPort": 80, "tlsPort": 443, "ocspResponderURL": "", "externalAccountBindingRequired": False}}))
    machine.start("pebble-challtestsrv", "-dns01", "127.0.0.1:8053", "-defaultIPv4", "127.0.0.1", "-defaultIPv6", "", "-http01", "", "-https01", "",
                  "-tlsalpn01", "", "-management", "127.0.0.1:8055")
    machine.start("env", "PEBBLE_VA_NOSLEEP=1", "PEBBLE_WFE_NONCEREJECT=0", "pebble", "-config", "/srv/pebble.json", "-dnsserver", "127.0.0.1:8053", "-strict")
    machine.wait(f"curl -sf --cacert {UPSTREAM}/ca.pem https://127.0.0.1:14000/dir", "the authority")
    machine.shell("mkdir -p /root/.acme.sh && cp /src/tree/tests/tools/acme-client /root/.acme.sh/acme.sh")
    sudo = ("env", "HOME=/home/you", "SUDO_USER=you", "SUDO_UID=1000", "SUDO_GID=1000", "SUDO_COMMAND=/usr/sbin/pkgmirror-acme")

    def serial():
        return machine.run("openssl", "x509", "-in", "/etc/pkgmirror/tls/fullchain.pem", "-noout", "-serial")

    def renewed_by_unit():
        machine.systemctl("start", "pkgmirror-acme.service", status=None)
        assert machine.show("pkgmirror-acme.service", "Result") == "success", machine.journal("pkgmirror-acme.service")
        return machine.show("pkgmirror-acme.service", "ExecMainStatus")

    for server, unit in (("lighttpd", "lighttpd"), ("apache", "apache2"), ("nginx", "nginx")):
        if server == "apache":
            refused = machine.install(server, status=1)
            assert refused == "install: port 80 is in use, and lighttpd runs: end it first (systemctl disable --now lighttpd); nothing was changed\n"
        if server != "lighttpd":
            if server == "nginx":
                machine.shell("echo 'offload = \"x-accel-redirect\"' >>/etc/pkgmirror.conf")
            machine.systemctl("stop", "lighttpd" if server == "apache" else "apache2")
            machine.install(server)
        # acme.sh has one that is not due when the second server is told of it; what matters is that this one has it then.
        machine.run(*sudo, "pkgmirror-acme", "issue", "--domain", DOMAIN, "--server", server, *authority, status=0 if server == "lighttpd" else 2)
        before = serial()
        assert renewed_by_unit() == "2" and serial() == before  # not due
        pid = main_process(machine, unit)
        machine.shell("touch /root/.acme.sh/due")
        assert renewed_by_unit() == "0" and serial() != before
        machine.shell("rm /root/.acme.sh/due")
        # It is shown, by a server that was reloaded, not restarted.
        assert main_process(machine, unit) == pid
        machine.run("pkgmirror-acme", "check")
        # Both ways of a file, as installed.
        for mode in ("static", "offload"):
            if mode == "offload":
                machine.install(server, "--mode", mode)
            assert machine.digest(f"/zig/{NIGHTLY}") == machine.run("sha256sum", f"{UPSTREAM}/www/builds/{NIGHTLY}").split()[0]
    said = machine.journal("pkgmirror-acme.service")
    assert not re.search(r"denied|not permitted|Read-only|SIGSYS", said), said


def test_caddy_gets_its_certificate_by_itself(machine):
    """By the challenge over http, which is the only one that it may use here: all else on port 80 is redirected."""
    machine.run("curl", "-sSf", "--cacert", f"{UPSTREAM}/ca.pem", "-o", "/srv/root.pem", "https://127.0.0.1:15000/roots/0")
    machine.run("tee", "/etc/caddy/Caddyfile", text_in=f"""{{
        acme_ca https://127.0.0.1:14000/dir
        acme_ca_root {UPSTREAM}/ca.pem
        cert_issuer acme {{
            disable_tlsalpn_challenge
        }}
    }}
    # What Debian's own has: a site for everything else.
    :80 {{
        root * /usr/share/caddy
        file_server
    }}""")
    machine.systemctl("stop", "nginx")
    machine.install("caddy")
    ask = f"curl -sSf --cacert /srv/root.pem --resolve {DOMAIN}:443:127.0.0.1 --resolve {DOMAIN}:80:127.0.0.1"
    machine.wait(f"{ask} https://{DOMAIN}/-/health", "a certificate of the authority")
    assert machine.shell("stat -c '%U %G %a' /run/pkgmirror/fcgi.sock").strip() == "pkgmirror caddy 660"
    assert machine.get(f"http://{DOMAIN}/zig/x?source=y", "-o", "/dev/null", "-w", "%{http_code} %{redirect_url}") == f"308 https://{DOMAIN}/zig/x?source=y"
    assert machine.get(f"http://{DOMAIN}/.well-known/acme-challenge/none", "-o", "/dev/null", "-w", "%{http_code}") != "200"
    assert machine.digest(f"/zig/{NIGHTLY}") == machine.run("sha256sum", f"{UPSTREAM}/www/builds/{NIGHTLY}").split()[0]
    pid = main_process(machine, "caddy")
    machine.systemctl("reload", "caddy")
    assert main_process(machine, "caddy") == pid and machine.status("/-/health") == "200"


def test_stop_leaves_nothing_and_start_begins_again(machine):
    machine.systemctl("stop", "pkgmirror.socket", *SERVICES)
    assert machine.processes() == []
    assert machine.shell("find /run/pkgmirror /var/lib/pkgmirror/run -type s") == ""
    assert machine.systemctl("--failed", "--no-legend", "--plain") == "", machine.journal("pkgmirror*")
    # What is published needs none of them.
    assert machine.status(f"/zig/{NIGHTLY}") == "200" and machine.status("/-/health") in ("502", "503")
    machine.systemctl("start", "pkgmirror.socket", *SERVICES)
    assert machine.status("/-/health") == "200"


def test_uninstall_leaves_no_unit_and_no_process(machine):
    """Also when what a timer started is at work."""
    machine.shell("mkdir -p /run/systemd/system/pkgmirror-verify.service.d && printf '[Service]\\nExecStart=\\nExecStart=/usr/sbin/pkgmirror-warm verify --speed 1000\\n' "
                  ">/run/systemd/system/pkgmirror-verify.service.d/slow.conf && systemctl daemon-reload && systemctl start --no-block pkgmirror-verify.service")
    machine.wait_state("pkgmirror-verify.service", "activating")
    machine.run("/src/tree/deploy/install", "--uninstall")
    assert machine.processes() == []
    assert machine.systemctl("list-units", "--all", "--no-legend", "--plain", "pkgmirror*") == ""
    assert machine.systemctl("list-unit-files", "--no-legend", "pkgmirror*", status=None) == ""
    assert machine.state("caddy") == "active"
    assert machine.shell(f"ls '/var/lib/pkgmirror/public/zig/{NIGHTLY}'")
