"""A throw-away certificate authority and the certificates that it gives."""

import ipaddress
import pathlib

from .process import run

CURVE = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]


def alternative(name):
    try:
        return f"IP:{ipaddress.ip_address(name)}"
    except ValueError:
        return f"DNS:{name}"


class Authority:
    def __init__(self, folder, name="pkgmirror test authority"):
        self.folder = pathlib.Path(folder)
        self.ca = self.folder / "ca.pem"
        self.given = {}
        run(["openssl", "req", "-x509", *CURVE, "-days", "30", "-subj", f"/CN={name}", "-keyout", self.folder / "ca.key", "-out", self.ca])

    def certificate(self, *names):
        """The file with certificate and key for these names; 127.0.0.1, ::1 and localhost are always among them."""
        names = ("127.0.0.1", "::1", "localhost", *names)
        if names not in self.given:
            base = self.folder / f"server{len(self.given)}"
            base.with_suffix(".ext").write_text("subjectAltName=" + ",".join(map(alternative, names)) + "\n")
            run(["openssl", "req", *CURVE, "-subj", "/CN=pkgmirror test server", "-keyout", f"{base}.key", "-out", f"{base}.csr"])
            run(["openssl", "x509", "-req", "-in", f"{base}.csr", "-CA", self.ca, "-CAkey", self.folder / "ca.key",
                 "-CAcreateserial", "-days", "30", "-extfile", f"{base}.ext", "-out", f"{base}.crt"])
            base.with_suffix(".pem").write_text(pathlib.Path(f"{base}.crt").read_text() + pathlib.Path(f"{base}.key").read_text())
            self.given[names] = base.with_suffix(".pem")
        return self.given[names]
