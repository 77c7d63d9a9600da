"""/-/metrics: what a scraper reads equals what was done, over processes and restarts."""

from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_prometheus

from lib import client
from lib.lighttpd import Lighttpd
from lib.waiting import wait_until
from lib.zig import file_name

OPEN = "application/openmetrics-text; version=1.0.0"


def read(mirror):
    """Samples by name and labels. Both forms must say the same, but for what counts the asking itself."""
    plain = mirror.get("/-/metrics")
    assert plain.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    samples = {}
    for family in parse_prometheus(plain.text):
        assert family.documentation and family.type != "unknown"
        for sample in family.samples:
            samples[sample.name, tuple(sorted(sample.labels.items()))] = sample.value
    opened = mirror.get("/-/metrics", {"Accept": OPEN})
    assert opened.headers["Content-Type"] == OPEN + "; charset=utf-8"
    names = {sample.name for family in parse_openmetrics(opened.text) for sample in family.samples}
    assert names >= {name for name, _ in samples}
    return samples


def requests(samples, kind, status):
    return samples.get(("pkgmirror_requests_total", (("kind", kind), ("status", str(status)))), 0)


def counted(mirror, *wanted):
    """The samples when each (kind, status, count) is there: an answer is counted after its last byte."""
    return wait_until(lambda: all(requests(s, kind, status) == count for s in [read(mirror)] for kind, status, count in wanted) and read(mirror), f"{wanted}")


def test_numbers_are_what_was_done_over_processes_and_a_restart(make_mirror, site):
    mirror = make_mirror(front=Lighttpd("fastcgi", hits="self"))
    other = Lighttpd("cgi", hits="self")
    other.start(mirror)
    try:
        name = file_name("0.14.1")
        size = len(site.body(name))
        assert mirror.get(f"/zig/{name}").whole
        assert mirror.get(f"/zig/{name}", {"Range": "bytes=0-9"}).status == 206
        mirror.front.stop()
        mirror.front.start(mirror)
        for target, status in ((f"/zig/{name}", 200), ("/zig/index.json", 200), ("/nothing", 404), (f"/zig/{name}", 200)):
            with client.request(other.port, target) as answer:
                assert answer.rest().status == status
        assert mirror.get(f"/zig/{name}", method="DELETE").status == 405
        samples = counted(mirror, ("toolchain", 200, 3), ("toolchain", 206, 1), ("index", 200, 1), ("none", 404, 1), ("none", 405, 1))
    finally:
        other.stop()
        other.close()
    toolchain = (("kind", "toolchain"),)
    assert samples["pkgmirror_hits_total", toolchain] == 3
    assert samples["pkgmirror_misses_total", toolchain] == 1
    assert samples["pkgmirror_sent_bytes_total", ()] == 3 * size + 10
    # The file and its signature.
    assert samples["pkgmirror_fetches_total", (("outcome", "published"),)] == 2
    assert samples["pkgmirror_fetched_bytes_total", ()] == size + len(site.body(name + ".minisig"))
    assert samples["pkgmirror_fetch_duration_seconds_count", ()] == 2
    assert samples["pkgmirror_fetch_duration_seconds_bucket", (("le", "+Inf"),)] == 2
    assert samples["pkgmirror_catalog_bytes", ()] > 0 and samples["pkgmirror_disk_free_bytes", ()] > 0
    assert 0 <= samples["pkgmirror_index_age_seconds", ()] < 600


def test_gauges_show_what_the_service_has_in_hand(make_mirror, site):
    mirror = make_mirror(front=Lighttpd("fastcgi"), max_fetches=1)
    gate = site.upstream.hold(site.path(file_name("0.14.1")), at=100_000)
    with mirror.open(f"/zig/{file_name('0.14.1')}") as first:
        gate.wait()
        first.read(1)
        # The index and the signature are fetched beside it.
        samples = wait_until(lambda: (s := read(mirror))["pkgmirror_transfers", ()] == 1 and s, "one transfer to be left")
        assert samples["pkgmirror_fetch_service_up", ()] == 1
        assert samples["pkgmirror_leases", ()] >= 1
        assert samples["pkgmirror_waiting_clients", ()] == 1
        gate.release()
        assert first.rest().whole
    wait_until(lambda: read(mirror)["pkgmirror_waiting_clients", ()] == 0, "the client to be gone")
    mirror.kill_service()
    samples = read(mirror)
    assert samples["pkgmirror_fetch_service_up", ()] == 0 and samples["pkgmirror_leases", ()] == 0


def test_failures_are_counted_by_outcome(make_mirror, site):
    mirror = make_mirror(front=Lighttpd("fastcgi"))
    name = file_name("0.13.0")
    site.upstream.change(site.path(name), status=404)
    assert mirror.get("/zig/zig-x86_64-linux-0.98.0.tar.xz").status == 404
    samples = counted(mirror, ("toolchain", 404, 1))
    assert samples["pkgmirror_fetches_total", (("outcome", "absent"),)] >= 1
