/* crew: gets the lacking items of a plan from the fetch service, several at a time, and writes down what could not be
 * had. It knows the wire; which upstream has a file, how fast, and who goes first is the service's business. */
#ifndef PKGMIRROR_WARMER_CREW_H
#define PKGMIRROR_WARMER_CREW_H

#include "warmer/plan.h"

enum crew_end {
	CREW_DONE,    /* nothing is left to be tried */
	CREW_STOPPED, /* asked to stop: what runs goes on in the service, and is joined by the next run */
	CREW_AGAIN    /* the caller has news: make the plan again */
};

/* What the caller is told; any may be NULL. */
struct crew_hooks {
	void *arg;
	void (*ended)(void *arg, struct plan *p, struct plan_item *item); /* its state says how */
	void (*tick)(void *arg, struct plan *p);                          /* several times a second */
	bool (*news)(void *arg, bool woken); /* several times a second; true ends with CREW_AGAIN */
	int wake_fd;                         /* -1: none */
};

/* Works until nothing is left. FAULT_SYSTEM in *f, with CREW_DONE, when the service cannot be reached: what was not
 * tried stays PLAN_LACKING. Blocks, but for a stop. */
enum crew_end crew_run(struct warmer *w, struct plan *p, const struct crew_hooks *hooks, struct fault *f);

/* Asks the service to refresh the index documents now, and waits until it has. FAULT_UPSTREAM when one could not be
 * had, FAULT_SYSTEM when the service cannot be reached, FAULT_BUSY when asked to stop meanwhile. */
bool crew_update(struct warmer *w, struct fault *f) __attribute__((warn_unused_result));

/* How long a file that failed is left alone, in seconds. Pure. `attempts` is how often it failed before. */
int64_t crew_pause_sec(enum fault_class class, int attempts);

/* The monotonic clock, in milliseconds. */
int64_t crew_now_ms(void);

#endif
