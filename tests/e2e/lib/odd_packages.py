"""More package archives, odd ones, for comparing the Zig package hash with the real zig: names, ends, streams, links, zip
files, manifests, what git makes."""

import io
import lzma
import os
import pathlib
import subprocess
import tempfile
import warnings
import zipfile

from .packages import SRC, Link, Mode, fingerprint, gz, manifest, tar, zipped, zst

PLAIN = [("build.zig.zon", manifest())] + SRC


def below(prefix, entries=PLAIN):
    return [(prefix + name, content) for name, content in entries]


def rootless(members):
    return gz(tar(members, root=""))


def names():
    yield "dotslash-root", rootless([("./demo/", None)] + below("./demo/"))
    yield "dotslash", rootless([("./", None)] + below("./"))
    yield "dotslash-nodir", rootless(below("./"))
    yield "dotslash-mixed", rootless([("./demo/", None)] + below("demo/"))
    yield "dot-inside", rootless(below("demo/./"))
    yield "two-slashes", rootless(below("demo//"))
    yield "dots-inside", rootless(below("demo/x/../"))
    yield "dots-lead-out", rootless(below("demo/") + [("../x", b"1")])
    yield "absolute", rootless(below("/demo/"))
    yield "file-beside-root", rootless(below("demo/") + [("top", b"x")])
    yield "file-before-root", rootless([("top", b"x")] + below("demo/"))
    yield "two-roots", rootless(below("demo/") + [("other/f", b"x")])
    yield "two-roots-folder", rootless(below("demo/") + [("other/", None)])
    yield "link-beside-root", rootless(below("demo/") + [("l", Link("demo"))])
    yield "latin1", gz(tar(PLAIN + [("src/gr\udcf6\udcdfe.zig", b"x")]))
    yield "line-feed", gz(tar(PLAIN + [("src/a\nb", b"x"), ("src/a b'\"\\c", b"y")]))
    yield "manifest-link", gz(tar([("real.zon", manifest()), ("build.zig.zon", Link("real.zon"))] + SRC))
    yield "manifest-folder", gz(tar([("build.zig.zon/x", b"1")] + SRC))
    for name, target in (("out", "../../outside"), ("absolute", "/etc/passwd"), ("dots", "./src//root.zig"), ("nothing", "")):
        yield "link-" + name, gz(tar(PLAIN + [("o", Link(target))]))
    yield "link-on-the-way", gz(tar(PLAIN + [("d", Link("src")), ("d/x", b"1")]))


def streams():
    whole = tar(PLAIN)
    end = (len(whole.rstrip(b"\0")) + 511) // 512 * 512
    yield "two-streams.tar.gz", gz(whole[:1500]) + gz(whole[1500:])
    yield "two-streams-between-files.tar.gz", gz(whole[:1536]) + gz(whole[1536:])
    yield "zeros-behind.tar.gz", gz(whole) + bytes(100)
    yield "tar-behind-tar.tar.gz", gz(whole + tar([("zz", b"1")]))
    yield "cut-in-a-block.tar.gz", gz(whole.rstrip(b"\0"))
    yield "no-end-blocks.tar.gz", gz(whole[:end])
    yield "one-end-block.tar.gz", gz(whole[: end + 512])
    yield "two-streams.tar.xz", lzma.compress(whole[:1536]) + lzma.compress(whole[1536:])
    yield "padding.tar.xz", lzma.compress(whole) + bytes(4)
    for name in ("CRC32", "SHA256", "NONE"):
        yield name.lower() + ".tar.xz", lzma.compress(whole, check=getattr(lzma, "CHECK_" + name))
    yield "alone.tar.xz", lzma.compress(whole, format=lzma.FORMAT_ALONE)
    big = tar(PLAIN + [("big", os.urandom(1 << 19) + b"a" * (3 << 20))])
    yield "blocks.tar.xz", subprocess.run(
        ["xz", "-c", "-T2", "--block-size=1MiB"], input=big, stdout=subprocess.PIPE, check=True).stdout
    yield "two-frames.tar.zst", zst(whole[:1536]) + b"\x50\x2a\x4d\x18\4\0\0\0skip" + zst(whole[1536:])


class Unseekable(io.RawIOBase):
    """A zip that is written to it has its sizes behind the members."""

    def __init__(self):
        self.bytes = bytearray()

    def writable(self):
        return True

    def write(self, data):
        self.bytes += bytes(data)
        return len(data)


def zips():
    yield "folders.zip", zipped([("", None), ("src/", None)] + PLAIN)
    yield "folders-rootless.zip", zipped([("src/", None)] + PLAIN, root="")
    yield "two-roots.zip", zipped(below("demo/") + [("other/f", b"x")], root="")
    yield "file-beside-root.zip", zipped(below("demo/") + [("f", b"x")], root="")
    yield "backslashes.zip", zipped([("demo\\" + name.replace("/", "\\"), content) for name, content in PLAIN], root="")
    yield "empty-file.zip", zipped(PLAIN + [("e", b"")])
    yield "dotslash.zip", zipped(below("./"), root="")
    yield "latin1.zip", zipped(PLAIN + [("src/grXYe", b"x")]).replace(b"grXYe", b"gr\xf6\xdfe")
    yield "script-before.zip", b"#!/bin/sh\n" + zipped(PLAIN)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield "twice.zip", zipped(PLAIN + [("src/root.zig", b"again")])
    commented = io.BytesIO(zipped(PLAIN))
    with zipfile.ZipFile(commented, "a") as z:
        z.comment = b"a comment with PK\5\6 in it"
    yield "comment.zip", commented.getvalue()
    stream = Unseekable()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as z:
        for name, content in PLAIN:
            z.writestr("demo/" + name, content)
    yield "streamed.zip", bytes(stream.bytes)


VERSIONS = [
    "0.0.0", "1.2", "1.2.3.4", "01.2.3", "1.2.3-", "1.2.3+", "1.2.3-01", "1.2.3-a.b+c.d-e", "1.2.3-a..b", "v1.2.3", "1.2.3-a_b",
    "1.2.3+01", "99999999999999999999.0.0", "18446744073709551615.0.0", "1.2.3-99999999999999999999", "1.2.3-" + "a" * 26,
    "1.2.3-" + "a" * 27, " 1.2.3", "1.2.3-a+b+c",
]
PATHS = ["src/../build.zig", "../x", "/src", "src/", "", "./", "src//root.zig", "a/../..", ".", "./.", "src/./root.zig", "..", r"sr\\c"]
HEX = f"{fingerprint('demo'):x}"
FINGERPRINTS = [
    f"0b{fingerprint('demo'):b}", f"0o{fingerprint('demo'):o}", f"0x{HEX[:4]}_{HEX[4:]}", f"0x{HEX.upper()}", f"0X{HEX}", f"0x000{HEX}",
    f"0x{fingerprint('demo', 0):x}", f"0x{fingerprint('demo', 0xffffffff):x}", f'"0x{HEX}"', f"{fingerprint('demo')}.0",
]
NAMES = ["error", "async", "u8", "_", "_x", "true", "x" * 32]
FIELDS = {
    "unknown": r".whatever = .{ .a = 1, .b = .{ 1, 2 }, .c = null, .d = -1.5e3, .e = 'x', .f = .{} },",
    "word": ".whatever = hello,", "call": '.whatever = @import("x"),', "address": ".whatever = &.{1},",
    "zig": '.minimum_zig_version = "0.99.0",', "no-zig": '.minimum_zig_version = "banana",', "zig-number": ".minimum_zig_version = 1,",
    "version-twice": '.version = "1.2.3",', "unknown-twice": ".x = 1, .x = 2,", "no-dependencies": ".dependencies = .{},",
}
DEPENDENCY = '.dependencies = .{ .o = .{ %s } },'
DEPENDENCIES = {
    "nohash": '.url="https://x/y.tar.gz"', "unknown": '.path="src", .foo=1',
    # Zig refuses these; pkgmirror does not judge dependencies.
    "old": '.url="https://x/y.tar.gz", .hash="1220' + "0" * 64 + '"', "bad": '.url="https://x/y.tar.gz", .hash="x"', "none": "",
    "both": '.url="https://x/y.tar.gz", .path="a"', "lazy": '.path="src", .lazy="yes"',
}
UNJUDGED = {f"dependency-{name}.tar.gz" for name in ("old", "bad", "none", "both", "lazy")}


def manifests():
    m = manifest()
    yield "crlf", m.replace(b"\n", b"\r\n")
    yield "byte-order-mark", b"\xef\xbb\xbf" + m
    yield "doc-comment", m.replace(b".name", b"/// doc\n.name")
    yield "top-doc-comment", b"//! doc\n" + m
    yield "four-slashes", m.replace(b".name", b"//// doc\n.name")
    yield "no-last-comma", m.rstrip().replace(b"},\n    \n}", b"}\n}")
    yield "empty-manifest", b""
    yield "empty-struct", b".{}"
    yield "two-structs", m + m
    yield "path-of-lines", manifest(paths=("\n\\\\src\n", '"build.zig.zon"'))
    yield "path-number", manifest(paths=("1",))
    yield "path-twice", manifest(paths=('"src"', '"src"'))
    yield "path-escape", manifest(paths=(r'"s\q"',))
    yield "paths-string", m.replace(b'.{ "" }', b'""')
    yield "name-escaped", manifest(literal=r'.@"d\x65mo"')
    for i, name in enumerate(NAMES):
        yield f"name-{i}", manifest(name=name)
    for i, version in enumerate(VERSIONS):
        yield f"version-{i}", manifest(version=version)
    for i, path in enumerate(PATHS):
        yield f"path-{i}", manifest(paths=(f'"{path}"', '"build.zig.zon"'))
    for i, number in enumerate(FINGERPRINTS):
        yield f"fingerprint-{i}", manifest(finger=f".fingerprint = {number},")
    for name, text in FIELDS.items():
        yield f"field-{name}", manifest(more=text)
    for name, text in DEPENDENCIES.items():
        yield f"dependency-{name}", manifest(more=DEPENDENCY % text)


def older():
    """Packages of before Zig 0.14, which gave them a multihash."""
    old = manifest(literal='"demo"', finger="")
    yield "older.tar.gz", gz(tar([("build.zig.zon", old)] + SRC))
    yield "older.tar.xz", lzma.compress(tar([("build.zig.zon", old)] + SRC))
    yield "older.zip", zipped([("build.zig.zon", old)] + SRC)
    yield "older-rootless.tar.gz", gz(tar([("build.zig.zon", old)] + SRC, root=""))
    yield "older-dotslash.tar.gz", rootless(below("./demo/", [("build.zig.zon", old)] + SRC))
    yield "older-paths.tar.gz", gz(tar(
        [("build.zig.zon", manifest(literal='"demo"', finger="", paths=('"src"', '"./build.zig.zon"')))] + SRC + [("t/x", b"1")]))
    yield "older-variety.tar.gz", gz(tar([("build.zig.zon", manifest(literal='"my-demo"', finger=""))] + SRC + [
        ("l", Link("src/root.zig")), ("run", Mode(b"#!")), ("e", b""), ("\u00fc/x", b"1"), ("a-b", b"1"), ("a/b", b"2")]))
    yield "older-dependency.tar.gz", gz(tar(
        [("build.zig.zon", manifest(literal='"demo"', finger="", more=DEPENDENCY % DEPENDENCIES["old"]))] + SRC))
    yield "older-version.tar.gz", gz(tar([("build.zig.zon", manifest(literal='"demo"', finger="", version="1.0.0-dev.3+x"))] + SRC))
    yield "naked-variety.tar.gz", gz(tar([("l", Link("a")), ("a", b"1"), ("x", Mode(b"1")), ("b c", b"2")], root="q"))


def from_git():
    with tempfile.TemporaryDirectory() as folder:
        def git(*words):
            return subprocess.run(
                ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=m", "-C", folder, *words],
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=True).stdout

        git("init", "-q")
        place = pathlib.Path(folder)
        for name, content in PLAIN + [("run.sh", b"#!/bin/sh\n"), ("\u00fc/gr\u00f6\u00dfe", b"x"), ("/".join(["d" * 60] * 4) + "/f", b"1")]:
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            (place / name).write_bytes(content)
        (place / "run.sh").chmod(0o755)
        (place / "link").symlink_to("src/root.zig")
        (place / "long-link").symlink_to("x" * 150)
        git("add", "-A")
        git("commit", "-qm", "x")
        for form in ("tar.gz", "zip"):
            yield f"git.{form}", git("archive", f"--format={form}", "--prefix=demo-abc/", "HEAD")
            yield f"git-rootless.{form}", git("archive", f"--format={form}", "HEAD")


def odd_shapes():
    """Yields (file name, bytes)."""
    for name, data in names():
        yield name + ".tar.gz", data
    yield from streams()
    yield from zips()
    for name, text in manifests():
        yield name + ".tar.gz", gz(tar([("build.zig.zon", text)] + SRC))
    yield from older()
    yield from from_git()
