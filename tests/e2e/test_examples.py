"""deploy/examples: each is a configuration without a mistake, and serves what it says, from hosts of those names.

The hosts are in a network namespace with an authority of its own, at port 443."""

import itertools
import re

import pytest

from lib.mirror import Mirror
from lib.namespace import in_namespace
from lib.packages import SRC, gz, manifest, tar
from lib.process import BUILD, TOP, run
from lib.upstream import Upstream

EXAMPLES = sorted((TOP / "deploy/examples").glob("*.conf"))
REF = "0123456789abcdef0123456789abcdef01234567"
DATA = gz(tar([("build.zig.zon", manifest())] + SRC))
BASE = 'base_url = "https://pkg.example.org"\nstate_dir = "/var/lib/pkgmirror"\n'


def check(tmp_path, text, status=0):
    place = tmp_path / "pkgmirror.conf"
    place.write_text(text)
    return run([BUILD / "pkgmirror.fcgi", "--config", place, "--check-config"], status=status)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_example_is_a_valid_configuration(tmp_path, example):
    text = example.read_text()
    printed = check(tmp_path, BASE + text).stdout
    rules = re.findall(r'^(?:package|artifact) "([^"]+)"', text, re.M)
    assert rules == re.findall(r'^(?:package|artifact) "([^"]+)"', printed, re.M)
    assert printed.count("# https://pkg.example.org/") == len(rules)
    # What is printed is a configuration, and the same one.
    assert check(tmp_path, printed).stdout == printed


def test_examples_go_together(tmp_path):
    check(tmp_path, BASE + "".join(path.read_text() for path in EXAMPLES))


class Host(Upstream):
    """At port 443 of an address of its own."""

    def __init__(self, authority, name, address):
        super().__init__(authority, host=address, name=name)
        self.port, self.origin = 443, f"https://{name}"


NAMES = [
    "github.com", "codeload.github.com", "objects.githubusercontent.com", "release-assets.githubusercontent.com", "codeberg.org",
    "git.example.org", "gitlab.com", "builds.zigtools.org", "ziglang.org",
]
ADDRESSES = [f"20.1.2.{i}" for i in range(1, len(NAMES) + 1)]


@pytest.fixture
def in_world(authority, signer):
    """Runs body(mirror, hosts) with a mirror of one example, and a host for each name. Keys are replaced by the test's."""

    def run_it(example, body):
        def inside(_):
            hosts = {name: Host(authority, name, address) for name, address in zip(NAMES, ADDRESSES)}
            text = re.sub(r'public_key = ".*"', f'public_key = "{signer.key}"', (TOP / f"deploy/examples/{example}.conf").read_text())
            mirror = Mirror(authority, allow_private_upstreams=False, extra=text)
            try:
                for host in hosts.values():
                    host.start()
                mirror.start()
                body(mirror, hosts)
            finally:
                mirror.close()
                for host in hosts.values():
                    host.close()

        in_namespace(inside, ADDRESSES, list(zip(ADDRESSES, NAMES)))

    return run_it


def serve(hosts, url, *more):
    """`url` has the data, at the end of a redirect from each of the ones before."""
    chain = [url, *more]
    for here, there in itertools.zip_longest(chain, chain[1:]):
        _, _, name, path = here.split("/", 3)
        hosts[name].add("/" + path, DATA if there is None else b"", redirect=there or "")


FORGES = {
    f"/github/hexops/mach/{REF}.tar.gz":
        [f"https://github.com/hexops/mach/archive/{REF}.tar.gz", f"https://codeload.github.com/hexops/mach/tar.gz/{REF}"],
    "/github/ziglibs/known-folders/v0.7.0.tar.gz":
        ["https://github.com/ziglibs/known-folders/archive/v0.7.0.tar.gz", "https://codeload.github.com/ziglibs/known-folders/tar.gz/refs/tags/v0.7.0"],
    "/codeberg/ziglang/translate-c/v1.0.0.tar.gz": ["https://codeberg.org/ziglang/translate-c/archive/v1.0.0.tar.gz"],
    f"/git.example.org/team/thing/{REF}.tar.gz": [f"https://git.example.org/team/thing/archive/{REF}.tar.gz"],
    "/gitlab/example/thing/v2.0.0.tar.gz": ["https://gitlab.com/example/thing/-/archive/v2.0.0/thing-v2.0.0.tar.gz"],
    "/github/hexops/mach-dxcompiler/releases/2024.11.22+da605cf.1/x86_64-linux-gnu_lib.tar.gz": [
        "https://github.com/hexops/mach-dxcompiler/releases/download/2024.11.22+da605cf.1/x86_64-linux-gnu_lib.tar.gz",
        "https://release-assets.githubusercontent.com/production/1/2?sp=r&sig=a%2Bb"],
}
WRENCH = {
    f"/mach/{REF}.tar.gz": [f"https://github.com/hexops/mach/archive/{REF}.tar.gz", f"https://codeload.github.com/hexops/mach/tar.gz/{REF}"],
    "/mach/v0.4.0.tar.gz": ["https://github.com/hexops/mach/archive/v0.4.0.tar.gz", "https://codeload.github.com/hexops/mach/tar.gz/refs/tags/v0.4.0"],
    "/mach-dxcompiler/artifact/2024.11.22+da605cf.1/x86_64-linux-gnu_lib.tar.gz": [
        "https://github.com/hexops/mach-dxcompiler/releases/download/2024.11.22+da605cf.1/x86_64-linux-gnu_lib.tar.gz",
        "https://objects.githubusercontent.com/production/3/4"],
}


@pytest.mark.parametrize("example, table", [("forges", FORGES), ("wrench", WRENCH)])
def test_example_serves_its_forges(in_world, example, table):
    def body(mirror, hosts):
        for path, urls in table.items():
            plain = [url.split("?")[0] for url in urls]
            serve(hosts, *plain)
            if plain != urls:
                hosts[urls[0].split("/")[2]].change("/" + urls[0].split("/", 3)[3], redirect=urls[1])
            answer = mirror.get(path)
            assert (path, answer.status, answer.body) == (path, 200, DATA)
            assert hosts[urls[-1].split("/")[2]].seen()[-1].path == "/" + urls[-1].split("/", 3)[3]
        assert mirror.get("/github/somebody/else/v1.0.0.tar.gz").status == 404

    in_world(example, body)


def test_example_serves_builds_of_zls(in_world, signer):
    name = "zls-x86_64-linux-0.15.1.tar.gz"

    def body(mirror, hosts):
        hosts["builds.zigtools.org"].add("/" + name, DATA)
        hosts["builds.zigtools.org"].add(f"/{name}.minisig", signer.sign(DATA, name))
        assert mirror.get("/zls/" + name).body == DATA
        assert mirror.get(f"/zls/{name}.minisig").body == signer.sign(DATA, name)

    in_world("zls", body)
