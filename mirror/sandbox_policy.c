/* sandbox_policy: see sandbox_policy.h. */
#include "sandbox_policy.h"

#include "sanitized.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_CAP = 1024 };

/* Folders of state_dir that an operator may have put on another disk, by a symlink. */
static const char *const FOLDERS[] = {"store", "public", "part", "quarantine", "index", "run"};

static void allow_below(struct sandbox *s, const char *folder, const char *name, enum sandbox_access access)
{
	char path[PATH_CAP];
	int n = snprintf(path, sizeof path, "%s/%s", folder, name);
	if (n > 0 && (size_t)n < sizeof path)
		sandbox_allow(s, path, access);
}

static void allow_state(struct sandbox *s, const struct config *c, enum sandbox_access access)
{
	sandbox_allow(s, c->state_dir, access);
	for (size_t i = 0; i < sizeof FOLDERS / sizeof FOLDERS[0]; i++) {
		char path[PATH_CAP];
		struct stat st;
		int n = snprintf(path, sizeof path, "%s/%s", c->state_dir, FOLDERS[i]);
		if (n > 0 && (size_t)n < sizeof path && lstat(path, &st) == 0 && S_ISLNK(st.st_mode))
			sandbox_allow(s, path, access);
	}
}

/* The folder that something is in. */
static void allow_parent(struct sandbox *s, const char *path, enum sandbox_access access)
{
	char folder[PATH_CAP];
	const char *slash = strrchr(path, '/');
	if (slash != NULL && slash > path && (size_t)(slash - path) < sizeof folder) {
		snprintf(folder, sizeof folder, "%.*s", (int)(slash - path), path);
		sandbox_allow(s, folder, access);
	} else {
		sandbox_allow(s, slash == path ? "/" : ".", access);
	}
}

/* A file that may be replaced by a rename while we live, which a rule for the file itself would not see. root is not
 * given its folder: what else lies there is hidden from others by permissions, but not from root. */
static void allow_file(struct sandbox *s, const char *path)
{
	if (path == NULL || path[0] == '\0')
		return;
	sandbox_allow(s, path, SANDBOX_READ);
	if (geteuid() != 0)
		allow_parent(s, path, SANDBOX_READ);
}

/* What the C library reads by itself: modules that it loads late, devices, time zones. */
static void allow_system(struct sandbox *s, enum sandbox_access access)
{
	static const char *const PLACES[] = {"/usr", "/lib", "/lib32", "/lib64", "/nix/store", "/gnu/store"};
	static const char *const READ[] = {"/etc/localtime", "/etc/ld.so.cache", "/dev/urandom", "/dev/random"};
	for (size_t i = 0; i < sizeof PLACES / sizeof PLACES[0]; i++)
		sandbox_allow(s, PLACES[i], access);
	for (size_t i = 0; i < sizeof READ / sizeof READ[0]; i++)
		sandbox_allow(s, READ[i], SANDBOX_READ);
	sandbox_allow(s, "/dev/null", SANDBOX_APPEND);
	if (SANITIZED) {
		/* The runtime looks at its own process when it reports, and for leaks at every end. */
		sandbox_allow(s, "/proc", SANDBOX_READ);
		sandbox_allow(s, "/proc/self/exe", SANDBOX_READ);
	}
}

/* What a resolver and a TLS library read. resolv.conf is replaced by renames, and is a link into the folder of whoever
 * writes it; root is given no more of /etc than it needs, since nothing but this keeps it from /etc/shadow. */
static void allow_network(struct sandbox *s)
{
	static const char *const PLACES[] = {"/etc/hosts", "/etc/host.conf", "/etc/nsswitch.conf", "/etc/resolv.conf",
	    "/etc/gai.conf", "/etc/services", "/etc/protocols", "/etc/networks", "/etc/ssl", "/etc/pki",
	    "/etc/ca-certificates", "/etc/crypto-policies", "/etc/static", "/run/systemd/resolve", "/run/resolvconf",
	    "/run/NetworkManager", "/run/connman", "/var/lib/ca-certificates", "/var/lib/sss/mc"};
	static const char *const VARIABLES[] = {"SSL_CERT_FILE", "SSL_CERT_DIR", "OPENSSL_CONF"};
	char resolver[PATH_MAX];
	for (size_t i = 0; i < sizeof PLACES / sizeof PLACES[0]; i++)
		sandbox_allow(s, PLACES[i], SANDBOX_READ);
	for (size_t i = 0; i < sizeof VARIABLES / sizeof VARIABLES[0]; i++)
		sandbox_allow(s, getenv(VARIABLES[i]), SANDBOX_READ);
	if (geteuid() != 0)
		sandbox_allow(s, "/etc", SANDBOX_READ);
	if (realpath("/etc/resolv.conf", resolver) != NULL && strncmp(resolver, "/etc/", 5) != 0)
		allow_file(s, resolver);
}

void sandbox_responder(const struct config *c, const char *socket, enum log_level level)
{
	struct sandbox s;
	sandbox_begin(&s, SANDBOX_RESPONDER, level);
	allow_state(&s, c, SANDBOX_READ);
	allow_below(&s, c->state_dir, "run", SANDBOX_APPEND);
	/* Readers of the catalogue take their locks in it. */
	allow_below(&s, c->state_dir, "catalog.db-shm", SANDBOX_APPEND);
	sandbox_allow(&s, c->site.templates, SANDBOX_READ);
	sandbox_allow(&s, c->site.logo, SANDBOX_READ);
	sandbox_allow(&s, c->signing_key, SANDBOX_READ);
	sandbox_allow(&s, "/dev/urandom", SANDBOX_READ);
	if (socket != NULL)
		allow_parent(&s, socket, SANDBOX_REMOVE);
	if (SANITIZED)
		allow_system(&s, SANDBOX_READ);
	sandbox_seal(&s);
}

void sandbox_service(const struct config *c)
{
	struct sandbox s;
	sandbox_begin(&s, SANDBOX_SERVICE, LOG_INFO_LEVEL);
	allow_state(&s, c, SANDBOX_WRITE);
	allow_system(&s, SANDBOX_READ);
	allow_network(&s);
	allow_file(&s, c->ca_file);
	for (size_t i = 0; i < c->rule_count; i++)
		allow_file(&s, c->rules[i].token_file);
	sandbox_seal(&s);
}

/* The operands of a command. With the rights of state_dir: the kernel lets no file be linked to where more may be done
 * with it than where it was. */
static void allow_arguments(struct sandbox *s, char *const *arguments)
{
	for (; *arguments != NULL; arguments++) {
		if ((*arguments)[0] == '-')
			continue;
		if (access(*arguments, F_OK) == 0)
			sandbox_allow(s, *arguments, SANDBOX_WRITE);
		else
			allow_parent(s, *arguments, SANDBOX_WRITE);
	}
}

/* The folders of the access logs: a rotation makes other files there while a watcher stays. */
static void allow_logs(struct sandbox *s, const struct config_list *logs)
{
	for (size_t i = 0; i < logs->count; i++) {
		char folder[PATH_CAP];
		const char *slash = strrchr(logs->items[i], '/');
		size_t len = slash == logs->items[i] ? 1 : (size_t)(slash - logs->items[i]);
		if (len < sizeof folder) {
			snprintf(folder, sizeof folder, "%.*s", (int)len, logs->items[i]);
			sandbox_allow(s, folder, SANDBOX_READ);
		}
	}
}

void sandbox_warmer(const struct config *c, char *const *arguments)
{
	struct sandbox s;
	sandbox_begin(&s, SANDBOX_WARMER, LOG_INFO_LEVEL);
	allow_state(&s, c, SANDBOX_WRITE);
	allow_system(&s, SANDBOX_READ);
	allow_arguments(&s, arguments);
	allow_logs(&s, &c->warmer.access_logs);
	sandbox_seal(&s);
}

/* Where a program is looked for. */
static void allow_programs(struct sandbox *s, const char *path)
{
	while (path != NULL && *path != '\0') {
		char folder[PATH_CAP];
		size_t len = strcspn(path, ":");
		if (len > 0 && len < sizeof folder) {
			snprintf(folder, sizeof folder, "%.*s", (int)len, path);
			sandbox_allow(s, folder, SANDBOX_RUN);
		}
		path += len + (path[len] != '\0');
	}
}

void sandbox_check(const struct config *c)
{
	struct sandbox s;
	const char *temporary = getenv("TMPDIR");
	sandbox_begin(&s, SANDBOX_CHECK, LOG_INFO_LEVEL);
	allow_system(&s, SANDBOX_RUN);
	allow_programs(&s, getenv("PATH"));
	allow_network(&s);
	allow_file(&s, c->ca_file);
	sandbox_allow(&s, temporary != NULL && temporary[0] != '\0' ? temporary : "/tmp", SANDBOX_WRITE);
	sandbox_seal(&s);
}

void sandbox_unpack(void)
{
	struct sandbox s;
	if (sandbox_is_off())
		return;
	sandbox_begin(&s, SANDBOX_UNPACK, LOG_DEBUG_LEVEL);
	sandbox_seal(&s);
}
