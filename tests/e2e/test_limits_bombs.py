"""Decompression bombs: a package that unpacks to far more than it is is refused with a reason, within bounded time, memory and disk, and the
mirror goes on meanwhile."""

import lzma
import os
import pathlib
import struct
import tarfile
import threading
import zlib

import pytest

from lib.bare import Bare, Said
from lib import fastcgi
from lib.figures import figure
from lib.packages import SRC, gz as gzipped, manifest, tar, zipped as zip_of, zst as zst_of
from lib.waiting import wait_until

REF = "0123456789abcdef0123456789abcdef01234567"
OTHER = "fedcba9876543210fedcba9876543210fedcba98"
KINDS = ("tar.gz", "tar.xz", "tar.zst", "zip")
PIECE = bytes(1 << 20)
MEMBER = 2 << 30  # bytes that the one file of a bomb claims and has
MEMORY_MAX = 64 << 20
DISK_MAX = 32 << 20


def head():
    """The beginning of a tar with one file of MEMBER bytes."""
    info = tarfile.TarInfo("demo/zeros")
    info.size = MEMBER
    return info.tobuf(tarfile.GNU_FORMAT)


def deflated(*pieces):
    """A raw deflate stream of (bytes, how often): what ends with a full flush may be put behind itself."""
    stream = b""
    for piece, count in pieces:
        packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        stream += (packer.compress(piece) + packer.flush(zlib.Z_FULL_FLUSH)) * count
    return stream + b"\x03\0"


def gz():
    return b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + deflated((head(), 1), (PIECE, MEMBER // len(PIECE))) + struct.pack("<II", 0, MEMBER & 0xffffffff)


def xz():
    """Streams behind each other are one to a reader of tar."""
    return lzma.compress(head()) + lzma.compress(bytes(64 << 20)) * (MEMBER >> 26)


def zst():
    return zst_of(head()) + zst_of(bytes(64 << 20)) * (MEMBER >> 26)


def zipped():
    """One member; nobody comes to its checksum."""
    name, data = b"demo/zeros", deflated((PIECE, MEMBER // len(PIECE)))
    sizes = struct.pack("<HHHIIIHH", 8, 0, 0x21, 0, len(data), MEMBER, len(name), 0)
    local = b"PK\3\4" + struct.pack("<HH", 20, 0) + sizes + name
    entry = b"PK\1\2" + struct.pack("<HHH", 20, 20, 0) + sizes + struct.pack("<HHHII", 0, 0, 0, 0, 0) + name
    return local + data + entry + b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, 1, 1, len(entry), len(local) + len(data), 0)


PLAIN = [("build.zig.zon", manifest())] + SRC
GOOD = {"tar.gz": lambda: gzipped(tar(PLAIN)), "tar.xz": lambda: lzma.compress(tar(PLAIN)), "tar.zst": lambda: zst_of(tar(PLAIN)), "zip": lambda: zip_of(PLAIN)}
BOMBS = {"tar.gz": gz, "tar.xz": xz, "tar.zst": zst, "zip": zipped}


@pytest.fixture
def mirror(make_mirror, upstream, plain_build):
    rules = "".join(
        f'package "demo-{kind.replace(".", "-")}" {{ path = "/demo-{kind.replace(".", "-")}/{{ref}}.{kind}" upstream = "{upstream.origin}/{kind}/{{ref}}" }}\n'
        for kind in KINDS)
    return make_mirror(front=Bare(), extra=rules, max_fetches=4, build=plain_build)


def status_of(pid):
    try:
        return dict(line.split(":", 1) for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines())
    except OSError:
        return {}


class Watcher:
    """Notes the most memory that a child of the service ever had, and the most disk that the state took."""

    def __init__(self, mirror):
        self.mirror, self.memory, self.disk, self.children = mirror, 0, 0, set()
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.watch, daemon=True)
        self.thread.start()

    def watch(self):
        while not self.stopping.wait(0.01):
            services = self.mirror.services()
            for pid in services:
                status = status_of(pid)
                if "VmHWM" in status and int(status["PPid"]) in services:
                    self.children.add(pid)
                    self.memory = max(self.memory, int(status["VmHWM"].split()[0]) * 1024)
            self.disk = max(self.disk, sum(os.lstat(os.path.join(place, name)).st_blocks * 512 for place, _, names in os.walk(self.mirror.state) for name in names
                                           if os.path.lexists(os.path.join(place, name))))

    def stop(self):
        self.stopping.set()
        self.thread.join()


@pytest.mark.parametrize("kind", KINDS)
def test_a_bomb_is_refused_within_bounds(mirror, upstream, kind):
    name = "demo-" + kind.replace(".", "-")
    bomb, good = BOMBS[kind](), GOOD[kind]()
    assert len(bomb) < MEMBER // 500
    upstream.add(f"/{kind}/{REF}", bomb)
    upstream.add(f"/{kind}/{OTHER}", good)
    watcher = Watcher(mirror)
    try:
        with mirror.front.open(f"/{name}/{REF}.{kind}") as victim:
            wait_until(lambda: watcher.children, "the child that unpacks")
            answer = mirror.front.ask(f"/{name}/{OTHER}.{kind}", "192.0.2.2")
            assert (answer.status, answer.body == good) == (200, True)
            answer = Said(*fastcgi.answer(victim))
    finally:
        watcher.stop()
    assert answer.status == 502 or not answer.whole
    row, = mirror.rows("SELECT verdict, reason FROM provenance WHERE path = ?", f"{name}/{REF}.{kind}")
    figure(f"{kind}: {len(bomb):,} bytes for {MEMBER:,}: {row['reason']}; memory {watcher.memory >> 20} MiB, disk {watcher.disk >> 20} MiB")
    assert row["verdict"] == "bad" and "unpacks to far more than it is" in row["reason"]
    assert watcher.memory < MEMORY_MAX
    assert watcher.disk < DISK_MAX
    assert mirror.published() == [f"{name}/{OTHER}.{kind}"]
    assert mirror.parts() == []
    assert len(mirror.services()) == 1


def with_dictionary(code):
    """A good xz whose header says how large a dictionary its reader must have, whatever it needs: (2 | code & 1) << code // 2 + 11 bytes."""
    data = bytearray(GOOD["tar.xz"]())
    at = data.index(b"\x21\x01", 12) + 2
    end = 12 + (data[12] + 1) * 4
    data[at] = code
    data[end - 4:end] = struct.pack("<I", zlib.crc32(bytes(data[12:end - 4])))
    return bytes(data)


@pytest.mark.parametrize("code, status", [(28, 200), (37, 502)], ids=["64 MiB, as xz -9 has it", "1.5 GiB"])
def test_what_wants_more_memory_than_it_may_is_refused(mirror, upstream, code, status):
    made = with_dictionary(code)
    upstream.add(f"/tar.xz/{REF}", made)
    answer = mirror.front.ask(f"/demo-tar-xz/{REF}.tar.xz")
    assert (answer.status, answer.body == made) == (status, status == 200)
    assert [row["verdict"] for row in mirror.rows("SELECT verdict FROM provenance")] == ["tls" if status == 200 else "bad"]
    assert len(mirror.published()) == (status == 200)
    assert len(mirror.services()) == 1
