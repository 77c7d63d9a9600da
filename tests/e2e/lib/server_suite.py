"""What every web server must do in front of the mirror, with the files that deploy/ ships: one suite for all servers and modes.
test_servers_*.py have a class each that names its combinations; each combination has one upstream and one mirror for all checks,
so each check has files of its own."""

import contextlib
import functools
import hashlib
import io
import os
import re
import shutil
import socket
import ssl
import subprocess
import tarfile

import pytest

from . import client
from .fronts import HOST
from .mirror import Mirror
from .upstream import Upstream
from .waiting import wait_until
from .zig import ZigSite, file_name

NIGHTLY = "0.15.0-dev.621+a63f7875f"
# One target for each check that needs a file that nobody asked for before.
CHECKS = ("cold", "warm", "range", "conditional", "head", "coldhead", "method", "slow", "leaver", "flipped", "torn", "shapeless", "shapeless2", "second", "sixth",
          "listing", "stopped", "forbidden", "flipped2", "torn2", "fields", "twice")
SIZE = 300_000
BIG = 100 * 1024 * 1024
COMMIT = "0123456789abcdef0123456789abcdef01234567"
LEAKS = ("x-sendfile", "x-accel-redirect", "x-accel-buffering", "x-lighttpd-send-file", "status")


def named(check, version="0.14.1", system="linux"):
    return file_name(version, f"{check}-{system}")


@functools.lru_cache(maxsize=1)
def big_body():
    return os.urandom(BIG)


def archive():
    """A package."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as tar:
        entry = tarfile.TarInfo("demo/filler")
        entry.size = 5000
        tar.addfile(entry, io.BytesIO(os.urandom(5000)))
    return made.getvalue()


class Served:
    """A mirror behind one server, and the ways to ask it."""

    def __init__(self, front, authority, signer, **keys):
        self.front = front
        front.authority = authority
        self.upstream = Upstream(authority).start()
        self.site = ZigSite(self.upstream, signer)
        self.site.release("0.14.1", [f"{check}-linux" for check in CHECKS] + ["warm-windows"], size=SIZE)
        self.site.release(NIGHTLY, ["x86_64-linux"], size=SIZE)
        self.upstream.add(f"/demo/{COMMIT}", archive(), type="application/x-gzip")
        self.base = f"https://{front.host}:{front.port}{front.mount}"
        self.mirror = Mirror(
            authority, front=front, base_url=self.base, fetch_linger="60s", **keys,
            toolchains={"upstream": self.upstream.origin, "public_key": signer.key},
            extra=f'package "demo" {{ path = "/demo/{{ref}}.tar.gz" upstream = "{self.upstream.origin}/demo/{{ref}}" }}\n',
        )
        try:
            self.mirror.start()
            self.context = front.tls()
        except BaseException:
            self.close()
            raise

    def close(self):
        try:
            self.mirror.close()
        finally:
            self.upstream.close()

    def streams(self, version):
        """True when a client has the first bytes of a new file before its last ones are here."""
        return self.front.streams and (version == "1.1" or self.front.streams_http2)

    def open(self, path, method="GET", headers=None, **more):
        """`path` is below the mount point; as it is, when it is bytes."""
        target = path if isinstance(path, bytes) else self.front.mount + path
        host = more.pop("host", HOST)
        headers = {"Host": f"{self.front.host}:{self.front.port}", **(headers or {})}
        return client.request(self.front.port, target, method, headers, host=host, tls=self.context, **more)

    def send(self, path):
        """Sends a request and does not wait for its answer: client.Answer(it, "GET") does."""
        connection = self.context.wrap_socket(socket.create_connection((HOST, self.front.port), timeout=60), server_hostname=self.front.host)
        connection.sendall(f"GET {self.front.mount}{path} HTTP/1.1\r\nHost: {self.front.host}:{self.front.port}\r\nConnection: close\r\n\r\n".encode())
        return connection

    def get(self, path, headers=None, method="GET", **more):
        with self.open(path, method, headers, **more) as answer:
            answer.rest()
        for name in LEAKS:
            assert name not in answer.headers, f"{name} is seen outside: {answer.headers}"
        return answer

    def curl(self, path, *options):
        """curl of a whole file: HTTP version, status, and the file with the body."""
        with self.start_curl(path, *options) as process:
            version, status = process.result()
            return version, status, process.body

    def start_curl(self, path, *options):
        if not self.ca.exists():
            self.ca.write_text("".join(map(ssl.DER_cert_to_PEM_cert, self.context.get_ca_certs(binary_form=True))))
        return Curl(self.front.folder / "curl.body", ["--cacert", self.ca, *options, self.base + path])

    def curl_any(self, path, *options):
        """curl of whatever answer it is: HTTP version, status, body, fields."""
        head = self.front.folder / "curl.head"
        with self.start_curl(path, *options, "--no-fail", "--dump-header", head) as process:
            version, status = process.result()
            body = process.body.read_bytes() if process.body.exists() else b""
        fields = client.Headers()
        for line in head.read_text().splitlines()[1:]:
            if line:
                name, value = line.split(":", 1)
                fields.add(name, value.strip())
        return version, status, body, fields

    @property
    def ca(self):
        return self.front.folder / "curl.ca"


class Curl:
    """A curl that runs, its body in a file. It fails where the status is an error or the body is not whole."""

    def __init__(self, body, options):
        self.body = body
        body.unlink(missing_ok=True)
        command = ["curl", "-sS", "--fail", "--no-buffer", "-o", body, "-w", "%{http_version} %{http_code}", *options]
        self.child = subprocess.Popen(list(map(str, command)), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def got(self):
        return self.body.stat().st_size if self.body.exists() else 0

    def result(self):
        out, error = self.child.communicate(timeout=300)
        assert self.child.returncode == 0, f"curl: {out} {error}"
        return out.split()

    def assert_failed(self, midway):
        """It failed; `midway`: after a good status and some bytes."""
        out, error = self.child.communicate(timeout=300)
        assert self.child.returncode != 0, f"curl took a torn file for a whole one: {out}"
        assert not midway or (out.split()[1] == "200" and self.child.returncode != 22), f"{out} {error}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.child.kill()
        self.child.communicate()


def assert_file(answer, body, type="application/x-xz"):
    assert (answer.status, answer.whole) == (200, True), answer
    assert answer.body == body
    assert answer.headers["content-type"] == type
    assert "content-encoding" not in answer.headers
    assert "immutable" in answer.headers["cache-control"] or "max-age=31536000" in answer.headers["cache-control"]


def nothing_came(connection):
    """True when no byte of an answer is here; tickets of TLS do not count."""
    connection.setblocking(False)
    try:
        return connection.recv(1) is None
    except ssl.SSLWantReadError:
        return True
    finally:
        connection.settimeout(60)


class ServerSuite:
    """`fronts`: the combinations by name, each a function that makes the front server."""

    fronts = {}

    @pytest.fixture(scope="class")
    def served(self, request, authority, signer):
        served = Served(self.fronts[request.param](), authority, signer)
        yield served
        served.close()

    # -- misses

    def test_cold_file_comes_whole_and_uncompressed(self, served):
        name = named("cold")
        answer = served.get(f"/zig/{name}", {"Accept-Encoding": "gzip, deflate, br, zstd"})
        assert_file(answer, served.site.body(name))
        assert served.mirror.wait_published(f"zig/{name}") == served.site.body(name)

    def test_first_byte_of_a_slow_miss_comes_before_its_end(self, served):
        name = named("slow")
        gate = served.upstream.hold(served.site.path(name), at=200_000)
        with served.send(f"/zig/{name}") as connection:
            if served.front.streams:
                answer = client.Answer(connection, "GET")
                assert answer.status == 200 and answer.read(100_000)[:100_000] == served.site.body(name)[:100_000]
                gate.wait().release()
            else:
                gate.wait()
                assert nothing_came(connection), "bytes came that nothing vouches for"
                gate.release()
                answer = client.Answer(connection, "GET")
            answer.rest()
        assert_file(answer, served.site.body(name))

    def test_client_that_leaves_ends_nothing_but_itself(self, served):
        name = named("leaver")
        gate = served.upstream.hold(served.site.path(name), at=200_000)
        with served.send(f"/zig/{name}") as connection:
            gate.wait()
            if served.front.streams:
                assert client.Answer(connection, "GET").read(1000)
        gate.release()
        assert served.mirror.wait_published(f"zig/{name}") == served.site.body(name)
        assert_file(served.get(f"/zig/{name}"), served.site.body(name))
        assert len(served.upstream.seen(served.site.path(name))) == 1

    def test_file_that_fails_its_verdict_is_never_complete(self, served):
        for check, version in (("flipped", "1.1"), ("flipped2", "2")):
            served.upstream.change(served.site.path(named(check)), flip=1000)
            self.assert_never_complete(served, named(check), version)

    def test_upstream_that_fails_in_mid_stream_cuts_the_client_off(self, served):
        for check, version in (("torn", "1.1"), ("torn2", "2")):
            # A client that waits over HTTP/2 is told nothing else than one over HTTP/1.1, and it takes time.
            if version == "1.1" or served.streams(version):
                served.upstream.change(served.site.path(named(check)), cut=250_000, ranges=False)
                self.assert_never_complete(served, named(check), version)

    def test_answer_without_a_length_that_is_torn_is_never_complete(self, served):
        for check, version in (("shapeless", "1.1"), ("shapeless2", "2")):
            served.upstream.change(served.site.path(named(check)), flip=1000, chunked=True)
            self.assert_never_complete(served, named(check), version, lengthless=True)

    def assert_never_complete(self, served, name, version, lengthless=False):
        """Neither a client that has its first bytes when the transfer dies, nor one that comes when it is dead."""
        gate = served.upstream.hold(served.site.path(name), at=200_000)
        with served.start_curl(f"/zig/{name}", f"--http{version}") as first:
            gate.wait()
            midway = not lengthless and served.streams(version)
            if midway:
                wait_until(lambda: first.got() > 0, "the first bytes")
            gate.release()
            first.assert_failed(midway)
        answer = served.get(f"/zig/{name}")
        assert answer.status >= 500 or (answer.status == 200 and not answer.whole), answer
        assert not (served.mirror.state / "public/zig" / name).exists()

    # -- hits

    def test_warm_file_has_type_and_validators(self, served):
        for path, body, type in (
            (f"/zig/{named('warm')}", served.site.body(named("warm")), "application/x-xz"),
            (f"/zig/{named('warm')}.minisig", served.site.body(named("warm") + ".minisig"), "application/octet-stream"),
            (f"/zig/{file_name('0.14.1', 'warm-windows')}", served.site.body(file_name("0.14.1", "warm-windows")), "application/zip"),
            (f"/demo/{COMMIT}.tar.gz", served.upstream.places[f"/demo/{COMMIT}"].served.body, "application/gzip"),
        ):
            assert_file(served.get(path), body, type)
            warm = served.get(path, {"Accept-Encoding": "gzip, deflate, br, zstd"})
            assert_file(warm, body, type)
            assert warm.headers["etag"].startswith('"') and "last-modified" in warm.headers
            assert warm.headers["content-length"] == str(len(body))
            assert served.get(path).headers["etag"] == warm.headers["etag"]

    def test_ranges(self, served):
        name = named("range")
        path, body = f"/zig/{name}", served.site.body(name)
        assert_file(served.get(path), body)
        part = served.get(path, {"Range": "bytes=1000-1999"})
        assert (part.status, part.body, part.headers["content-range"]) == (206, body[1000:2000], f"bytes 1000-1999/{SIZE}")
        assert served.get(path, {"Range": "bytes=-500"}).body == body[-500:]
        assert served.get(path, {"Range": f"bytes={SIZE}-"}).status == 416
        tag = served.get(path).headers["etag"]
        assert served.get(path, {"Range": "bytes=10-", "If-Range": tag}).status == 206
        assert served.get(path, {"Range": "bytes=10-", "If-Range": '"another"'}).status == 200

    def test_conditional_requests(self, served):
        path = f"/zig/{named('conditional')}"
        assert served.get(path).status == 200
        warm = served.get(path)
        for field, value in (("If-None-Match", warm.headers["etag"]), ("If-Modified-Since", warm.headers["last-modified"])):
            same = served.get(path, {field: value})
            assert (same.status, same.body) == (304, b"")
        assert served.get(path, {"If-None-Match": '"another"'}).status == 200

    def test_head(self, served):
        path = f"/zig/{named('head')}"
        assert served.get(path).status == 200
        warm = served.get(path, method="HEAD")
        assert (warm.status, warm.headers["content-length"], warm.headers["content-type"]) == (200, str(SIZE), "application/x-xz")
        cold = served.get(f"/zig/{named('coldhead')}", method="HEAD")
        assert (cold.status, cold.headers["content-type"]) == (200, "application/x-xz")

    def test_plus_and_its_escape_name_one_file(self, served):
        name = file_name(NIGHTLY)
        for path in (f"/zig/{name.replace('+', '%2B')}", f"/zig/{name}", f"/zig/{name.replace('+', '%2b')}"):
            assert_file(served.get(path), served.site.body(name))
        assert len(served.upstream.seen(served.site.path(name))) == 1

    def test_http2_and_ipv6(self, served):
        if served.front.http2:
            for _ in ("cold", "warm"):
                fields = served.front.folder / "curl.fields"
                version, status, body = served.curl(f"/zig/{named('second')}", "--http2", "--dump-header", fields)
                assert (version, status) == ("2", "200")
                assert not {line.split(":")[0].lower() for line in fields.read_text().splitlines()} & set(LEAKS)
                assert body.read_bytes() == served.site.body(named("second"))
        for address in ("127.0.0.1", "[::1]"):
            version, status, body = served.curl(f"/zig/{named('sixth')}", "--http1.1", "--connect-to", f"::{address}:")
            assert (version, status) == ("1.1", "200")
            assert body.read_bytes() == served.site.body(named("sixth"))

    def test_fields_of_a_file_are_its_own(self, served):
        path = f"/zig/{named('fields')}"
        assert_file(served.get(path), served.site.body(named("fields")))
        hit = served.get(path)
        # lighttpd has one way to say this of files and not of the responder's answers, and it knows no more words.
        plain = type(served.front).__name__ == "Lighttpd" and served.front.hits == "static"
        assert hit.headers["cache-control"] == ("max-age=31536000" if plain else "public, max-age=31536000, immutable")
        assert (hit.headers["accept-ranges"], hit.headers["content-type"]) == ("bytes", "application/x-xz")
        assert re.fullmatch(r'"[^"]+"', hit.headers["etag"])
        # Another machine has it in another inode: that is no other file to who goes on there.
        place = (served.mirror.state / "public" / path[1:]).resolve()
        copy = place.with_name("copy")
        shutil.copy2(place, copy)
        if os.geteuid() == 0:
            shutil.chown(copy, place.stat().st_uid, place.stat().st_gid)
        os.replace(copy, place)
        again = served.get(path, {"If-None-Match": hit.headers["etag"]})
        assert (again.status, again.body) == (304, b""), again

    def test_the_same_over_http2_and_both_addresses(self, served):
        """A hit, its head, a part, an unchanged one, an escaped one, a missing one, a wrong method: as over HTTP/1.1."""
        path, nightly = f"/zig/{named('twice')}", f"/zig/{file_name(NIGHTLY)}".replace("+", "%2B")
        tag = [served.get(p) for p in (path, nightly, path)][2].headers["etag"]
        for n, (method, path, *field) in enumerate((
            ("GET", path), ("HEAD", path), ("GET", path, "Range", "bytes=5-9"), ("GET", path, "If-None-Match", tag), ("GET", nightly),
            ("GET", "/zig/nonsense.tar.xz"), ("POST", path), ("GET", "/-/health"),
        )):
            plain = served.get(path, dict([field]) if field else None, method)
            words = ["--head"] if method == "HEAD" else ["--request", method]
            words += ["--header", ": ".join(field)] if field else []
            version = "2" if served.front.http2 else "1.1"
            at = ("127.0.0.1", "[::1]")[n % 2]
            seen, status, body, fields = served.curl_any(path, f"--http{version}", "--connect-to", f"::{at}:", *words)
            assert (seen, status) == (version, str(plain.status)), (method, path)
            assert method == "HEAD" or path == "/-/health" or body == plain.body, (method, path)
            for name in ("content-type", "content-range", "etag", "last-modified", "cache-control", "allow", "content-encoding"):
                assert fields.get(name) == plain.headers.get(name), (method, path, name)
            assert not set(fields) & set(LEAKS)

    # -- refusals

    def test_names_that_are_none_are_404(self, served):
        for path in ("/zig/zig-x86_64-linux-9.9.9.tar.xz", "/zig/nonsense.tar.xz", "/nowhere", "/demo/main.tar.gz", "/zig/a%00b", "/zig/a%2Fb"):
            assert served.get(path).status in (404, 400), path
        assert served.get("/zig/nonsense.tar.xz").body.count(b"\n") == 1

    def test_other_methods_are_405(self, served):
        name = named("method")
        for _ in ("cold", "warm"):
            for method in ("POST", "PUT", "DELETE"):
                answer = served.get(f"/zig/{name}", {"Content-Length": "0"}, method)
                assert answer.status == 405, f"{method}: {answer}"
                assert "GET" in answer.headers["allow"] and "POST" not in answer.headers["allow"]
            assert served.get(f"/zig/{name}").status == 200

    def test_folders_are_not_listed(self, served):
        name = named("listing")
        assert served.get(f"/zig/{name}").status == 200
        for path in ("/zig", "/zig/", "/demo/", "/", "/public/", "/public", "/.well-known/", "/.well-known/acme-challenge/"):
            answer = served.get(path)
            assert b"Index of" not in answer.body and answer.status in (200, 301, 403, 404), answer
            if path != "/":
                assert name.encode() not in answer.body
        assert served.get("/").status == 200

    def test_nothing_but_published_files_is_reachable(self, served):
        name = named("forbidden")
        gate = served.upstream.hold(served.site.path(name), at=200_000)
        with served.send(f"/zig/{name}") as connection:
            gate.wait()
            mount = served.front.mount.encode()
            wait_until(lambda: served.mirror.part_size(f"zig/{name}") > 0, "the part to grow")
            assert (served.mirror.state / "catalog.db").exists()
            for inside in (b"catalog.db", b"catalog.db-wal", b"catalog.db-shm", b"quarantine/", b"part/zig/" + name.encode(), b"run/fetch.log", b"run/leases"):
                for way in (b"/", b"/../", b"/zig/../../", b"/%2e%2e/", b"/zig/..%2f..%2f", b"/_files/../", b"/_files/", b"/_pkgmirror/", b"/_pkgmirror/../",
                            b"/public/../", b"/.well-known/acme-challenge/../../state/", b"/pkgmirror.cgi/../"):
                    for target in {mount + way + inside, way + inside}:
                        answer = served.get(target)
                        assert answer.status in (301, 302, 400, 403, 404), f"{target}: {answer}"
                        assert b"SQLite" not in answer.body and len(answer.body) < 5000
            gate.release()
            assert_file(client.Answer(connection, "GET").rest(), served.site.body(name))
        for target in (b"/_files/zig/" + name.encode(), b"/public/zig/" + name.encode(), b"/_pkgmirror/zig/" + name.encode()):
            assert served.get(target).status in (403, 404)

    def test_pages_and_index_reach_the_responder(self, served):
        assert served.get("/-/health").status == 200
        index = served.get("/zig/index.json")
        assert index.status == 200 and f"{served.base}/zig/{named('cold')}" in index.text
        assert index.headers["content-type"] == "application/json"
        assert "immutable" not in index.headers.get("cache-control", "")

    # -- last: what leaves the server changed

    def test_hits_need_no_responder(self, served):
        if served.front.hits == "offload":
            return  # there every request is the responder's
        name = named("stopped")
        path, body = f"/zig/{name}", served.site.body(name)
        assert_file(served.get(path), body)
        served.front.stop_responder()
        try:
            hit = served.get(path)
            assert_file(hit, body)
            assert served.get(path, {"Range": "bytes=0-9"}).body == body[:10]
            assert served.get(path, {"If-None-Match": hit.headers["etag"]}).status == 304
            assert served.get(path, method="HEAD").headers["content-length"] == str(SIZE)
            assert served.curl(path, "--http2")[2].read_bytes() == body
            assert served.get("/zig/index.json").status >= 403
        finally:
            served.front.start_responder()
        wait_until(lambda: served.get("/zig/index.json").status == 200, "the responder to be back")

    def test_big_file_by_its_checksum(self, served):
        name = file_name("0.13.0", "x86_64-big")
        place = served.site.add_file(name, "0.13.0", body=big_body())
        served.site.index["0.13.0"] = {"x86_64-big": place}
        for _ in ("cold", "warm"):
            *_, body = served.curl(f"/zig/{name}")
            with open(body, "rb") as content:
                assert hashlib.file_digest(content, "sha256").hexdigest() == place["shasum"]
            body.unlink()


class RedirectSuite(ServerSuite):
    """For servers whose configuration is all ours: port 80 as well."""

    def test_http_is_sent_to_https_but_for_the_challenge(self, served):
        for address in ("127.0.0.1", "::1"):
            headers = {"Host": f"{HOST}:{served.front.http}"}
            with client.request(served.front.http, f"{served.front.mount}/zig/{named('cold')}?source=x", headers=headers, host=address) as moved:
                assert moved.rest().status in (301, 308)
                assert re.fullmatch(rf"https://{HOST}(:\d+)?{served.front.mount}/zig/{named('cold')}\?source=x", moved.headers["location"])
        if served.front.challenges is None:
            return  # the server has an ACME client of its own
        place = served.front.challenges / ".well-known/acme-challenge"
        place.mkdir(parents=True, exist_ok=True)
        (place / "token-_1").write_text("token-_1.thumbprint")
        with client.request(served.front.http, "/.well-known/acme-challenge/token-_1", host=HOST) as found:
            assert (found.rest().status, found.body) == (200, b"token-_1.thumbprint")


@contextlib.contextmanager
def serving(front, authority, signer, **keys):
    served = Served(front, authority, signer, **keys)
    try:
        yield served
    finally:
        served.close()
