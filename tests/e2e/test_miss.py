"""A file that is not here yet: asked for, fetched, sent while it comes, kept; and how it is answered from then on."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from lib.lighttpd import Lighttpd
from lib.waiting import wait_until
from lib.zig import file_name

NAME = file_name("0.14.1")
NIGHTLY = file_name("0.15.0-dev.621+a63f7875f")
OLD = file_name("0.13.0", "x86_64-windows")
HOLD_BACK = 64 * 1024
IMMUTABLE = "public, max-age=31536000, immutable"
FRONTS = [(mode, hits) for mode in ("fastcgi", "cgi") for hits in ("static", "offload", "self")] + [("cgi", "redirect")]


@pytest.fixture(params=FRONTS, ids="-".join)
def any_front(request, make_mirror, site):
    """A mirror for each way of handing out what is published."""
    return make_mirror(front=Lighttpd(*request.param))


def test_whole_file_comes_and_is_kept(mirror, site):
    answer = mirror.get(f"/zig/{NAME}")
    assert (answer.status, answer.whole) == (200, True)
    assert answer.body == site.body(NAME)
    assert mirror.wait_published(f"zig/{NAME}") == site.body(NAME)
    assert mirror.get(f"/zig/{NAME}.minisig").body == site.body(NAME + ".minisig")
    assert mirror.files("store/zig") == [f"stable/0.14.1/{NAME}", f"stable/0.14.1/{NAME}.minisig"]
    entry, = mirror.rows("SELECT kind, class, version, size, verdict FROM entry WHERE path = ?", f"zig/{NAME}")
    assert entry == {"kind": "toolchain", "class": "stable", "version": "0.14.1", "size": 200_000, "verdict": "signed"}
    assert len(site.upstream.seen(site.path(NAME))) == 1
    wait_until(lambda: mirror.parts() == [], "the parts to be gone")


def test_first_byte_comes_while_the_transfer_runs(mirror, site):
    gate = site.upstream.hold(site.path(NAME), at=150_000)
    with mirror.open(f"/zig/{NAME}") as answer:
        assert answer.status == 200
        assert answer.headers["Content-Length"] == "200000"
        assert answer.read(150_000 - HOLD_BACK) == site.body(NAME)[: 150_000 - HOLD_BACK]
        assert f"zig/{NAME}" not in mirror.published()
        gate.release()
        assert answer.rest().whole
        assert answer.body == site.body(NAME)


def test_the_end_waits_for_the_verdict(mirror, site):
    gate = site.upstream.hold(site.path(NAME + ".minisig"))
    with mirror.open(f"/zig/{NAME}") as answer:
        body = answer.read(200_000 - HOLD_BACK)
        wait_until(lambda: mirror.part_size(f"zig/{NAME}") == 200_000, "the whole of the part")
        answer.connection.settimeout(0.5)
        with pytest.raises(TimeoutError):
            answer.read(200_000 - HOLD_BACK + 1)
        assert body == site.body(NAME)[: 200_000 - HOLD_BACK]
        answer.connection.settimeout(60)
        gate.release()
        assert answer.rest().whole


def test_answers_alike_before_and_after(any_front, site):
    cold = any_front.get(f"/zig/{NAME}", {"Accept-Encoding": "gzip, br, zstd"})
    any_front.wait_published(f"zig/{NAME}")
    warm = any_front.get(f"/zig/{NAME}", {"Accept-Encoding": "gzip, br, zstd"})
    for answer in (cold, warm):
        assert (answer.status, answer.whole, answer.body) == (200, True, site.body(NAME))
        assert answer.headers["Content-Type"] == "application/x-xz"
        assert answer.headers["Content-Length"] == "200000"
        assert "Content-Encoding" not in answer.headers
        assert "max-age=31536000" in answer.headers["Cache-Control"].replace("31535999", "31536000")
    assert warm.headers["Accept-Ranges"] == "bytes"
    assert warm.headers["ETag"].startswith('"')
    assert warm.headers["Last-Modified"] == "Tue, 04 Mar 2025 10:11:12 GMT"


def test_immutable_is_said_by_the_responder(make_mirror, site, mode):
    mirror = make_mirror(front=Lighttpd(mode, "self"))
    assert mirror.get(f"/zig/{NAME}").headers["Cache-Control"] == IMMUTABLE
    assert mirror.get(f"/zig/{NAME}").headers["Cache-Control"] == IMMUTABLE


@pytest.mark.parametrize("end, kind", [("", "application/zip"), (".minisig", "application/octet-stream")])
def test_content_type_is_that_of_the_name(mirror, site, end, kind):
    for _ in "cold", "warm":
        assert mirror.get(f"/zig/{OLD}{end}").headers["Content-Type"] == kind


def test_aliases_are_the_same_file(any_front, site):
    for target in (f"/download/0.14.1/{NAME}", f"/zig/0.14.1/{NAME}", f"/zig/{NAME}", f"/zig/{NAME}?source=tests", f"/builds/{NAME}"):
        answer = any_front.get(target)
        assert (answer.status, answer.body == site.body(NAME)) == (200, True), target
    assert [f for f in any_front.published() if NAME in f] == [f"zig/{NAME}", f"zig/{NAME}.minisig"]
    assert len(site.upstream.seen(site.path(NAME))) == 1


def test_plus_and_its_escape_are_the_same_file(any_front, site):
    for target in (f"/zig/{NIGHTLY}".replace("+", "%2B"), f"/zig/{NIGHTLY}", f"/builds/{NIGHTLY}".replace("+", "%2b")):
        answer = any_front.get(target)
        assert (answer.status, answer.body == site.body(NIGHTLY)) == (200, True), target
    assert sorted(path for path in site.upstream.paths() if NIGHTLY in path) == [f"/builds/{NIGHTLY}", f"/builds/{NIGHTLY}.minisig"]


@pytest.mark.parametrize("target", [f"/zig/0.13.0/{NAME}", f"/download/0.14.0/{NAME}", f"/zig/0.14.1/{NIGHTLY}"])
def test_an_alias_of_another_version_is_absent(mirror, site, target):
    answer = mirror.get(target)
    assert answer.status == 404
    assert answer.text.count("\n") == 1
    assert site.upstream.seen() == []


def test_head_of_a_cold_file(mirror, site):
    answer = mirror.head(f"/zig/{NAME}")
    assert (answer.status, answer.body, answer.whole) == (200, b"", True)
    assert answer.headers["Content-Type"] == "application/x-xz"
    assert answer.headers["Content-Length"] == "200000"
    assert mirror.wait_published(f"zig/{NAME}") == site.body(NAME)
    assert [r.method for r in site.upstream.seen(site.path(NAME))] == ["GET"]


def test_head_of_a_kept_file(any_front, site):
    any_front.get(f"/zig/{NAME}")
    answer = any_front.head(f"/zig/{NAME}")
    assert (answer.status, answer.body, answer.whole) == (200, b"", True)
    assert answer.headers["Content-Length"] == "200000"


def test_range_of_a_cold_file_is_the_whole(mirror, site):
    gate = site.upstream.hold(site.path(NAME), at=150_000)
    with mirror.open(f"/zig/{NAME}", headers={"Range": "bytes=100-199"}) as answer:
        assert answer.status == 200
        answer.read(1)
        gate.release()
        assert answer.rest().body == site.body(NAME)


@pytest.mark.parametrize(
    "wanted, first, last",
    [("bytes=0-0", 0, 0), ("bytes=100-199", 100, 199), ("bytes=199999-", 199_999, 199_999), ("bytes=-500", 199_500, 199_999), ("bytes=5-999999", 5, 199_999)],
)
def test_range_of_a_kept_file(any_front, site, wanted, first, last):
    any_front.get(f"/zig/{NAME}")
    answer = any_front.get(f"/zig/{NAME}", {"Range": wanted})
    assert answer.status == 206
    assert answer.headers["Content-Range"] == f"bytes {first}-{last}/200000"
    assert answer.body == site.body(NAME)[first : last + 1]
    assert answer.whole


def test_range_behind_the_end(any_front, site):
    any_front.get(f"/zig/{NAME}")
    answer = any_front.get(f"/zig/{NAME}", {"Range": "bytes=200000-"})
    assert answer.status == 416
    if any_front.front.hits == "self":
        assert answer.headers["Content-Range"] == "bytes */200000"


def test_if_range(any_front, site):
    any_front.get(f"/zig/{NAME}")
    tag = any_front.head(f"/zig/{NAME}").headers["ETag"]
    same = any_front.get(f"/zig/{NAME}", {"Range": "bytes=7-9", "If-Range": tag})
    assert (same.status, same.body) == (206, site.body(NAME)[7:10])
    other = any_front.get(f"/zig/{NAME}", {"Range": "bytes=7-9", "If-Range": '"another"'})
    assert (other.status, other.body) == (200, site.body(NAME))


def test_not_modified(any_front, site):
    any_front.get(f"/zig/{NAME}")
    head = any_front.head(f"/zig/{NAME}").headers
    for fields in ({"If-None-Match": head["ETag"]}, {"If-None-Match": f'"x", W/{head["ETag"]}'}, {"If-Modified-Since": head["Last-Modified"]}):
        answer = any_front.get(f"/zig/{NAME}", fields)
        assert (answer.status, answer.body) == (304, b""), fields
        assert "X-Sendfile" not in answer.headers
    assert any_front.get(f"/zig/{NAME}", {"If-None-Match": '"another"'}).status == 200
    assert any_front.get(f"/zig/{NAME}", {"If-Modified-Since": "Mon, 03 Mar 2025 00:00:00 GMT"}).status == 200


@pytest.mark.parametrize("target", ["/zig/zig-x86_64-linux-9.9.9.tar.xz", "/zig/hello.txt", "/nonsense", "/zig/zig-x86_64-linux-0.14.1.tar.gz"])
def test_absent(mirror, site, target):
    answer = mirror.get(target)
    assert answer.status == 404
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert answer.text.count("\n") == 1 and len(answer.text) > 5
    assert mirror.published() == []
    asked = [path for path in site.upstream.paths() if not path.startswith("/download/index") and "community" not in path]
    assert sorted(asked) == ([f"/download/9.9.9/{target[5:]}", f"/download/9.9.9/{target[5:]}.minisig"][: len(asked)] if "9.9.9" in target else [])


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_other_methods_are_refused(make_mirror, site, mode, method):
    mirror = make_mirror(front=Lighttpd(mode, "offload"))
    answer = mirror.get(f"/zig/{NAME}", {"Content-Length": "0"}, method=method)
    assert answer.status == 405
    assert answer.headers["Allow"] == "GET, HEAD"
    assert site.upstream.seen() == []


def test_pages_answer_at_once(mirror, site):
    landing = mirror.get("/")
    assert landing.status == 200
    assert landing.headers["Content-Type"].startswith("text/html")
    health = mirror.get("/-/health")
    assert health.status == 200
    assert '"live":true' in health.text
    assert site.upstream.seen() == []
    assert mirror.service() is None


def test_a_client_that_leaves_ends_its_follower_only(mirror, site):
    gate = site.upstream.hold(site.path(NAME), at=150_000)
    with mirror.open(f"/zig/{NAME}") as answer:
        answer.read(1000)
    gate.wait().release()
    assert mirror.wait_published(f"zig/{NAME}") == site.body(NAME)
    assert len(site.upstream.seen(site.path(NAME))) == 1


def test_verify_before_send_holds_all_back(make_mirror, site, mode):
    mirror = make_mirror(front=Lighttpd(mode), verify_before_send=True)
    gate = site.upstream.hold(site.path(NAME), at=150_000)
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(mirror.open, f"/zig/{NAME}")
        gate.wait()
        assert f"zig/{NAME}" not in mirror.published() and not coming.done()
        gate.release()
        with coming.result(60) as answer:
            assert (answer.status, answer.rest().body) == (200, site.body(NAME))


def test_hits_are_journalled(make_mirror, site, mode):
    mirror = make_mirror(front=Lighttpd(mode, "offload"))
    for _ in range(3):
        mirror.get(f"/zig/{NAME}?source=tests")
    mirror.get(f"/zig/{NAME}?source=a%20b")

    def journal():
        place = mirror.state / "run/hits.log"
        return [line.split("\t")[1:] for line in place.read_text().splitlines()] if place.exists() else []

    wait_until(lambda: len(journal()) >= 4, "four lines of the journal")
    # A thread notes what it sent when its client has it already, and has asked another one.
    assert sorted(journal()) == [[f"zig/{NAME}", "-", "200", "200000"]] + [[f"zig/{NAME}", "tests", "200", "200000"]] * 3
