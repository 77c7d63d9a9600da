"""The upstream of the benchmark: an nginx with files that are signed, as near or as far as a figure wants it."""

import json
import pathlib
import shutil
import sys
import tempfile

import stacks
from stacks import Nginx

from lib.process import Port, Process, accepts
from lib.zig import bytes_for

VERSION = "0.14.1"
RATE = 20 * 2**20
GENTLE_RATE = 2 * 2**20
LATENCY_MS = 30
SIGNATURE_BYTES = 560

ORIGIN = """ssl_session_cache shared:s:1m;
server {{ listen 127.0.0.1:{port} ssl; ssl_certificate {pem}; ssl_certificate_key {pem}; root {root}; }}
server {{ listen 127.0.0.1:{slow} ssl; ssl_certificate {pem}; ssl_certificate_key {pem}; root {root}; limit_rate {rate}; }}
server {{ listen 127.0.0.1:{open}; root {root}; }}
server {{ listen 127.0.0.1:{plain}; root {root}; limit_rate {rate}; }}
server {{ listen 127.0.0.1:{gentle}; root {root}; limit_rate {gentle_rate}; }}"""


def padded(signature):
    """With an untrusted comment that makes it SIGNATURE_BYTES long."""
    comment, rest = signature.split(b"\n", 1)
    return comment.ljust(SIGNATURE_BYTES - 1 - len(rest), b".") + b"\n" + rest


class Delay:
    """A port behind which a port is LATENCY_MS away."""

    def __init__(self, target, folder):
        self.reserved = Port()
        self.port = self.reserved.number
        script = pathlib.Path(__file__).with_name("delay.py")
        self.process = Process(f"delay-{target}", [sys.executable, script, self.port, target, LATENCY_MS], folder / f"delay-{target}")
        self.process.start(live=lambda: accepts(self.port))

    def close(self):
        self.process.stop()
        self.reserved.close()


class Origin:
    """`ports` by name: "near" is TLS without a limit, "far" TLS at RATE a transfer and LATENCY_MS away, "near plain" and "far plain" the
    same without TLS (Varnish speaks none to its origin), "gentle" plain, at GENTLE_RATE and as far."""

    def __init__(self, authority, signer):
        self.signer = signer
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="bench-origin-"))
        self.folder.chmod(0o755)
        self.root = self.folder / "root"
        (self.root / "download" / VERSION).mkdir(parents=True)
        slow, opened, plain, gentle = self.reserved = [Port() for _ in range(4)]
        self.nginx = Nginx(ORIGIN)
        self.nginx.start(pem=authority.certificate(), root=self.root, slow=slow.number, open=opened.number, plain=plain.number, gentle=gentle.number,
                         rate=RATE, gentle_rate=GENTLE_RATE)
        self.delays = [Delay(port.number, self.folder) for port in (slow, plain, gentle)]
        far, far_plain, far_gentle = (delay.port for delay in self.delays)
        self.ports = {"near": self.nginx.port, "far": far, "near plain": opened.number, "far plain": far_plain, "gentle": far_gentle}
        self.count = 0
        self.index("", [], "near")

    def url(self, name):
        return f"http{'s' if name in ('near', 'far') else ''}://127.0.0.1:{self.ports[name]}"

    def index(self, folder, names, at):
        """Documents below a folder ("" or "/x") that list these files of the root, at an upstream."""
        place = self.root / folder.strip("/") / "download"
        place.mkdir(parents=True, exist_ok=True)
        parts = {}
        for name in names or [f"zig-none-linux-{VERSION}.tar.xz"]:
            body = self.root / "download" / VERSION / name
            target = name.removeprefix("zig-").removesuffix(f"-{VERSION}.tar.xz")
            parts[target] = {"tarball": f"{self.url(at)}{folder}/download/{VERSION}/{name}", "shasum": stacks.sha256(body),
                             "size": str(body.stat().st_size if body.exists() else 1)}
        (place / "index.json").write_text(json.dumps({VERSION: {"date": "2025-05-21", **parts}}))
        (place / "community-mirrors.txt").write_text("https://mirror.example/zig\n")
        if folder:
            (place / VERSION).symlink_to(self.root / "download" / VERSION)

    def files(self, count, size):
        """New signed files; their names."""
        names = []
        for _ in range(count):
            self.count += 1
            name = f"zig-cpu{self.count}-linux-{VERSION}.tar.xz"
            body = bytes_for(name, size)
            place = self.root / "download" / VERSION / name
            place.write_bytes(body)
            place.with_name(name + ".minisig").write_bytes(padded(self.signer.sign(body, name)))
            names.append(name)
        return names

    def transfers(self, name):
        """How often the access log has the file, and the bytes sent for it."""
        lines = [l for l in (self.nginx.folder / "access.log").read_text().splitlines() if f"{name} " in l]
        return len(lines), sum(int(l.split('" ')[1].split()[1]) for l in lines)

    def close(self):
        for delay in self.delays:
            delay.close()
        self.nginx.close()
        for port in self.reserved:
            port.close()
        shutil.rmtree(self.folder, ignore_errors=True)
