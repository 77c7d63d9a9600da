"""docs/operations.md: what it names is there, and each of its blocks of commands is run by a test. No mirror."""

import ast
import pathlib
import re

from lib import operations
from lib.process import TOP


def test_each_block_is_run_by_a_test_or_says_why_not():
    trees = [ast.parse(path.read_text()) for path in pathlib.Path(__file__).parent.glob("test_operations*.py")]
    used = {call.args[0].value for tree in trees for call in ast.walk(tree) if isinstance(call, ast.Call) and call.args and isinstance(call.args[0], ast.Constant)
            and getattr(call.func, "attr", getattr(call.func, "id", "")) in ("follow", "block", "address_block")} | {"names"} | set(operations.CATALOGUE_WAYS)
    marks = []
    for language, info, text in operations.fences():
        if language:
            mark = operations.MARK.match(info)
            assert mark, f"a block without a mark: {info}\n{text}"
            marks += [mark.group(1)] if mark.group(1) else []
    assert len(marks) == len(set(marks)) and set(marks) == used
    # No block is missed for its fence.
    assert operations.DOCUMENT.read_text().count("```") == 2 * len(operations.fences())


def test_places_that_it_leads_to_are_there():
    text = operations.DOCUMENT.read_text()
    heads = {re.sub(r"[^a-z0-9_ -]", "", head.lower()).replace(" ", "-") for head in re.findall(r"^#+ (.*)$", text, re.MULTILINE)}
    assert set(re.findall(r"\]\(#([^)]*)\)", text)) - heads == set()
    for path in set(re.findall(r"`((?:docs|deploy|tests)/[\w./-]+)`", text)):
        assert (TOP / path).exists(), path
    units = {path.name for path in (TOP / "deploy/systemd").iterdir()} | {"pkgmirror-check.service", "pkgmirror-check.timer"}
    assert set(re.findall(r"pkgmirror[-a-z]*\.(?:service|socket|timer)", text)) <= units
    # Each word in the form of a key is one, or the name of something else that a test knows.
    keys = set(re.findall(r'\{"([a-z_]+)"', (TOP / "mirror/config.c").read_text())) | {event for _, event in events()} | {"again_in_sec"}
    words = {word for word in re.findall(r"`([a-z]+(?:_[a-z]+)+)(?: = [^`]*)?`", text) if not word.startswith("pkgmirror_")}
    assert len(words & keys) > 10 and words - keys == set()


def events():
    """(program, event) of each line that the programs log."""
    rooms = {"cgi": "responder", "fetch": "service", "warmer": "warmer"}
    found = set()
    for place in ("cgi", "fetch", "warmer", "mirror"):
        for path in (TOP / place).glob("*.c"):
            if path.name == "log.c":
                continue
            text = path.read_text()
            for level, event in re.findall(r"log_event\(\s*([^\"]*?),\s*\"(\w+)\"", text):
                # The warmer's lines are those from warn on.
                if place != "warmer" or "INFO" not in level:
                    found.add((rooms.get(place, "mirror"), event))
            for event in re.findall(r"log_fault\([^\";]*?\"(\w+)\"", text):
                found.add((rooms.get(place, "mirror"), event))
    return found


def test_table_of_events_has_all_of_them_and_no_other():
    rows = re.findall(r"^\| ([a-z ]+) \| ((?:`\w+`(?:, )?)+) \| ", operations.DOCUMENT.read_text(), re.MULTILINE)
    told = {(who, event) for who, names in rows for event in re.findall(r"\w+", names)}
    spread = {"all": ("responder", "service", "warmer"), "all but the service": ("responder", "warmer")}
    shared = {"index_entry_refused", "index_entries_refused", "index_release_dropped"}
    assert shared | {"sandbox"} == {event for who, event in events() if who == "mirror"}
    there = {(who, event) for who, event in events() if who != "mirror"} | {("service", event) for event in shared}
    there |= {(who, "sandbox") for who in spread["all"]}
    assert {(one, event) for who, event in told for one in spread.get(who, (who,))} == there
