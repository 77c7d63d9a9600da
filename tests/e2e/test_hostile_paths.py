"""Malformed names and hostile paths: refused without an upstream request, without a service, without a file touched."""

import os

import pytest

from lib.lighttpd import Lighttpd
from lib.zig import file_name

NAME = file_name("0.14.1")

# Raw targets, as they go over the wire.
TARGETS = {
    "encoded slash": f"/zig%2F{NAME}",
    "encoded slash in a version": f"/zig/0.14.1%2f{NAME}",
    "dots": f"/zig/../zig/../../{NAME}",
    "dots to passwd": "/zig/../../../../../../etc/passwd",
    "encoded dots": "/zig/%2e%2e/%2e%2e/etc/passwd",
    "half encoded dots": f"/zig/.%2e/{NAME}x",
    "dots twice encoded": f"/zig/%252e%252e/{NAME}",
    "one dot": "/zig/./.",
    "dots at the end": f"/zig/{NAME}/..",
    "the file as a folder": f"/zig/{NAME}/",
    "below the file": f"/zig/{NAME}/more",
    "NUL": f"/zig/{NAME}%00",
    "NUL inside": f"/zig/zig%00-{NAME}",
    "control byte": f"/zig/{NAME}%0a",
    "carriage return and field": f"/zig/{NAME}%0d%0aX-Evil:%201",
    "backslash": f"/zig/..%5c{NAME}",
    "raw backslash": f"/zig\\{NAME}",
    "delete": f"/zig/{NAME}%7f",
    "no escape": f"/zig/{NAME}%",
    "half an escape": f"/zig/{NAME}%4",
    "no hex": f"/zig/{NAME}%zz",
    "high bytes": "/zig/zig-\xff\xfe-0.14.1.tar.xz",
    "overlong slash": f"/zig%c0%af{NAME}",
    "utf-8": "/zig/zig-x86_64-l%C3%AFnux-0.14.1.tar.xz",
    "wide dots": "/zig/%EF%BC%8E%EF%BC%8E/etc/passwd",
    "8 KiB name": "/zig/zig-" + "a" * 8192 + "-linux-0.14.1.tar.xz",
    "7 KiB escapes": "/zig/" + "%61" * 2300,
    "300 bytes name": "/zig/zig-" + "a" * 300 + "-linux-0.14.1.tar.xz",
    "many segments": "/zig" + "/a" * 2000,
    "doubled signature": f"/zig/{NAME}.minisig.minisig",
    "signature of nothing": "/zig/.minisig",
    "doubled end": f"/zig/{NAME}.tar.xz",
    "other end": "/zig/zig-x86_64-linux-0.14.1.tar.gz",
    "upper case": "/zig/ZIG-x86_64-linux-0.14.1.tar.xz",
    "hash in upper case": "/zig/zig-x86_64-linux-0.15.0-dev.621+A63F7875F.tar.xz",
    "hash that is none": "/zig/zig-x86_64-linux-0.15.0-dev.621+xyzxyzxyz.tar.xz",
    "version without patch": "/zig/zig-x86_64-linux-0.14.tar.xz",
    "version with four": "/zig/zig-x86_64-linux-0.14.1.1.tar.xz",
    "version with zeros": "/zig/zig-x86_64-linux-0.014.1.tar.xz",
    "version that is huge": "/zig/zig-x86_64-linux-99999999999999999999.1.1.tar.xz",
    "version with a sign": "/zig/zig-x86_64-linux-+0.14.1.tar.xz",
    "release candidate": "/zig/zig-x86_64-linux-0.14.1-rc1.tar.xz",
    "no hash": "/zig/zig-x86_64-linux-0.15.0-dev.621.tar.xz",
    "space": f"/zig/{NAME}%20",
    "space before": f"/zig/%20{NAME}",
    "plus before": f"/zig/+{NAME}",
    "semicolon": f"/zig/{NAME};v=1",
    "shell": "/zig/zig-$(id)-linux-0.14.1.tar.xz",
    "sql": "/zig/zig-x86_64-linux-0.14.1.tar.xz'%20OR%20'1'='1",
    "format": "/zig/zig-%25s%25n-linux-0.14.1.tar.xz",
    "url in the path": "/zig/https://example.org/zig-x86_64-linux-0.14.1.tar.xz",
    "empty segment": f"/zig//{NAME}",
    "empty segments": f"//zig/{NAME}",
    "catalogue": "/catalog.db",
    "catalogue above": "/../catalog.db",
    "store": f"/store/zig/stable/0.14.1/{NAME}",
    "part": f"/part/zig/{NAME}",
    "part above": f"/zig/%2e%2e/%2e%2e/part/{NAME}",
    "socket": "/run/fetch.sock",
    "responder": "/_responder/zig/nothing",
    "offload place": f"/_files/zig/{NAME}",
    "prefix alone": "/zig/",
    "prefix look-alike": f"/ziggy/{NAME}",
    "unknown page": "/-/nothing",
    "page with a tail": "/-/health/..",
    "provenance of passwd": "/-/provenance/../../etc/passwd",
}
REFUSALS = (400, 404, 414, 431)

# The web server's own tidying is switched off, so that everything comes to the responder as it was sent.
RAW = """
server.http-parseopts = ( "header-strict" => "disable", "host-strict" => "disable", "url-normalize" => "disable" )
server.max-request-field-size = 16384
"""


def snapshot(mirror):
    """Every file below state_dir with size and time, but for the journal and the counters."""
    found = {}
    for place, _, names in os.walk(mirror.state):
        for name in names:
            path = os.path.join(place, name)
            stat = os.lstat(path)
            found[os.path.relpath(path, mirror.state)] = (stat.st_size, stat.st_mtime_ns)
    return {path: seen for path, seen in found.items() if not path.startswith("run/")}


def check(why, status, head, body):
    assert status in REFUSALS, (why, status, body)
    assert b"root:" not in body
    assert "x-evil" not in head.lower()


@pytest.mark.parametrize("extra", ["", RAW], ids=["tidied", "raw"])
def test_all_are_refused(make_mirror, site, mode, extra):
    mirror = make_mirror(front=Lighttpd(mode, extra=extra))
    mirror.get("/zig/nothing")
    before = snapshot(mirror)
    for why, target in TARGETS.items():
        if extra and why == "high bytes":
            continue  # lighttpd's own rewriting stumbles and answers nothing
        answer = mirror.get(target)
        assert answer.whole, why
        check(why, answer.status, str(answer.headers), answer.body)
    assert site.upstream.seen() == [] and site.upstream.connections == 0
    assert mirror.services() == []
    assert snapshot(mirror) == before


def test_all_are_refused_without_a_web_server(make_mirror, site):
    """No server's own care in front: a CGI, and the target as REQUEST_URI."""
    mirror = make_mirror()
    mirror.get("/zig/nothing")
    before = snapshot(mirror)
    for why, target in TARGETS.items():
        child = mirror.start_cgi(target.encode("latin-1"))
        out, err = child.communicate(timeout=60)
        head, body = out.split(b"\r\n\r\n", 1)
        assert child.returncode == 0, (why, err)
        assert err == b"", why
        check(why, int(head.split()[1]), head.decode(), body)
        assert body.count(b"\n") == 1, why
    assert site.upstream.seen() == [] and site.upstream.connections == 0
    assert mirror.services() == []
    assert snapshot(mirror) == before


@pytest.mark.parametrize("query", ["?../../etc/passwd", "?source=" + "a" * 5000, "?%00%ff", "?handed-off=1", "?source=a%0d%0ab"])
def test_query_changes_nothing(mirror, site, query):
    for _ in "cold", "warm":
        answer = mirror.get(f"/zig/{NAME}{query}")
        if answer.status in REFUSALS:
            assert len(query) > 4096 or "%" in query
        else:
            assert (answer.status, answer.body == site.body(NAME)) == (200, True)
