"""The ledger: append-only, chained, and verified with nothing of ours but a query: what was altered is found and named."""

import hashlib
import json
import sqlite3

import pytest

from lib.lighttpd import Lighttpd
from lib.process import BUILD, TOP, run
from lib.waiting import wait_until
from lib.zig import file_name

DROP = "DROP TRIGGER provenance_no_update; DROP TRIGGER provenance_no_delete; "
ROWS = 40
COLUMNS = (
    "path requested_url effective_url remote_address tls_issuer tls_sha256 http_status etag last_modified started_at finished_at "
    "bytes sha256 content key_id trusted_comment verdict reason"
).split()


def ledger(state, *words, status=0):
    done = run(
        [BUILD / "pkgmirror-inspect", "--state-dir", state, "--json", "ledger", *words], status=status,
        env={"PKGMIRROR_QUERIES": str(TOP / "sql/queries")},
    )
    assert len(answer := json.loads(done.stdout)) == 1
    return answer[0]


def shell(state, sql, status=0):
    """What somebody does who has the sqlite3 shell and may write."""
    return run(["sqlite3", "-bail", state / "catalog.db", sql], status=status)


@pytest.fixture
def state(tmp_path):
    run([TOP / "tests/bench/catalogue", "--make", tmp_path / "catalog.db", str(ROWS)])
    return tmp_path


def literal(value):
    """A value as SQL has it."""
    if value is None:
        return "NULL"
    return str(value) if isinstance(value, int) else "'" + value.replace("'", "''") + "'"


def hashes(rows):
    """The chain, by an implementation of its own."""
    previous = ""
    for row in rows:
        text = previous + "\n" + ",".join(literal(row[column]) for column in COLUMNS)
        previous = hashlib.sha3_256(text.encode()).hexdigest()
        yield previous


def test_ledger_of_a_mirror_fits_its_hashes(make_mirror, site):
    mirror = make_mirror(front=Lighttpd("fastcgi"))
    for version in ("0.14.1", "0.13.0"):
        name = file_name(version)
        site.upstream.change(site.path(name), etag="\"it's caf\u00e9\"".encode().decode("latin-1"))
        assert mirror.get(f"/zig/{name}").whole
    site.upstream.change(site.path(file_name("0.14.1", "aarch64-macos")), flip=100)
    mirror.get(f"/zig/{file_name('0.14.1', 'aarch64-macos')}")
    rows = wait_until(lambda: len(found := mirror.rows("SELECT * FROM provenance ORDER BY id")) >= 6 and found, "six rows")
    assert {row["verdict"] for row in rows} >= {"signed", "bad"}
    assert [row["hash"] for row in rows] == list(hashes(rows))
    assert rows[0]["previous"] == "" and [row["previous"] for row in rows[1:]] == [row["hash"] for row in rows[:-1]]
    found = ledger(mirror.state)
    assert (found["result"], found["row"], found["hash"], found["rows"]) == ("ok", rows[-1]["id"], rows[-1]["hash"], len(rows))


def test_rows_can_be_neither_updated_nor_deleted(state):
    for sql in (
        "UPDATE provenance SET bytes = 1 WHERE id = 3;", "DELETE FROM provenance WHERE id = 3;",
        "CREATE TEMP TABLE x AS SELECT * FROM provenance WHERE id = 3; REPLACE INTO provenance (id, path, requested_url, effective_url, "
        "remote_address, http_status, started_at, finished_at, bytes, sha256, verdict, previous, hash) SELECT id, 'x', requested_url, "
        "effective_url, remote_address, http_status, started_at, finished_at, bytes, sha256, verdict, previous, hash FROM x;",
    ):
        assert "append-only" in shell(state, sql, status=None).stderr
    assert ledger(state)["result"] == "ok"


@pytest.mark.parametrize("column", [column for column in COLUMNS])
def test_altered_row_is_found_and_named(state, column):
    value = "verdict = 'pinned'" if column == "verdict" else \
        f"sha256 = '{'a' * 64}'" if column == "sha256" else f"{column} = 7" if column.endswith("_at") or column in ("bytes", "http_status") else \
        f"{column} = 'other'"
    shell(state, f"{DROP} UPDATE provenance SET {value} WHERE id = 17;")
    found = ledger(state, status=1)
    assert (found["result"], found["row"], found["rows"]) == ("BROKEN", 17, 16)
    assert "columns" in found["reason"]


def test_row_with_a_new_hash_of_its_own_breaks_the_next_one(state):
    with sqlite3.connect(state / "catalog.db") as db:
        db.executescript(DROP)
        db.execute("UPDATE provenance SET bytes = 7 WHERE id = 17")
        db.row_factory = sqlite3.Row
        row = db.execute("SELECT * FROM provenance WHERE id = 17").fetchone()
        text = row["previous"] + "\n" + ",".join(literal(row[column]) for column in COLUMNS)
        db.execute("UPDATE provenance SET hash = ? WHERE id = 17", (hashlib.sha3_256(text.encode()).hexdigest(),))
    db.close()
    found = ledger(state, status=1)
    assert (found["result"], found["row"]) == ("BROKEN", 18)
    assert "follow" in found["reason"]


@pytest.mark.parametrize("sql, row", [
    ("DELETE FROM provenance WHERE id = 9;", 10),
    ("DELETE FROM provenance WHERE id = 1;", 2),
    (f"DELETE FROM provenance WHERE id >= {ROWS - 1};", ROWS - 1),
    ("DELETE FROM provenance;", 1),
    ("UPDATE provenance SET id = 5000 WHERE id = 12;", 13),
])
def test_removed_row_is_found(state, sql, row):
    shell(state, DROP + sql)
    found = ledger(state, status=1)
    assert (found["result"], found["row"]) == ("BROKEN", row)


def test_chain_is_verified_from_any_row_to_any_row(state):
    last = ledger(state)
    assert (last["begun"], last["rows"]) == (1, last["row"])
    shell(state, f"{DROP} UPDATE provenance SET reason = 'x' WHERE id IN (10, 20);")
    assert ledger(state, status=1)["row"] == 10
    assert ledger(state, "from=10", status=1)["row"] == 10
    assert ledger(state, "from=11", status=1)["row"] == 20
    assert ledger(state, "from=21")["rows"] == last["row"] - 20
    assert ledger(state, "from=11", "to=19") | {"hash": ""} == \
        {"result": "ok", "row": 19, "hash": "", "begun": 11, "rows": 9, "reason": None}
    assert ledger(state, "to=9")["row"] == 9


def test_empty_ledger_fits(tmp_path):
    shell(tmp_path, f".read {TOP}/sql/schema.sql")
    assert ledger(tmp_path) | {"begun": 0} == {"result": "ok", "row": None, "hash": None, "begun": 0, "rows": 0, "reason": None}
