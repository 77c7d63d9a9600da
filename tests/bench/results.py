"""What was measured: samples by name, and lines that set one against another."""

import statistics


def spread(values):
    return {"median": statistics.median(values), "least": min(values), "most": max(values), "samples": len(values)}


def number(value):
    """Three digits that mean something, and no exponent."""
    if value != 0 and abs(value) < 100:
        digits = 2 if abs(value) >= 1 else 3
        return f"{value:.{digits}f}"
    return f"{value:,.0f}"


def at_least(limit, goal):
    return {"id": goal, "least": limit}


def at_most(limit, goal):
    return {"id": goal, "most": limit}


def met(line):
    """Whether the median of a line is within its goal; a line without one is not judged."""
    goal = line["goal"]
    value = line["ratio" if "ratio" in line else "is"]["median"]
    return goal.get("least", value) <= value <= goal.get("most", value)


class Results:
    def __init__(self):
        self.samples, self.sections = {}, []

    def add(self, name, value):
        self.samples.setdefault(name, []).append(value)

    def has(self, *names):
        return all(name in self.samples for name in names)

    def section(self, title):
        self.sections.append({"title": title, "lines": []})

    def line(self, title, unit, goal, **more):
        self.sections[-1]["lines"].append({"line": title, "unit": unit, **more, **({"goal": goal} if goal else {})})

    def ratio(self, title, name, against, unit="", scale=1.0, goal=None):
        """name / against, round by round. Without samples of both there is no line: not all contestants need to run."""
        if not self.has(name, against):
            return
        pairs = [a / b for a, b in zip(self.samples[name], self.samples[against]) if b]
        if pairs:
            self.line(title, unit, goal, ratio=spread(pairs), **{
                "is": spread([v * scale for v in self.samples[name]]), "against": spread([v * scale for v in self.samples[against]])})

    def figure(self, title, name, unit="", scale=1.0, goal=None):
        if self.has(name):
            self.line(title, unit, goal, **{"is": spread([v * scale for v in self.samples[name]])})

    def show(self):
        for section in self.sections:
            if not section["lines"]:
                continue
            print(f"\n{section['title']:74} {'ratio':>7} {'least':>7} {'most':>7} {'is':>11} {'against':>11}")
            for l in section["lines"]:
                goal = l.get("goal", {})
                limit = f">= {goal['least']}" if "least" in goal else f"<= {goal['most']}" if "most" in goal else ""
                verdict = f"  {limit} {'met' if met(l) else 'NOT MET'}" if limit else ""
                ratio, against = l.get("ratio"), l.get("against")
                left = " ".join(f"{number(ratio[k]):>7}" for k in ("median", "least", "most")) if ratio else \
                    " " * 8 + " ".join(f"{number(l['is'][k]):>7}" for k in ("least", "most"))
                print(f"  {l['line']:72} {left} {number(l['is']['median']):>11} {number(against['median']) if against else '':>11} {l['unit']}{verdict}")
