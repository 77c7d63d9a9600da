"""What a refusal looks like, to the client and in the catalogue."""


def why(mirror, path):
    """What the catalogue says of a file that was not published: the reasons of its last failure and of refusals."""
    failures = mirror.rows("SELECT class, reason FROM fetch WHERE path = ? AND state = 'failed'", path)
    refusals = mirror.rows("SELECT verdict, reason FROM provenance WHERE path = ? AND reason IS NOT NULL", path)
    assert mirror.rows("SELECT * FROM entry WHERE path = ?", path) == []
    assert path not in mirror.published()
    return failures, refusals


def check_refusal(answer, status):
    assert (answer.status, answer.whole) == (status, True)
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert answer.text.count("\n") == 1 and len(answer.text) > 10
    assert answer.headers["Cache-Control"] == "no-store"
