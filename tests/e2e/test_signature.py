"""Signatures as a client of the mirror meets them: what is signed is served, what is not is refused. What the parser does
with every byte is the unit tests' business."""

import re

import pytest

from lib.lighttpd import Lighttpd
from lib.process import run
from lib.refusals import check_refusal, why
from lib.signer import Signer
from lib.zig import file_name

NAME = file_name("0.14.1")
PATH = f"zig/{NAME}"
SIZE = 50_000


@pytest.fixture
def site(site):
    """The file is smaller than what waits for the verdict, so that clients are told a status."""
    site.release("0.14.1", size=SIZE)
    return site


@pytest.fixture
def faulty(make_mirror, site, mode):
    """A mirror that insists on signatures."""
    return make_mirror(front=Lighttpd(mode), toolchains={"require": "signed"})


def serve_signature(site, signature):
    site.upstream.add(site.path(NAME) + ".minisig", signature)


def test_minisign_verifies_what_is_served(mirror, site, signer, tmp_path):
    (tmp_path / NAME).write_bytes(mirror.get(f"/{PATH}").body)
    (tmp_path / f"{NAME}.minisig").write_bytes(mirror.get(f"/{PATH}.minisig").body)
    done = run(["minisign", "-V", "-P", signer.key, "-m", tmp_path / NAME])
    assert f"file:{NAME}" in done.stdout


@pytest.mark.parametrize("legacy", [False, True], ids=["prehashed", "legacy"])
def test_both_forms_of_minisign(faulty, site, signer, legacy):
    signature = signer.sign(site.body(NAME), NAME, legacy=legacy)
    serve_signature(site, signature)
    assert faulty.get(f"/{PATH}").body == site.body(NAME)
    assert faulty.get(f"/{PATH}.minisig").body == signature
    row, = faulty.rows("SELECT verdict, key_id, trusted_comment FROM provenance WHERE path = ?", PATH)
    assert row["verdict"] == "signed" and f"file:{NAME}" in row["trusted_comment"]
    assert re.fullmatch("[0-9A-Fa-f]{16}", row["key_id"])


def test_signature_of_another_key(faulty, site, tmp_path):
    serve_signature(site, Signer(tmp_path).sign(site.body(NAME), NAME))
    check_refusal(faulty.get(f"/{PATH}"), 502)
    check_refusal(faulty.get(f"/{PATH}.minisig"), 502)
    assert faulty.published() == []
    assert why(faulty, PATH)[1] or why(faulty, PATH + ".minisig")[1]


@pytest.mark.parametrize(
    "comment, good",
    [(f"timestamp:1\tfile:{NAME}", True), (f"file:{NAME}\thashed", True), ("nothing about the file", False), (f"file:x{NAME}", False), (f"file:{NAME}x", False)],
)
def test_trusted_comment_must_name_the_file(faulty, site, signer, comment, good):
    serve_signature(site, signer.sign(site.body(NAME), NAME, comment=comment))
    assert faulty.get(f"/{PATH}").status == (200 if good else 502)
    assert (PATH in faulty.published()) == good


def test_untrusted_comment_is_free(faulty, site, signer):
    lines = signer.sign(site.body(NAME), NAME).split(b"\n")
    lines[0] = b"untrusted comment: anything"
    serve_signature(site, b"\n".join(lines))
    assert faulty.get(f"/{PATH}").status == 200


@pytest.mark.parametrize("line", [1, 2, 3])
def test_a_changed_line_is_refused(faulty, site, signer, line):
    lines = signer.sign(site.body(NAME), NAME).split(b"\n")
    at = len(lines[line]) // 2
    lines[line] = lines[line][:at] + (b"A" if lines[line][at : at + 1] != b"A" else b"B") + lines[line][at + 1 :]
    serve_signature(site, b"\n".join(lines))
    check_refusal(faulty.get(f"/{PATH}"), 502)
    assert faulty.published() == []


@pytest.mark.parametrize("text", [b"", b"\n\n\n\n", b"<html>not found</html>\n", b"untrusted comment: x\n" + b"A" * 100_000])
def test_what_is_no_signature_is_refused(faulty, site, text):
    serve_signature(site, text)
    assert faulty.get(f"/{PATH}").status in (502, 504)
    assert faulty.get(f"/{PATH}.minisig").status in (502, 504)
    assert faulty.published() == []


def test_signature_before_its_file(faulty, site):
    """A client may ask for the signature first; it proves itself by its global signature."""
    assert faulty.get(f"/{PATH}.minisig").body == site.body(NAME + ".minisig")
    assert faulty.get(f"/{PATH}").body == site.body(NAME)
    assert len(site.upstream.seen(site.path(NAME + ".minisig"))) == 1


def test_signature_of_another_file(faulty, site, signer):
    site.upstream.add(site.path(NAME) + ".minisig", site.body(file_name("0.13.0") + ".minisig"))
    check_refusal(faulty.get(f"/{PATH}"), 502)
    assert why(faulty, PATH)[1] or why(faulty, PATH + ".minisig")[1]
    assert faulty.published() == []


def test_signature_that_names_another_file(faulty, site, signer):
    site.upstream.add(site.path(NAME) + ".minisig", signer.sign(site.body(NAME), file_name("0.13.0")))
    check_refusal(faulty.get(f"/{PATH}"), 502)
    assert faulty.published() == []
    refusals = why(faulty, PATH)[1] + why(faulty, PATH + ".minisig")[1]
    assert any("does not name" in r["reason"] for r in refusals)


def test_no_signature_and_none_is_required(make_mirror, site, mode):
    """The index's digest will do, unless the configuration says otherwise."""
    faulty = make_mirror(front=Lighttpd(mode))
    site.upstream.remove(site.path(NAME) + ".minisig")
    answer = faulty.get(f"/{PATH}")
    assert (answer.status, answer.body) == (200, site.body(NAME))
    assert faulty.rows("SELECT verdict FROM entry WHERE path = ?", PATH) == [{"verdict": "digest"}]
    assert faulty.get(f"/{PATH}.minisig").status == 404


def test_no_signature_and_not_in_the_index(make_mirror, site, mode):
    faulty = make_mirror(front=Lighttpd(mode))
    del site.index["0.14.1"]
    site.upstream.remove(site.path(NAME) + ".minisig")
    check_refusal(faulty.get(f"/{PATH}"), 502)
    failures, refusals = why(faulty, PATH)
    assert failures[0]["class"] == "integrity" and "signature" in failures[0]["reason"]
    assert faulty.published() == []


def test_no_signature_but_one_is_required(faulty, site):
    site.upstream.remove(site.path(NAME) + ".minisig")
    check_refusal(faulty.get(f"/{PATH}"), 502)
    assert "signature" in why(faulty, PATH)[0][0]["reason"]
    assert faulty.published() == []


def test_signature_that_cannot_be_had(make_mirror, site, mode):
    """A signature that upstream fails to send is no verdict on the file: it may be had tomorrow."""
    mirror = make_mirror(front=Lighttpd(mode), toolchains={"require": "signed"})
    site.upstream.change(site.path(NAME) + ".minisig", status=500)
    check_refusal(mirror.get(f"/{PATH}"), 504)
    assert [f["class"] for f in why(mirror, PATH)[0]] == ["upstream"]
    assert mirror.files("quarantine") == []
    site.upstream.change(site.path(NAME) + ".minisig", status=200)
    assert mirror.get(f"/{PATH}").body == site.body(NAME)


def test_signature_with_a_flipped_bit(faulty, site):
    site.upstream.change(site.path(NAME) + ".minisig", flip=80)
    check_refusal(faulty.get(f"/{PATH}"), 502)
    assert faulty.published() == []
    assert why(faulty, PATH)[1] or why(faulty, PATH + ".minisig")[1]


# -- a signature and its file that come apart


def other_kind(signature):
    """The same signature with another kind: its global signature, which covers neither kind nor key, still fits."""
    lines = signature.split(b"\n")
    assert lines[1].startswith(b"RU")
    lines[1] = b"RW" + lines[1][2:]
    return b"\n".join(lines)


def test_a_signature_of_the_wrong_kind_does_not_stay(faulty, site, signer):
    """Asked for alone it proves itself; its file then shows that it is none."""
    true = signer.sign(site.body(NAME), NAME)
    serve_signature(site, other_kind(true))
    assert faulty.get(f"/{PATH}.minisig").body == other_kind(true)
    check_refusal(faulty.get(f"/{PATH}"), 502)
    assert faulty.published() == []
    assert faulty.rows("SELECT path FROM entry") == []
    serve_signature(site, true)
    assert faulty.get(f"/{PATH}").body == site.body(NAME)
    assert faulty.wait_published(PATH + ".minisig") == true


def test_a_signature_of_the_wrong_kind_is_fetched_anew_for_its_file(faulty, site, signer):
    """Upstream mended it meanwhile: the file need not be refused first."""
    true = signer.sign(site.body(NAME), NAME)
    serve_signature(site, other_kind(true))
    assert faulty.get(f"/{PATH}.minisig").status == 200
    serve_signature(site, true)
    assert faulty.get(f"/{PATH}").body == site.body(NAME)
    assert faulty.wait_published(PATH + ".minisig") == true
    assert len(site.upstream.seen(site.path(NAME))) == 1
    assert [row["verdict"] for row in faulty.rows("SELECT verdict FROM provenance WHERE path = ?", PATH)] == ["signed"]
    assert faulty.files("quarantine") == []


def test_a_file_that_lies_takes_an_old_signature_along(faulty, site):
    """Where no index tells which of the two was wrong both are asked for anew, and both are here then."""
    del site.index["0.14.1"]
    assert faulty.get(f"/{PATH}.minisig").status == 200
    site.upstream.change(site.path(NAME), flip=7)
    check_refusal(faulty.get(f"/{PATH}"), 502)
    assert faulty.published() == []
    site.upstream.change(site.path(NAME), flip=None)
    assert faulty.get(f"/{PATH}").body == site.body(NAME)
    assert faulty.published() == [PATH, PATH + ".minisig"]


def unsigned(make_mirror, site, mode):
    """A mirror that has the file by its digest, and upstream has its signature now."""
    mirror = make_mirror(front=Lighttpd(mode), warmer={"since": "9.0.0"})
    signature = site.upstream.places.pop(site.path(NAME) + ".minisig")
    assert mirror.get(f"/{PATH}").status == 200
    assert mirror.rows("SELECT verdict FROM entry WHERE path = ?", PATH) == [{"verdict": "digest"}]
    site.upstream.places[site.path(NAME) + ".minisig"] = signature
    return mirror


def check_signed(mirror, signer):
    assert mirror.rows("SELECT path, verdict FROM entry ORDER BY path") == [{"path": PATH, "verdict": "signed"}, {"path": PATH + ".minisig", "verdict": "signed"}]
    rows = mirror.rows("SELECT verdict, http_status, key_id, trusted_comment FROM provenance WHERE path = ? ORDER BY id", PATH)
    assert [(row["verdict"], row["http_status"]) for row in rows] == [("digest", 200), ("signed", 0)]
    assert re.fullmatch("[0-9A-Fa-f]{16}", rows[1]["key_id"]) and f"file:{NAME}" in rows[1]["trusted_comment"]
    assert mirror.rows("SELECT path FROM want WHERE path LIKE ?", PATH + "%") == []


def forget_absence(mirror):
    """A minute is long for a test."""
    import sqlite3

    with sqlite3.connect(mirror.state / "catalog.db", timeout=30) as db:
        db.execute("UPDATE fetch SET until = until - 61")
    db.close()


def test_a_signature_that_comes_later_is_noted_with_its_file(make_mirror, site, signer, mode):
    mirror = unsigned(make_mirror, site, mode)
    forget_absence(mirror)
    assert mirror.get(f"/{PATH}.minisig").body == site.body(NAME + ".minisig")
    check_signed(mirror, signer)
    assert len(site.upstream.seen(site.path(NAME))) == 1


def test_a_signature_that_was_missing_is_looked_for_by_the_warmer(make_mirror, site, signer, mode):
    """Also that of a file which the warmer would not get by itself."""
    mirror = unsigned(make_mirror, site, mode)
    assert mirror.rows("SELECT why FROM want WHERE path = ?", PATH + ".minisig") == [{"why": "signature"}]
    forget_absence(mirror)
    mirror.program("pkgmirror-warm", "--quiet")
    check_signed(mirror, signer)


def test_a_signature_that_is_never_there_is_no_failure_of_the_warmer(make_mirror, site, mode):
    mirror = unsigned(make_mirror, site, mode)
    site.upstream.remove(site.path(NAME) + ".minisig")
    forget_absence(mirror)
    mirror.program("pkgmirror-warm", "--quiet")
    row, = mirror.rows("SELECT attempts, next_try - unixepoch() AS pause FROM want WHERE path = ?", PATH + ".minisig")
    assert row["attempts"] == 1 and row["pause"] > 3000
    assert mirror.published() == [PATH]


def test_a_signature_that_does_not_fit_the_file_that_is_here_is_refused(make_mirror, site, signer, mode):
    mirror = unsigned(make_mirror, site, mode)
    forget_absence(mirror)
    serve_signature(site, other_kind(signer.sign(site.body(NAME), NAME)))
    check_refusal(mirror.get(f"/{PATH}.minisig"), 502)
    assert mirror.published() == [PATH]
    assert mirror.get(f"/{PATH}").body == site.body(NAME)
    assert [r["verdict"] for r in why(mirror, PATH + ".minisig")[1]] == ["bad"]
    serve_signature(site, signer.sign(site.body(NAME), NAME))
    assert mirror.get(f"/{PATH}.minisig").status == 200
    check_signed(mirror, signer)
