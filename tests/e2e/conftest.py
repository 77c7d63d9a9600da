"""Fixtures of the end-to-end tests; README.md says how to use them."""

import pytest

pytest.register_assert_rewrite("lib.server_suite")

from lib import operations
from lib.authority import Authority
from lib.figures import figures
from lib.lighttpd import MODES, Lighttpd
from lib.mirror import Mirror
from lib.process import LIVE_LOGS, TOP, read_log, run
from lib.signer import Signer
from lib.upstream import Upstream
from lib.waiting import wait_until
from lib.zig import ZigSite

LOG_SHOWN = 20_000


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A test that fails shows the logs of what ran."""
    outcome = yield
    report = outcome.get_result()
    if report.failed and call.when != "teardown":
        for name, path in list(LIVE_LOGS.items()):
            text = read_log(path)
            if text:
                report.sections.append((f"log of {name}", text[-LOG_SHOWN:]))


def pytest_terminal_summary(terminalreporter):
    found = list(figures(terminalreporter.stats.get("passed", [])))
    if found:
        terminalreporter.section("figures")
        for name, text in found:
            terminalreporter.write_line(f"{name}: {text}")


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def signer(tmp_path_factory):
    return Signer(tmp_path_factory.mktemp("signer"))


@pytest.fixture(scope="session")
def plain_build():
    """The folder of programs built as a package would build them (tests/bench/build), without sanitizers: for what they need of memory,
    and how they do with what they may have."""
    return TOP / run([TOP / "tests/bench/build", "pkgmirror.fcgi", "pkgmirror-fetch"], timeout=900).stdout.strip()


@pytest.fixture
def make_upstream(authority):
    """Starts upstreams: make_upstream(**what Upstream takes)."""
    made = []

    def make(**options):
        made.append(Upstream(authority, **options))
        return made[-1].start()

    yield make
    for upstream in made:
        upstream.close()


@pytest.fixture
def upstream(make_upstream):
    return make_upstream()


@pytest.fixture
def site(upstream, signer):
    """The upstream as a small ziglang.org: releases 0.13.0 and 0.14.1 and a nightly."""
    site = ZigSite(upstream, signer)
    site.release("0.15.0-dev.621+a63f7875f")
    site.release("0.14.1")
    site.release("0.13.0")
    return site


@pytest.fixture
def make_mirror(authority, signer, upstream):
    """Starts mirrors of the upstream: make_mirror(front=…, toolchains={…}, extra=…, KEY=VALUE, …)."""
    made = []

    def make(start=True, toolchains=None, **options):
        section = {"upstream": upstream.origin, "public_key": signer.key, **(toolchains or {})}
        made.append(Mirror(authority, toolchains=section, **options))
        return made[-1].start() if start else made[-1]

    yield make
    failure = None
    for mirror in made:
        try:
            mirror.close()
        except AssertionError as error:
            failure = error
    if failure is not None:
        raise failure


@pytest.fixture(params=MODES)
def mode(request):
    """How the responder runs: a test that uses it, or `mirror`, runs as FastCGI and as CGI."""
    return request.param


@pytest.fixture
def mirror(make_mirror, site, mode):
    """A mirror of `site` behind lighttpd, static first."""
    return make_mirror(front=Lighttpd(mode))


def pytest_generate_tests(metafunc):
    """A class of the servers' suite runs once for each of its combinations."""
    if metafunc.cls is not None and hasattr(metafunc.cls, "fronts") and "served" in metafunc.fixturenames:
        metafunc.parametrize("served", list(metafunc.cls.fronts), indirect=True, scope="class")


@pytest.fixture
def make_station(make_mirror, authority):
    """Stations of the upstream: make_station(front=…, state=…, KEY=VALUE, …), started."""
    made = []

    def make(front=None, state=None, start=True, **options):
        made.append(operations.Station(make_mirror(start=False, front=front or operations.Lighttpd(), **options), authority, state))
        return made[-1].start() if start else made[-1]

    yield make
    for station in made:
        station.close()


@pytest.fixture
def station(make_station, site):
    """One that has an old release, a new one and a nightly, each with its signature."""
    station = make_station()
    station.fetched(site, *operations.THERE)
    wait_until(lambda: len(station.mirror.rows("SELECT 1 FROM entry")) == 6, "the rows")
    return station
