"""pkgmirror against what stands beside it: ratios, the median over interleaved rounds with its extremes. README.md says what is
compared with what."""

import argparse
import contextlib
import datetime
import importlib
import json
import pathlib
import signal
import sys
import tempfile
import time
import traceback

import stacks  # first: it makes the tests' library known

import document
import machine
from origin import Origin
from results import Results

from lib.authority import Authority
from lib.signer import Signer

PARTS = {"hits": "hits", "misses": "misses", "crowd": "crowd", "warm": "warming", "counts": "counts", "catalogue": "catalogue"}
NOT_QUICK = ("self", "sendfile", "squid")


class Bench:
    def __init__(self, options, stack):
        self.options, self.results, self.stack = options, Results(), stack
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-keys-")))
        self.authority, self.signer = Authority(folder), Signer(folder)
        self.origin = Origin(self.authority, self.signer)
        stack.callback(self.origin.close)
        self.begun = time.monotonic()
        self.slow_rounds = max(1, options.rounds * 3 // 5)  # of what takes long: crowds, and warming

    def chosen(self, name):
        """Whether a contestant takes part."""
        if self.options.contestant:
            return any(word in name for word in self.options.contestant)
        return not (self.options.quick and name.endswith(NOT_QUICK))

    def ours(self, front, origin="near", folder="", **keys):
        return stacks.Ours(self.authority, self.signer, self.origin.url(origin) + folder, front, **keys)

    def say(self, text):
        print(f"{time.monotonic() - self.begun:4.0f} s  {text}", file=sys.stderr, flush=True)

    def run(self, part):
        """The contestants of a part live as long as it does."""
        self.say(part)
        with contextlib.ExitStack() as stack:

            def keep(thing):
                stack.callback(thing.close)
                return thing

            importlib.import_module(PARTS[part]).run(self, keep)


def arguments():
    parser = argparse.ArgumentParser(prog="tests/bench/run", description=__doc__, epilog=f"Parts, all when none is named: {', '.join(PARTS)}.")
    parser.add_argument("--quick", action="store_true", help="two rounds, fewer contestants for hits, one crowd, fewer files to warm, a smaller catalogue: less than two minutes")
    parser.add_argument("--rounds", type=int, help="interleaved rounds (default 5, 2 with --quick)")
    parser.add_argument("--seconds", type=int, default=1, help="length of each load (default 1)")
    parser.add_argument("--url", action="append", default=[], metavar="URL",
                        help="another contestant, by the http URL of a file that it has: up to 1 MB it is a small hit, else a large one; may be repeated")
    parser.add_argument("--contestant", action="append", default=[], metavar="WORD", help="only those with WORD in their name; may be repeated")
    parser.add_argument("--json", metavar="FILE", help="write the results there, too")
    parser.add_argument("--write-docs", action="store_true", help="keep the results: write docs/performance.json and docs/performance.md")
    parser.add_argument("--render", metavar="FILE", help="measure nothing: print the document of a file that --json wrote")
    parser.add_argument("part", nargs="*", help="what to measure")
    options = parser.parse_args()
    if unknown := [part for part in options.part if part not in PARTS]:
        parser.error(f"no part {unknown[0]}: there are {', '.join(PARTS)}")
    options.rounds = options.rounds or (2 if options.quick else 5)
    if options.rounds < 1 or options.seconds < 1:
        parser.error("rounds and seconds begin at 1")
    return options


def measured(options):
    """Runs the parts. Returns all that the document needs."""
    about = machine.describe()
    # What is interrupted ends what it started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("tests/bench/run: told to end"))
    with contextlib.ExitStack() as stack:
        bench = Bench(options, stack)
        failed = []
        for part in options.part or PARTS:
            try:
                bench.run(part)
            except Exception:  # what the other parts measured is not lost with it
                traceback.print_exc()
                failed.append(part)
        bench.say("done")
    return {
        "date": datetime.date.today().isoformat(), "machine": about, "rounds": options.rounds, "seconds": options.seconds, "quick": options.quick,
        "failed": failed, "sections": [section for section in bench.results.sections if section["lines"]],
    }, bench.results


def main():
    options = arguments()
    if options.render:
        print(document.render(json.loads(pathlib.Path(options.render).read_text())), end="")
        return
    found, results = measured(options)
    results.show()
    if found["failed"]:
        print(f"\nfailed: {', '.join(found['failed'])}", file=sys.stderr)
    text = json.dumps(found, indent=1) + "\n"
    if options.json:
        pathlib.Path(options.json).write_text(text)
    if options.write_docs:
        document.KEPT.write_text(text)
        document.PAGE.write_text(document.render(found))
        print(f"\nwritten: {document.KEPT} and {document.PAGE}")
    if found["failed"]:
        sys.exit(1)


main()
