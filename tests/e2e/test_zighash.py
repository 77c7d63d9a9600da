"""The Zig package hash, compared with what the real zig prints. A package either has the very same hash or none."""

import concurrent.futures

import pytest

from lib.odd_packages import NAMES, UNJUDGED, VERSIONS, odd_shapes
from lib.packages import shapes
from lib.process import BUILD, run
from lib.zigs import older_zig, zig

# Where zig has a hash and we had rather not: several streams, of which it reads the first; a manifest or a folder that is a link; a
# word of another Zig, a number at the edge, a field that stands twice, values that no manifest has.
NOT_SURE = {
    "two-streams-between-files.tar.gz", "zeros-behind.tar.gz", "two-streams.tar.xz", "manifest-link.tar.gz", "link-on-the-way.tar.gz",
    f"name-{NAMES.index('async')}.tar.gz", f"version-{VERSIONS.index('18446744073709551615.0.0')}.tar.gz", "field-version-twice.tar.gz",
    "field-call.tar.gz", "field-address.tar.gz",
}


@pytest.fixture(scope="module")
def archives(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shapes")
    paths = {}
    for name, data in [*shapes(), *odd_shapes()]:
        assert name not in paths
        paths[name] = folder / name
        paths[name].write_bytes(data)
    return paths


@pytest.fixture(scope="module")
def ours(archives):
    """name -> (hash, multihash, reason)"""
    run(["make", "-s", "-C", BUILD, "tests/tools/zighash"], timeout=300)
    lines = run([BUILD / "tests/tools/zighash", *archives.values()]).stdout.splitlines()
    found = {name: line.split("\t")[1:] for name, line in zip(archives, lines, strict=True)}
    assert all(len(fields) == 3 and bool(fields[2]) != bool(fields[0] or fields[1]) for fields in found.values())
    return found


def fetch_all(program, archives, names):
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        return dict(zip(names, pool.map(lambda name: program.fetch(archives[name]), names)))


def test_hash_is_what_zig_fetch_prints(archives, ours):
    printed = fetch_all(zig(), archives, list(archives))
    equal, wrong = [], []
    for name, (text, complaint) in printed.items():
        if ours[name][0] == text:
            equal += [name] if text else []
        elif not (name in NOT_SURE and not ours[name][0]) and not (name in UNJUDGED and not text):
            wrong.append((name, ours[name], text or complaint))
    assert wrong == []
    assert len(equal) >= 110
    assert all(printed[name][0] for name in NOT_SURE)


def test_multihash_is_what_an_older_zig_fetch_prints(archives, ours):
    names = [name for name, fields in ours.items() if fields[1]]
    printed = fetch_all(older_zig(), archives, names)
    assert [(name, ours[name][1], printed[name]) for name in names if ours[name][1] != printed[name][0]] == []
    assert len(names) >= 18
