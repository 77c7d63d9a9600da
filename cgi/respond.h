/* respond: the head of an answer, the answers without a body of their own, and the bytes of a file. The only table from
 * a fault's class to an HTTP status. Called by serve, published, follow and the pages. */
#ifndef PKGMIRROR_CGI_RESPOND_H
#define PKGMIRROR_CGI_RESPOND_H

#include "cgi/gateway.h"

#include <stdint.h>

/* The Cache-Control of a file of the store: it never changes. */
#define RESPOND_IMMUTABLE "public, max-age=31536000, immutable"

/* What the head says. Zero it; a field that is 0 or NULL is not sent. Values must be header-safe: routes, configuration
 * and constants are. */
struct response {
	int status;
	const char *type;           /* Content-Type */
	const char *cache_control;  /* Cache-Control */
	const char *etag;           /* ETag, with its quotes */
	int64_t modified;           /* Last-Modified, UTC seconds; 0: none */
	bool has_length;            /* Content-Length: length */
	int64_t length;             /* bytes of the body */
	int64_t first, last, size;  /* Content-Range, when the status is 206 or 416 */
	bool ranges;                /* Accept-Ranges */
	int retry_sec;              /* Retry-After */
	const char *offload_header; /* "X-Sendfile: ", its value is the three in a row */
	const char *offload_root, *offload_prefix, *offload_path;
	const char *more; /* further lines, each with its CRLF */
};

/* The HTTP status for a class of faults (500 for what is none). */
int respond_status(enum fault_class class);

/* Sends the head. False when the client is gone. */
bool respond_head(struct exchange *x, const struct response *r);

/* Sends a whole answer with the len bytes of body, or its head alone. r->length is set here. */
bool respond_whole(struct exchange *x, struct response *r, const char *body, size_t len, bool head);

/* Answers with a fault: its status and its text as one line; what is wrong with this machine is not told. retry_sec 0:
 * a default where the status wants one. */
void respond_refusal(struct exchange *x, const struct fault *f, int retry_sec, bool head);

/* As respond_refusal, and logs the fault with `path` (NULL: none) unless it is the client's. */
void respond_fault(struct exchange *x, const struct fault *f, int retry_sec, const char *path, bool head);

/* Sends the bytes first to last (both included) of fd. False when the client is gone or the file ends early: the answer
 * must be aborted then. */
bool respond_bytes(struct exchange *x, int fd, int64_t first, int64_t last);

#endif
