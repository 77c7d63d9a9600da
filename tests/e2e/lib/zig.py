"""An upstream that looks like ziglang.org: releases, nightlies, their signatures, index.json, community-mirrors.txt."""

import hashlib
import json
import pathlib
import posixpath
import random

DATA = pathlib.Path(__file__).resolve().parents[2] / "data/upstream"
TARGETS = ("x86_64-linux", "aarch64-macos", "x86_64-windows")
DATE = "2025-03-05"


def file_name(version, target="x86_64-linux"):
    """The name of a file; target is ARCH-OS, "src" or "bootstrap"."""
    if target == "src":
        return f"zig-{version}.tar.xz"
    if target == "bootstrap":
        return f"zig-bootstrap-{version}.tar.xz"
    arch, system = target.split("-")
    old = tuple(int(n) for n in version.split("-")[0].split(".")) < (0, 14, 1)
    end = "zip" if system == "windows" else "tar.xz"
    return f"zig-{system}-{arch}-{version}.{end}" if old else f"zig-{arch}-{system}-{version}.{end}"


def place_of(name, version):
    return f"/builds/{name}" if "-dev." in version else f"/download/{version}/{name}"


def bytes_for(name, size):
    """Always the same bytes for a name; nothing compresses them."""
    return random.Random(name).randbytes(size)


class ZigSite:
    """Fills an Upstream. `index` is the document as a dict; a test may change it, it is served as it is then."""

    def __init__(self, upstream, signer):
        self.upstream, self.signer = upstream, signer
        self.index = {}
        self.mirrors = ["https://pkg.machengine.org/zig", "https://zig.linus.dev/zig"]
        self.places = {}  # file name -> path at the upstream
        upstream.add("/download/index.json", self.document, type="application/json", modified="")
        upstream.add("/download/community-mirrors.txt", self.mirror_list, type="text/plain", modified="")

    def document(self):
        return json.dumps(self.index, indent=2).encode()

    def mirror_list(self):
        return "".join(url + "\n" for url in self.mirrors).encode()

    # -- files

    def add_file(self, name, version, size=200_000, body=None, place=None, signature=True):
        """Adds one file with its signature, made when it is first asked for. Returns its part of the index."""
        body = bytes_for(name, size) if body is None else body
        place = place or place_of(name, version)
        self.places[name] = self.upstream.add(place, body)
        if signature:
            self.places[name + ".minisig"] = self.upstream.add(place + ".minisig", lambda: self.signer.sign(body, name))
        return {"tarball": self.upstream.url(place), "shasum": hashlib.sha256(body).hexdigest(), "size": str(len(body))}

    def release(self, version, targets=TARGETS, key=None, **how):
        """Adds a version with its source, bootstrap and targets to the index; a nightly becomes "master". Returns its part of
        the index."""
        nightly = "-dev." in version
        entry = {"version": version} if nightly else {}
        entry.update(date=DATE, docs=f"https://ziglang.org/documentation/{version}/", stdDocs=f"https://ziglang.org/documentation/{version}/std/")
        for target in ("src", "bootstrap", *targets):
            entry[target] = self.add_file(file_name(version, target), version, **how)
        self.index[key or ("master" if nightly else version)] = entry
        return entry

    def body(self, name):
        """The true bytes of a file or a signature."""
        return self.upstream.places[self.places[name]].served.content()

    def path(self, name):
        """Where the upstream has it."""
        return self.places[name]

    # -- the real documents

    def load(self, document="ziglang-index-2025-10-11.json", size=2000):
        """Serves a real index with small files for every name that it has, at the places that it names. Releases win where a
        name is listed twice, as upstream has it."""
        text = (DATA / document).read_text().replace("https://ziglang.org", self.upstream.origin)
        self.index = json.loads(text)
        made = {}
        for key, release in sorted(self.index.items(), key=lambda item: item[0] == "master"):
            for item in release.values():
                if isinstance(item, dict) and "tarball" in item:
                    name = posixpath.basename(item["tarball"])
                    place = item["tarball"].removeprefix(self.upstream.origin)
                    if (name, place) not in made:
                        made[name, place] = self.add_file(name, key, size=size, place=place)
                    item.update(shasum=made[name, place]["shasum"], size=made[name, place]["size"])
        return self
