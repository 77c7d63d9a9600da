/* request: what a client asks for: method, path, source, conditional headers. Pure.
 *
 * The path comes from the raw request target alone (REQUEST_URI): what else a web server says about it is already
 * decoded and differs between servers. Called by serve. */
#ifndef PKGMIRROR_CGI_REQUEST_H
#define PKGMIRROR_CGI_REQUEST_H

#include "mirror/fault.h"
#include "mirror/target.h"
#include "mirror/wire.h"

enum { REQUEST_TARGET_MAX = 8192 };

/* What the gateway knows. NULL: not given. */
struct request_raw {
	const char *method;
	const char *target; /* REQUEST_URI */
	const char *query;  /* QUERY_STRING: differs from the target's own after a redirect inside the server */
	const char *address;
	const char *via; /* the field Via */
	const char *if_none_match, *if_modified_since, *if_range, *range;
};

struct request {
	bool head;
	char path[TARGET_PATH_MAX + 1]; /* decoded; begins with '/', no empty, "." or ".." segment */
	size_t path_len;
	char source[WIRE_SOURCE_CAP]; /* the query parameter `source`, or "-" */
	bool for_mirror;              /* another mirror asks, which has us as a fallback */
	bool local;                   /* comes from this machine, as the web server tells */
	bool handed_off;              /* this mirror sent the web server here: see REQUEST_HANDED_OFF */
	const char *address;          /* borrowed; "": not known */
	const char *if_none_match, *if_modified_since, *if_range, *range; /* borrowed; NULL: none */
};

/* The query of a local redirect. A server that cannot find the file that it was sent to asks us again, with this. */
#define REQUEST_HANDED_OFF "handed-off=1"

/* Reads a request; *out borrows the header fields of *raw. `mount` is where this mirror sits ("" or "/mirror"): its own
 * trailing slash is the one that is forgiven. FAULT_METHOD for other methods than GET and HEAD, FAULT_CLIENT for a
 * request that cannot be understood, else as target_decode_path. */
bool request_read(const struct request_raw *raw, const char *mount, struct request *out, struct fault *f)
    __attribute__((warn_unused_result));

#endif
