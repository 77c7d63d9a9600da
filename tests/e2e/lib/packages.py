"""Package archives of varied shape, for comparing the Zig package hash with the real zig."""
import gzip
import io
import lzma
import os
import subprocess
import tarfile
import zipfile
import zlib

MANIFEST = """.{{
    .name = {name},
    .version = "{version}",
    {fingerprint}
    .paths = .{{ {paths} }},
    {more}
}}
"""


def fingerprint(name, id_=0x1234abcd):
    return (zlib.crc32(name.encode()) << 32) | id_


def manifest(name="demo", version="1.2.3", paths=('""',), more="", literal=None, finger=None):
    if finger is None:
        finger = f".fingerprint = 0x{fingerprint(name):x},"
    return MANIFEST.format(name=literal or f".{name}", version=version, fingerprint=finger,
                           paths=", ".join(paths), more=more).encode()


class Link(str):
    """The target of a symbolic link."""


class Hard(str):
    """The target of a hard link."""


class Mode(bytes):
    """Content of an executable file."""


def tar(entries, root="demo-1.2.3", folders=True, form=tarfile.GNU_FORMAT):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as t:
        if root and folders:
            d = tarfile.TarInfo(root + "/")
            d.type, d.mode = tarfile.DIRTYPE, 0o755
            t.addfile(d)
        for name, content in entries:
            info = tarfile.TarInfo(f"{root}/{name}" if root else name)
            info.mode = 0o644
            if content is None:
                info.type, info.mode = tarfile.DIRTYPE, 0o755
                t.addfile(info)
            elif isinstance(content, Link):
                info.type, info.linkname = tarfile.SYMTYPE, str(content)
                t.addfile(info)
            elif isinstance(content, Hard):
                info.type, info.linkname = tarfile.LNKTYPE, str(content)
                t.addfile(info)
            else:
                if isinstance(content, Mode):
                    info.mode = 0o755
                info.size = len(content)
                t.addfile(info, io.BytesIO(bytes(content)))
    return out.getvalue()


def zipped(entries, root="demo-1.2.3", level=zipfile.ZIP_DEFLATED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", level) as z:
        for name, content in entries:
            full = f"{root}/{name}" if root else name
            # A ZipInfo of our own, since a bare name takes the time of day with it: the same entries are the same bytes.
            info = zipfile.ZipInfo(full)
            if content is None:
                z.writestr(zipfile.ZipInfo(full.rstrip("/") + "/"), b"")
            elif isinstance(content, Link):
                info.create_system = 3
                info.external_attr = (0o120777 << 16)
                z.writestr(info, str(content))
            else:
                info.external_attr = (0o644 << 16)
                z.writestr(info, bytes(content), level)
    return out.getvalue()


def gz(data):
    return gzip.compress(data, 6, mtime=0)


def zst(data):
    return subprocess.run(["zstd", "-q", "-c"], input=data, stdout=subprocess.PIPE, check=True).stdout


SRC = [("build.zig", b"pub fn build(b: anytype) void { _ = b; }\n"), ("src/root.zig", b"pub const x = 1;\n")]


def shapes():
    """Yields (file name, bytes)."""
    plain = [("build.zig.zon", manifest())] + SRC
    yield "plain.tar.gz", gz(tar(plain))
    yield "plain.tar.xz", lzma.compress(tar(plain))
    yield "plain.tar.zst", zst(tar(plain))
    yield "plain.tar", tar(plain)
    yield "plain.zip", zipped(plain)
    yield "stored.zip", zipped(plain, level=zipfile.ZIP_STORED)
    yield "noroot.tar.gz", gz(tar(plain, root=""))
    yield "noroot.zip", zipped(plain, root="")
    yield "nofolders.tar.gz", gz(tar(plain, folders=False))
    yield "pax.tar.gz", gz(tar(plain, form=tarfile.PAX_FORMAT))
    yield "ustar.tar.gz", gz(tar(plain, form=tarfile.USTAR_FORMAT))
    yield "manifest-last.tar.gz", gz(tar(SRC + [("build.zig.zon", manifest())]))
    yield "naked.tar.gz", gz(tar([("README", b"hello\n"), ("data/a.bin", bytes(range(256)))], root="naked"))
    yield "naked-noroot.tar.gz", gz(tar([("README", b"hello\n"), ("data/a.bin", b"1")], root=""))
    yield "naked.zip", zipped([("README", b"hello\n"), ("x/y/z", b"deep")], root="n")
    yield "one-file.tar.gz", gz(tar([("only.txt", b"x")], root=""))
    yield "one-file-in-root.tar.gz", gz(tar([("only.txt", b"x")], root="r"))
    yield "paths.tar.gz", gz(tar([("build.zig.zon", manifest(paths=('"build.zig"', '"build.zig.zon"', '"src"')))] + SRC +
                                 [("test/t.zig", b"t"), ("srcx/no.zig", b"n"), (".gitignore", b"i")]))
    yield "paths-slash.tar.gz", gz(tar([("build.zig.zon", manifest(paths=('"./src/"', '"build.zig.zon"')))] + SRC))
    yield "paths-dot.tar.gz", gz(tar([("build.zig.zon", manifest(paths=('"."',)))] + SRC))
    yield "paths-nested.tar.gz", gz(tar([("build.zig.zon", manifest(paths=('"a/b"', '"a/c/d.txt"')))] + SRC +
                                        [("a/b/x/y.txt", b"1"), ("a/c/d.txt", b"2"), ("a/c/e.txt", b"3"), ("a/bb", b"4")]))
    yield "paths-without-manifest.tar.gz", gz(tar([("build.zig.zon", manifest(paths=('"src"',)))] + SRC))
    yield "empty-paths.tar.gz", gz(tar([("build.zig.zon", manifest(paths=()))] + SRC))
    yield "empty-files.tar.gz", gz(tar(plain + [("empty", b""), ("d/empty", b"")]))
    yield "empty-folders.tar.gz", gz(tar(plain + [("nothing/", None), ("a/b/c/", None)]))
    yield "executable.tar.gz", gz(tar(plain + [("run.sh", Mode(b"#!/bin/sh\n")), ("tool", Mode(b"\x7fELF1234"))]))
    yield "symlinks.tar.gz", gz(tar(plain + [("link", Link("src/root.zig")), ("d/up", Link("../build.zig")),
                                             ("dangling", Link("no/where"))]))
    yield "symlink-backslash.tar.gz", gz(tar(plain + [("l", Link("src\\root.zig"))]))
    yield "symlink.zip", zipped(plain + [("link", Link("src/root.zig"))])
    yield "unicode.tar.gz", gz(tar(plain + [("src/größe.zig", "ä".encode()), ("日本/語.txt", b"x")], form=tarfile.PAX_FORMAT))
    yield "unicode.zip", zipped(plain + [("src/größe.zig", "ä".encode())])
    yield "long-names.tar.gz", gz(tar(plain + [("/".join(["d" * 60] * 4) + "/f.txt", b"long")]))
    yield "long-names-pax.tar.gz", gz(tar(plain + [("/".join(["d" * 60] * 4) + "/f.txt", b"long")], form=tarfile.PAX_FORMAT))
    yield "case.tar.gz", gz(tar(plain + [("README", b"1"), ("readme", b"2")]))
    yield "sorting.tar.gz", gz(tar(plain + [("a-b", b"1"), ("a/b", b"2"), ("a.b", b"3"), ("Z", b"4"), ("_", b"5")]))
    yield "hidden.tar.gz", gz(tar(plain + [(".github/workflows/ci.yml", b"on: push\n"), (".zigversion", b"0.16.0\n")]))
    yield "big.tar.gz", gz(tar(plain + [("big.bin", bytes(range(256)) * 8192)]))
    yield "many.tar.gz", gz(tar(plain + [(f"f/{i % 17}/{i}.txt", str(i).encode()) for i in range(500)]))
    yield "prerelease.tar.gz", gz(tar([("build.zig.zon", manifest(version="0.1.0-dev.12+abc"))] + SRC))
    yield "quoted-name.tar.gz", gz(tar([("build.zig.zon", manifest(literal='.@"demo"'))] + SRC))
    yield "string-name.tar.gz", gz(tar([("build.zig.zon", manifest(literal='"demo"'))] + SRC))
    yield "string-name-no-fingerprint.tar.gz", gz(tar([("build.zig.zon", manifest(literal='"demo"', finger=""))] + SRC))
    yield "no-fingerprint.tar.gz", gz(tar([("build.zig.zon", manifest(finger=""))] + SRC))
    yield "dashed-name.tar.gz", gz(tar([("build.zig.zon", manifest(literal='"my-demo"', finger=""))] + SRC))
    yield "decimal-fingerprint.tar.gz", gz(tar([("build.zig.zon", manifest(finger=f".fingerprint = {fingerprint('demo')},"))] + SRC))
    yield "dependencies.tar.gz", gz(tar([("build.zig.zon", manifest(more="""
    // a comment, with "quotes" and .{ braces
    .minimum_zig_version = "0.14.0",
    .dependencies = .{
        .other = .{ .url = "https://example.org/x.tar.gz", .hash = "other-1.0.0-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", .lazy = true },
        .@"with-dash" = .{ .path = "src" },
    },"""))] + SRC))
    yield "escapes.tar.gz", gz(tar([("build.zig.zon", manifest(paths=(r'"s\x72c"', r'"build.zig.zon"', r'"b\u{75}ild.zig"')))] + SRC))
    # What zig refuses, or where nobody should be sure.
    yield "bad-fingerprint.tar.gz", gz(tar([("build.zig.zon", manifest(finger=".fingerprint = 0x1234,"))] + SRC))
    yield "no-paths.tar.gz", gz(tar([("build.zig.zon", b'.{ .name = .demo, .version = "1.0.0", }')] + SRC))
    yield "bad-version.tar.gz", gz(tar([("build.zig.zon", manifest(version="one"))] + SRC))
    yield "hardlink.tar.gz", gz(tar(plain + [("h", Hard("demo-1.2.3/build.zig"))]))
    yield "duplicate.tar.gz", gz(tar(plain + [("src/root.zig", b"again")]))
    yield "not-zon.tar.gz", gz(tar([("build.zig.zon", b"hello")] + SRC))
    yield "long-name.tar.gz", gz(tar([("build.zig.zon", manifest(name="x" * 33))] + SRC))


def make_all(folder):
    """Writes every shape below `folder`; returns their paths."""
    paths = []
    for name, data in shapes():
        path = os.path.join(folder, name)
        with open(path, "wb") as f:
            f.write(data)
        paths.append(path)
    return paths
