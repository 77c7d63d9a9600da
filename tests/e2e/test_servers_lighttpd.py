"""Lighttpd in front of the mirror, with the files of deploy/lighttpd/."""

from lib.fronts import Lighttpd
from lib.server_suite import RedirectSuite, assert_limited, serving


class TestLighttpd(RedirectSuite):
    fronts = {
        "static": lambda: Lighttpd("static"),
        "static-mount": lambda: Lighttpd("static", mount="/mirror"),
        "offload": lambda: Lighttpd("offload"),
        "offload-mount": lambda: Lighttpd("offload", mount="/mirror"),
    }


def test_who_asks_too_fast_is_told_429(authority, signer):
    with serving(Lighttpd(limited=True), authority, signer) as served:
        assert_limited(served)
