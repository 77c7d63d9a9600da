"""A disk with room for half: what matters most is there, the rest is told, nothing is torn. Needs root, for a mount."""

import json
import os
import pathlib
import subprocess

from lib.process import SANITIZERS
from lib.warming import summary, warm
from lib.zig import ZigSite, file_name

VERSIONS = ("0.16.0", "0.15.2", "0.14.1", "0.13.0")
SIZE = 1_000_000


def test_room_for_half(make_mirror, upstream, signer):
    site = ZigSite(upstream, signer)
    for version in VERSIONS:
        site.release(version, size=SIZE)
    mirror = make_mirror(start=False, warmer={"since": "", "connections": 3})
    place = mirror.state
    # The mount is the warmer's own, and that of the service it starts.
    script = (f'mount -t tmpfs -o size=13m tmpfs {place} && "$1" estimate --json >{mirror.folder}/estimate; echo $? >{mirror.folder}/status; '
              f'"$@"; status=$?; cp -a {place} {mirror.folder}/after; exit $status')
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script, "sh", str(mirror.build / "pkgmirror-warm"), "--json"],
        env={**os.environ, **SANITIZERS, "PKGMIRROR_CONFIG": str(mirror.configuration)}, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=120,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    estimate = json.loads((mirror.folder / "estimate").read_text().splitlines()[-1])
    assert (mirror.folder / "status").read_text() == "1\n" and estimate["fits"] is False
    assert estimate["files_lacking"] == 40 and estimate["bytes_usable"] < estimate["bytes_lacking"] == 20 * SIZE
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    total = lines[-1]
    ended = {line["path"].removeprefix("zig/"): line["state"] for line in lines if line["event"] == "file"}
    after = pathlib.Path(mirror.folder, "after")
    published = sorted(path.name for path in (after / "public/zig").iterdir())

    assert total["files_failed"] == 0 and total["files_unfit"] > 0
    assert published == sorted(name for name, state in ended.items() if state == "fetched")
    newest = [name for name in published if "-0.16.0." in name]
    assert len(newest) == 10, "the newest release is whole"
    assert not any("-0.13.0." in name and not name.endswith(".minisig") for name in published)
    for name in published:
        assert (after / "public/zig" / name).read_bytes() == site.body(name)
        if not name.endswith(".minisig"):
            assert name + ".minisig" in published
    assert 8 <= sum(not name.endswith(".minisig") for name in published) <= 13
    assert [path for path in (after / "part").rglob("*") if path.is_file()] == []
    # What did not fit was not begun.
    begun = {path.rsplit("/", 1)[1] for path in upstream.paths()}
    assert begun & {name for name, state in ended.items() if state == "unfit"} == set()
    assert ended[file_name("0.13.0", "bootstrap")] == "unfit"


def test_max_bytes_bounds_what_is_warmed(make_mirror, upstream, signer):
    site = ZigSite(upstream, signer)
    for version in VERSIONS:
        site.release(version, size=100_000)
    site.release("0.17.0-dev.5+abcdef012", size=100_000)
    mirror = make_mirror(start=False, warmer={"since": "", "classes": ["stable", "dev"], "max_bytes": 1_250_000})
    lines = warm(mirror, status=1)
    assert summary(lines)["files_failed"] == 0 and summary(lines)["files_unfit"] == 20 - 12
    assert summary(lines)["files_waiting"] == 0, "a signature that waits for its file did not fail"
    # The nightly is the newest; the others count without it, since it gives way to them.
    names = [path for path in mirror.published() if not path.endswith(".minisig")]
    assert sum("-dev." in name for name in names) == 5
    assert sum("-0.16.0." in name for name in names) == 5 and not any("-0.13.0." in name for name in names)
    assert len(names) == 5 + 12
