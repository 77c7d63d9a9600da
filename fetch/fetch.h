/* fetch: what the rooms of the fetch service share: one of each, made by main, owned by it, used on one thread. */
#ifndef PKGMIRROR_FETCH_FETCH_H
#define PKGMIRROR_FETCH_FETCH_H

#include "fetch/queue.h"
#include "fetch/transfer.h"
#include "mirror/catalog.h"
#include "mirror/config.h"
#include "mirror/counters.h"
#include "mirror/store.h"

struct job;
struct documents;

/* A file that was refused: the same bytes again need no second place in quarantine. */
struct fetch_refused {
	char path[WIRE_PATH_CAP];
	char sha256[65];
};

enum { FETCH_REFUSED = 64 };

/* How far nominate is. */
struct fetch_nominate {
	bool running;
	char after[WIRE_PATH_CAP]; /* the file that was looked at last */
	int64_t again_ms;          /* when to look again at those whose lease was taken; 0: none was */
};

struct fetch {
	const struct config *config;
	const struct store *store;
	struct counters *counters;
	struct catalog *catalog; /* NULL when it cannot be used: downloads go on without it */
	struct transfer_pool *pool;
	struct queue queue;
	struct documents *documents;
	struct job *jobs;
	struct fetch_nominate nominate;
	struct fetch_refused refused[FETCH_REFUSED];
	size_t refused_count; /* ever: the oldest is overwritten */
};

/* The monotonic clock, in milliseconds. */
int64_t fetch_now_ms(void);

/* Logs a fault of the catalogue, which never fails a download. */
void fetch_catalog_fault(const struct fault *f, const char *path);

#endif
