"""lighttpd in front of a mirror: static first, offload, or neither; the responder as FastCGI or as CGI.

A front server for Mirror is any object with start(mirror), stop(), `port`, and the attribute `offload`, which is the word for
the mirror's configuration; this is the one that most tests use."""

import shutil

from .process import SANITIZERS, Port, Process, accepts

COMMON = """
server.modules = ( "mod_rewrite", "mod_setenv", "mod_alias", "{module}", "mod_expire", "mod_accesslog" )
server.bind = "127.0.0.1"
server.port = {port}
server.document-root = "{state}/public"
server.errorlog = "{log}/lighttpd.log"
server.breakagelog = "{log}/responder.log"
accesslog.filename = "{log}/access.log"
accesslog.format = "%s %r"
server.upload-dirs = ( "{log}" )
server.stream-response-body = 2
server.max-keep-alive-idle = 30
etag.use-inode = "disable"
mimetype.assign = (
  ".tar.gz" => "application/gzip", ".tar.xz" => "application/x-xz", ".tar.zst" => "application/zstd",
  ".zip" => "application/zip", ".minisig" => "application/octet-stream", "" => "application/octet-stream"
)
expire.url = ( "" => "access plus 365 days" )
{rewrite}
"""

FASTCGI = """
fastcgi.server = ( "/_responder/" => ((
  "bin-path" => "{program} {options}",
  "socket" => "{folder}/fcgi.sock",
  "max-procs" => 1,
  "check-local" => "disable",
  "bin-environment" => ( {environment} ),
  "x-sendfile" => "enable",
  "x-sendfile-docroot" => ( "{state}/public/" )
)) )
"""

CGI = """
alias.url = ( "/_responder/" => "{program_folder}/" )
$HTTP["url"] =~ "^/_responder/" {{
  cgi.assign = ( "pkgmirror.fcgi" => "" )
  cgi.x-sendfile = "enable"
  cgi.x-sendfile-docroot = ( "{state}/public/" )
  cgi.local-redir = "enable"
}}
setenv.add-environment = ( {environment}, "PKGMIRROR_STREAM" => "1" )
"""

MODES = ("fastcgi", "cgi")
HITS = {"static": "x-sendfile", "offload": "x-sendfile", "self": "none", "redirect": "local-redirect"}


class Lighttpd:
    """`mode` is how the responder runs, `hits` who sends published files: "static" (lighttpd finds them itself), "offload"
    (X-Sendfile), "self" (the responder), "redirect" (CGI: a local redirect)."""

    def __init__(self, mode="fastcgi", hits="static", threads=32, extra=""):
        assert mode in MODES
        self.mode, self.hits, self.threads, self.extra = mode, hits, threads, extra
        self.offload = HITS[hits]
        self.reserved = Port()
        self.port = self.reserved.number
        self.process = None

    def configuration(self, mirror):
        environment = {"PKGMIRROR_CONFIG": mirror.configuration, **SANITIZERS, **mirror.environment}
        prefix = "/_responder/" if self.mode == "fastcgi" else "/_responder/pkgmirror.fcgi/"
        when = "if-not-file" if self.hits in ("static", "redirect") else "once"
        values = {
            "module": f"mod_{self.mode}", "port": self.port, "state": mirror.state, "log": mirror.logs, "folder": mirror.folder,
            "program": mirror.build / "pkgmirror.fcgi", "program_folder": mirror.build, "options": f"--threads {self.threads}",
            "rewrite": f'url.rewrite-{when} = ( "^/(.*)$" => "{prefix}$1" )',
            "environment": ", ".join(f'"{name}" => "{value}"' for name, value in environment.items()),
        }
        return COMMON.format(**values) + (FASTCGI if self.mode == "fastcgi" else CGI).format(**values) + self.extra

    def start(self, mirror):
        path = mirror.folder / "lighttpd.conf"
        path.write_text(self.configuration(mirror))
        program = shutil.which("lighttpd") or "/usr/sbin/lighttpd"
        self.process = Process("lighttpd", [program, "-D", "-f", path], mirror.logs / "lighttpd.out")
        self.process.start(live=lambda: accepts(self.port))

    def stop(self):
        if self.process is not None:
            self.process.stop()
            self.process = None

    def close(self):
        self.stop()
        self.reserved.close()
