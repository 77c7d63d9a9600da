"""Caddy in front of the mirror, with the files of deploy/caddy/."""

from lib.fronts import Caddy
from lib.server_suite import CHECKS, RedirectSuite, named, serving


class TestCaddy(RedirectSuite):
    fronts = {
        "static": lambda: Caddy("static"),
        "static-mount": lambda: Caddy("static", mount="/mirror"),
        "offload": lambda: Caddy("offload"),
        "offload-mount": lambda: Caddy("offload", mount="/mirror"),
    }


def test_too_many_new_files_are_429_from_the_responder(authority, signer):
    """Caddy has no limit of its own."""
    with serving(Caddy(), authority, signer, miss_limit=2) as served:
        seen = [served.get(f"/zig/{named(check)}") for check in CHECKS[:6]]
        assert {answer.status for answer in seen} == {200, 429}
        assert all("retry-after" in answer.headers for answer in seen if answer.status == 429)
