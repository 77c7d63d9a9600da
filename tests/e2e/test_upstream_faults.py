"""An upstream that fails or lies: the status of each case, nothing published, a row that says why."""

import hashlib
import re

import pytest

from lib.authority import Authority
from lib.lighttpd import Lighttpd
from lib.refusals import check_refusal, why
from lib.waiting import wait_until
from lib.zig import file_name

NAME = file_name("0.14.1")
PATH = f"zig/{NAME}"
SMALL = 50_000   # less than the 64 KiB that wait for the verdict: a client is told a status
LARGE = 400_000  # more: a client has a part of it when the verdict comes


@pytest.fixture
def faulty(make_mirror, site, mode):
    """A mirror that is soon out of patience."""
    return make_mirror(front=Lighttpd(mode), stall_timeout="1s", max_file_size="1M")


def size_of_file(site, size):
    site.release("0.14.1", size=size)
    return site.path(NAME)


# -- it answers with an error, or not at all


@pytest.mark.parametrize(
    "upstream_says, status, word",
    [(404, 404, "absent"), (410, 404, "absent"), (500, 504, "upstream"), (429, 504, "upstream"),
     (403, 504, "upstream"), (401, 504, "upstream"), (204, 504, "upstream")],
)
def test_status(faulty, site, upstream_says, status, word):
    path = size_of_file(site, SMALL)
    site.upstream.change(path, status=upstream_says)
    answer = faulty.get(f"/{PATH}")
    check_refusal(answer, status)
    assert ("Retry-After" in answer.headers) == (status == 504)
    failures, refusals = why(faulty, PATH)
    assert [f["class"] for f in failures] == [word]
    assert str(upstream_says) in failures[0]["reason"] and path in failures[0]["reason"]
    assert refusals == []
    site.upstream.change(path, status=200)
    faulty.kill_service()
    again = faulty.get(f"/{PATH}")
    assert again.status == 200 and again.body == site.body(NAME)


def test_error_that_passes_is_tried_again(faulty, site):
    path = size_of_file(site, SMALL)
    site.upstream.change(path, status=500, times=2)
    answer = faulty.get(f"/{PATH}")
    assert (answer.status, answer.body) == (200, site.body(NAME))
    assert [r.status for r in site.upstream.seen(path)] == [500, 500, 200]


def test_hang_before_the_head(faulty, site):
    site.upstream.hold(size_of_file(site, SMALL))
    check_refusal(faulty.get(f"/{PATH}"), 504)
    failures, _ = why(faulty, PATH)
    assert "nothing came for 1 second" in failures[0]["reason"]


def test_hang_in_mid_body(faulty, site):
    path = size_of_file(site, LARGE)
    site.upstream.hold(path, at=LARGE // 2)
    with faulty.open(f"/{PATH}") as answer:
        assert answer.status == 200
        answer.read(1)
        site.upstream.hold(path)
        answer.rest()
    assert not answer.whole
    assert answer.body == site.body(NAME)[: len(answer.body)] and len(answer.body) <= LARGE // 2
    failures, _ = wait_until(lambda: why(faulty, PATH)[0] and why(faulty, PATH), "a row that says why")
    assert failures[0]["class"] == "upstream" and "nothing came for 1 second" in failures[0]["reason"]
    wait_until(lambda: all(r.left for r in site.upstream.seen(path)), "the upstream to be left")


def test_slow_is_not_dead(faulty, site):
    path = size_of_file(site, SMALL)
    site.upstream.change(path, rate=15_000)
    answer = faulty.get(f"/{PATH}")
    assert (answer.status, answer.body) == (200, site.body(NAME))
    assert len(site.upstream.seen(path)) == 1


def test_drip_is_ended(faulty, site):
    """A few bytes now and then are no progress: each try would bring some, and the slot would be taken for hours."""
    path = size_of_file(site, SMALL)
    site.upstream.change(path, rate=100)
    answer = faulty.get(f"/{PATH}")
    check_refusal(answer, 504)
    assert "bytes a second" in answer.text
    assert len(site.upstream.seen(path)) == 1
    site.upstream.change(path, rate=0)
    assert faulty.get(f"/{PATH}").body == site.body(NAME)


def test_nobody_listens(faulty, site):
    size_of_file(site, SMALL)
    site.upstream.stop()
    answer = faulty.get(f"/{PATH}")
    check_refusal(answer, 504)
    assert why(faulty, PATH)[0][0]["class"] == "upstream"
    site.upstream.start()
    assert faulty.get(f"/{PATH}").body == site.body(NAME)


def test_certificate_of_another_authority(make_mirror, site, mode, tmp_path):
    other = Authority(tmp_path)
    mirror = make_mirror(front=Lighttpd(mode), ca_file=str(other.ca))
    check_refusal(mirror.get(f"/{PATH}"), 504)
    assert "certificate" in why(mirror, PATH)[0][0]["reason"]
    assert site.upstream.seen() == []


def test_certificate_of_another_name(make_upstream, make_mirror, signer, mode):
    from lib.zig import ZigSite

    upstream = make_upstream()
    site = ZigSite(upstream, signer)
    site.release("0.14.1")
    mirror = make_mirror(front=Lighttpd(mode), toolchains={"upstream": upstream.origin.replace("127.0.0.1", "127.0.0.2")})
    check_refusal(mirror.get(f"/{PATH}"), 504)
    assert why(mirror, PATH)[0][0]["class"] == "upstream"
    assert upstream.seen() == []


def test_private_address(make_mirror, site, mode):
    mirror = make_mirror(front=Lighttpd(mode), allow_private_upstreams=False)
    check_refusal(mirror.get(f"/{PATH}"), 504)
    assert "no public address" in why(mirror, PATH)[0][0]["reason"]
    assert site.upstream.connections == 0


# -- it sends something else than it should


def test_flipped_bit_in_a_small_file(faulty, site):
    site.upstream.change(size_of_file(site, SMALL), flip=SMALL // 2)
    check_refusal(faulty.get(f"/{PATH}"), 502)
    failures, refusals = why(faulty, PATH)
    assert [f["class"] for f in failures] == ["integrity"]
    assert [r["verdict"] for r in refusals] == ["bad"] and refusals[0]["reason"]
    kept, = faulty.files("quarantine")
    assert kept.startswith(PATH + ".")
    body = (faulty.state / "quarantine" / kept).read_bytes()
    assert len(body) == SMALL and body != site.body(NAME)
    row, = faulty.rows("SELECT sha256, bytes, requested_url FROM provenance WHERE path = ?", PATH)
    assert row == {"sha256": hashlib.sha256(body).hexdigest(), "bytes": SMALL, "requested_url": site.upstream.url(site.path(NAME))}


def test_flipped_bit_in_a_large_file_cuts_the_client(faulty, site):
    site.upstream.change(size_of_file(site, LARGE), flip=LARGE - 1)
    with faulty.open(f"/{PATH}") as answer:
        answer.rest()
    assert answer.status == 502 or not answer.whole
    assert len(answer.body) <= LARGE - 64 * 1024
    wait_until(lambda: faulty.files("quarantine"), "the file in quarantine")
    assert [r["verdict"] for r in why(faulty, PATH)[1]] == ["bad"]


def test_flipped_bit_and_nothing_is_sent_before_the_verdict(make_mirror, site, mode):
    mirror = make_mirror(front=Lighttpd(mode), verify_before_send=True)
    site.upstream.change(size_of_file(site, LARGE), flip=1)
    check_refusal(mirror.get(f"/{PATH}"), 502)
    assert [r["verdict"] for r in why(mirror, PATH)[1]] == ["bad"]


def test_the_next_request_after_a_lie_tries_again(faulty, site):
    path = size_of_file(site, SMALL)
    site.upstream.change(path, flip=7, times=1)
    assert faulty.get(f"/{PATH}").status == 502
    answer = faulty.get(f"/{PATH}")
    assert (answer.status, answer.body) == (200, site.body(NAME))


def test_cut_short_is_resumed(faulty, site):
    path = size_of_file(site, LARGE)
    site.upstream.change(path, cut=LARGE // 3)
    answer = faulty.get(f"/{PATH}")
    assert (answer.status, answer.whole, answer.body == site.body(NAME)) == (200, True, True)
    assert [r.headers.get("range") for r in site.upstream.seen(path)] == [None, f"bytes={LARGE // 3}-", f"bytes={LARGE // 3 * 2}-", f"bytes={LARGE // 3 * 3}-"][: len(site.upstream.seen(path))]


@pytest.mark.parametrize("how, size", [({"ranges": False}, SMALL), ({"ranges": False, "etag": "", "modified": ""}, LARGE)])
def test_cut_short_again_and_again(faulty, site, how, size):
    path = size_of_file(site, size)
    site.upstream.change(path, cut=size * 3 // 4, **how)
    answer = faulty.get(f"/{PATH}")
    if size == SMALL:
        check_refusal(answer, 504)
    else:
        assert answer.status in (200, 504)
        assert not answer.whole or answer.status == 504
    assert [f["class"] for f in wait_until(lambda: why(faulty, PATH)[0], "a row that says why")] == ["upstream"]
    assert len(site.upstream.seen(path)) < 10


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_cut_short_without_a_length_looks_whole(faulty, site, size):
    site.upstream.change(size_of_file(site, size), chunked=True, cut=size - 1, polite=True)
    answer = faulty.get(f"/{PATH}")
    if size == SMALL or faulty.front.mode == "cgi":
        check_refusal(answer, 502)
    else:
        assert answer.status == 502 or not answer.whole
    wait_until(lambda: faulty.files("quarantine"), "the file in quarantine")
    assert [r["verdict"] for r in why(faulty, PATH)[1]] == ["bad"]


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_no_content_length(faulty, site, size):
    site.upstream.change(size_of_file(site, size), chunked=True)
    answer = faulty.get(f"/{PATH}")
    assert (answer.status, answer.whole, answer.body == site.body(NAME)) == (200, True, True)
    assert faulty.wait_published(PATH) == site.body(NAME)


def test_no_content_length_is_followed_as_fastcgi(make_mirror, site):
    mirror = make_mirror(front=Lighttpd("fastcgi"))
    path = size_of_file(site, LARGE)
    site.upstream.change(path, chunked=True)
    gate = site.upstream.hold(path, at=LARGE // 2)
    with mirror.open(f"/{PATH}") as answer:
        assert "Content-Length" not in answer.headers
        assert answer.read(LARGE // 2 - 65536) == site.body(NAME)[: LARGE // 2 - 65536]
        gate.release()
        assert answer.rest().whole and answer.body == site.body(NAME)


def test_other_digest_than_the_index(faulty, site):
    size_of_file(site, SMALL)
    site.index["0.14.1"]["x86_64-linux"]["shasum"] = hashlib.sha256(b"another").hexdigest()
    check_refusal(faulty.get(f"/{PATH}"), 502)
    assert [r["verdict"] for r in why(faulty, PATH)[1]] == ["bad"]


def test_other_size_than_the_index(faulty, site):
    size_of_file(site, SMALL)
    site.index["0.14.1"]["x86_64-linux"]["size"] = str(SMALL + 1)
    check_refusal(faulty.get(f"/{PATH}"), 502)
    assert [r["verdict"] for r in why(faulty, PATH)[1]] == ["bad"]


def test_larger_than_allowed(faulty, site):
    path = size_of_file(site, 1_100_000)
    check_refusal(faulty.get(f"/{PATH}"), 504)
    assert "max_file_size" in why(faulty, PATH)[0][0]["reason"]
    site.upstream.change(path, chunked=True)
    answer = faulty.get(f"/{PATH}")
    assert answer.status == 504 or not answer.whole
    assert "max_file_size" in wait_until(lambda: why(faulty, PATH)[0], "a row that says why")[0]["reason"]
    faulty.wait_published(PATH + ".minisig")
    assert faulty.published() == [PATH + ".minisig"]


# -- redirects


def test_redirect_to_another_host(faulty, site, make_upstream):
    path = size_of_file(site, SMALL)
    elsewhere = make_upstream(name="localhost")
    elsewhere.add(path, site.body(NAME))
    site.upstream.change(path, redirect=elsewhere.url(path))
    check_refusal(faulty.get(f"/{PATH}"), 504)
    assert re.search("redirects to localhost.*not allowed", why(faulty, PATH)[0][0]["reason"])
    assert elsewhere.connections == 0


def test_redirect_to_http(faulty, site):
    path = size_of_file(site, SMALL)
    site.upstream.change(path, redirect=site.upstream.url(path).replace("https:", "http:"))
    check_refusal(faulty.get(f"/{PATH}"), 504)
    assert "redirects to another scheme" in why(faulty, PATH)[0][0]["reason"]


def test_redirect_that_never_ends(faulty, site):
    path = size_of_file(site, SMALL)
    site.upstream.change(path, redirect=site.upstream.url(path))
    check_refusal(faulty.get(f"/{PATH}"), 504)
    assert "redirects" in why(faulty, PATH)[0][0]["reason"]
    assert len(site.upstream.seen(path)) < 10


def test_redirect_on_the_own_host(faulty, site):
    path = size_of_file(site, SMALL)
    site.upstream.add("/moved", site.body(NAME))
    site.upstream.change(path, redirect=site.upstream.url("/moved"))
    answer = faulty.get(f"/{PATH}")
    assert (answer.status, answer.body) == (200, site.body(NAME))
    row, = faulty.rows("SELECT requested_url, effective_url FROM provenance WHERE path = ?", PATH)
    assert row == {"requested_url": site.upstream.url(path), "effective_url": site.upstream.url("/moved")}


# -- fallbacks


def fallback_mirror(make_mirror, fallback, mode, **more):
    return make_mirror(front=Lighttpd(mode), stall_timeout="1s", toolchains={"fallbacks": [fallback.url("/flat")]}, **more)


def test_fallback_is_asked_when_upstream_fails(make_mirror, make_upstream, site, mode):
    path = size_of_file(site, SMALL)
    fallback = make_upstream(name="localhost")
    for name in (NAME, NAME + ".minisig"):
        fallback.add(f"/flat/{name}", site.body(name))
    mirror = fallback_mirror(make_mirror, fallback, mode)
    site.upstream.change(path, status=404)
    answer = mirror.get(f"/{PATH}")
    assert (answer.status, answer.body) == (200, site.body(NAME))
    assert mirror.rows("SELECT verdict FROM entry WHERE path = ?", PATH) == [{"verdict": "signed"}]


def test_fallback_that_lies(make_mirror, make_upstream, site, mode):
    path = size_of_file(site, LARGE)
    fallback = make_upstream(name="localhost")
    for name in (NAME, NAME + ".minisig"):
        fallback.add(f"/flat/{name}", site.body(name), flip=9 if name == NAME else None)
    mirror = fallback_mirror(make_mirror, fallback, mode)
    site.upstream.change(path, status=404)
    check_refusal(mirror.get(f"/{PATH}"), 502)
    assert mirror.files("quarantine") != []
    assert [r["verdict"] for r in why(mirror, PATH)[1]] == ["bad"]
