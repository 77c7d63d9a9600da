"""A throw-away minisign key."""

import hashlib
import pathlib
import threading

from .process import run


class Signer:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.secret = self.folder / "minisign.key"
        run(["minisign", "-G", "-W", "-f", "-p", self.folder / "minisign.pub", "-s", self.secret])
        self.key = (self.folder / "minisign.pub").read_text().splitlines()[1]
        self.made = {}
        self.lock = threading.Lock()

    def sign(self, body, name, comment=None, legacy=False):
        """The bytes of NAME.minisig for `body`. The trusted comment is minisign's own, which names the file, when none
        is given."""
        what = (hashlib.sha256(body).digest(), name, comment, legacy)
        with self.lock:
            if what not in self.made:
                self.made[what] = self.make(body, name, comment, legacy)
            return self.made[what]

    def make(self, body, name, comment, legacy):
        place = self.folder / f"signed{len(self.made)}"
        place.mkdir()
        (place / name).write_bytes(body)
        more = (["-t", comment] if comment is not None else []) + (["-l"] if legacy else [])
        run(["minisign", "-S", "-s", self.secret, "-m", place / name, "-x", place / "signature", *more])
        (place / name).unlink()
        return (place / "signature").read_bytes()
