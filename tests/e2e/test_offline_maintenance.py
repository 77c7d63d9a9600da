"""offline = true never contacts an upstream; maintenance = true answers 503 on everything but published files."""

import pytest

from lib.lighttpd import Lighttpd
from lib.refusals import check_refusal
from lib.zig import file_name

HERE = file_name("0.14.1")
COLD = file_name("0.13.0")


@pytest.fixture(params=["static", "offload", "self"])
def hits(request):
    return request.param


@pytest.fixture
def restarted(make_mirror, site, mode, hits):
    """A mirror that has HERE and index.json, started again with other keys."""

    def start(**keys):
        mirror = make_mirror(front=Lighttpd(mode, hits))
        assert mirror.get(f"/zig/{HERE}").status == mirror.get("/zig/index.json").status == 200
        mirror.wait_published(f"zig/{HERE}")
        mirror.stop()
        mirror.keys.update(keys)
        mirror.write_configuration()
        site.upstream.forget()
        return mirror.start()

    return start


def test_offline(restarted, site):
    mirror = restarted(offline=True)
    connections = site.upstream.connections
    assert mirror.get(f"/zig/{HERE}").body == site.body(HERE)
    assert mirror.get("/zig/index.json").status == 200
    refused = mirror.get(f"/zig/{COLD}")
    check_refusal(refused, 504)
    assert "offline" in refused.text
    assert mirror.get("/zig/hello.txt").status == 404
    assert '"offline":true' in mirror.get("/-/health").text
    assert site.upstream.seen() == [] and site.upstream.connections == connections


def test_maintenance(restarted, site):
    mirror = restarted(maintenance=True)
    assert mirror.get(f"/zig/{HERE}").body == site.body(HERE)
    for target in (f"/zig/{COLD}", "/zig/index.json", "/"):
        refused = mirror.get(target)
        check_refusal(refused, 503)
        assert int(refused.headers["Retry-After"]) > 0, target
    assert mirror.get("/zig/hello.txt").status == 404
    health = mirror.get("/-/health")
    assert health.status == 200 and '"maintenance":true' in health.text
    assert site.upstream.seen() == [] and mirror.services() == []


def test_and_back(restarted, site):
    mirror = restarted(offline=True)
    mirror.stop()
    mirror.keys["offline"] = False
    mirror.write_configuration()
    mirror.start()
    assert mirror.get(f"/zig/{COLD}").body == site.body(COLD)
