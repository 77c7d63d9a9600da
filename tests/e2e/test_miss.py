"""A file that is not here yet: asked for, fetched, sent while it comes, kept."""

from lib.zig import file_name

NAME = file_name("0.14.1")


def test_whole_file_comes_and_is_kept(mirror, site):
    answer = mirror.get(f"/zig/{NAME}")
    assert (answer.status, answer.whole) == (200, True)
    assert answer.body == site.body(NAME)
    assert mirror.wait_published(f"zig/{NAME}") == site.body(NAME)
    assert f"zig/{NAME}.minisig" in mirror.published()
    assert [r["verdict"] for r in mirror.rows("SELECT verdict FROM entry WHERE path = ?", f"zig/{NAME}")] == ["signed"]
