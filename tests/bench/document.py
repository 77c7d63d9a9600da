"""docs/performance.md from the results: never written by hand, so that no sentence contradicts a table. What a sentence says of a
figure is said without numbers, and only where the figure is as the sentence has it."""

from causes import CAUSES
from results import met, number

from lib.process import TOP

KEPT, PAGE = TOP / "docs/performance.json", TOP / "docs/performance.md"

# What is aimed at: what, and against what. The limits are with the lines (at_least, at_most).
GOALS = {
    "large": ("A large hit, static first and offload", "the same web server's static file"),
    "small-static": ("A small hit, static first", "the same web server's static file"),
    "small-offload": ("A small hit, offload", "the same web server with a FastCGI program that says hello"),
    "miss-warm": ("A cold miss: its first byte, warm connection", "nginx proxy_cache with a kept connection"),
    "miss-cold": ("A cold miss: its first byte, the service not running", "the first byte of upstream itself"),
    "miss-whole": ("A cold miss: the whole file", "upstream itself"),
    "herd": ("A hundred clients, one cold file", "Varnish, which streams to all; a single client"),
    "memory": ("Memory of followers", ""),
    "warm": ("Warming", "curl -Z with the same list and connections"),
    "catalogue": ("A catalogue of a million files", ""),
}

INTRODUCTION = """# Performance

What pkgmirror costs, against what stands beside it on the same machine in the same minutes: the web server's own files, which are the limit; a
FastCGI program that says hello, which is the price of the hop; nginx proxy_cache, Varnish and Squid, which an expert would use in its
place; upstream itself; curl. Each round measures everybody, in turn and back, and each ratio is made within its round: the
machine's noise is in both and mostly cancels. Given are the median of the rounds, and the least and the most.

`tests/bench/run --write-docs` measures and writes this page and `docs/performance.json`; nobody edits them. `tests/bench/README.md` says what is
compared with what. No figure is bought by a check, an fsync or a verification that is left out.
"""


def spread(value):
    """The median, and its extremes when there are any."""
    middle = number(value["median"])
    if value["samples"] == 1 or value["least"] == value["most"]:
        return middle
    return f"{middle} ({number(value['least'])} – {number(value['most'])})"


def table(heads, rows):
    cells = [heads, ["---"] * len(heads), *rows]
    return "".join("| " + " | ".join(row) + " |\n" for row in cells) + "\n"


def measured(line):
    """What a line is judged by, as it is said to a reader."""
    return spread(line["ratio"]) if "ratio" in line else f"{spread(line['is'])} {line['unit']}".strip()


def limit(line):
    goal = line["goal"]
    unit = "" if "ratio" in line or not line["unit"] else f" {line['unit']}"
    return f"at least {goal['least']}{unit}" if "least" in goal else f"at most {goal['most']}{unit}"


def judged(found):
    """{goal: its lines}."""
    lines = {}
    for section in found["sections"]:
        for line in section["lines"]:
            if "goal" in line:
                lines.setdefault(line["goal"]["id"], []).append((section["title"], line))
    return lines


def goals(found):
    text, lines = "## Goals\n\n", judged(found)
    rows, missed = [], []
    for goal, (what, against) in GOALS.items():
        for number_of, (_, line) in enumerate(lines.get(goal, [])):
            title = f"{what}, against {against}" if against else what
            rows.append([title if number_of == 0 else "", line["line"], limit(line), measured(line), "met" if met(line) else "**not met**"])
        if any(not met(line) for _, line in lines.get(goal, [])):
            missed.append(goal)
    text += table(["Goal", "Measured as", "Limit", "Median (least – most)", ""], rows)
    if missed:
        text += "What is not met, and why, as far as it was found by measuring:\n\n"
        text += "".join(f"- **{GOALS[goal][0]}.** {CAUSES[goal]}\n" for goal in missed) + "\n"
    return text


def section(part):
    rows = []
    for line in part["lines"]:
        unit = f" {line['unit']}" if line["unit"] else ""
        rows.append([line["line"], spread(line["ratio"]) if "ratio" in line else "", spread(line["is"]) + unit,
                     spread(line["against"]) + unit if "against" in line else ""])
    if any("ratio" in line for line in part["lines"]):
        return f"## {part['title']}\n\n" + table(["", "Ratio", "Is", "Against"], rows)
    return f"## {part['title']}\n\n" + table(["", ""], [[row[0], row[2]] for row in rows])


def render(found):
    text = INTRODUCTION + "\n"
    if found["quick"]:
        text += "**These are the results of a quick run.**\n\n"
    text += f"Measured on {found['date']}, {found['rounds']} rounds, each load for {found['seconds']} s, on:\n\n"
    text += table(["", ""], [[what, how] for what, how in found["machine"].items()])
    text += goals(found)
    text += "".join(section(part) for part in found["sections"])
    return text.rstrip("\n") + "\n"
