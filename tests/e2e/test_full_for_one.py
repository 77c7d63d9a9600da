"""An upstream that claims more than the disk has room for: another one may have the true file. Needs root, for a mount."""

import os
import pathlib
import subprocess

from lib.process import SANITIZERS
from lib.zig import ZigSite, file_name


def test_a_later_source_serves_what_the_first_has_too_large(make_mirror, make_upstream, upstream, signer):
    site = ZigSite(upstream, signer)
    site.release("0.14.1", targets=())
    name = file_name("0.14.1", "src")
    true = site.body(name)
    other = make_upstream()
    other.add(f"/{name}", true)
    other.add(f"/{name}.minisig", signer.sign(true, name))
    upstream.add(site.path(name), bytes(30_000_000))
    mirror = make_mirror(start=False, warmer={"since": ""}, toolchains={"fallbacks": [other.origin]})
    script = f'mount -t tmpfs -o size=13m tmpfs {mirror.state} && "$@"; status=$?; cp -a {mirror.state} {mirror.folder}/after; exit $status'
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script, "sh", str(mirror.build / "pkgmirror-warm")],
        env={**os.environ, **SANITIZERS, "PKGMIRROR_CONFIG": str(mirror.configuration)}, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert pathlib.Path(mirror.folder, "after/public/zig", name).read_bytes() == true
    assert [r.status for r in other.seen(f"/{name}")] == [200] and len(upstream.seen(site.path(name))) == 1
