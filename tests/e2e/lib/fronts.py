"""The web servers in front of a mirror, each with the configuration that deploy/ ships for it, put into what Debian ships as its
main configuration. Only names, ports and paths are replaced, and each replaced text must be there.

A front has what Mirror asks for (start, stop, close, port, offload); stop_responder() and start_responder(); `http`, the port that
redirects; `challenges`, the folder of the authority's files, and tls(), the context that trusts it. They answer for localhost."""

import grp
import os
import pathlib
import shutil
import socket
import ssl
import stat

from .process import SANITIZERS, TOP, Port, Process, accepts
from .waiting import wait_until

DEPLOY = TOP / "deploy"
HOST = "localhost"


def adapt(text, changes):
    """Replaces each key by its value; a key that is not there is a mistake of the test."""
    for old, new in changes.items():
        assert old in text, f"{old!r} is not in the shipped file"
        text = text.replace(old, str(new))
    return text


def program(name):
    return shutil.which(name) or f"/usr/sbin/{name}"


class Front:
    """`host` is the mirror's name, `hits` is "static" or "offload", `mount` the path of base_url, `limited`: with the limit of requests that is shipped apart."""

    offload = "x-sendfile"
    http2 = True
    streams = True  # a client of a new file has its first byte before the last one is here
    streams_http2 = True

    def __init__(self, hits="static", mount="", limited=False, host=HOST):
        self.host, self.hits, self.mount, self.limited, self.authority = host, hits, mount, limited, None
        self.reserved = [Port(), Port()]
        self.http, self.port = (p.number for p in self.reserved)
        self.mirror = self.server = self.responder = None

    # -- what the kinds of servers say

    def write(self):
        """Writes the configuration; returns the command."""
        raise NotImplementedError

    # -- life

    def start(self, mirror):
        self.mirror, self.folder = mirror, mirror.folder
        self.folder.chmod(0o755)  # the server may have another user than the test
        mirror.logs.chmod(0o777)
        self.challenges = self.folder / "acme"
        self.challenges.mkdir(exist_ok=True)
        self.certificate()
        self.access_log = self.folder / "weblog/access.log"
        self.access_log.parent.mkdir(exist_ok=True)
        self.access_log.touch(0o640)
        if os.geteuid() == 0:
            shutil.chown(self.access_log, "www-data")
        self.start_responder()
        self.start_server()

    def log_place(self):
        """Only where the server sends files by itself are hits counted from its log."""
        return {"/var/log/pkgmirror/access.log": self.access_log} if self.hits == "static" else {}

    def start_server(self):
        self.server = Process(type(self).__name__.lower(), self.write(), self.mirror.logs / "server.out", env=self.environment())
        self.server.start(live=lambda: accepts(self.port))

    def environment(self):
        return {}

    def certificate(self):
        """Key and chain apart, as pkgmirror-acme leaves them."""
        self.tls_folder = self.folder / "tls"
        self.tls_folder.mkdir(exist_ok=True)
        pem = self.authority.certificate().read_text()
        at = pem.index("-----BEGIN PRIVATE KEY")
        (self.tls_folder / "fullchain.pem").write_text(pem[:at])
        (self.tls_folder / "key.pem").write_text(pem[at:])

    def tls(self):
        return ssl.create_default_context(cafile=self.authority.ca)

    @property
    def fastcgi(self):
        return self.folder / "fcgi.sock"

    def start_responder(self):
        self.responder = Process(
            "responder", [self.mirror.build / "pkgmirror.fcgi", "--socket", self.fastcgi, "--threads", "16"],
            self.mirror.logs / "responder.log", env={"PKGMIRROR_CONFIG": str(self.mirror.configuration), **self.mirror.environment},
        )
        self.responder.start(live=self.fastcgi.exists)
        if os.geteuid() == 0:
            os.chown(self.fastcgi, 0, grp.getgrnam("www-data").gr_gid)

    def stop_responder(self):
        self.responder.stop()

    def stop(self):
        for process in (self.server, self.responder):
            if process is not None:
                process.stop()
        self.server = self.responder = None

    def close(self):
        self.stop()
        for port in self.reserved:
            port.close()


class Lighttpd(Front):
    def write(self):
        enabled = self.folder / "conf-enabled"
        uploads = self.folder / "uploads"
        for place in (enabled, uploads):
            place.mkdir(exist_ok=True)
        uploads.chmod(0o777)
        name = "pkgmirror.conf" if self.hits == "static" else "pkgmirror-offload.conf"
        (enabled / "50-pkgmirror.conf").write_text(adapt((DEPLOY / "lighttpd" / name).read_text(), {
            **self.log_place(),
            'pkgmirror_mount   = ""': f'pkgmirror_mount   = "{self.mount}"', "pkg.example.org": self.host, ":443": f":{self.port}",
            '"/var/lib/pkgmirror"': f'"{self.mirror.state}"', "/run/pkgmirror/fcgi.sock": self.fastcgi,
            "/etc/pkgmirror/tls": self.tls_folder, "/var/lib/pkgmirror-acme": self.challenges,
        }))
        if self.limited:
            self.write_limit(enabled)
        main = adapt(pathlib.Path("/etc/lighttpd/lighttpd.conf").read_text(), {
            "/var/cache/lighttpd/uploads": uploads, "/var/log/lighttpd/error.log": self.mirror.logs / "lighttpd.log",
            "/run/lighttpd.pid": self.folder / "lighttpd.pid", "= 80\n": f"= {self.http}\n",
            "/etc/lighttpd/conf-enabled": enabled,
        })
        (self.folder / "lighttpd.conf").write_text(main)
        return [program("lighttpd"), "-D", "-f", self.folder / "lighttpd.conf"]

    def write_limit(self, enabled):
        shutil.copy(DEPLOY / "lighttpd/rate-limit.lua", self.folder / "rate-limit.lua")
        (enabled / "51-pkgmirror-rate-limit.conf").write_text(adapt((DEPLOY / "lighttpd/rate-limit.conf").read_text(), {
            "/usr/share/pkgmirror/deploy/lighttpd": self.folder}))


class Nginx(Front):
    offload = "x-accel-redirect"

    def write(self):
        name = "pkgmirror.conf" if self.hits == "static" else "pkgmirror-offload.conf"
        changes = {
            **self.log_place(), "pkg.example.org": self.host, "listen 80;": f"listen {self.http};", "listen [::]:80;": f"listen [::]:{self.http};",
            "listen 443 ": f"listen {self.port} ", "listen [::]:443 ": f"listen [::]:{self.port} ",
            "/etc/pkgmirror/tls": self.tls_folder, "/var/lib/pkgmirror-acme": self.challenges,
            "/var/lib/pkgmirror/public": self.mirror.state / "public", "/run/pkgmirror/fcgi.sock": self.fastcgi,
        }
        if self.mount and self.hits == "static":
            changes['"~^(?<pkgmirror_path>/.*)$"'] = f'"~^{self.mount}(?<pkgmirror_path>/.*)$"'
        (self.folder / "site.conf").write_text(adapt((DEPLOY / "nginx" / name).read_text(), changes))
        shutil.copy("/etc/nginx/fastcgi_params", self.folder)
        kinds = ("client_body", "fastcgi", "proxy", "scgi", "uwsgi")
        (self.folder / "temporary.conf").write_text("".join(f"{kind}_temp_path {self.folder}/{kind};\n" for kind in kinds))
        (self.folder / "nginx.conf").write_text(adapt(pathlib.Path("/etc/nginx/nginx.conf").read_text(), {
            "/run/nginx.pid": self.folder / "nginx.pid", "/var/log/nginx/error.log": self.mirror.logs / "error.log",
            "/var/log/nginx/access.log": self.mirror.logs / "access.log", "/etc/nginx/sites-enabled/*": self.folder / "site.conf",
            "/etc/nginx/conf.d/*.conf": self.folder / "temporary.conf",
        }))
        return [program("nginx"), "-c", self.folder / "nginx.conf", "-e", self.mirror.logs / "error.log", "-g", "daemon off;"]


class Caddy(Front):
    """It makes its certificate for localhost by itself."""

    offload = "x-accel-redirect"

    def write(self):
        name = "pkgmirror.caddy" if self.hits == "static" else "pkgmirror-offload.caddy"
        changes = {
            **self.log_place(), "pkg.example.org": self.host, "/var/lib/pkgmirror/public": self.mirror.state / "public",
            "/run/pkgmirror/fcgi.sock": self.fastcgi,
        }
        if self.mount and self.hits == "static":
            changes["#uri strip_prefix /mirror"] = f"uri strip_prefix {self.mount}"
        (self.folder / "pkgmirror.caddy").write_text(adapt((DEPLOY / "caddy" / name).read_text(), changes))
        (self.folder / "Caddyfile").write_text(
            "{\n\tadmin off\n\tskip_install_trust\n\tlocal_certs\n"
            f"\thttp_port {self.http}\n\thttps_port {self.port}\n}}\nimport {self.folder}/pkgmirror.caddy\n")
        return [program("caddy"), "run", "--adapter", "caddyfile", "--config", self.folder / "Caddyfile"]

    def environment(self):
        return {"HOME": str(self.folder), "XDG_DATA_HOME": str(self.folder), "XDG_CONFIG_HOME": str(self.folder)}

    def start_server(self):
        super().start_server()
        self.challenges = None
        wait_until(self.has_certificate, "Caddy's own certificate")

    def has_certificate(self):
        try:
            with socket.create_connection((self.host, self.port), timeout=10) as connection, \
                    self.tls().wrap_socket(connection, server_hostname=self.host):
                return True
        except OSError:
            return False

    def tls(self):
        return ssl.create_default_context(cafile=self.folder / "caddy/pki/authorities/local/root.crt")


# What Debian switches on when it installs apache2, and what the shipped files ask for.
APACHE_DEFAULT = ("access_compat", "alias", "auth_basic", "authn_core", "authn_file", "authz_core", "authz_host", "authz_user", "autoindex",
                  "deflate", "dir", "env", "filter", "mime", "negotiation", "reqtimeout", "setenvif", "status")
APACHE_MAIN = """
ServerRoot /etc/apache2
ServerName {host}
PidFile {folder}/apache2.pid
DefaultRuntimeDir {folder}
Mutex file:{folder} default
ErrorLog {logs}/error.log
LogLevel warn
{user}
Timeout 300
KeepAliveTimeout 5
Listen {http}
Listen {https}
{modules}
<Directory />
    Options FollowSymLinks
    AllowOverride None
    Require all denied
</Directory>
AccessFileName .htaccess
"""


class Apache(Front):
    streams_http2 = False  # it would leave the client of a torn answer waiting
    shipped = {"static": "pkgmirror.conf", "offload": "pkgmirror-offload.conf"}
    modules = ("mpm_event", "headers", "http2", "proxy", "proxy_fcgi", "rewrite", "socache_shmcb", "ssl", "xsendfile")

    def main(self):
        available = pathlib.Path("/etc/apache2/mods-available")
        names = [*APACHE_DEFAULT, *self.modules, *(["evasive"] if self.limited else [])]
        includes = [f"Include {available}/{name}.load" for name in sorted(names, key=lambda n: n in ("proxy_fcgi", "ssl", "http2"))]
        includes += [f"Include {available}/{name}.conf" for name in names
                     if name not in ("ssl", "fcgid", "cgid", "evasive") and (available / f"{name}.conf").exists()]
        user = "User www-data\nGroup www-data" if os.geteuid() == 0 else ""
        return APACHE_MAIN.format(host=self.host, folder=self.folder, logs=self.mirror.logs, user=user, http=self.http, https=self.port,
                                  modules="\n".join(includes))

    def site(self):
        changes = {
            **self.log_place(),
            "PKGMIRROR_HOST    pkg.example.org": f"PKGMIRROR_HOST    {self.host}", "PKGMIRROR_MOUNT   /": f"PKGMIRROR_MOUNT   {self.mount}/",
            "PKGMIRROR_STATE   /var/lib/pkgmirror\n": f"PKGMIRROR_STATE   {self.mirror.state}\n",
            "/etc/pkgmirror/tls": self.tls_folder, "PKGMIRROR_ACME    /var/lib/pkgmirror-acme": f"PKGMIRROR_ACME    {self.challenges}",
            "PKGMIRROR_HTTP    80": f"PKGMIRROR_HTTP    {self.http}", "PKGMIRROR_HTTPS   443": f"PKGMIRROR_HTTPS   {self.port}",
            **self.responder_places(),
        }
        return adapt((DEPLOY / "apache" / self.shipped[self.hits]).read_text(), changes) + self.limit_text()

    def responder_places(self):
        return {"/run/pkgmirror/fcgi.sock": self.fastcgi}

    def limit_text(self):
        """So few at once that a machine under load sees more of them in a second."""
        return "" if not self.limited else adapt((DEPLOY / "apache/rate-limit.conf").read_text(), {"Count        200": "Count        20"})

    def write(self):
        (self.folder / "apache2.conf").write_text(self.main() + self.site())
        return [program("apache2"), "-D", "FOREGROUND", "-f", self.folder / "apache2.conf"]

    # -- responders that Apache starts, as its own user

    def hand_over(self):
        """Programs and state are the web server's user's, and readable wherever this tree is."""
        self.programs = self.folder / "bin"
        self.programs.mkdir(exist_ok=True)
        for name in ("pkgmirror.fcgi", "pkgmirror-fetch"):
            shutil.copy2(self.mirror.build / name, self.programs / name)
        ca = self.folder / "ca.pem"
        shutil.copy(self.mirror.keys["ca_file"], ca)
        self.mirror.keys["ca_file"] = str(ca)
        self.mirror.write_configuration()
        if os.geteuid() == 0:
            for base, folders, files in os.walk(self.mirror.state):
                for name in (base, *(os.path.join(base, n) for n in folders + files)):
                    shutil.chown(name, "www-data", "www-data")


class ApacheFcgid(Apache):
    shipped = {"static": "pkgmirror-fcgid.conf", "offload": "pkgmirror-fcgid-offload.conf"}
    modules = ("mpm_event", "fcgid", "headers", "http2", "rewrite", "socache_shmcb", "ssl", "xsendfile")

    def responder_places(self):
        return {
            "/usr/libexec/pkgmirror": self.programs, "/etc/pkgmirror.conf": self.mirror.configuration,
            "FcgidInitialEnv PKGMIRROR_CONFIG": f"FcgidIPCDir {self.folder}/sock\nFcgidProcessTableFile {self.folder}/fcgid_shm\n"
            + "".join(f'FcgidInitialEnv {k} "{v}"\n' for k, v in SANITIZERS.items()) + "FcgidInitialEnv PKGMIRROR_CONFIG",
        }

    def start_responder(self):
        if not (self.folder / "sock").exists():
            self.hand_over()
            (self.folder / "sock").mkdir(exist_ok=True)
            if os.geteuid() == 0:
                shutil.chown(self.folder / "sock", "www-data", "www-data")
        (self.programs / "pkgmirror.fcgi").chmod(0o755)

    def stop_responder(self):
        (self.programs / "pkgmirror.fcgi").chmod(0o644)
        self.mirror.kill_responders()


class Htaccess(Apache):
    """Shared hosting: the operator has a folder, an .htaccess in it, and CGI. `module` is "cgi" (mpm_prefork) or "cgid"
    (mpm_event), `stream` whether the two lines stay that let a new file be passed on while it comes, `redirects` whether those are taken
    out of their comment that send http to https."""

    offload = "local-redirect"

    shipped = {"static": "htaccess", "offload": "htaccess-offload"}

    def __init__(self, module="cgid", stream=True, mount="", hits="static", redirects=True):
        super().__init__(hits, mount)
        mpm = {"cgi": "mpm_prefork", "cgid": "mpm_event"}[module]
        self.modules = (mpm, module, "headers", "rewrite", "socache_shmcb", "ssl") + (("http2",) if module == "cgid" else ())
        self.streams, self.redirects = stream, redirects
        self.http2 = module == "cgid"  # mod_http2 and mpm_prefork do not go together

    def site(self):
        top = self.folder / "www"
        cgid = f"ScriptSock {self.folder}/cgisock\n" if "cgid" in self.modules else ""
        return cgid + f"""
<VirtualHost *:{self.http}>
    ServerName {self.host}
    DocumentRoot {top}
</VirtualHost>
<VirtualHost *:{self.port}>
    ServerName {self.host}
    SSLEngine on
    SSLCertificateFile {self.tls_folder}/fullchain.pem
    SSLCertificateKeyFile {self.tls_folder}/key.pem
    {"Protocols h2 http/1.1" if "http2" in self.modules else ""}
    DocumentRoot {top}
</VirtualHost>
<Directory {top}>
    AllowOverride FileInfo Options=ExecCGI,FollowSymLinks,Indexes
    Options Indexes
    Require all granted
</Directory>
<Directory {self.mirror.state}/public>
    Require all granted
</Directory>
""" + self.limit_text()

    def start_responder(self):
        home = self.folder / "www" / self.mount.strip("/")
        self.script = home / "pkgmirror.cgi"
        if not self.script.exists():
            self.hand_over()
            home.mkdir(parents=True)
            changes = {"/home/you/pkgmirror.conf": f"{self.mirror.configuration}\n" + "".join(f'SetEnv {k} "{v}"\n' for k, v in SANITIZERS.items())}
            if not self.streams:
                changes |= {"SetEnv ap_trust_cgilike_cl 1\n": "", "SetEnv PKGMIRROR_STREAM 1\n": ""}
            if self.redirects:
                changes |= {"#RewriteCond %{HTTPS}": "RewriteCond %{HTTPS}", "#RewriteRule ^(?!": "RewriteRule ^(?!"}
            (home / ".htaccess").write_text(adapt((DEPLOY / "apache" / self.shipped[self.hits]).read_text(), changes))
            shutil.copy2(self.programs / "pkgmirror.fcgi", self.script)
            shutil.copy2(self.programs / "pkgmirror-fetch", home / "pkgmirror-fetch")
            (home / "public").symlink_to(self.mirror.state / "public")
            self.challenges = self.folder / "www"
        self.script.chmod(0o755)

    def stop_responder(self):
        self.script.chmod(self.script.stat().st_mode & ~(stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH))
