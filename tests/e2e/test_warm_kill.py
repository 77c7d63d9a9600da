"""Warmer and service killed at ten random moments: the end is the same, and nothing that was finished is fetched again."""

import random
import signal

import pytest

from lib.process import end_process
from lib.waiting import wait_until
from lib.warming import background, end, summary, warm
from lib.zig import ZigSite, file_name

KILLS = 10


@pytest.fixture
def slow(upstream, signer):
    """Thirty files of 0.1 MB that take a while."""
    site = ZigSite(upstream, signer)
    for version in ("0.16.0", "0.15.2", "0.15.1", "0.14.1", "0.14.0", "0.13.0"):
        site.release(version, size=100_000)
    for name, place in site.places.items():
        if not name.endswith(".minisig"):
            upstream.change(place, rate=250_000)
    return site


def finished(mirror, site):
    """Names of files that need no byte from upstream any more."""
    found = {path.removeprefix("zig/") for path in mirror.published()}
    for path in mirror.parts():
        name = path.removeprefix("zig/")
        if name in site.places and mirror.part_size(path) == len(site.body(name)):
            found.add(name)
    return found


def test_kills(make_mirror, upstream, slow):
    mirror = make_mirror(warmer={"since": "", "connections": 4})
    total = sum(len(slow.body(name)) for name in slow.places)
    chance = random.Random(4711)
    moments = sorted(chance.uniform(0.01, 0.9) for _ in range(KILLS))
    state = []  # what was finished at each kill, and how many requests there had been
    for moment in moments:
        run = background(mirror, "--quiet")
        try:
            wait_until(lambda: sum(r.sent for r in upstream.seen()) >= moment * total, "bytes to have come")
            assert run.poll() is None
        finally:
            victims = [lambda: end(run), lambda: [end_process(pid, 9) for pid in mirror.services()]]
            chance.shuffle(victims)
            for kill in victims:
                kill()
        # What the upstream still has in hand for the dead goes nowhere.
        wait_until(lambda: all(r.done for r in upstream.seen()), "the upstream to notice")
        state.append((finished(mirror, slow), len(upstream.seen())))
    lines = warm(mirror)
    assert summary(lines)["files_failed"] == 0

    assert mirror.published() == sorted("zig/" + name for name in slow.places)
    for name in slow.places:
        assert (mirror.state / "public/zig" / name).read_bytes() == slow.body(name)
    # A link that was not given its name yet stays until it is swept.
    assert [path for path in mirror.parts() if not path.startswith(".link-")] == [] and mirror.files("quarantine") == []
    assert mirror.rows("SELECT * FROM want") == [] and mirror.rows("SELECT * FROM fetch") == []
    assert sorted(row["path"] for row in mirror.rows("SELECT path FROM entry")) == mirror.published()
    assert {row["verdict"] for row in mirror.rows("SELECT verdict FROM provenance")} == {"signed"}
    requests = upstream.seen()
    for done, count in state:
        again = {r.path.rsplit("/", 1)[1] for r in requests[count:]} & done
        assert again == set(), "asked for again after it was whole"
    assert any("range" in r.headers for r in requests), "a torn part was gone on with"
    assert len(state[-1][0]) > len(state[0][0])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_leaves_parts_that_are_gone_on_with(make_mirror, upstream, site, number):
    """It ends while its transfers are in their middle; the service ends, too; the next run asks for the rest of them only."""
    mirror = make_mirror(start=False, warmer={"since": "0.14.0", "connections": 2}, fetch_linger="60s")
    names = [file_name("0.14.1", target) for target in ("aarch64-macos", "x86_64-linux")]
    gates = [upstream.hold(site.path(name), at=120_000) for name in names]
    run = background(mirror, "--quiet")
    try:
        for name, gate in zip(names, gates):
            gate.wait()
            wait_until(lambda: mirror.part_size("zig/" + name) == 120_000, "what came so far")
        run.send_signal(number)
        assert run.wait(30) == 1 and mirror.log("warm.log") == ""
    finally:
        end(run)
    mirror.kill_service(signal.SIGTERM)
    assert [mirror.part_size("zig/" + name) for name in names] == [120_000] * 2
    assert not {"zig/" + name for name in names} & set(mirror.published())
    # Before it goes on: it would send a piece to nobody.
    wait_until(lambda: all(r.done for r in upstream.seen()), "the upstream to notice")
    for gate in gates:
        gate.release()
    assert summary(warm(mirror))["files_failed"] == 0
    for name in names:
        assert [(r.status, r.headers.get("range"), r.sent) for r in upstream.seen(site.path(name))] == [
            (200, None, 120_000), (206, "bytes=120000-", 80_000)]
        assert (mirror.state / "public/zig" / name).read_bytes() == site.body(name)
    assert len(mirror.published()) == 10 and mirror.parts() == []


@pytest.mark.parametrize("arguments", [["warm"], ["--watch"], ["--no-sandbox"], ["estimate"]])
def test_a_stop_is_heard_while_the_service_starts(make_mirror, site, tmp_path, arguments):
    """A service that hangs in its start is waited for, ten seconds; who is asked to stop does not wait for that."""
    mirror = make_mirror(start=False)
    hangs = tmp_path / "hangs"
    hangs.write_text(f"#!/bin/sh\necho $$ >{tmp_path}/pid\nexec sleep 1000\n")
    hangs.chmod(0o755)
    run = background(mirror, *arguments, env={"PKGMIRROR_FETCH": str(hangs)})
    try:
        wait_until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text().endswith("\n"), "the start")
        run.send_signal(signal.SIGTERM)
        assert run.wait(30) == (0 if "--watch" in arguments else 1)
        # It says nothing, above all not that the time was over.
        assert [line for line in mirror.log("warm.log").splitlines() if "sandbox" not in line] == []
    finally:
        end(run)
        end_process(int((tmp_path / "pid").read_text()), signal.SIGKILL)
