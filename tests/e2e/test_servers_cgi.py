"""Apache that starts the responder by itself: mod_fcgid, and shared hosting, where there is nothing but CGI and .htaccess."""

from lib.fronts import ApacheFcgid, Htaccess
from lib.server_suite import RedirectSuite, ServerSuite


class TestFcgid(RedirectSuite):
    fronts = {
        "static": lambda: ApacheFcgid("static"),
        "static-mount": lambda: ApacheFcgid("static", mount="/mirror"),
    }


class TestHtaccess(ServerSuite):
    fronts = {
        "cgid-stream": lambda: Htaccess("cgid", stream=True, mount="/mirror"),
        "cgid-wait": lambda: Htaccess("cgid", stream=False),
        "cgi-stream": lambda: Htaccess("cgi", stream=True),
        "cgi-wait": lambda: Htaccess("cgi", stream=False, mount="/mirror"),
    }
    big = ("cgid-stream", "cgid-wait", "cgi-stream", "cgi-wait")
