"""The contestants: web servers alone, pkgmirror behind them, and what an expert would use in its place."""

import getpass
import hashlib
import pathlib
import shutil
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

from lib.lighttpd import Lighttpd as FrontLighttpd  # noqa: E402
from lib.mirror import Mirror  # noqa: E402
from lib.process import BUILD, Port, Process, accepts  # noqa: E402

import measure  # noqa: E402

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


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else "0" * 64


class Stack:
    """Processes that make up one contestant. `port` is where it answers."""

    def __init__(self):
        self.reserved = Port()
        self.port, self.processes = self.reserved.number, []
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="bench-"))
        self.folder.chmod(0o755)  # some read as a user of their own

    def run(self, name, command, live=None):
        process = Process(f"{name}-{self.port}", command, self.folder / f"{name}.out")
        self.processes.append(process)
        process.start(live=live or (lambda: accepts(self.port)))
        return process

    def pids(self):
        return measure.family(process.child.pid for process in self.processes)

    def stop(self):
        for process in reversed(self.processes):
            process.stop()
        self.processes = []

    def close(self):
        self.stop()
        self.reserved.close()
        shutil.rmtree(self.folder, ignore_errors=True)


# As deploy/nginx has it.
BUFFERS = "fastcgi_buffering off; fastcgi_buffer_size 64k; fastcgi_buffers 4 64k;"


class Nginx(Stack):
    """nginx with one `server` text; {port}, {folder} and what start() is given are filled in. As a front of a mirror it brings the
    responder; `hello` is what answers in its place, for contestants that are no mirror."""

    def __init__(self, body, offload="x-accel-redirect", hello=None):
        super().__init__()
        self.body, self.offload, self.hello = body, offload, hello

    def start(self, mirror=None, **values):
        socket = self.folder / "fcgi.sock"
        if mirror is not None:
            values.update(state=mirror.state)
            self.run("responder", [mirror.build / "pkgmirror.fcgi", "--config", mirror.configuration, "--socket", socket], socket.exists)
        if self.hello is not None:
            self.run("hello", [BUILD / "tests/bench/hello", self.hello, socket], socket.exists)
        body = self.body.format(port=self.port, folder=self.folder, params=FASTCGI_PARAMS, buffers=BUFFERS, socket=socket, **values)
        (self.folder / "nginx.conf").write_text(NGINX.format(folder=self.folder, body=body, user=getpass.getuser()))
        self.run("nginx", ["/usr/sbin/nginx", "-p", self.folder, "-c", self.folder / "nginx.conf", "-e", self.folder / "error.log"])
        return self


STATIC = "server {{ listen 127.0.0.1:{port} reuseport; root {root}; }}"
STATIC_FIRST = """server {{ listen 127.0.0.1:{port}; root {state}/public; location / {{ try_files $uri @m; }}
  location @m {{ {params} fastcgi_pass unix:{socket}; {buffers} }}
  location /_files/ {{ internal; alias {state}/public/; }} }}"""
OFFLOAD = """server {{ listen 127.0.0.1:{port}; location / {{ {params} fastcgi_pass unix:{socket}; {buffers} }}
  location /_files/ {{ internal; alias {state}/public/; }} }}"""
HELLO_NGINX = """server {{ listen 127.0.0.1:{port}; location / {{ {params} fastcgi_pass unix:{socket}; {buffers} }}
  location {root}/ {{ internal; alias {root}/; }} }}"""
PROXY = """proxy_cache_path {folder}/cache keys_zone=z:10m max_size=20g use_temp_path=off;
upstream origin {{ server 127.0.0.1:{origin}; keepalive 16; }}
server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass {scheme}://origin; proxy_http_version 1.1; proxy_set_header Connection "";
  proxy_ssl_session_reuse on; proxy_cache z; proxy_cache_lock on; proxy_cache_valid 200 1d; proxy_cache_lock_age 600s;
  proxy_cache_lock_timeout 600s; }} }}"""

COMMON = """
server.bind = "127.0.0.1"
server.port = {port}
server.errorlog = "{folder}/error.log"
accesslog.filename = "{folder}/access.log"
server.max-keep-alive-requests = 1000000
mimetype.assign = ( "" => "application/octet-stream" )
"""
PLAIN = COMMON + """
server.modules = ( "mod_accesslog" )
server.document-root = "{root}"
"""
HELLO = COMMON + """
server.modules = ( "mod_fastcgi", "mod_accesslog" )
server.document-root = "{folder}"
fastcgi.server = ( "/" => (( "bin-path" => "{hello}", "socket" => "{folder}/hello.sock", "max-procs" => 1, "check-local" => "disable",
  "x-sendfile" => "enable", "x-sendfile-docroot" => ( "{root}/" ) )) )
"""
HELLO_CGI = COMMON + """
server.modules = ( "mod_alias", "mod_cgi", "mod_accesslog" )
server.document-root = "{folder}"
alias.url = ( "/" => "{program}" )
cgi.assign = ( "hello_cgi" => "" )
"""
SQUID = """
http_port 127.0.0.1:{port} accel defaultsite=127.0.0.1 no-vhost
cache_peer 127.0.0.1 parent {origin} 0 no-query originserver name=origin
cache_peer_access origin allow all
http_access allow all
collapsed_forwarding on
cache_mem 1024 MB
maximum_object_size 1 GB
maximum_object_size_in_memory 256 MB
refresh_pattern . 1440 100% 10080
access_log stdio:{folder}/access.log
cache_log {folder}/cache.log
pid_filename {folder}/squid.pid
coredump_dir {folder}
visible_hostname bench
pinger_enable off
shutdown_lifetime 0 seconds
"""


class Lighttpd(Stack):
    """lighttpd with a configuration of its own."""

    def __init__(self, text, **values):
        super().__init__()
        (self.folder / "conf").write_text(text.format(port=self.port, folder=self.folder, **values))
        self.run("lighttpd", ["/usr/sbin/lighttpd", "-D", "-f", self.folder / "conf"])


class Varnish(Stack):
    """Varnish in front of a plain HTTP origin, with files in memory."""

    def __init__(self, origin):
        super().__init__()
        (self.folder / "vcl").write_text(f'vcl 4.1; backend b {{ .host = "127.0.0.1"; .port = "{origin}"; }}\n')
        self.run("varnish", ["/usr/sbin/varnishd", "-F", "-a", f"127.0.0.1:{self.port}", "-f", self.folder / "vcl", "-n", self.folder / "work",
                             "-s", "malloc,2g"])


class Squid(Stack):
    """Squid as an accelerator of a plain HTTP origin, with files in memory."""

    def __init__(self, origin):
        super().__init__()
        self.folder.chmod(0o777)  # it writes as a user of its own
        (self.folder / "conf").write_text(SQUID.format(port=self.port, folder=self.folder, origin=origin))
        self.run("squid", ["/usr/sbin/squid", "-N", "-f", self.folder / "conf"])


class Ours:
    """A mirror behind a front server."""

    def __init__(self, authority, signer, origin, front, **keys):
        keys = {"fetch_linger": "600s", **keys}  # a service that ended would take its processor time with it
        self.mirror = Mirror(authority, toolchains={"upstream": origin, "public_key": signer.key}, front=front,
                             allow_http_upstreams=origin.startswith("http:"), **keys).start()
        self.front, self.port = front, front.port

    def pids(self):
        front = self.front.pids() if hasattr(self.front, "pids") else [self.front.process.child.pid]
        return measure.family([*front, *measure.with_word(str(self.mirror.configuration))])

    def close(self):
        self.mirror.close()


def lighttpd(mode="fastcgi", hits="static"):
    return FrontLighttpd(mode, hits, extra="server.max-keep-alive-requests = 1000000\n")
