/* round: one warm from plan to summary, with its progress shown. Called by the command warm, once or again and again.
 */
#ifndef PKGMIRROR_WARMER_ROUND_H
#define PKGMIRROR_WARMER_ROUND_H

#include "warmer/crew.h"

struct round {
	bool update; /* refresh the index documents first */
	int wake_fd; /* -1: none */
	bool (*news)(void *arg, bool woken);
	void *arg;
	enum crew_end end;
	int64_t next_try; /* when the first of what was put off may be tried again, UTC seconds; 0: nothing was */
};

/* Runs one, with the lock held and w->catalog open for writing. Fills in `end` and `next_try`. Returns the exit status
 * that it came to. */
enum warmer_exit round_run(struct warmer *w, struct round *r);

/* Refreshes the index documents and prints what a round would find, without a lock and without fetching a file.
 * WARMER_FAILED when an index document could not be had, or when what is lacking does not fit. */
enum warmer_exit round_estimate(struct warmer *w);

#endif
