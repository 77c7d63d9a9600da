"""The real zig 0.16.0 as the client: zig fetch and zig build through lighttpd, with the upstream there and without."""

import functools
import http.server
import lzma
import shutil
import threading

import pytest

from lib.packages import fingerprint, gz, manifest, tar, zipped
from lib.zigs import zig

REF = "0123456789abcdef0123456789abcdef01234567"
LIBRARY = [
    ("build.zig.zon", manifest(paths=('"build.zig"', '"build.zig.zon"', '"src"'))),
    ("build.zig", b"""const std = @import("std");
pub fn build(b: *std.Build) void {
    _ = b.addModule("demo", .{ .root_source_file = b.path("src/root.zig") });
}
"""),
    ("src/root.zig", b'pub const greeting = "from the mirror";\n'),
    ("test/big.bin", bytes(range(256)) * 2000),
]
FORMS = {"tar.gz": lambda: gz(tar(LIBRARY)), "tar.xz": lambda: lzma.compress(tar(LIBRARY)), "zip": lambda: zipped(LIBRARY)}

BUILD = """const std = @import("std");
pub fn build(b: *std.Build) void {
    const demo = b.dependency("demo", .{});
    const text = b.addWriteFiles().add("main.zig",
        \\\\const std = @import("std");
        \\\\const demo = @import("demo");
        \\\\comptime { if (!std.mem.eql(u8, demo.greeting, "from the mirror")) @compileError("another package"); }
        \\\\export fn greet() [*:0]const u8 { return demo.greeting; }
    );
    const object = b.addObject(.{ .name = "greet", .root_module = b.createModule(.{
        .root_source_file = text, .target = b.graph.host, .optimize = .Debug,
        .imports = &.{.{ .name = "demo", .module = demo.module("demo") }},
    }) });
    b.getInstallStep().dependOn(&b.addInstallFile(object.getEmittedBin(), "greet.o").step);
}
"""
PROJECT = """.{{
    .name = .project,
    .version = "0.0.0",
    .fingerprint = 0x{finger:x},
    .paths = .{{ "" }},
    .dependencies = .{{ .demo = .{{ .url = "{url}", .hash = "{hash}" }} }},
}}
"""


@pytest.fixture
def mirror(make_mirror, upstream):
    rules = "".join(
        f'package "{form}" {{\n  path = "/demo/{{ref}}.{form}"\n  upstream = "{upstream.origin}/archive/{{ref}}.{form}"\n}}\n' for form in FORMS)
    for form, make in FORMS.items():
        upstream.add(f"/archive/{REF}.{form}", make(), chunked=form == "tar.gz")
    return make_mirror(extra=rules)


class Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture
def plain_http(tmp_path):
    """The URL of a folder, served without TLS: zig knows no certificate of ours."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=tmp_path))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("form", FORMS)
def test_zig_fetch_gives_the_hash_of_the_upstreams_file(mirror, plain_http, tmp_path, form):
    (tmp_path / f"direct.{form}").write_bytes(FORMS[form]())
    direct, complaint = zig().fetch(f"{plain_http}/direct.{form}")
    assert direct.startswith("demo-1.2.3-"), complaint
    url = f"{mirror.url}/demo/{REF}.{form}"
    # While it is fetched, then from disk.
    assert zig().fetch(url) == (direct, "")
    mirror.wait_published(f"demo/{REF}.{form}")
    assert zig().fetch(url) == (direct, "")
    assert mirror.rows("SELECT zig_hash FROM entry") == [{"zig_hash": direct}]


def test_zig_build_needs_the_upstream_once(mirror, upstream, tmp_path):
    url = f"{mirror.url}/demo/{REF}.tar.gz"
    assert mirror.get(f"/demo/{REF}.tar.gz").whole
    mirror.wait_published(f"demo/{REF}.tar.gz")
    # What a person pastes: the URL, and the hash that the mirror knows.
    known = mirror.rows("SELECT zig_hash FROM entry")[0]["zig_hash"]
    project = tmp_path / "project"
    for _ in range(2):
        project.mkdir()
        (project / "build.zig").write_text(BUILD)
        (project / "build.zig.zon").write_text(PROJECT.format(finger=fingerprint("project"), url=url, hash=known))
        done = zig().run(project, "build")
        assert done.returncode == 0, done.stderr
        assert b"from the mirror" in (project / "zig-out/greet.o").read_bytes()
        assert len(upstream.seen()) == 1
        # Again with no upstream, no cache, nothing fetched.
        shutil.rmtree(project)
        upstream.stop()
