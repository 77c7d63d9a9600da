"""What the programs are linked with, as they are built: a CGI start pays for each library."""

import re

import pytest

from lib.process import BUILD, run

FORBIDDEN = {
    "pkgmirror.fcgi": r"libcurl|libssl|libcrypto|libarchive|libnghttp2|libgnutls",
    "pkgmirror-warm": r"libcurl|libfcgi|libnghttp2",
    "pkgmirror-fetch": r"libfcgi",
}


@pytest.mark.parametrize("program", FORBIDDEN)
def test_program_links_only_what_its_duty_needs(program):
    libraries = run(["ldd", BUILD / program]).stdout
    assert "libc.so" in libraries
    assert not re.search(FORBIDDEN[program], libraries), libraries
