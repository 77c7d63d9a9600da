"""pkgmirror-warm: what should be here comes, once, in order, and nothing is done twice."""

import collections
import hashlib
import json
import os
import posixpath
import signal

import pytest

from lib.process import is_alive
from lib.waiting import wait_until
from lib.zig import DATA, ZigSite, file_name

INDEXES = ("/download/index.json", "/download/community-mirrors.txt")


def warm(mirror, *arguments, status=0):
    """Runs pkgmirror-warm and returns its JSON lines."""
    done = mirror.program("pkgmirror-warm", "--json", *arguments, status=status)
    return [json.loads(line) for line in done.stdout.splitlines()]


def summary(lines):
    assert lines[-1]["event"] == "summary"
    return lines[-1]


def snapshot(mirror):
    """Everything that a write would change: files with sizes and times, rows, the size of the WAL. The service's log and the
    times of the documents' links, which say when they were last compared, may move."""
    files = {}
    for place, _, names in os.walk(mirror.state):
        for name in names:
            path = os.path.join(place, name)
            info = os.lstat(path)
            if not name.startswith("fetch.log") and not name.endswith("-shm") and not os.path.islink(path):
                files[path] = (info.st_size, info.st_mtime_ns)
            if os.path.islink(path):
                files[path] = os.readlink(path)
    tables = [row["name"] for row in mirror.rows("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")]
    return files, {table: mirror.rows(f"SELECT * FROM {table}") for table in tables}


@pytest.fixture
def real(upstream, signer):
    """The real index of ziglang.org, and Mach's at /mach/index.json, with small files: every stable and nominated one."""
    site = ZigSite(upstream, signer).load()
    text = (DATA / "machengine-index.json").read_text().replace("https://pkg.machengine.org/zig", upstream.origin + "/mach")
    nominated = json.loads(text.replace("https://ziglang.org", upstream.origin))
    for release in nominated.values():
        for item in release.values():
            if isinstance(item, dict) and "tarball" in item:
                name = posixpath.basename(item["tarball"])
                place = item.get("zigTarball", item["tarball"]).removeprefix(upstream.origin)
                if name not in site.places:
                    site.add_file(name, "", size=2000, place=place)
                body = site.body(name)
                item.update(shasum=hashlib.sha256(body).hexdigest(), size=str(len(body)))
    upstream.add("/mach/index.json", json.dumps(nominated).encode(), type="application/json")
    return site


def times_asked(upstream):
    """How often each file was asked for, by name."""
    return collections.Counter(posixpath.basename(path) for path in upstream.paths())


def make_real(make_mirror, upstream, **options):
    return make_mirror(
        toolchains={"nominated_index": upstream.origin + "/mach/index.json"},
        warmer={"since": "", "classes": ["stable", "nominated"]}, **options)


def test_all_of_the_real_documents_each_file_once(make_mirror, upstream, real):
    mirror = make_real(make_mirror, upstream)
    lines = warm(mirror)
    listed = sorted(real.places)
    assert len(listed) > 600
    assert mirror.published() == ["zig/" + name for name in listed]
    for name in listed:
        assert (mirror.state / "public/zig" / name).read_bytes() == real.body(name)
    assert {name: count for name, count in times_asked(upstream).items() if count != 1 or name not in listed} == {
        "index.json": 2, "community-mirrors.txt": 1}
    assert summary(lines)["files_fetched"] == len(listed) and summary(lines)["files_failed"] == 0
    assert {row["verdict"] for row in mirror.rows("SELECT verdict FROM entry")} == {"signed"}
    assert len(mirror.rows("SELECT path FROM entry WHERE class = 'nominated'")) > 100
    assert mirror.rows("SELECT * FROM want") == [] and mirror.parts() == []
    assert upstream.connections < 30, "connections are reused"
    # Newest release first: a stable one before all nightlies of its predecessors.
    order = [posixpath.basename(path) for path in upstream.paths() if path.endswith((".xz", ".zip"))]
    assert max(map(order.index, (n for n in order if "-0.15.2." in n))) < min(map(order.index, (n for n in order if "-0.14.1." in n)))

    # Again: conditional requests of the documents, and no write.
    upstream.forget()
    before = snapshot(mirror)
    again = summary(warm(mirror))
    assert again["files_fetched"] == 0 and again["files_here"] == len(listed)
    assert sorted(upstream.paths()) == sorted([*INDEXES, "/mach/index.json"])
    assert [r.status for r in upstream.seen()] == [304] * 3
    assert snapshot(mirror) == before
