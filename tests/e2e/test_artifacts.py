"""Artifacts: files of a release, signed or not, and what an upstream's names and hosts may be."""

import gzip
import os

import pytest

from lib.lighttpd import Lighttpd
from lib.packages import SRC, gz, manifest, tar
from lib.signer import Signer

BODY = gz(tar([("tool", bytes(range(256)) * 500)]))
SIGNED = "verdict, key_id IS NOT NULL AS signed, trusted_comment"


def rule(upstream, more="", name="files"):
    return f"""artifact "{name}" {{
  path = "/{name}/artifact/{{version}}/{{file}}"
  upstream = "{upstream.origin}/releases/{{version}}/{{file}}"
  {more}
}}
"""


@pytest.fixture
def mirror(make_mirror, upstream, signer):
    return make_mirror(front=Lighttpd(hits="self"), extra=rule(upstream, f'public_key = "{signer.key}"', "signed") + rule(upstream))


def put(upstream, signer, name, body=BODY, version="v1.0.0", **how):
    upstream.add(f"/releases/{version}/{name}", body)
    upstream.add(f"/releases/{version}/{name}.minisig", signer.sign(body, name, **how))


def purge(mirror, path):
    (mirror.state / "public" / path).resolve().unlink()


# ---- signatures --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("legacy", [False, True])
def test_signature_is_fetched_verified_and_served(mirror, upstream, signer, legacy):
    put(upstream, signer, "tool-1.0.tar.gz", legacy=legacy)
    answer = mirror.get("/signed/artifact/v1.0.0/tool-1.0.tar.gz")
    assert (answer.status, answer.whole, answer.body) == (200, True, BODY)
    path = "signed/artifact/v1.0.0/tool-1.0.tar.gz"
    mirror.wait_published(path)
    assert mirror.published() == [path, path + ".minisig"]
    assert mirror.get(f"/{path}.minisig").body == signer.sign(BODY, "tool-1.0.tar.gz", legacy=legacy)
    for name in (path, path + ".minisig"):
        row = mirror.rows(f"SELECT {SIGNED} FROM provenance WHERE path = ?", name)[0]
        assert (row["verdict"], row["signed"]) == ("signed", 1)
        assert "file:tool-1.0.tar.gz" in row["trusted_comment"]
    assert len(upstream.seen()) == 2


def test_signature_can_be_asked_for_first(mirror, upstream, signer):
    put(upstream, signer, "tool.tar.gz")
    assert mirror.get("/signed/artifact/v1.0.0/tool.tar.gz.minisig").body == signer.sign(BODY, "tool.tar.gz")
    assert mirror.get("/signed/artifact/v1.0.0/tool.tar.gz").body == BODY


@pytest.mark.parametrize("how", ["none", "other key", "other file", "other name", "no signature"])
def test_artifact_that_is_not_signed_is_refused(mirror, upstream, signer, tmp_path, how):
    put(upstream, signer, "tool.tar.gz")
    place = "/releases/v1.0.0/tool.tar.gz.minisig"
    if how == "none":
        upstream.remove(place)
    elif how == "other key":
        upstream.add(place, Signer(tmp_path).sign(BODY, "tool.tar.gz"))
    elif how == "other file":
        upstream.add(place, signer.sign(BODY[:-1], "tool.tar.gz"))
    elif how == "other name":
        upstream.add(place, signer.sign(BODY, "other.tar.gz"))
    else:
        upstream.add(place, b"<html>")
    answer = mirror.get("/signed/artifact/v1.0.0/tool.tar.gz")
    assert answer.status == 502 or not answer.whole
    assert "signed/artifact/v1.0.0/tool.tar.gz" not in mirror.published()
    assert mirror.rows("SELECT DISTINCT verdict FROM provenance WHERE path LIKE '%.gz'") == [{"verdict": "bad"}]


def test_key_vouches_for_another_file_than_the_key_of_toolchains(make_mirror, upstream, tmp_path):
    """As for zls: a key of its own, files at the root of a path."""
    other = Signer(tmp_path)
    name = "zls-x86_64-linux-0.15.1.tar.xz"
    upstream.add(f"/{name}", BODY)
    upstream.add(f"/{name}.minisig", other.sign(BODY, name))
    mirror = make_mirror(extra=f'artifact "zls" {{\n path = "/zls/{{file}}"\n upstream = "{upstream.origin}/{{file}}"\n public_key = "{other.key}"\n}}\n')
    assert mirror.get(f"/zls/{name}").body == BODY
    assert mirror.get(f"/zls/{name}.minisig").body == other.sign(BODY, name)


def test_signed_package(make_mirror, upstream, signer):
    data = gz(tar([("build.zig.zon", manifest())] + SRC))
    put(upstream, signer, "v1.0.0.tar.gz", data, version="p")
    mirror = make_mirror(extra=f'package "p" {{\n path = "/p/{{ref}}.tar.gz"\n upstream = "{upstream.origin}/releases/p/{{ref}}.tar.gz"\n public_key = "{signer.key}"\n}}\n')
    assert mirror.get("/p/v1.0.0.tar.gz").body == data
    mirror.wait_published("p/v1.0.0.tar.gz")
    row = mirror.rows("SELECT verdict, zig_hash FROM entry WHERE path = 'p/v1.0.0.tar.gz'")[0]
    assert row["verdict"] == "signed" and row["zig_hash"].startswith("demo-1.2.3-")


# ---- without a signature -----------------------------------------------------------------------------------------------


def test_other_bytes_of_an_artifact_are_refused(mirror, upstream):
    """Nobody packs the files of a release anew: their content is their bytes."""
    path, place = "files/artifact/v1.0.0/tool.exe", "/releases/v1.0.0/tool.exe"
    upstream.add(place, b"one" * 1000)
    assert mirror.get("/" + path).body == b"one" * 1000
    mirror.wait_published(path)
    purge(mirror, path)
    upstream.add(place, b"two" * 1000)
    assert mirror.get("/" + path).status == 502
    upstream.add(place, b"one" * 1000)
    assert mirror.get("/" + path).body == b"one" * 1000
    assert [r["verdict"] for r in mirror.rows("SELECT verdict FROM provenance ORDER BY id")] == ["tls", "changed", "pinned"]


@pytest.mark.parametrize("name, body", [("a.tar.gz", BODY[:-1]), ("a.zip", b"PK\3\4" + bytes(100)), ("a.gz", b"page"), ("a.tar.zst", b"")])
def test_artifact_that_is_no_whole_archive_is_refused(mirror, upstream, name, body):
    upstream.add(f"/releases/v1.0.0/{name}", body, chunked=True)
    assert mirror.get(f"/files/artifact/v1.0.0/{name}").status == 502
    assert mirror.published() == []


def test_archive_of_another_kind_is_taken(mirror, upstream):
    joined = gzip.compress(b"one ", mtime=0) + gzip.compress(b"two", mtime=0)
    upstream.add("/releases/v1.0.0/log.gz", joined)
    assert mirror.get("/files/artifact/v1.0.0/log.gz").body == joined


# ---- names -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", ["v1.0.0+b.1/a+b.tar.gz", "v1.0.0%2Bb.1/a%2Bb.tar.gz", "v1.0.0%2bb.1/%61+b%2Etar.gz"])
def test_plus_is_a_plus(mirror, upstream, target):
    upstream.add("/releases/v1.0.0+b.1/a+b.tar.gz", BODY)
    assert mirror.get("/files/artifact/" + target).body == BODY
    assert mirror.wait_published("files/artifact/v1.0.0+b.1/a+b.tar.gz") == BODY
    assert mirror.get("/files/artifact/v1.0.0%2Bb.1/a+b.tar.gz").body == BODY
    assert upstream.paths() == ["/releases/v1.0.0+b.1/a+b.tar.gz"]


def test_plus_in_a_query_is_escaped(make_mirror, upstream):
    upstream.add("/download", BODY)
    mirror = make_mirror(extra=f'artifact "q" {{\n path = "/q/{{file}}"\n upstream = "{upstream.origin}/download?name={{file}}"\n}}\n')
    assert mirror.get("/q/a+b.tar.gz").body == BODY
    assert upstream.paths() == ["/download?name=a%2Bb.tar.gz"]


# ---- the token of a rule -----------------------------------------------------------------------------------------------


def test_token_goes_to_the_rules_own_host_only(make_mirror, make_upstream, tmp_path):
    token = "ghp_" + os.urandom(12).hex()
    (tmp_path / "token").write_text(token + "\n")
    forge, cdn = make_upstream(), make_upstream(name="localhost")
    forge.add("/releases/v1.0.0/direct.bin", b"direct")
    forge.add("/releases/v1.0.0/moved.bin", b"", redirect=cdn.url("/moved.bin") + "?token=another-secret")
    forge.add("/releases/v1.0.0/lost.bin", b"", redirect=cdn.url("/lost.bin") + "?token=another-secret")
    forge.add("/releases/v1.0.0/forbidden.bin", b"", status=403)
    forge.add("/releases/v1.0.0/within.bin", b"", redirect="/elsewhere.bin")
    forge.add("/elsewhere.bin", b"within")
    cdn.add("/moved.bin", b"moved")
    more = f'token_file = "{tmp_path / "token"}"\n  redirects = {{"localhost"}}'
    mirror = make_mirror(extra=rule(forge, more))
    answers = {name: mirror.get(f"/files/artifact/v1.0.0/{name}.bin") for name in ("direct", "moved", "within", "forbidden", "absent", "lost")}
    assert [answers[name].body for name in ("direct", "moved", "within")] == [b"direct", b"moved", b"within"]
    assert (answers["forbidden"].status, answers["absent"].status) == (504, 404)
    for request in forge.seen():
        expected = None if request.path == "/elsewhere.bin" else "Bearer " + token
        assert request.headers.get("authorization") == expected
    assert [(r.path, r.headers.get("authorization")) for r in cdn.seen()] == [
        ("/moved.bin?token=another-secret", None), ("/lost.bin?token=another-secret", None)]
    row = mirror.rows("SELECT effective_url FROM provenance WHERE path LIKE '%moved.bin'")[0]
    assert row["effective_url"] == cdn.url("/moved.bin")
    # Neither a log nor the catalogue nor any other file has it.
    mirror.stop()
    files = [path for path in mirror.folder.rglob("*") if path.is_file() and not path.is_symlink()]
    assert {"catalog.db", "fetch.log", "pkgmirror.conf"} <= {path.name for path in files}
    for secret in (token, "another-secret"):
        assert [path for path in files if secret.encode() in path.read_bytes()] == []
    assert all(token not in str(answer.headers) and token.encode() not in answer.body for answer in answers.values())


@pytest.mark.parametrize("content", [None, "", "\n"])
def test_token_that_cannot_be_read_is_told(make_mirror, upstream, tmp_path, content):
    place = tmp_path / "token"
    place.write_text("later" if content is None else content)
    mirror = make_mirror(extra=rule(upstream, f'token_file = "{place}"'))
    if content is None:
        place.unlink()
    upstream.add("/releases/v1.0.0/a.bin", b"x")
    answer = mirror.get("/files/artifact/v1.0.0/a.bin")
    assert answer.status == 500 and str(place) not in answer.text
    assert upstream.seen() == []
    assert f"token_file {place}" in mirror.log("responder.log")
