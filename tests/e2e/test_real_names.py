"""Every file that real index documents name can be had through the mirror, from the URL that its document names."""

import posixpath
from concurrent.futures import ThreadPoolExecutor

import pytest

from lib.zig import ZigSite

WORKERS = 8


def real_files(index, origin):
    """Name and path of every file that the document names; where a release and master name the same file, the release's."""
    found = {}
    for key, release in sorted(index.items(), key=lambda item: item[0] != "master"):
        for item in release.values():
            if isinstance(item, dict) and "tarball" in item:
                found[posixpath.basename(item["tarball"])] = item["tarball"].removeprefix(origin)
    return found


@pytest.mark.parametrize("document", ["ziglang-index-2025-10-11.json", "ziglang-index-2025-05-20.json"])
def test_every_file_comes_from_its_place(make_mirror, upstream, signer, document):
    site = ZigSite(upstream, signer).load(document)
    wanted = real_files(site.index, upstream.origin)
    assert len(wanted) > 200
    mirror = make_mirror(max_fetches=16)
    assert mirror.get("/zig/index.json").status == 200

    def fetch(name):
        return name, mirror.get(f"/zig/{name}"), mirror.get(f"/zig/{name}.minisig")

    with ThreadPoolExecutor(WORKERS) as pool:
        for name, file, signature in pool.map(fetch, wanted):
            assert (file.status, file.body == site.body(name)) == (200, True), name
            assert (signature.status, signature.body == site.body(name + ".minisig")) == (200, True), name
    asked = {path for path in upstream.paths() if path not in ("/download/index.json", "/download/community-mirrors.txt")}
    assert asked == {place + end for place in wanted.values() for end in ("", ".minisig")}
    entries = {row["path"]: row["verdict"] for row in mirror.rows("SELECT path, verdict FROM entry")}
    assert entries == {f"zig/{name}{end}": "signed" for name in wanted for end in ("", ".minisig")}
