"""Apache in front of the mirror, with the files of deploy/apache/."""

from lib.fronts import Apache
from lib.server_suite import RedirectSuite, assert_limited, serving


class TestApache(RedirectSuite):
    fronts = {
        "static": lambda: Apache("static"),
        "static-mount": lambda: Apache("static", mount="/mirror"),
        "offload": lambda: Apache("offload"),
        "offload-mount": lambda: Apache("offload", mount="/mirror"),
    }


def test_who_asks_too_fast_is_told_429(authority, signer):
    with serving(Apache(limited=True), authority, signer) as served:
        assert_limited(served)
