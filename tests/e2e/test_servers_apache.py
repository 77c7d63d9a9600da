"""Apache in front of the mirror, with the files of deploy/apache/."""

import pytest

from lib.fronts import Apache
from lib.limits import assert_limited
from lib.server_suite import RedirectSuite, serving


class TestApache(RedirectSuite):
    fronts = {
        "static": lambda: Apache("static"),
        "static-mount": lambda: Apache("static", mount="/mirror"),
        "offload": lambda: Apache("offload"),
        "offload-mount": lambda: Apache("offload", mount="/mirror"),
    }


@pytest.mark.parametrize("hits", ["static", "offload"])
def test_who_asks_too_fast_is_told_429(authority, signer, hits):
    with serving(Apache(hits, limited=True), authority, signer) as served:
        assert_limited(served, 10)
