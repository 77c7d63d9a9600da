"""The benchmark's code works: a short run of a few figures has the lines that it should have, and the document is what the kept
results render to. Nothing is asserted of times."""

import json
import sys

import pytest

from lib.process import BUILD, TOP, run

BENCH = TOP / "tests/bench"


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """(what a short run printed, its JSON). The programs are the tests' own, not those that the benchmark would build."""
    file = tmp_path_factory.mktemp("bench") / "results.json"
    run(["make", "-C", BUILD, "--no-print-directory", "tests/bench/hello", "tests/bench/hello_cgi", "tests/bench/herd"], timeout=300)
    done = run([sys.executable, BENCH / "bench.py", "--quick", "--rounds", "1", "--json", file, "--contestant", "lighttpd ours offload", "--contestant",
                "lighttpd ours static first", "--contestant", "lighttpd hello", "--contestant", "lighttpd static", "hits", "misses", "crowd"], timeout=300,
               env={"PKGMIRROR_BUILD": str(BUILD)})
    return done.stdout, json.loads(file.read_text())


def lines(found):
    return {line["line"]: line for section in found["sections"] for line in section["lines"]}


def test_each_figure_has_its_line(measured):
    text, found = measured
    for title, line in lines(found).items():
        for key in ("ratio", "is", "against"):
            if key in line:
                assert line[key]["least"] <= line[key]["median"] <= line[key]["most"], title
                assert line[key]["samples"] >= 1, title
        assert title in text
    for title in (
            "lighttpd ours offload / lighttpd hello: hits", "lighttpd ours offload / lighttpd hello: CPU a hit, all processes",
            "lighttpd ours offload / lighttpd static: throughput", "lighttpd ours offload / lighttpd static: CPU a GB, all processes",
            "an upstream at 20 MB/s, 30 ms away: 10 MB / direct", "an upstream without a limit: first byte, cold service, more than direct",
            "lighttpd ours / a single client: slowest client", "lighttpd ours / nginx proxy_cache: all processes, added"):
        assert lines(found)[title]["is"]["median"] != 0


def test_a_crowd_costs_one_transfer(measured):
    counted = lines(measured[1])
    assert counted["lighttpd ours: upstream transfers"]["is"]["most"] == 1
    assert counted["lighttpd ours: bytes from upstream, files"]["is"]["most"] == 1


def test_the_machine_is_described(measured):
    assert {"Processors", "Memory", "Kernel", "Versions"} <= set(measured[1]["machine"])


def test_results_are_rendered(measured, tmp_path):
    kept = tmp_path / "results.json"
    kept.write_text(json.dumps(measured[1]))
    page = run([sys.executable, BENCH / "bench.py", "--render", kept]).stdout
    assert "results of a quick run" in page
    for title in lines(measured[1]):
        assert title in page


def test_the_kept_document_is_of_the_kept_results():
    page = run([sys.executable, BENCH / "bench.py", "--render", TOP / "docs/performance.json"]).stdout
    assert page == (TOP / "docs/performance.md").read_text()


def test_a_part_that_is_not_there_is_refused():
    done = run([sys.executable, BENCH / "bench.py", "hit"], status=2)
    assert "no part hit: there are hits, misses, crowd, warm, counts, catalogue" in done.stderr
