"""Caddy in front of the mirror, with the files of deploy/caddy/."""

import pytest

from lib.fronts import Caddy
from lib.limits import assert_misses_limited
from lib.server_suite import RedirectSuite, serving


class TestCaddy(RedirectSuite):
    fronts = {
        "static": lambda: Caddy("static"),
        "static-mount": lambda: Caddy("static", mount="/mirror"),
        "offload": lambda: Caddy("offload"),
        "offload-mount": lambda: Caddy("offload", mount="/mirror"),
    }


@pytest.mark.parametrize("hits", ["static", "offload"])
def test_too_many_new_files_are_429_from_the_responder(authority, signer, hits):
    """Caddy has no limit of its own."""
    with serving(Caddy(hits), authority, signer, miss_limit=2) as served:
        assert_misses_limited(served)
