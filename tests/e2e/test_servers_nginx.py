"""Nginx in front of the mirror, with the files of deploy/nginx/."""

from lib.fronts import Nginx
from lib.server_suite import RedirectSuite, assert_limited, serving


class TestNginx(RedirectSuite):
    fronts = {
        "static": lambda: Nginx("static"),
        "static-mount": lambda: Nginx("static", mount="/mirror"),
        "offload": lambda: Nginx("offload"),
        "offload-mount": lambda: Nginx("offload", mount="/mirror"),
    }


def test_who_asks_too_fast_is_told_429(authority, signer):
    with serving(Nginx(limited=True), authority, signer) as served:
        assert_limited(served)
