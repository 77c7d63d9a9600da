"""The catalogue of a mirror that has a million files: what its queries, its pages and a look-up cost. tests/bench/catalogue makes it."""

import pathlib
import re
import sqlite3
import subprocess
import tempfile
import time

from results import at_most

from lib.process import TOP

ENTRIES, ENTRIES_QUICK, LOOKUPS = 1_000_000, 20_000, 1000


def run(bench, keep):
    results, entries = bench.results, ENTRIES_QUICK if bench.options.quick else ENTRIES
    bench.say(f"catalogue of {entries} entries")
    with tempfile.TemporaryDirectory(prefix="bench-catalogue-") as folder:
        text = subprocess.run([TOP / "tests/bench/catalogue", "--keep", folder, str(entries)], check=True, stdout=subprocess.PIPE, text=True).stdout
        names = []
        for name, first, again in re.findall(r"^(\S+) +(\d+\.\d+) +(\d+\.\d+)$", text, re.MULTILINE):
            names.append(name)
            results.add(f"catalogue {name}", float(first))
            results.add(f"catalogue {name}", float(again))
        for seconds in lookups(pathlib.Path(folder, "catalog.db"), entries):
            results.add("catalogue look-up", seconds)
    results.section(f"A catalogue of {entries:,} entries")
    results.figure("point look-up: a row of entry by its path", "catalogue look-up", "ms", 1e3, at_most(1, "catalogue"))
    for name in names:
        page = name.startswith("/")
        goal = at_most(20, "catalogue") if name == "/" else None if page else at_most(2, "catalogue")
        title = f"{name} from a CGI process, its start included" if page else f"pkgmirror-inspect {name}"
        results.figure(title, f"catalogue {name}", "ms" if page else "s", 1e3 if page else 1, goal)


def lookups(path, entries):
    """Seconds of looking up paths from all over the table, each by itself."""
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as db:
        paths = [row[0] for row in db.execute("SELECT path FROM (SELECT path, row_number() OVER (ORDER BY path) AS n FROM entry) WHERE n % ? = 0",
                                              (max(1, entries // LOOKUPS),))]
        for path in paths:
            begun = time.perf_counter()
            assert db.execute("SELECT * FROM entry WHERE path = ?", (path,)).fetchone()
            yield time.perf_counter() - begun
    db.close()
