"""The limits of speed: of what a warm fetches, and of what verify reads. Asserted as upper bounds of bytes at a moment, which a slow
machine cannot break."""

import re
import time

import pytest

from lib import strace
from lib.lighttpd import Lighttpd
from lib.process import read_log
from lib.waiting import wait_until
from lib.warming import background, end
from lib.zig import ZigSite, file_name

LIMIT = 200_000
BUFFER = 100 * 1024  # that libcurl may read at once
PIECE = 256 * 1024   # that verify reads at once


@pytest.fixture
def big(upstream, signer):
    """A release of two files of a hundred seconds each at that limit."""
    site = ZigSite(upstream, signer)
    site.release("0.14.1", targets=())
    for target in ("src", "bootstrap"):
        site.index["0.14.1"][target] = site.add_file(file_name("0.14.1", target), "0.14.1", size=100 * LIMIT)
    return site


def test_a_warm_holds_its_bandwidth_and_a_person_lifts_it(make_mirror, big):
    mirror = make_mirror(front=Lighttpd(hits="self"), warmer={"bandwidth": f"{LIMIT}", "connections": 2, "since": ""})
    names = [file_name("0.14.1", target) for target in ("src", "bootstrap")]
    begun = time.monotonic()
    run = background(mirror, "--quiet")
    try:
        def bytes_here():
            size = sum(max(mirror.part_size(f"zig/{name}"), 0) for name in names)
            # The clock is read after the size: what came later does not count.
            assert size <= LIMIT * (time.monotonic() - begun + 2) + 2 * BUFFER
            return size

        wait_until(lambda: min(mirror.part_size(f"zig/{name}") for name in names) > 0, "both to begin")
        for _ in range(5):
            before = bytes_here()
            wait_until(lambda: bytes_here() > before + LIMIT // 4, "more to come")
        assert mirror.published() == [f"zig/{name}.minisig" for name in sorted(names)]
        # A person who asks for one of them has it, while the other still takes its time.
        assert mirror.get(f"/zig/{names[0]}").body == big.body(names[0])
        assert 0 < mirror.part_size(f"zig/{names[1]}") < 50 * LIMIT
        assert len(big.upstream.seen(big.path(names[0]))) == 1
    finally:
        end(run)


def test_verify_reads_no_faster_than_its_speed(make_mirror, site, tmp_path):
    mirror = make_mirror(front=Lighttpd(hits="self"))
    for version in ("0.14.1", "0.13.0"):
        for target in ("x86_64-linux", "aarch64-macos", "src"):
            path = f"zig/{file_name(version, target)}"
            assert mirror.get("/" + path).whole
            mirror.wait_published(path)
            mirror.wait_published(path + ".minisig")
    trace = tmp_path / "trace"
    assert strace.run(mirror, ["-ttt", "-y", "-e", "trace=pread64"], "verify", "--speed", "400k", output=trace) == 0
    reads = re.findall(r"^(\d+\.\d+) pread64\(\d+<[^>]*/store/[^>]*\.(?:tar\.xz|zip)>.*= (\d+)$", read_log(trace), re.MULTILINE)
    assert sum(int(count) for _, count in reads) >= 6 * 200_000
    total, begun = 0, float(reads[0][0])
    for at, count in reads:
        # The instant is that of the read's begin: what was read before it.
        assert total <= 400_000 * (float(at) - begun + 1) + PIECE
        total += int(count)
    # It does wait: without a limit all would have been read within the second that may be caught up with.
    assert float(reads[-1][0]) - begun >= (total - PIECE) / 400_000 - 1.5
