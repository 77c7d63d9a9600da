"""What a test measured, printed at the end of the run also when it passed."""

MARK = "figure: "


def figure(text):
    print(MARK + text)


def figures(reports):
    """Of tests that passed: (name, text)."""
    for report in reports:
        if report.when == "call":
            for line in report.capstdout.splitlines():
                if line.startswith(MARK):
                    yield report.nodeid.rsplit("/", 1)[-1], line[len(MARK):]
