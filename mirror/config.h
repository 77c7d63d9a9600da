/* config: the configuration of an instance: read, validated, printed. libConfuse's only room.
 *
 * Every program reads the same file: PKGMIRROR_CONFIG of the process environment or --config, else /etc/pkgmirror.conf.
 * Unknown keys, bad values and bad combinations are faults with file and line. */
#ifndef PKGMIRROR_CONFIG_H
#define PKGMIRROR_CONFIG_H

#include "fault.h"
#include "minisign.h"

#include <stdint.h>
#include <stdio.h>

enum config_offload { OFFLOAD_NONE, OFFLOAD_X_SENDFILE, OFFLOAD_X_ACCEL_REDIRECT, OFFLOAD_LOCAL_REDIRECT };

/* How well a file is vouched for, ascending; `require` names the least that is accepted. */
enum config_require { REQUIRE_TLS, REQUIRE_DIGEST, REQUIRE_SIGNED };

struct config_list {
	char **items; /* count strings */
	size_t count;
};

struct config_toolchains {
	char *prefix;   /* "" for the root, else "/zig": a leading slash, none at the end */
	char *upstream; /* no slash at the end */
	struct config_list fallbacks;
	struct minisign_keys keys;
	char *nominated_index; /* "" = none */
	int64_t index_ttl_sec;
	enum config_require require;
};

enum config_rule_kind { RULE_PACKAGE, RULE_ARTIFACT };

struct config_rule {
	enum config_rule_kind kind;
	char *name;     /* the section's title: [A-Za-z0-9._-]+ */
	int line;       /* where the section begins */
	char *path;     /* "/mach/{ref}.tar.gz" */
	char *upstream; /* "https://github.com/hexops/mach/archive/{ref}.tar.gz" */
	struct config_list redirects;
	struct config_list allow;
	bool has_key;
	struct minisign_keys keys;
	enum config_require
	    require;      /* REQUIRE_SIGNED when there is a key and nothing else was said, else REQUIRE_TLS */
	char *token_file; /* "" = none */
};

enum { CLASS_STABLE = 1, CLASS_NOMINATED = 2, CLASS_DEV = 4 }; /* bits of config_warmer.classes */

struct config_warmer {
	int connections;
	int64_t bandwidth_bytes; /* a second; 0 = no limit */
	unsigned classes;
	char *since; /* a version; "" = all */
	bool complete_versions;
	int dev_keep_days;
	int64_t max_bytes;              /* 0 = no limit */
	struct config_list access_logs; /* of the web server; absolute */
};

/* What the pages for people say of the operator. */
struct config_site {
	char *name;      /* "" = the host of base_url */
	char *text;      /* a sentence; "" = none */
	char *contact;   /* an https or mailto URL; "" = none */
	char *logo;      /* a file, served at /-/logo; "" = none */
	char *templates; /* a folder whose files stand in for those of www/; "" = none */
};

struct config {
	char *file;     /* the configuration's own path */
	char *base_url; /* no slash at the end */
	char *mount;    /* the path of base_url: "" or "/mirror" */
	char *state_dir;
	enum config_offload offload;
	int max_fetches;
	int64_t fetch_linger_sec;
	int64_t stall_timeout_sec; /* an upstream that sends nothing for this long has failed */
	int miss_limit;
	bool maintenance;
	bool offline;
	bool verify_before_send;
	int64_t max_file_bytes;
	char *ca_file;
	bool allow_private_upstreams;
	bool allow_http_upstreams;
	char *signing_key;    /* a file with the mirror's own Ed25519 key; "" = none */
	bool provenance_open; /* who may read /-/provenance and /-/key: anybody, else this machine alone */
	bool status_open;     /* who may read /-/status and /-/metrics: anybody, else this machine alone */
	struct config_toolchains toolchains;
	struct config_rule *rules;
	size_t rule_count;
	struct config_warmer warmer;
	struct config_site site;
};

/* The configuration file to read: `option` when not NULL, else PKGMIRROR_CONFIG of this process's environment as it was
 * started, else the built-in default. Call it before any request is accepted: a request's parameters never choose. */
const char *config_path(const char *option);

/* Reads and validates `path`. The caller frees the result with config_free. NULL with FAULT_CONFIG and
 * "FILE:LINE: KEY: what is wrong" otherwise. Blocks on reading the file only. */
struct config *config_load(const char *path, struct fault *f) __attribute__((warn_unused_result, nonnull(1)));

/* Like config_load, from len bytes of text; `name` stands for the file in faults. */
struct config *config_parse(const char *text, size_t len, const char *name, struct fault *f)
    __attribute__((warn_unused_result));

/* Frees everything. NULL is fine. */
void config_free(struct config *c);

/* Prints the effective configuration in its own syntax, and for each rule an example path with its upstream URL as
 * a comment. False when the stream failed. */
bool config_print(const struct config *c, FILE *out);

/* The media type of a logo by its ending; NULL when it is none that is served. */
const char *config_logo_type(const char *file) __attribute__((nonnull));

/* Writes an example of a path that the rule serves. False when it does not fit. */
bool config_rule_example(const struct config_rule *rule, char *out, size_t cap) __attribute__((warn_unused_result));

/* A size: digits with an optional K, M, G or T (powers of 1024). A time: digits with an optional s, m, h or d. False
 * when it is none, or beyond INT64_MAX. */
bool config_parse_size(const char *text, int64_t *bytes) __attribute__((warn_unused_result));
bool config_parse_time(const char *text, int64_t *seconds) __attribute__((warn_unused_result));

#endif
