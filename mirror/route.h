/* route: from a request path to what it is, where it lives, which upstream URLs have it and what must be proved. Pure.
 *
 * The responder routes every request; the fetch service and the warmer route the paths that they are given, so that
 * URLs and rules come from the configuration alone. Nothing here knows what exists. */
#ifndef PKGMIRROR_ROUTE_H
#define PKGMIRROR_ROUTE_H

#include "config.h"
#include "wire.h"
#include "zigfile.h"

enum { ROUTE_URL_CAP = 2048, ROUTE_STORE_CAP = 900, ROUTE_PREFIX_CAP = 256 };

enum route_kind {
	ROUTE_LANDING,
	ROUTE_INDEX,     /* the toolchain index.json; path is its canonical path */
	ROUTE_MIRRORS,   /* community-mirrors.txt */
	ROUTE_TOOLCHAIN, /* a file of the store */
	ROUTE_PACKAGE,   /* likewise */
	ROUTE_ARTIFACT,  /* likewise */
	ROUTE_STATUS,
	ROUTE_HEALTH,
	ROUTE_METRICS,
	ROUTE_PROVENANCE, /* path is that of the file asked about */
	ROUTE_KEY,
	ROUTE_LOGO,
	ROUTE_KINDS /* how many there are */
};

struct route {
	enum route_kind kind;
	char path[WIRE_PATH_CAP];         /* canonical: below the mount, without its first slash, '+' literal */
	struct zigfile zig;               /* ROUTE_TOOLCHAIN */
	const struct config_rule *rule;   /* ROUTE_PACKAGE, ROUTE_ARTIFACT */
	bool signature;                   /* the file is a .minisig that proves itself by its global signature */
	const struct minisign_keys *keys; /* those that vouch for it, or NULL; belong to the configuration */
	enum config_require require;
	struct {
		char owner[256], repo[256], ref[256], version[256], file[256]; /* "" when the pattern has none */
	} match;                                                               /* ROUTE_PACKAGE, ROUTE_ARTIFACT */
};

/* Routes a decoded path that begins with '/' (len bytes, as the responder's request room made it: no NUL, no control
 * byte, no backslash, no empty, "." or ".." segment). FAULT_ABSENT with one line that says which rule refused it. */
bool route_resolve(const struct config *c, const char *path, size_t len, struct route *out, struct fault *f)
    __attribute__((warn_unused_result));

/* Routes a canonical path (route.path), as it comes over the wire. Only files of the store and the two documents are
 * accepted. Checks the path's grammar itself. FAULT_ABSENT otherwise. */
bool route_canonical(const struct config *c, const char *path, struct route *out, struct fault *f)
    __attribute__((warn_unused_result));

/* Where a file of the store lives below state_dir: "store/zig/stable/0.14.0/FILE" or nominated/ or dev/,
 * "store/package/RULE/…", "store/artifact/RULE/…". For toolchains `class` decides (one CLASS_ bit); it is ignored for
 * others. */
void route_store_path(const struct route *r, unsigned class, char out[ROUTE_STORE_CAP]);

/* What stands before a toolchain file's name in its path: "zig/", or "" for the prefix "/". */
void route_toolchain_prefix(const struct config *c, char out[ROUTE_PREFIX_CAP]);

/* The class that a toolchain file's own name says: CLASS_STABLE or CLASS_DEV. Only an index knows nominated ones. */
unsigned route_class(const struct route *r);

struct route_source {
	char url[ROUTE_URL_CAP];
	bool flat; /* a flat mirror of others: what it gives counts only when signed, and no client sees it before */
};

/* The i-th upstream URL of a file or document, in the order in which to try them; false past the last. `listed` is the
 * URL that the index names for it (NULL: none; for a .minisig that of the signed file), tried first when it is on the
 * configured upstream; a name with zig.odd has no other. */
bool route_source(const struct config *c, const struct route *r, const char *listed, size_t i, struct route_source *out)
    __attribute__((warn_unused_result));

/* The URL of a toolchain file on the flat mirror `base` (as in community-mirrors.txt), for callers that have a list of
 * such mirrors. False when there is none: another kind of file, a name with zig.odd, a base that is no URL, has no TLS
 * without allow_http_upstreams, or is this mirror itself. */
bool route_flat_source(const struct config *c, const struct route *r, const char *base, struct route_source *out)
    __attribute__((warn_unused_result));

/* The media type of a path by its ending, as zig fetch wants it; "application/octet-stream" when nothing fits. */
const char *route_content_type(const char *path);

/* True when a redirect to `host` (len bytes, no port) is allowed for a transfer that began at `url`: the same host, or
 * one that the rule lists. Case does not count. */
bool route_redirect_allowed(const struct route *r, const char *url, const char *host, size_t len);

#endif
