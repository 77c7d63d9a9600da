"""`pkgmirror-warm fold`: what people asked for, from the journal and from access logs, each answer once."""

import json
import os
import time

import pytest

from lib.lighttpd import Lighttpd
from lib.waiting import wait_until
from lib.zig import file_name

NAME = file_name("0.14.1")
PATH = f"zig/{NAME}"
OTHER = f"zig/{file_name('0.13.0')}"
COMBINED = 'accesslog.format := "%h %V %u %t \\"%r\\" %>s %b \\"%{{Referer}}i\\" \\"%{{User-Agent}}i\\""\n'.replace("{{", "{").replace("}}", "}")


def hits(mirror):
    """Answers and bytes by path and source."""
    rows = mirror.rows("SELECT path, source, sum(count) AS count, sum(bytes) AS bytes FROM hit GROUP BY path, source")
    return {(row["path"], row["source"]): (row["count"], row["bytes"]) for row in rows if row["count"]}


def fold(mirror, *logs, status=0):
    result = json.loads(mirror.program("pkgmirror-warm", "fold", "--json", *logs, status=status).stdout)
    assert result.pop("event") == "summary"
    return result


def combined(path, status=200, size=10, agent="curl/8.5", day="10/Oct/2025", second=0, source=None, method="GET"):
    query = f"?source={source}" if source else ""
    return f'192.0.2.1 - - [{day}:13:55:{second:02} +0000] "{method} /{path}{query} HTTP/1.1" {status} {size} "-" "{agent}"\n'


@pytest.mark.parametrize("hits_by", ["static", "offload", "self"])
def test_an_answer_in_journal_and_log_counts_once(make_mirror, site, hits_by):
    mirror = make_mirror(front=Lighttpd("fastcgi", hits=hits_by, extra=COMBINED))
    for _ in range(3):
        assert mirror.get(f"/{PATH}?source=tool").status == 200
    mirror.get(f"/{PATH}")
    mirror.head(f"/{PATH}")
    mirror.get(f"/{PATH}", {"User-Agent": "examplebot/1.0"})
    mirror.get(f"/download/0.14.1/{NAME}?source=alias")
    mirror.get("/zig/nothing.zip")
    mirror.get("/zig/index.json")
    # The responder collects lines for a second; the harness does not let it end in peace.
    journal, lines = mirror.state / "run/hits.log", {"static": 2, "offload": 7, "self": 7}[hits_by]
    wait_until(lambda: journal.exists() and journal.read_text().count("\n") >= lines, f"{lines} lines of the journal")
    mirror.front.stop()
    size = len(site.body(NAME))
    expected = {(PATH, "tool"): (3, 3 * size), (PATH, "-"): (2, size), (PATH, "alias"): (1, size)}

    first = fold(mirror)
    assert first["hits"] == lines
    result = fold(mirror, mirror.logs / "access.log")
    assert (result["hits"], result["bots"], result["errors"], result["unreadable"]) == (6, 1, 1, 0)
    assert hits(mirror) == expected
    entry, = mirror.rows("SELECT hits, last_hit_at FROM entry WHERE path = ?", PATH)
    assert entry["hits"] == 6 and abs(entry["last_hit_at"] - time.time()) < 600
    assert mirror.rows("SELECT kind, status, count, bytes FROM hit_apart ORDER BY kind") == [
        {"kind": "bot", "status": 200, "count": 1, "bytes": size},
        {"kind": "error", "status": 404, "count": 1, "bytes": mirror.rows("SELECT bytes FROM hit_apart WHERE kind = 'error'")[0]["bytes"]},
    ]
    again = fold(mirror, mirror.logs / "access.log")
    assert set(again.values()) == {0}
    assert hits(mirror) == expected


def test_the_order_of_journal_and_log_does_not_matter(make_mirror, site):
    mirror = make_mirror(start=False)
    (mirror.state / "run").mkdir()
    day = 1760104536  # 2025-10-10
    (mirror.state / "run/hits.log").write_text("")
    log = mirror.folder / "a.log"
    log.write_text(combined(PATH, size=5) * 3)
    assert fold(mirror, log)["hits"] == 3
    (mirror.state / "run/hits.log").write_text(f"{day}\t{PATH}\t-\t200\t5\n" * 2)
    assert fold(mirror)["hits"] == 2
    assert hits(mirror) == {(PATH, "-"): (3, 15)}


def test_a_log_is_known_after_a_rotation(make_mirror):
    mirror = make_mirror(start=False)
    log, old, older = (mirror.folder / name for name in ("access.log", "access.log.1", "access.log.2"))
    log.write_text(combined(PATH, second=1))
    fold(mirror, log)
    with open(log, "a") as more:
        more.write(combined(PATH, second=2))
    # By renaming: what was not read yet is read from the old one.
    log.rename(old)
    log.write_text(combined(OTHER, second=3) + combined(OTHER, second=4)[:40])
    assert fold(mirror, log, old)["hits"] == 2
    # The rest of a line that was being written.
    with open(log, "a") as more:
        more.write(combined(OTHER, second=4)[40:])
    assert fold(mirror, old, log)["hits"] == 1
    # By copying and truncating: another inode with what was read, the old inode with something new.
    old.rename(older)
    old.write_bytes(log.read_bytes())
    inode = log.stat().st_ino
    os.truncate(log, 0)
    with open(log, "r+") as new:
        new.write(combined(OTHER, second=5) * 4)
    assert log.stat().st_ino == inode
    assert fold(mirror, older, old, log)["hits"] == 4
    assert fold(mirror, older, old, log, log)["hits"] == 0
    assert hits(mirror) == {(PATH, "-"): (2, 20), (OTHER, "-"): (6, 60)}


def test_formats_of_other_servers(make_mirror):
    mirror = make_mirror(start=False)
    caddy = {"level": "info", "ts": 1760104536.5, "logger": "http.log.access.log0", "msg": "handled request",
             "request": {"remote_ip": "192.0.2.1", "proto": "HTTP/2.0", "method": "GET", "host": "a", "uri": f"/{PATH}?source=x",
                         "headers": {"User-Agent": ["curl/8.5"]}, "tls": {"resumed": False}},
             "bytes_read": 0, "duration": 0.01, "size": 10, "status": 200, "resp_headers": {"Server": ["Caddy"]}}
    log = mirror.folder / "mixed.log"
    log.write_text(
        combined(PATH, source="x")                                          # nginx, Apache
        + combined(PATH, source="x").replace("- - [", "pkg.example.org - [")  # lighttpd
        + "pkg.example.org:443 " + combined(PATH, source="x")               # Apache: vhost_combined
        + json.dumps(caddy) + "\n"
        + combined(PATH, status=206, source="x", method="HEAD")
        + combined(PATH, source="x", method="POST") + combined(PATH, status=301)
        + combined("zig/index.json") + combined(f"zig/{NAME.replace('linux', '%6Cinux')}", source="x")
        + combined(PATH, source="x", agent="Mozilla/5.0 (compatible; Googlebot/2.1)")
        + combined(PATH, status=502) + combined("wp-login.php", status=404)
        + "what is this\n" + '192.0.2.1 - - [10/Oct/2025:13:55:36 +0000] "\\x16\\x03" 400 0 "-" "-"\n' + "x" * 100_000 + "\n")
    result = fold(mirror, log)
    assert result == {"hits": 6, "bots": 1, "errors": 2, "others": 3, "unreadable": 3}
    assert hits(mirror) == {(PATH, "x"): (6, 60)}
    assert mirror.rows("SELECT day FROM hit") == [{"day": "2025-10-10"}]


def test_a_large_journal_is_rotated_without_losing_a_line(make_mirror):
    mirror = make_mirror(start=False)
    (mirror.state / "run").mkdir()
    journal, old = mirror.state / "run/hits.log", mirror.state / "run/hits.log.1"
    line = f"1760104536\t{PATH}\t-\t200\t1\n"
    count = 5_000_000 // len(line)
    journal.write_text(line * count)
    assert fold(mirror)["hits"] == count
    assert not journal.exists() and old.exists()
    # A responder that had the old one open.
    with open(old, "a") as late:
        late.write(line)
    journal.write_text(line.replace("36\t", "37\t") * 2)
    assert fold(mirror)["hits"] == 3
    assert hits(mirror) == {(PATH, "-"): (count + 3, count + 3)}


def test_what_is_no_log_is_told(make_mirror):
    mirror = make_mirror(start=False)
    (mirror.folder / "a.gz").write_bytes(b"\x1f\x8b\x08\x00abc")
    (mirror.folder / "empty.log").write_bytes(b"")
    done = mirror.program("pkgmirror-warm", "fold", mirror.folder / "a.gz", mirror.folder / "none", mirror.folder, status=1)
    assert "zcat" in done.stderr and "No such file" in done.stderr and "not a regular file" in done.stderr
    assert fold(mirror, mirror.folder / "empty.log")["hits"] == 0
    log = mirror.folder / "a.log"
    log.write_text(combined(PATH))
    assert json.loads(mirror.program("pkgmirror-warm", "--dry-run", "--json", "fold", log).stdout)["hits"] == 1
    assert hits(mirror) == {}
