/* job: one path from nothing to published. One job a path, however many wait for it; it belongs to the service, not to
 * a client, and goes on when the last one has left.
 *
 * QUEUED -> LEASE -> DIGEST -> TRANSFER <-> PAUSE -> SIGNATURE -> UNPACK -> published or failed. What a file has to
 * prove is verify's business. */
#ifndef PKGMIRROR_FETCH_JOB_H
#define PKGMIRROR_FETCH_JOB_H

#include "fetch/fetch.h"

/* One who waits for a job: a client's connection, or another job that needs this one's file. */
struct job_listener {
	struct job_listener *next;
	struct job *job; /* NULL: waits for nothing */
	void *arg;
	bool mirror;                           /* another mirror, which has us as a fallback */
	void (*size)(void *arg, int64_t size); /* the content (again) begins; -1: unknown. May be NULL */
	void (*at)(void *arg, int64_t bytes);  /* so many can be read. May be NULL */
	void (*end)(
	    void *arg, const struct fault *f, int retry_sec); /* NULL: published. The listener is off the job by then */
};

struct job_ask {
	bool person;         /* else the warmer, or another job */
	bool unlimited;      /* needs no token and no slot: a signature that a running job waits for */
	const char *network; /* of a person */
};

/* Joins the job of a path that route_canonical gave, making it when there is none. What can be answered at once
 * (published, remembered as absent, offline, over the limit) is: `end` may be called before this returns. */
void job_join(struct fetch *x, const struct route *route, const struct job_ask *ask, struct job_listener *listener);

/* Takes a listener off its job, which goes on. A listener without a job is fine. */
void job_leave(struct job_listener *listener);

/* Does what is due: starts what the queue lets, goes on with slices of digesting, ends what waited too long, tells
 * listeners what grew. Returns in how many milliseconds it wants to be called again at the latest. */
int job_turn(struct fetch *x);

/* Notes what is in hand, for the metrics. */
void job_gauge(const struct fetch *x);

/* Fills in what running jobs wait for besides transfers; at most cap. Returns how many. The next job_turn looks whether
 * it came. */
size_t job_wait(const struct fetch *x, struct transfer_wait *out, size_t cap);

/* True when there is any. */
bool job_any(const struct fetch *x);

/* Forgets all jobs at shutdown; parts stay for the next service. Listeners are told nothing: their connections break,
 * and they ask the next service. */
void job_stop_all(struct fetch *x);

#endif
