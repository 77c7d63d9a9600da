/* counters: what happened so far, in numbers.
 *
 * All processes of a state_dir share them through the mapped file run/counters, so that they add up and survive
 * restarts. They only ever count; what they mean to a scraper is page_metrics' business. Losing them costs nothing but
 * the past: a file that cannot be had, or that another version laid out, is replaced. Called by the responder and the
 * fetch service. */
#ifndef PKGMIRROR_COUNTERS_H
#define PKGMIRROR_COUNTERS_H

#include "fault.h"
#include "store.h"

#include <stdint.h>

enum counters_kind {
	COUNTERS_TOOLCHAIN,
	COUNTERS_PACKAGE,
	COUNTERS_ARTIFACT,
	COUNTERS_INDEX, /* index.json and community-mirrors.txt */
	COUNTERS_PAGE,
	COUNTERS_NONE, /* a request that named nothing of ours */
	COUNTERS_KINDS
};

/* The statuses that this mirror answers; the last place is for any other. */
enum { COUNTERS_STATUSES = 14 };
extern const int counters_statuses[COUNTERS_STATUSES];

/* The upper bounds of the fetch durations, in milliseconds; what takes longer is in the last place. */
enum { COUNTERS_BOUNDS = 10 };
extern const int64_t counters_bounds_ms[COUNTERS_BOUNDS];

/* What the fetch service has in hand; meaningless while none runs. */
enum counters_gauge {
	COUNTERS_QUEUED,  /* jobs that wait for a slot */
	COUNTERS_RUNNING, /* transfers */
	COUNTERS_LEASES,  /* paths that the service holds */
	COUNTERS_CLIENTS, /* connections that wait for a file or a document */
	COUNTERS_GAUGES
};

/* The layout of the file. Read a value with counters_get, count with counters_add. */
struct counters {
	uint64_t version;
	uint64_t answers[COUNTERS_KINDS][COUNTERS_STATUSES];
	uint64_t cut; /* answers that broke off */
	uint64_t hits[COUNTERS_KINDS], misses[COUNTERS_KINDS];
	uint64_t bytes;                   /* of files that were handed out, by us or by the web server on our word */
	uint64_t fetches[FAULT_CLASSES];  /* jobs by how they ended; FAULT_NONE: published */
	uint64_t fetched_bytes, fetch_ms; /* of published ones */
	uint64_t fetch_durations[COUNTERS_BOUNDS + 1];
	uint64_t gauges[COUNTERS_GAUGES];
	uint64_t index_failures; /* refreshes of upstream's index that failed in a row */
	uint64_t unreachable;    /* whether the responder last failed to reach, or start, the fetch service */
};

/* Maps the counters of a state_dir, made when there are none. When that fails (a full disk, a broken file) counters of
 * this process's own, which nobody else sees. NULL only when memory is short. The caller ends it with counters_close.
 */
struct counters *counters_open(const struct store *store) __attribute__((warn_unused_result));
void counters_close(struct counters *c);

/* Atomic, on a place of a struct counters. */
void counters_add(uint64_t *place, uint64_t n);
void counters_set(uint64_t *place, uint64_t n);
uint64_t counters_get(const uint64_t *place);

/* One answer, by its status. */
void counters_answer(struct counters *c, enum counters_kind kind, int status);

/* One file that was fetched and published, and how long that took. */
void counters_published(struct counters *c, int64_t bytes, int64_t duration_ms);

#endif
