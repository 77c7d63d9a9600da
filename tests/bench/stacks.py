"""The contestants: web servers alone, pkgmirror behind them, and what an expert would use in its place."""

import getpass
import pathlib
import shutil
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

from lib.lighttpd import Lighttpd  # noqa: E402
from lib.mirror import Mirror  # noqa: E402
from lib.process import Port, Process, accepts  # noqa: E402

NGINX = """
user {user}; daemon off; master_process on; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log warn;
events {{ worker_connections 1024; }}
http {{
  access_log {folder}/access.log; client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2;
  fastcgi_temp_path {folder}/t3; uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
  sendfile on; tcp_nopush on; keepalive_requests 1000000; default_type application/octet-stream;
{body}
}}
"""

FASTCGI_PARAMS = "".join(f"fastcgi_param {name} ${value};" for name, value in (
    ("REQUEST_METHOD", "request_method"), ("REQUEST_URI", "request_uri"), ("QUERY_STRING", "query_string"),
    ("SERVER_PROTOCOL", "server_protocol"), ("REMOTE_ADDR", "remote_addr"))) + 'fastcgi_param SERVER_SOFTWARE "nginx/bench";'


class Nginx:
    """nginx with one `server` text; {port} and {folder} are filled in."""

    offload = "x-accel-redirect"

    def __init__(self, body):
        self.body, self.reserved = body, Port()
        self.port, self.process = self.reserved.number, None

    def start(self, mirror=None, **values):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="bench-"))
        if mirror is not None:
            values.update(state=mirror.state, socket=mirror.folder / "fcgi.sock")
            self.responder = Process("responder", [mirror.build / "pkgmirror.fcgi", "--config", mirror.configuration, "--socket",
                                                   mirror.folder / "fcgi.sock"], self.folder / "responder.log")
            self.responder.start(live=lambda: (mirror.folder / "fcgi.sock").exists())
        body = self.body.format(port=self.port, folder=self.folder, params=FASTCGI_PARAMS, **values)
        (self.folder / "nginx.conf").write_text(NGINX.format(folder=self.folder, body=body, user=getpass.getuser()))
        self.process = Process("nginx", ["/usr/sbin/nginx", "-p", self.folder, "-c", self.folder / "nginx.conf"], self.folder / "out")
        self.process.start(live=lambda: accepts(self.port))
        return self

    def pids(self):
        return [self.process.child.pid] + ([self.responder.child.pid] if hasattr(self, "responder") else [])

    def stop(self):
        for process in (self.process, getattr(self, "responder", None)):
            if process is not None:
                process.stop()

    def close(self):
        self.stop()
        self.reserved.close()
        shutil.rmtree(self.folder, ignore_errors=True)


STATIC = "server {{ listen 127.0.0.1:{port} reuseport; root {root}; }}"
STATIC_FIRST = """server {{ listen 127.0.0.1:{port}; root {state}/public; location / {{ try_files $uri @m; }}
  location @m {{ {params} fastcgi_pass unix:{socket}; fastcgi_buffering off; }} }}"""
OFFLOAD = """server {{ listen 127.0.0.1:{port}; location / {{ {params} fastcgi_pass unix:{socket}; }}
  location /_files/ {{ internal; alias {state}/public/; }} }}"""
PROXY = """proxy_cache_path {folder}/cache keys_zone=z:10m max_size=20g use_temp_path=off;
upstream origin {{ server 127.0.0.1:{origin}; keepalive 16; }}
server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass https://origin; proxy_http_version 1.1; proxy_set_header Connection "";
  proxy_ssl_session_reuse on; proxy_cache z; proxy_cache_lock on; proxy_cache_valid 200 1d; proxy_cache_lock_age 600s;
  proxy_cache_lock_timeout 600s; }} }}"""
ORIGIN = """server {{ listen 127.0.0.1:{port} ssl; ssl_certificate {pem}; ssl_certificate_key {pem}; root {root}; }}
server {{ listen 127.0.0.1:{slow} ssl; ssl_certificate {pem}; ssl_certificate_key {pem}; root {slow_root}; limit_rate {rate}; }}
server {{ listen 127.0.0.1:{plain}; root {slow_root}; limit_rate {rate}; }}"""

HELLO = """
server.modules = ( "mod_fastcgi", "mod_accesslog" )
server.bind = "127.0.0.1"
server.port = {port}
server.document-root = "{folder}"
server.errorlog = "{folder}/error.log"
accesslog.filename = "{folder}/access.log"
server.max-keep-alive-requests = 1000000
fastcgi.server = ( "/" => (( "bin-path" => "{hello}", "socket" => "{folder}/hello.sock", "max-procs" => 1, "check-local" => "disable" )) )
"""
PLAIN = """
server.modules = ( "mod_accesslog" )
server.bind = "127.0.0.1"
server.port = {port}
server.document-root = "{root}"
server.errorlog = "{folder}/error.log"
accesslog.filename = "{folder}/access.log"
server.max-keep-alive-requests = 1000000
mimetype.assign = ( "" => "application/octet-stream" )
"""


class Alone:
    """lighttpd with a configuration of its own."""

    def __init__(self, text, **values):
        self.reserved = Port()
        self.port = self.reserved.number
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="bench-"))
        (self.folder / "conf").write_text(text.format(port=self.port, folder=self.folder, **values))
        self.process = Process("lighttpd", ["/usr/sbin/lighttpd", "-D", "-f", self.folder / "conf"], self.folder / "out")
        self.process.start(live=lambda: accepts(self.port))

    def pids(self):
        return [self.process.child.pid]

    def close(self):
        self.process.stop()
        self.reserved.close()
        shutil.rmtree(self.folder, ignore_errors=True)


class Varnish:
    """Varnish in front of a plain HTTP origin, with files in memory."""

    def __init__(self, origin):
        self.reserved = Port()
        self.port = self.reserved.number
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="bench-"))
        self.folder.chmod(0o755)  # it reads as a user of its own
        (self.folder / "vcl").write_text(f'vcl 4.1; backend b {{ .host = "127.0.0.1"; .port = "{origin}"; }}\n')
        self.process = Process("varnish", ["/usr/sbin/varnishd", "-F", "-a", f"127.0.0.1:{self.port}", "-f", self.folder / "vcl", "-n",
                                           self.folder / "work", "-s", "malloc,2g"], self.folder / "out")
        self.process.start(live=lambda: accepts(self.port))

    def pids(self):
        return [self.process.child.pid]

    def close(self):
        self.process.stop()
        self.reserved.close()
        shutil.rmtree(self.folder, ignore_errors=True)


class Ours:
    """A mirror behind a front server."""

    def __init__(self, authority, signer, origin, front, **keys):
        self.mirror = Mirror(authority, toolchains={"upstream": origin, "public_key": signer.key}, front=front,
                             allow_http_upstreams=origin.startswith("http:"), **keys).start()
        self.front, self.port = front, front.port

    def pids(self):
        front = self.front.pids() if hasattr(self.front, "pids") else [self.front.process.child.pid]
        return front + self.mirror.services()

    def close(self):
        self.mirror.close()


def lighttpd(mode="fastcgi", hits="static"):
    return Lighttpd(mode, hits, extra="server.max-keep-alive-requests = 1000000\n")
