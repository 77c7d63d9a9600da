/* transfer: the only door to libcurl. A pool of warm connections and the transfers on them.
 *
 * Policy lives here: which schemes, hosts and addresses may be reached, how redirects are followed, when an upstream
 * counts as stalled, how a part is resumed. What the bytes are good for is job's and document's business. Everything
 * runs on the one thread of the loop; nothing blocks but transfer_wait. */
#ifndef PKGMIRROR_FETCH_TRANSFER_H
#define PKGMIRROR_FETCH_TRANSFER_H

#include "mirror/config.h"
#include "mirror/fault.h"
#include "mirror/route.h"

#include <stdint.h>

struct transfer_pool;
struct transfer;

enum { TRANSFER_VALIDATOR_CAP = 256, TRANSFER_TEXT_CAP = 256 };

struct transfer_wish {
	const char *url;
	const struct route
	    *route;           /* whose redirect rules hold; NULL: the URL's own host only. Must outlive the transfer */
	int64_t offset;       /* resume from here; 0: from the start */
	const char *if_range; /* the strong ETag or date that the bytes before offset had; with offset only */
	const char *if_none_match;     /* NULL: unconditional */
	const char *if_modified_since; /* an HTTP date; NULL: unconditional */
	int64_t max_bytes;             /* of the whole content */
	int64_t bandwidth_bytes;       /* a second; 0 = no limit */
	bool via;                      /* of a fallback, which may have us as one: a field Via tells it who asks */
};

/* The head of the final answer. */
struct transfer_head {
	int status;
	int64_t offset; /* where the body begins: 0, or the offset that was wished for */
	int64_t size;   /* of the whole content; -1: unknown */
	char etag[TRANSFER_VALIDATOR_CAP];
	char last_modified[TRANSFER_VALIDATOR_CAP];
};

struct transfer_result {
	bool ok;            /* a whole 200, 206 or 304 */
	bool absent;        /* a true 404 or 410 */
	bool again;         /* broken in a way that another try may mend */
	bool refused;       /* ended by our own policy, which says nothing of the upstream's health */
	struct fault fault; /* when not ok */
	int status;         /* 0: there was no answer */
	int64_t size;       /* of a 416: the size of the whole content; else -1 */
	char effective_url[ROUTE_URL_CAP];
	char remote_address[64];
	char tls_issuer[TRANSFER_TEXT_CAP]; /* "" without TLS */
	char tls_sha256[65];
	int64_t started_at, finished_at; /* UTC seconds */
};

/* What the owner of a transfer is told. After `done` the transfer no longer exists. */
struct transfer_events {
	bool (*head)(void *arg, const struct transfer_head *head); /* of a 200 or 206; false ends the transfer */
	bool (*data)(void *arg, const void *bytes, size_t len);    /* false ends the transfer */
	void (*done)(void *arg, const struct transfer_result *result);
};

/* A pool for this configuration, which must outlive it. The caller frees it with transfer_pool_free. NULL with
 * FAULT_SYSTEM. */
struct transfer_pool *transfer_pool_new(const struct config *c, struct fault *f) __attribute__((warn_unused_result));

/* Ends every transfer without telling its owner and frees the pool. NULL is fine. */
void transfer_pool_free(struct transfer_pool *pool);

/* Begins a transfer; `events` and `arg` must live until `done` or transfer_cancel. NULL with FAULT_SYSTEM. */
struct transfer *transfer_start(struct transfer_pool *pool, const struct transfer_wish *wish,
    const struct transfer_events *events, void *arg, struct fault *f) __attribute__((warn_unused_result));

/* Lifts a limit of bandwidth: a person waits for it now. */
void transfer_hurry(struct transfer *t);

/* Ends a transfer without `done`. Not from within its events. */
void transfer_cancel(struct transfer *t);

struct transfer_wait {
	int fd;
	bool read, write;        /* wait for these */
	bool readable, writable; /* what came */
};

/* Waits at most timeout_ms for the sockets of the pool and the `count` others, then moves the transfers on: their
 * events are called from here. */
void transfer_turn(struct transfer_pool *pool, struct transfer_wait *others, size_t count, int timeout_ms);

/* How many transfers run. */
size_t transfer_running(const struct transfer_pool *pool);

#endif
