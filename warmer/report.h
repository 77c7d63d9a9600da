/* report: what a plan and a run came to, for people and as JSON. Called by the commands warm and estimate. */
#ifndef PKGMIRROR_WARMER_REPORT_H
#define PKGMIRROR_WARMER_REPORT_H

#include "warmer/plan.h"

#include <stdio.h>

/* What the items of a plan add up to. A signature that waits while its file is here is one that upstream does not have:
 * `unsigned_files`, and no failure. */
struct report {
	size_t here, lacking, waiting, fetched, unsigned_files, unfit, failed,
	    bad; /* bad: of these failed, by integrity */
	int64_t here_bytes, lacking_bytes, waiting_bytes, fetched_bytes, unfit_bytes;
	int64_t room_needed; /* of what is lacking */
	size_t foreign;      /* wanted paths that the configuration has no place for */
	size_t beyond;       /* max_bytes: lacking files for which it leaves no room */
};

/* Adds a plan up, as it is now. */
void report_count(struct warmer *w, const struct plan *p, struct report *r);

/* Prints what is here and what is lacking by release, the totals, what is free on disk and whether it fits, unless the
 * warmer is quiet. False when it does not fit. */
bool report_estimate(struct warmer *w, const struct plan *p, FILE *out);

/* Prints one item that has ended, as JSON. */
void report_item(const struct plan_item *item, FILE *out);

/* Prints what a run came to; `ms` is how long it took. */
void report_summary(struct warmer *w, const struct report *r, int64_t ms, FILE *out);

/* The exit status of a run that came to this. */
enum warmer_exit report_exit(const struct report *r);

#endif
