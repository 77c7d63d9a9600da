"""pkgmirror-inspect: every named query on a catalogue of 100,000 entries; what it refuses; that it only reads. No SQL of ours reads
a whole table where it should not."""

import csv
import io
import json
import os
import re
import sqlite3

import pytest

from lib.lighttpd import Lighttpd
from lib.process import BUILD, TOP, run
from lib.waiting import wait_until
from lib.zig import file_name

QUERIES = TOP / "sql/queries"
NAMES = sorted(path.stem for path in QUERIES.glob("*.sql"))
ENTRIES = 100_000
GIVEN = {"provenance": ["path=/tools/2/v2/tool-2.tar.gz"], "changed": [], "ledger": ["from=1"]}
NONE = "/nonexistent/pkgmirror.conf"


def inspect(*arguments, status=0, env=None):
    return run([BUILD / "pkgmirror-inspect", *arguments], status=status,
               env={"PKGMIRROR_QUERIES": str(QUERIES), "PKGMIRROR_CONFIG": NONE, **(env or {})})


def head(name):
    """The first comment of a query without its dashes."""
    found = []
    for line in (QUERIES / f"{name}.sql").read_text().splitlines():
        if not line.startswith("--"):
            break
        found.append(line.removeprefix("--").removeprefix(" "))
    return found


def section(name, title):
    """The lines of a part of the head."""
    lines = head(name)
    if title + ":" not in lines:
        return []
    found = []
    for line in lines[lines.index(title + ":") + 1:]:
        if not line.startswith("  "):
            break
        found.append(line.split())
    return found


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """A state_dir with a large catalogue."""
    folder = tmp_path_factory.mktemp("large")
    run([TOP / "tests/bench/catalogue", "--make", folder / "catalog.db", str(ENTRIES)], timeout=300)
    yield folder
    (folder / "catalog.db").unlink()


def answer(state, name, *words):
    return json.loads(inspect("--state-dir", state, "--json", name, *words).stdout)


# ---- the queries


def test_the_list_names_every_query_and_what_it_answers():
    listed = dict(line.split(maxsplit=1) for line in inspect().stdout.splitlines())
    assert sorted(listed) == NAMES
    required = {
        "summary", "largest", "stale-nightlies", "never-asked", "popular", "popular-by-day", "popular-by-source", "misses", "failures",
        "unsigned", "changed", "by-upstream", "missing", "growth", "disk-by-class", "fetch-times", "in-flight", "ledger", "versions",
    }
    assert required <= set(NAMES)
    assert all(text.endswith(".") or "(" in text for text in listed.values())


@pytest.mark.parametrize("name", NAMES)
def test_query_gives_the_columns_that_its_head_names(large, name):
    words = GIVEN.get(name, [])
    rows = answer(large, name, *words)
    assert rows, "the made catalogue has rows for every query"
    columns = [line[0] for line in section(name, "Columns")]
    assert list(rows[0]) == columns
    table = list(csv.reader(io.StringIO(inspect("--state-dir", large, "--csv", name, *words).stdout)))
    assert table[0] == columns and len(table) == len(rows) + 1
    box = inspect("--state-dir", large, name, *words).stdout
    assert all(column in box for column in columns)


def test_numbers_are_those_of_the_tables(large):
    facts = {row["fact"]: row["value"] for row in answer(large, "summary")}
    assert facts["files"] == ENTRIES
    assert facts["files signed"] == ENTRIES * 6 // 10
    assert sum(row["files"] for row in answer(large, "disk-by-class")) == ENTRIES
    assert sum(row["transfers"] for row in answer(large, "by-upstream")) == facts["rows of the ledger"] == ENTRIES * 1011 // 1000
    assert sum(row["files"] for row in answer(large, "growth", "months=999")) == ENTRIES
    assert sum(row["requests"] for row in answer(large, "popular-by-day", "days=1")) == \
        sum(row["requests"] for row in answer(large, "popular", "days=1", "limit=1000000"))
    assert facts["transfers in flight"] == len(answer(large, "in-flight")) == 20
    for row in answer(large, "fetch-times"):
        assert 1 <= row["p50"] <= row["p90"] <= row["p99"] <= row["longest"] <= 90


def test_parameters_narrow_the_answer(large):
    assert len(answer(large, "largest", "limit=7")) == 7
    assert {row["class"] for row in answer(large, "largest", "class=artifact")} == {"artifact"}
    assert {row["source"] for row in answer(large, "popular-by-source", "days=3")} >= {"setup-zig", "-"}
    today = answer(large, "popular-by-day", "days=1")[0]["day"]
    assert answer(large, "popular", f"day={today}", "source=zvm") and not answer(large, "popular", "day=1999-01-01")
    assert {row["verdict"] for row in answer(large, "unsigned")} == {"tls"}
    assert not answer(large, "missing", "prefix=elsewhere/deep", "class=none")


def test_percentiles_are_those_of_the_sorted_times(large):
    row = answer(large, "fetch-times", "days=0")[0]
    with sqlite3.connect(f"file:{large}/catalog.db?mode=ro", uri=True) as db:
        times = [n for n, in db.execute("SELECT seconds FROM provenance WHERE upstream = ? ORDER BY 1", (row["upstream"],))]
    db.close()
    for percent in (50, 90, 99):
        assert row[f"p{percent}"] == times[-(-len(times) * percent // 100) - 1]
    assert row["transfers"] == len(times)


# ---- what it refuses


@pytest.mark.parametrize("words, complaint", [
    (["nothing"], "no query is named 'nothing'"),
    (["../queries/summary"], "no query is named"),
    (["largest", "size=3"], "largest has no parameter 'size'; it has: class limit"),
    (["summary", "limit=3"], "summary has no parameters"),
    (["largest", "limit=many"], "limit: 'many' is no number"),
    (["largest", "limit=-1"], "limit: '-1' is no number"),
    (["largest", "limit=1;DROP"], "is no number"),
    (["largest", "limit"], "'limit' is no PARAMETER=VALUE"),
    (["largest", "limit=1", "limit=2"], "limit is given twice"),
    (["popular", "day=2025-13-01"], "day: '2025-13-01' is no day"),
    (["provenance"], "provenance wants path="),
    (["--colour", "largest"], "unknown option '--colour'"),
    (["--config", "x", "--state-dir", "y", "largest"], "either --config or --state-dir"),
    (["--config"], "--config wants a value"),
])
def test_mistake_is_told_in_one_line(words, complaint):
    done = inspect(*words, status=2)
    assert complaint in done.stderr and done.stderr.count("\n") == 1 and done.stdout == ""
    assert done.stderr.startswith("pkgmirror-inspect: ")


def test_bad_configuration_is_told_by_its_reader(tmp_path):
    (tmp_path / "conf").write_text('base_url = "https://x.example"\nnonsense = 1\n')
    done = inspect("--config", tmp_path / "conf", "summary", status=2)
    assert "conf:2" in done.stderr and done.stderr.count("\n") == 1


def test_absent_foreign_and_damaged_catalogues_are_told_in_one_line(tmp_path):
    assert "there is no catalogue yet" in inspect("--state-dir", tmp_path, "summary", status=1).stderr
    catalogue = tmp_path / "catalog.db"
    with sqlite3.connect(catalogue) as db:
        db.execute("CREATE TABLE x (y)")
    db.close()
    assert "is not a catalogue of pkgmirror" in inspect("--state-dir", tmp_path, "summary", status=1).stderr
    catalogue.write_bytes(b"no database at all" * 100)
    done = inspect("--state-dir", tmp_path, "summary", status=1)
    assert "catalog.db: " in done.stderr and done.stderr.count("\n") == 1


@pytest.mark.parametrize("value", [
    "'; DROP TABLE entry; --", "x') UNION SELECT 1 --", '"; .shell touch {mark}', "a\n.shell touch {mark}\n;", "$(touch {mark})", "é ☃ %s \\ '",
    "'||(SELECT hash FROM provenance)||'", "",
])
def test_value_stays_a_value(large, tmp_path, value):
    mark = tmp_path / "mark"
    before = (large / "catalog.db").stat().st_mtime_ns
    words = [f"path={value.format(mark=mark)}"]
    assert answer(large, "provenance", *words) == []
    assert inspect("--state-dir", large, "--csv", "provenance", *words).stdout.startswith("row,finished,")
    assert not mark.exists()
    assert (large / "catalog.db").stat().st_mtime_ns == before


def test_query_that_would_write_fails(large, tmp_path):
    for name, sql in {"drop": "DROP TABLE entry;", "put": "INSERT INTO want VALUES ('x', 'y', 1, 1, 0, 0, '');"}.items():
        (tmp_path / f"{name}.sql").write_text(f"-- {name}: writes.\n{sql}\n")
        done = inspect("--state-dir", large, name, status=1, env={"PKGMIRROR_QUERIES": str(tmp_path)})
        assert "readonly" in done.stderr or "read-only" in done.stderr
    assert answer(large, "summary")[0] == {"fact": "files", "value": ENTRIES}


def test_startup_file_of_the_user_is_not_read(large, tmp_path):
    (tmp_path / ".sqliterc").write_text(".mode list\nSELECT 'mine';\n")
    assert "mine" not in inspect("--state-dir", large, "--json", "summary", env={"HOME": str(tmp_path)}).stdout


# ---- on a live mirror


def test_live_catalogue_is_found_through_the_configuration(make_mirror, site):
    mirror = make_mirror(front=Lighttpd("fastcgi"), toolchains={"prefix": "/tool/chains"})
    name = file_name("0.14.1")
    assert mirror.get(f"/tool/chains/{name}").whole
    wait_until(lambda: mirror.rows("SELECT 1 FROM provenance WHERE path = ?", f"tool/chains/{name}"), "the row of the ledger")
    environment = {"PKGMIRROR_QUERIES": str(QUERIES)}

    def ask(*words):
        return json.loads(mirror.program("pkgmirror-inspect", "--json", *words, env=environment).stdout)

    # A writer is at work meanwhile.
    writer = sqlite3.connect(mirror.state / "catalog.db", isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    rows = ask("provenance", f"path=/tool/chains/{name}")
    missing = ask("missing", "limit=1000")
    writer.execute("INSERT INTO want (path, why, priority, added_at) VALUES ('x', 'test', 1, 1)")
    writer.execute("COMMIT")
    writer.close()
    assert [row["url"] for row in rows] == [site.upstream.url(site.path(name))] and rows[0]["verdict"] == "signed"
    # The prefix of the configuration is the default.
    assert all(row["path"].startswith("tool/chains/") for row in missing)
    assert f"tool/chains/{name}" not in {row["path"] for row in missing}
    assert f"tool/chains/{file_name('0.13.0')}" in {row["path"] for row in missing}


# ---- the text of the queries and statements


def test_manual_has_the_heads_of_the_queries():
    made = run(["awk", "-f", TOP / "build-aux/queries-mdoc.awk", *sorted(QUERIES.glob("*.sql"))], env={"LC_ALL": "C"}).stdout
    manual = (TOP / "man/pkgmirror-inspect.1").read_text()
    between = manual.split('.\\" The list is made by build-aux/queries-mdoc.awk.\n')[1].split('.\\" The end of the list.\n')[0]
    assert between == made, "make the list again: man/pkgmirror-inspect.1 says how"


def test_makefile_installs_every_query():
    makefile = (TOP / "Makefile.am").read_text()
    assert sorted(re.findall(r"sql/queries/([a-z-]+)\.sql", makefile)) == NAMES


def test_ledger_query_and_statement_hash_the_same_text():
    text = r"format\('%Q,.*?reason\)"
    query = re.search(text, (QUERIES / "ledger.sql").read_text(), re.S)[0]
    assert query == re.search(text, (TOP / "sql/statements.sql").read_text(), re.S)[0]
    assert query == re.search(text, (TOP / "tests/bench/catalogue.sql").read_text(), re.S)[0]


# Tables that grow with the mirror; the others are read whole where that is simplest.
LARGE = ("entry", "provenance", "hit", "fetch", "want", "artifact")
# Whose rows are few, or in the order that is asked for (SQLite cannot take a generated column from an index alone).
FEW = {"provenance_changed", "provenance_by_upstream"}
# Who must read all rows, and why.
READS_ALL = {
    ("warm_files", "artifact"), ("warm_wants", "want"), ("warm_wants_state", "want"), ("warm_used", "entry"),
    ("missing", "artifact"), ("versions", "artifact"),  # what is listed, all of it
    ("provenance_add", "provenance"),  # the last row and no other
}


def statements():
    """The statements of sql/ and the named queries: name, text."""
    for path in sorted((TOP / "sql").glob("statements*.sql")):
        for part in re.split(r"^-- name: ", path.read_text(), flags=re.M)[1:]:
            name, text = part.split("\n", 1)
            yield name.strip(), text
    for name in NAMES:
        yield name, (QUERIES / f"{name}.sql").read_text()


def test_no_statement_scans_what_grows():
    db = sqlite3.connect(":memory:")
    db.executescript((TOP / "sql/schema.sql").read_text())
    for function, count in (("chain_hash", 2), ("size_text", 1), ("duration_text", 1), ("utf8_text", 1), ("sha3", 2)):
        db.create_function(function, count, lambda *_: "", deterministic=True)
    unwanted, seen = [], 0
    for name, text in statements():
        bare = "\n".join(line for line in text.splitlines() if not line.strip().startswith("--")).strip()
        if re.match(r"(PRAGMA|BEGIN|COMMIT|ROLLBACK)", bare):
            continue
        seen += 1
        wanted = {n: 1 for n in re.findall(r"(?<!:):([a-z_]+)", bare)} if ":" in bare and "?1" not in bare else \
            [1] * max([int(n) for n in re.findall(r"\?(\d+)", bare)] or [0])
        tables = dict(re.findall(r"\b(?:FROM|JOIN|UPDATE|INTO) ([a-z]+) ([a-z]+)\b", bare))
        names = {alias: table for table, alias in tables.items()}
        for row in db.execute("EXPLAIN QUERY PLAN " + bare, wanted):
            # From end to end it may only go through an index that holds all that is asked.
            found = re.match(r"SCAN (\w+)(?: USING INDEX (\w+))?(?! USING COVERING INDEX)(?:$| )", row[3])
            if not found:
                continue
            table = names.get(found[1], found[1])
            if table in LARGE and found[2] not in FEW and (name, table) not in READS_ALL:
                unwanted.append((name, row[3]))
    db.close()
    assert seen > 60
    assert not unwanted
