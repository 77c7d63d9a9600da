"""A hundred thousand names that do not exist, asked for one after the other as fast as it goes: memory, catalogue and disk stay within
bounds that have nothing to do with how many names were asked for.

PKGMIRROR_NAMES=N: how many of them reach upstream (which says 404), default 3,000. docs/reliability.md has the figures of all."""

import os
import pathlib
import sqlite3
import time

from lib.bare import Bare, flood
from lib.figures import figure

NAMES = 100_000
UPSTREAM = int(os.environ.get("PKGMIRROR_NAMES", "3000"))
ROWS_MAX = 10_000 + 64  # of negative entries: what the catalogue keeps, and what it removes at once
RULES = """
package "demo" {{ path = "/demo/{{ref}}.tar.gz" upstream = "{origin}/demo/{{ref}}" }}
package "forge" {{ path = "/forge/{{owner}}/{{repo}}/{{ref}}.tar.gz" upstream = "{origin}/forge/{{owner}}/{{repo}}/{{ref}}" allow = {{"zig*/*"}} }}
artifact "tool" {{ path = "/tool/{{version}}/{{file}}" upstream = "{origin}/tool/{{version}}/{{file}}" }}
"""

# Names that a rule refuses, each for another reason.
REFUSED = (
    "/zig/no-zig-{}.tar.xz", "/zig/zig-x86_64-linux-0.{}.tar.xz", "/zig/0.14.1/zig-x86_64-linux-0.15.{}.tar.xz", "/nothing/{}", "/demo/branch-{}.tar.gz",
    "/forge/other/repo{}/v1.0.0.tar.gz", "/tool/1.0.0/%2e{}", "/-/page{}", "/zig/zig-x86_64-linux-0.14.1.tar.xz/{}", "/%00{}", "/zig/{}/" + "a" * 900,
)
# Names that only upstream can say no to. A toolchain file is two: its signature is asked for, too.
ABSENT = (
    "/demo/{:040x}.tar.gz", "/tool/1.0.{}/tool.bin", "/forge/zig{}/repo/v1.0.0.tar.gz", "/tool/1.0.0/tool{}.bin", "/zig/zig-x86_64-linux-0.14.{}.tar.xz",
    "/forge/zig/repo{}/v1.0.0.tar.gz", "/demo/v1.{}.0.tar.gz", "/zig/zig-x86_64-linux-0.15.0-dev.{}+abcdef012.tar.xz",
)


def names(forms, first, count):
    return [forms[i % len(forms)].format(i) for i in range(first, first + count)]


def memory_kib(pid):
    return next(int(line.split()[1]) for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS"))


def figures(mirror):
    """What a stranger could make grow."""
    service, responder = mirror.service(), mirror.responder()
    sizes = {name: (mirror.state / name).stat().st_size for name in ("catalog.db", "catalog.db-wal")}
    tables = [row["name"] for row in mirror.rows("SELECT name FROM sqlite_schema WHERE type = 'table' AND name <> 'fetch'")]
    return {
        "responder KiB": memory_kib(responder), "service KiB": memory_kib(service), **{f"{name} bytes": size for name, size in sizes.items()},
        "logs bytes": sum(path.stat().st_size for path in (mirror.state / "run").glob("*.log*")),
        "files and folders": sum(len(folders) + len(files) for _, folders, files in os.walk(mirror.state)),
        "rows of fetch": mirror.rows("SELECT count(*) AS n FROM fetch")[0]["n"],
        "rows of other tables": sum(mirror.rows(f'SELECT count(*) AS n FROM "{table}"')[0]["n"] for table in tables),
    }


def show(what, found):
    figure(f"{what}: " + ", ".join(f"{name} {number:,}" for name, number in found.items()))


def remember(mirror, count):
    """As many negative entries as an earlier hour of this would have left."""
    now = int(time.time())
    with sqlite3.connect(mirror.state / "catalog.db", timeout=30) as db:
        db.executemany(
            "INSERT INTO fetch (path, url, state, class, reason, started_at, updated_at, until) VALUES (?, ?, 'failed', 'absent', ?, ?, ?, ?)",
            [(f"demo/v9.{i}.0.tar.gz", "https://localhost/", "upstream answered 404" + " " * 100, now, now, now + 60) for i in range(count)])
    db.close()


def test_names_that_do_not_exist_leave_nothing_that_grows(make_mirror, site, plain_build):
    upstream = site.upstream
    mirror = make_mirror(front=Bare(), build=plain_build, extra=RULES.format(origin=upstream.origin), fetch_linger="60s")

    def ask(targets):
        return flood(mirror.front.socket, targets)

    assert mirror.front.ask("/zig/index.json").status == 200
    # Once around, so that everything that is made once is made; and the table nearly full.
    warmed = UPSTREAM // 3
    ask(names(ABSENT, 0, warmed) + names(REFUSED, 0, 1000))
    remember(mirror, ROWS_MAX - 64 - UPSTREAM // 3)
    assert ask(names(ABSENT, warmed, UPSTREAM // 3)) == {"404": UPSTREAM // 3}
    before = figures(mirror)
    show("before", before)
    reached = 2 * (UPSTREAM // 3)
    begun = time.monotonic()
    counts = ask(names(ABSENT, reached, UPSTREAM - reached))
    seconds = time.monotonic() - begun
    figure(f"{UPSTREAM - reached:,} names that reach upstream: {seconds:.1f} s")
    begun = time.monotonic()
    for status, count in ask(names(REFUSED, 1000, NAMES - UPSTREAM - 1000)).items():
        counts[status] = counts.get(status, 0) + count
    figure(f"{NAMES - UPSTREAM - 1000:,} names that a rule refuses: {time.monotonic() - begun:.1f} s")
    after = figures(mirror)
    show("after", after)
    assert counts == {"404": NAMES - 1000 - reached}
    assert len({r.path for r in upstream.seen()} - {"/download/index.json", "/download/community-mirrors.txt"}) >= UPSTREAM

    assert before["rows of fetch"] >= ROWS_MAX - 500
    assert after["rows of fetch"] <= ROWS_MAX
    for name in ("rows of other tables", "files and folders"):
        assert after[name] <= before[name] + 2, name  # a log that began anew
    assert after["responder KiB"] < 8 * 1024 and after["responder KiB"] - before["responder KiB"] < 2 * 1024
    assert after["service KiB"] < 40 * 1024 and after["service KiB"] - before["service KiB"] < 6 * 1024
    # Its pages are used again.
    assert after["catalog.db bytes"] < 16 << 20 and after["catalog.db bytes"] - before["catalog.db bytes"] < 1 << 20
    assert after["catalog.db-wal bytes"] < 8 << 20
    assert after["logs bytes"] < 3 << 20
    assert mirror.parts() == [] and mirror.published() == [] and mirror.files("quarantine") == [] and os.listdir(mirror.state / "part") == []
    # And it is as well as before.
    name = next(name for name in site.places if name.endswith("linux-0.14.1.tar.xz"))
    assert mirror.front.ask(f"/zig/{name}").body == site.body(name)
