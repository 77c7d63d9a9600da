"""Packages of the npm registry, installed once below build/npm."""

import fcntl

from .process import TOP, run

FOLDER = TOP / "build/npm"


def package(name, version):
    """The folder of a package, which is installed when it is not there."""
    place = FOLDER / f"{name.replace('/', '+')}-{version}"
    found = place / "node_modules" / name
    FOLDER.mkdir(parents=True, exist_ok=True)
    with open(FOLDER / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (found / "package.json").exists():
            run(["npm", "install", "--no-audit", "--no-fund", "--no-save", "--prefix", place, f"{name}@{version}"], timeout=300)
    return found
