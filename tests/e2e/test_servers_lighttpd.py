"""Lighttpd in front of the mirror, with the files of deploy/lighttpd/."""

import pytest

from lib.fronts import Lighttpd
from lib.limits import assert_limited
from lib.server_suite import RedirectSuite, serving


class TestLighttpd(RedirectSuite):
    fronts = {
        "static": lambda: Lighttpd("static"),
        "static-mount": lambda: Lighttpd("static", mount="/mirror"),
        "offload": lambda: Lighttpd("offload"),
        "offload-mount": lambda: Lighttpd("offload", mount="/mirror"),
    }


@pytest.mark.parametrize("hits", ["static", "offload"])
def test_who_asks_too_fast_is_told_429(authority, signer, hits):
    with serving(Lighttpd(hits, limited=True), authority, signer) as served:
        assert_limited(served)
