"""index.json and community-mirrors.txt: upstream's, with the tarballs here, fresh by index_ttl, stale rather than absent."""

import json
import posixpath
from concurrent.futures import ThreadPoolExecutor

import pytest

from lib.lighttpd import Lighttpd
from lib.refusals import check_refusal
from lib.waiting import wait_until
from lib.zig import file_name

INDEX = "/download/index.json"
MIRRORS = "/download/community-mirrors.txt"
NAME = file_name("0.14.1")


@pytest.fixture
def brief(make_mirror, site, mode):
    """A mirror whose documents are due after a second."""
    return make_mirror(front=Lighttpd(mode), toolchains={"index_ttl": "1s"})


def tarballs(document):
    return [item["tarball"] for release in document.values() for item in release.values() if isinstance(item, dict) and "tarball" in item]


def asked_again(mirror, site, path=INDEX, target="/zig/index.json"):
    """Asks the mirror until it has asked upstream for the document once more."""
    before = len(site.upstream.seen(path))
    wait_until(lambda: mirror.get(target).status == 200 and len(site.upstream.seen(path)) > before, f"{path} to be asked for again")


def test_tarballs_are_on_this_mirror(mirror, site):
    answer = mirror.get("/zig/index.json")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/json"
    ours = json.loads(answer.body)
    assert list(ours) == list(site.index)
    for key, release in site.index.items():
        for target, item in release.items():
            if isinstance(item, dict):
                assert ours[key][target]["zigTarball"] == item["tarball"]
                assert ours[key][target]["tarball"] == f"{mirror.url}/zig/{posixpath.basename(item['tarball'])}"
                assert ours[key][target]["shasum"] == item["shasum"]
                assert ours[key][target]["size"] == item["size"]
            else:
                assert ours[key][target] == item


def test_what_it_names_can_be_had(mirror, site):
    names = [posixpath.basename(url) for url in tarballs(site.index)]
    for url in tarballs(json.loads(mirror.get("/zig/index.json").body)):
        name = posixpath.basename(url)
        answer = mirror.get(url.removeprefix(mirror.url))
        assert (answer.status, answer.body == site.body(name)) == (200, True), name
        names.remove(name)
    assert names == []


def test_it_is_asked_for_once_and_then_kept(mirror, site):
    first = mirror.get("/zig/index.json")
    for target in ("/zig/index.json", "/download/index.json", "/zig/index.json?source=tests"):
        assert mirror.get(target).body == first.body
    assert len(site.upstream.seen(INDEX)) == 1
    assert "max-age=" in first.headers["Cache-Control"] and "immutable" not in first.headers["Cache-Control"]


def test_conditional_and_head(mirror, site):
    first = mirror.get("/zig/index.json")
    tag = first.headers["ETag"]
    same = mirror.get("/zig/index.json", {"If-None-Match": tag})
    assert (same.status, same.body, same.headers["ETag"]) == (304, b"", tag)
    assert mirror.get("/zig/index.json", {"If-None-Match": '"another"'}).status == 200
    head = mirror.head("/zig/index.json")
    assert (head.status, head.body) == (200, b"")
    assert int(head.headers["Content-Length"]) == len(first.body)


def test_new_release_appears_after_the_ttl(brief, site):
    assert "0.16.0" not in json.loads(brief.get("/zig/index.json").body)
    site.release("0.16.0")
    wait_until(lambda: "0.16.0" in json.loads(brief.get("/zig/index.json").body), "the new release")
    assert all(r.headers.get("if-none-match") for r in site.upstream.seen(INDEX)[1:])
    assert brief.get(f"/zig/{file_name('0.16.0')}").status == 200


def test_unchanged_upstream_says_304(brief, site):
    first = brief.get("/zig/index.json")
    asked_again(brief, site)
    wait_until(lambda: site.upstream.seen(INDEX)[-1].done, "the answer")
    assert site.upstream.seen(INDEX)[-1].status == 304
    assert brief.get("/zig/index.json").body == first.body


def test_stale_while_the_refresh_hangs(brief, site):
    first = brief.get("/zig/index.json")
    gate = site.upstream.hold(INDEX)
    site.release("0.16.0")
    asked = wait_until(lambda: brief.get("/zig/index.json") if gate.reached.is_set() else brief.get("/zig/index.json") and None, "a refresh")
    assert (asked.status, asked.body) == (200, first.body)
    gate.release()
    wait_until(lambda: "0.16.0" in brief.get("/zig/index.json").text, "the new release")


@pytest.mark.parametrize("fault", [{"status": 500}, {"status": 404}, {"cut": 100}, {"body": b"<html>sorry</html>"}, {"body": b"{}"}, {"body": b"[1]"}, {"redirect": "https://example.org/"}], ids=str)
def test_stale_when_upstream_fails(brief, site, fault):
    first = brief.get("/zig/index.json")
    site.release("0.16.0")
    site.upstream.change(INDEX, **fault)
    asked_again(brief, site)
    wait_until(lambda: brief.rows("SELECT failures FROM source WHERE name = 'index' AND failures > 0"), "the failure to be noted")
    answer = brief.get("/zig/index.json")
    assert (answer.status, answer.body) == (200, first.body)
    assert brief.get(f"/zig/{NAME}").status == 200


def test_stale_when_upstream_is_away(brief, site):
    first = brief.get("/zig/index.json")
    site.upstream.stop()
    wait_until(lambda: brief.get("/zig/index.json").body == first.body and brief.rows("SELECT failures FROM source WHERE name = 'index' AND failures > 0"), "a failed refresh")
    assert brief.get("/zig/index.json").body == first.body


@pytest.mark.parametrize("fault", [{"status": 500}, {"status": 404}, {"body": b"<html>"}], ids=str)
def test_never_had_and_upstream_fails(mirror, site, fault):
    site.upstream.change(INDEX, **fault)
    answer = mirror.get("/zig/index.json")
    check_refusal(answer, 502 if "body" in fault else 504)
    # Files are served all the same: their signatures prove them.
    assert mirror.get(f"/zig/{NAME}").status == 200


def test_first_clients_share_one_request(mirror, site):
    gate = site.upstream.hold(INDEX)
    with ThreadPoolExecutor(8) as pool:
        answers = [pool.submit(mirror.get, "/zig/index.json") for _ in range(8)]
        gate.wait()
        gate.release()
        assert {a.result(60).status for a in answers} == {200}
    assert len(site.upstream.seen(INDEX)) == 1


def test_survives_the_catalogue(mirror, site):
    first = mirror.get("/zig/index.json")
    mirror.kill_service()
    for path in mirror.state.glob("catalog.db*"):
        path.unlink()
    site.upstream.stop()
    answer = mirror.get("/zig/index.json")
    assert (answer.status, answer.body) == (200, first.body)


def test_list_of_mirrors_is_upstreams(mirror, site):
    answer = mirror.get("/zig/community-mirrors.txt")
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert answer.body == site.mirror_list()
    mirror.get("/zig/community-mirrors.txt")
    assert len(site.upstream.seen(MIRRORS)) == 1


def test_list_of_mirrors_is_served_stale(brief, site):
    first = brief.get("/zig/community-mirrors.txt")
    site.upstream.change(MIRRORS, status=500)
    asked_again(brief, site, MIRRORS, "/zig/community-mirrors.txt")
    assert brief.get("/zig/community-mirrors.txt").body == first.body


def test_prefix_at_the_root(make_mirror, site, mode):
    mirror = make_mirror(front=Lighttpd(mode), toolchains={"prefix": "/"})
    ours = json.loads(mirror.get("/index.json").body)
    assert ours["0.14.1"]["x86_64-linux"]["tarball"] == f"{mirror.url}/{NAME}"
    assert mirror.get(f"/{NAME}").body == site.body(NAME)
