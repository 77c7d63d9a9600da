"""Apache that starts the responder by itself: mod_fcgid, and shared hosting, where there is nothing but CGI and .htaccess."""

import pytest

from lib import client
from lib.fronts import HOST, ApacheFcgid, Htaccess
from lib.limits import assert_limited, assert_misses_limited
from lib.server_suite import RedirectSuite, named, serving


class TestFcgid(RedirectSuite):
    fronts = {
        "static": lambda: ApacheFcgid("static"),
        "static-mount": lambda: ApacheFcgid("static", mount="/mirror"),
        "offload": lambda: ApacheFcgid("offload"),
        "offload-mount": lambda: ApacheFcgid("offload", mount="/mirror"),
    }


class TestHtaccess(RedirectSuite):
    fronts = {
        "cgid-stream": lambda: Htaccess("cgid", stream=True, mount="/mirror"),
        "cgid-wait": lambda: Htaccess("cgid", stream=False),
        "cgi-stream": lambda: Htaccess("cgi", stream=True),
        "cgi-wait": lambda: Htaccess("cgi", stream=False, mount="/mirror"),
        "cgid-offload": lambda: Htaccess("cgid", stream=True, hits="offload"),
        "cgi-offload-wait": lambda: Htaccess("cgi", stream=False, mount="/mirror", hits="offload"),
    }


@pytest.mark.parametrize("hits", ["static", "offload"])
def test_who_asks_too_fast_is_told_429(authority, signer, hits):
    with serving(ApacheFcgid(hits, limited=True), authority, signer) as served:
        assert_limited(served, 10)


@pytest.mark.parametrize("hits", ["static", "offload"])
def test_too_many_new_files_are_429_from_the_responder(authority, signer, hits):
    """.htaccess knows no limit. As shipped, it leaves http to the host."""
    with serving(Htaccess(hits=hits, stream=hits == "static", redirects=False), authority, signer, miss_limit=2) as served:
        assert_misses_limited(served)
        with client.request(served.front.http, f"/zig/{named('cold')}", host=HOST) as plain:
            assert plain.rest().status == 200
