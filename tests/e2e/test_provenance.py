"""/-/provenance and /-/key: the JSON fits its schema, says what the ledger says, and is signed as OpenSSL verifies it."""

import base64
import gzip
import hashlib
import json
import os
import sqlite3
import subprocess

import jsonschema
import pytest

from lib import packages
from lib.lighttpd import Lighttpd
from lib.process import BUILD, SANITIZERS, TOP, run
from lib.waiting import wait_until
from lib.zig import file_name

NAME = file_name("0.14.1")
SCHEMA = json.loads((TOP / "docs/provenance.schema.json").read_text())


def provenance(mirror, path):
    answer = mirror.get(f"/-/provenance/{path}")
    assert answer.status == 200 and answer.headers["Content-Type"] == "application/json"
    document = json.loads(answer.body)
    jsonschema.Draft202012Validator(SCHEMA).validate(document)
    return document


def fetched(mirror, path):
    """Has a file fetched and recorded."""
    assert mirror.get(f"/{path}").whole
    wait_until(lambda: mirror.rows("SELECT 1 FROM entry WHERE path = ?", path), "the entry")


@pytest.fixture
def signing_key(tmp_path):
    key = tmp_path / "mirror.key"
    run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", key])
    key.chmod(0o640)
    return key


def test_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_document_says_what_is_stored_and_whence(mirror, site):
    fetched(mirror, f"zig/{NAME}")
    document = provenance(mirror, f"zig/{NAME}")
    [row] = mirror.rows("SELECT * FROM provenance WHERE path = ?", f"zig/{NAME}")
    body = site.body(NAME)
    assert document["path"] == f"zig/{NAME}" and document["url"] == f"{mirror.url}/zig/{NAME}"
    assert document["envelope"] is None and document["transfersTotal"] == 1
    statement = document["statement"]
    assert statement["subject"] == [{"name": f"zig/{NAME}", "digest": {
        "sha256": hashlib.sha256(body).hexdigest(), "blake2b": hashlib.blake2b(body).hexdigest()}}]
    predicate = statement["predicate"]
    assert (predicate["size"], predicate["verdict"], predicate["class"], predicate["version"]) == (len(body), "signed", "stable", "0.14.1")
    upstream = predicate["upstream"]
    assert upstream["requestedUrl"] == site.upstream.url(site.path(NAME)) and upstream["remoteAddress"] == "127.0.0.1"
    assert len(upstream["tlsSha256"]) == 64 and f"file:{NAME}" in upstream["trustedComment"]
    assert predicate["transfers"] == document["transfers"] == [upstream]
    assert (upstream["row"], upstream["hash"], upstream["previous"]) == (row["id"], row["hash"], row["previous"])
    # An alias is the same file.
    assert provenance(mirror, f"download/0.14.1/{NAME}") == document


def test_package_has_its_zig_hash(make_mirror, upstream):
    mirror = make_mirror(front=Lighttpd("fastcgi"), extra=f"""
package "mach" {{
  path = "/mach/{{ref}}.tar.gz"
  upstream = "{upstream.origin}/archive/{{ref}}.tar.gz"
}}
""")
    ref = "0123456789abcdef0123456789abcdef01234567"
    upstream.add(f"/archive/{ref}.tar.gz", gzip.compress(packages.tar([("build.zig.zon", packages.manifest()), ("build.zig", b"// nothing")])))
    fetched(mirror, f"mach/{ref}.tar.gz")
    predicate = provenance(mirror, f"mach/{ref}.tar.gz")["statement"]["predicate"]
    [entry] = mirror.rows("SELECT zig_hash, zig_multihash FROM entry")
    assert (predicate["zigHash"], predicate["zigMultihash"]) == (entry["zig_hash"], entry["zig_multihash"])
    assert predicate["zigHash"].startswith("demo-1.2.3-")


def test_refused_file_has_its_refusal_and_no_statement(make_mirror, site):
    mirror = make_mirror(front=Lighttpd("fastcgi"))
    site.upstream.change(site.path(NAME), flip=1000)
    assert not mirror.get(f"/zig/{NAME}").whole
    wait_until(lambda: mirror.rows("SELECT 1 FROM provenance WHERE verdict = 'bad'"), "the refusal")
    document = provenance(mirror, f"zig/{NAME}")
    assert document["statement"] is None and document["envelope"] is None
    assert [(row["verdict"], bool(row["reason"])) for row in document["transfers"]] == [("bad", True)]


def test_what_is_not_known_is_404(mirror):
    assert mirror.get(f"/-/provenance/zig/{NAME}").status == 404  # no catalogue yet
    fetched(mirror, f"zig/{NAME}")
    for path in (f"zig/{file_name('0.13.0')}", "zig/index.json", "nonsense", ""):
        assert mirror.get(f"/-/provenance/{path}").status == 404
    assert mirror.get("/-/key").status == 404


def test_signature_is_what_openssl_verifies(make_mirror, site, signing_key, tmp_path, mode):
    mirror = make_mirror(front=Lighttpd(mode), signing_key=str(signing_key))
    fetched(mirror, f"zig/{NAME}")
    document = provenance(mirror, f"zig/{NAME}")
    envelope = document["envelope"]
    payload = base64.b64decode(envelope["payload"], validate=True)
    assert json.loads(payload) == document["statement"]
    [signature] = envelope["signatures"]
    # The raw public key, put into DER by hand.
    pem = mirror.get("/-/key")
    assert pem.headers["Content-Type"] == "application/x-pem-file"
    der = base64.b64decode("".join(pem.text.splitlines()[1:-1]))
    assert der[:12] == bytes.fromhex("302a300506032b6570032100") and len(der) == 44
    (tmp_path / "public.der").write_bytes(bytes.fromhex("302a300506032b6570032100") + der[12:])
    assert signature["keyid"] == hashlib.sha256(der).hexdigest()
    kind = envelope["payloadType"].encode()
    (tmp_path / "signed").write_bytes(b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload))
    (tmp_path / "signature").write_bytes(base64.b64decode(signature["sig"], validate=True))
    verify = ["openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", tmp_path / "public.der", "-rawin",
              "-in", tmp_path / "signed", "-sigfile", tmp_path / "signature"]
    assert "Verified Successfully" in run(verify).stdout
    own = run(["openssl", "pkey", "-in", signing_key, "-pubout"]).stdout
    assert pem.text == own
    # One bit more or less is another statement.
    (tmp_path / "signed").write_bytes((tmp_path / "signed").read_bytes().replace(b'"signed"', b'"digest"'))
    run(verify, status=1)


def test_key_that_cannot_be_used_is_told_and_nothing_goes_out_unsigned(make_mirror, site, signing_key):
    signing_key.chmod(0o644)
    mirror = make_mirror(front=Lighttpd("fastcgi"), signing_key=str(signing_key))
    fetched(mirror, f"zig/{NAME}")
    assert mirror.get(f"/-/provenance/zig/{NAME}").status == 500
    assert mirror.get("/-/key").status == 500
    assert "everybody may read it" in mirror.log("responder.log")
    checked = run([BUILD / "pkgmirror.fcgi", "--config", mirror.configuration, "--check-config"]).stdout
    assert "# signing key: cannot be used (signing_key " in checked
    signing_key.chmod(0o600)
    assert provenance(mirror, f"zig/{NAME}")["envelope"] is not None
    checked = run([BUILD / "pkgmirror.fcgi", "--config", mirror.configuration, "--check-config"]).stdout
    assert f"# signing key: {provenance(mirror, f'zig/{NAME}')['envelope']['signatures'][0]['keyid']}\n" in checked


def test_many_refusals_are_counted_and_the_newest_shown(make_mirror, site):
    mirror = make_mirror(front=Lighttpd("fastcgi"))
    fetched(mirror, f"zig/{NAME}")
    with sqlite3.connect(mirror.state / "catalog.db", timeout=30) as db:
        db.execute("""WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300)
            INSERT INTO provenance (path, requested_url, effective_url, remote_address, http_status, started_at, finished_at, bytes, sha256,
                verdict, reason, previous, hash)
            SELECT ?, 'https://x.example/' || i, 'https://x.example/' || i, '', 200, i, i, 1, printf('%064x', i), 'bad', 'a "reason" ' || i, '', printf('%064x', i)
            FROM n""", (f"zig/{NAME}",))
    db.close()
    document = provenance(mirror, f"zig/{NAME}")
    assert (len(document["transfers"]), document["transfersTotal"]) == (257, 301)
    assert document["transfers"][0]["reason"] == 'a "reason" 300'
    assert document["statement"]["predicate"]["upstream"]["verdict"] == "signed"


# ---- who may ask, and what is not stored


def cgi(mirror, target, address):
    """What the responder answers to a client of that address."""
    done = subprocess.run([BUILD / "pkgmirror.fcgi"], stdin=subprocess.DEVNULL, capture_output=True, timeout=60, env={
        **os.environ, **SANITIZERS, "GATEWAY_INTERFACE": "CGI/1.1", "REQUEST_METHOD": "GET", "REQUEST_URI": target, "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": address, "PKGMIRROR_CONFIG": str(mirror.configuration), "QUERY_STRING": target.partition("?")[2]})
    head, _, body = done.stdout.partition(b"\r\n\r\n")
    fields = dict(line.split(": ", 1) for line in head.decode().splitlines())
    return int(fields.get("Status", "200").split()[0]), body


@pytest.mark.parametrize("access, status", [("local", 404), ("open", 200)])
def test_others_may_ask_where_the_configuration_says_so(make_mirror, site, signing_key, access, status):
    mirror = make_mirror(front=Lighttpd("fastcgi"), signing_key=str(signing_key), provenance_access=access)
    fetched(mirror, f"zig/{NAME}")
    for target in (f"/-/provenance/zig/{NAME}", "/-/key"):
        assert cgi(mirror, target, "198.51.100.77")[0] == status
        assert cgi(mirror, target, "127.0.0.1")[0] == 200


def test_address_of_a_client_is_stored_nowhere(make_mirror, site):
    mirror = make_mirror(front=Lighttpd("fastcgi"))
    names = {f"/zig/{NAME}": 200, f"/zig/{file_name('0.13.0')}?source=setup-zig": 200, "/zig/zig-x86_64-linux-0.99.0.tar.xz": 404}
    for address in ("198.51.100.77", "2001:db8:77::1"):
        for target, status in names.items():
            assert cgi(mirror, target, address)[0] == status
    mirror.kill_service(15)
    assert len(mirror.rows("SELECT * FROM provenance")) >= 2
    journal = (mirror.state / "run/hits.log").read_text().splitlines()
    assert sorted(line.split("\t")[1:4] for line in journal) == sorted(
        2 * [[f"zig/{NAME}", "-", "200"]] + 2 * [[f"zig/{file_name('0.13.0')}", "setup-zig", "200"]])
    for place, _, files in os.walk(mirror.state):
        for name in files:
            if name in ("fetch.log", "fetch.sock"):
                continue
            content = open(os.path.join(place, name), "rb").read()
            assert b"198.51.100" not in content and b"2001:db8:77" not in content, name
