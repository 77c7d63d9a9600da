"""`pkgmirror-warm check URL`: a mirror of anybody's, held against its upstream."""

import json
import ssl

import pytest

from lib.lighttpd import Lighttpd
from lib.process import Port, run
from lib.signer import Signer
from lib.zig import file_name

STABLE = file_name("0.14.1")
NIGHTLY = file_name("0.15.0-dev.621+a63f7875f")


def check(mirror, url, *arguments, status=0):
    """The rows by what they are about, and the summary."""
    lines = [json.loads(line) for line in mirror.program("pkgmirror-warm", "check", "--json", *arguments, url, status=status).stdout.splitlines()]
    return {line["check"]: line for line in lines[:-1]}, lines[-1]


@pytest.fixture
def checker(make_mirror, site):
    """Only its configuration is of use: upstream, key, ca_file."""
    return make_mirror(start=False)


@pytest.fixture
def other(make_upstream, site):
    """Somebody's flat mirror over TLS, right in all it has."""
    server = make_upstream()
    for name in (STABLE, NIGHTLY):
        for path in (name, name + ".minisig"):
            server.add(f"/zig/{path}", site.body(path))
    return server


def url_of(server):
    return f"{server.origin}/zig"


def test_our_own_mirror_passes_cold_and_warm(make_mirror, site):
    mirror = make_mirror(front=Lighttpd())
    for arguments in ([], ["--all"]):
        rows, summary = check(mirror, f"{mirror.url}/zig", *arguments)
        assert summary["failed"] == 0 and {row["result"] for row in rows.values()} <= {"good", "warn"}
        assert [what for what, row in rows.items() if row["result"] == "warn"] == ["TLS"]
        assert {"HEAD", "Range", "IPv4", STABLE, STABLE + ".minisig", NIGHTLY, NIGHTLY + ".minisig"} <= set(rows)
    assert {file_name("0.14.1", "src"), file_name("0.14.1", "x86_64-windows"), file_name("0.15.0-dev.621+a63f7875f", "bootstrap")} <= set(rows)
    table = mirror.program("pkgmirror-warm", "check", f"{mirror.url}/zig/").stdout
    assert f"good    {STABLE}" in table and "checks failed" in table


def test_a_good_mirror_of_another_kind(checker, other):
    rows, summary = check(checker, url_of(other))
    assert summary["failed"] == 0, rows
    assert {row["result"] for row in rows.values()} == {"good"}
    assert {r.headers["user-agent"].split("/")[0] for r in other.seen()} == {"pkgmirror-warm"}
    assert all(path.endswith("?source=pkgmirror-check") for path in other.paths())


FAULTS = {
    "another byte": ({"flip": 500}, STABLE, "FORGED", 3),
    "cut": ({"cut": 1000}, STABLE, "FAILED", 1),
    "redirect": ({"redirect": "https://127.0.0.1:1/x"}, STABLE, "FAILED", 1),
    "absent": ({"status": 404}, STABLE, "FAILED", 1),
    "gateway": ({"status": 504}, NIGHTLY, "FAILED", 1),
    "compressed": ({"headers": {"Content-Encoding": "gzip"}}, STABLE, "FAILED", 1),
    "no range": ({"ranges": False}, "Range", "warn", 0),
    "text": ({"type": "text/plain"}, STABLE, "warn", 0),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_of_files_are_found(checker, other, fault):
    how, what, result, status = FAULTS[fault]
    other.change(f"/zig/{NIGHTLY if what == NIGHTLY else STABLE}", **how)
    rows, _ = check(checker, url_of(other), status=status)
    assert rows[what]["result"] == result, rows


@pytest.mark.parametrize("forgery", ["another key", "another file", "cut", "page"])
def test_faults_of_signatures_are_found(checker, other, site, signer, tmp_path, forgery):
    body = {
        "another key": lambda: Signer(tmp_path).sign(site.body(STABLE), STABLE),
        "another file": lambda: signer.sign(site.body(STABLE), NIGHTLY),
        "cut": lambda: site.body(STABLE + ".minisig")[:-20],
        "page": lambda: b"<html>hello</html>",
    }[forgery]()
    other.change(f"/zig/{STABLE}.minisig", body=body)
    rows, _ = check(checker, url_of(other), status=3)
    assert rows[STABLE + ".minisig"]["result"] == "FORGED"
    # Even where upstream has been made to agree, the key does not.
    site.upstream.add(site.path(STABLE) + ".minisig", body)
    rows, _ = check(checker, url_of(other), status=3)
    assert rows[STABLE + ".minisig"]["result"] == "FORGED"


def test_a_page_for_everything(checker, other):
    """200 for junk: scripts take it for a file."""
    for name in ("zig-nothing", "zig-x86_64-linux-99.99.99.tar.xz"):
        other.add(f"/zig/{name}", b"<html>")
    rows, summary = check(checker, url_of(other), status=1)
    assert summary["failed"] == 2 and [w for w, r in rows.items() if r["result"] == "FAILED"] == ["a name that is no Zig file", "a version that is none"]


def test_only_old_tls(checker, other):
    """The community's checker speaks TLS 1.3."""
    other.context.maximum_version = ssl.TLSVersion.TLSv1_2
    rows, summary = check(checker, url_of(other), status=1)
    assert rows[STABLE]["result"] == rows[NIGHTLY]["result"] == "FAILED" and summary["failed"] >= 4
    assert other.seen() == []


def test_a_mirror_of_both_families(checker, make_upstream, site, tmp_path):
    """Two servers on one port, one of each."""
    for _ in range(50):
        six, four = make_upstream(host="::1"), make_upstream()
        four.stop()
        four.port = six.port
        try:
            four.start()
            break
        except OSError:  # somebody else's
            continue
    for server in (four, six):
        for name in (STABLE, NIGHTLY):
            for path in (name, name + ".minisig"):
                server.add(f"/zig/{path}", site.body(path))
    hosts = tmp_path / "hosts"

    def ask(status=0):
        done = run(["unshare", "--mount", "sh", "-ec", 'mount --bind "$1" /etc/hosts; shift; exec "$@"', "sh", hosts,
                    checker.build / "pkgmirror-warm", "check", "--json", f"https://localhost:{four.port}/zig"],
                   status=status, env={"PKGMIRROR_CONFIG": str(checker.configuration), **checker.environment})
        *rows, summary = map(json.loads, done.stdout.splitlines())
        return {row["check"]: row for row in rows}, summary

    for addresses, result in (("127.0.0.1 localhost\n::1 localhost\n", ("good", "::1")), ("127.0.0.1 localhost\n", ("warn", "the host has no such address; the community's list wants both"))):
        hosts.write_text(addresses)
        rows, summary = ask()
        assert summary["failed"] == 0 and (rows["IPv4"]["result"], rows["IPv4"]["detail"]) == ("good", "127.0.0.1")
        assert (rows["IPv6"]["result"], rows["IPv6"]["detail"]) == result
    assert [r.method for r in six.seen()].count("HEAD") >= 1
    # It has the address, and nobody answers there.
    six.stop()
    hosts.write_text("127.0.0.1 localhost\n::1 localhost\n")
    rows, summary = ask(1)
    assert (rows["IPv4"]["result"], rows["IPv6"]["result"], summary["failed"]) == ("good", "FAILED", 1)


def test_nobody_there_and_no_upstream(checker, site):
    free = Port()
    rows, summary = check(checker, f"http://127.0.0.1:{free.number}/zig", status=1)
    assert rows[STABLE]["result"] == "FAILED" and "curl" in rows[STABLE]["detail"]
    free.close()
    site.upstream.stop()
    rows, _ = check(checker, "http://127.0.0.1:9/zig", status=1)
    assert rows["index.json of upstream"]["result"] == "FAILED"


def test_bad_arguments(checker):
    for wrong in ([], ["ftp://a/"], ["file:///etc/passwd"], ["-o/x"], ["http://a/{b}"], ["https://a", "https://b"]):
        checker.program("pkgmirror-warm", "check", *wrong, status=2)
    done = checker.program("pkgmirror-warm", "check", "http://127.0.0.1:9/", status=1, env={"PATH": "/nowhere"})
    assert "cannot run curl" in done.stdout
