"""Nginx in front of the mirror, with the files of deploy/nginx/."""

import pytest

from lib.fronts import Nginx
from lib.limits import assert_limited
from lib.server_suite import RedirectSuite, serving


class TestNginx(RedirectSuite):
    fronts = {
        "static": lambda: Nginx("static"),
        "static-mount": lambda: Nginx("static", mount="/mirror"),
        "offload": lambda: Nginx("offload"),
        "offload-mount": lambda: Nginx("offload", mount="/mirror"),
    }


@pytest.mark.parametrize("hits", ["static", "offload"])
def test_who_asks_too_fast_is_told_429(authority, signer, hits):
    with serving(Nginx(hits, limited=True), authority, signer) as served:
        assert_limited(served)
