/* site: what all threads of the responder share: constants, and counters. */
#ifndef PKGMIRROR_CGI_SITE_H
#define PKGMIRROR_CGI_SITE_H

#include "mirror/config.h"
#include "mirror/counters.h"
#include "mirror/store.h"

#include <stdatomic.h>

struct crowd;

struct site {
	const struct config *config;
	const struct store *store;
	struct journal *journal;
	int starter_fd;            /* starts the fetch service; -1: nobody is needed for that */
	struct counters *counters; /* shared with the other processes of this state_dir */
	atomic_int waiting_max;    /* how many threads may wait at once: see crowd.h */
	atomic_int waiting;        /* how many do */
	struct crowd *crowd;       /* whose requests these are; NULL: nobody counts */
	void (*waits)(void *arg);  /* called when one more does; NULL: nobody minds */
	void *waits_arg;
	/* CGI: seals this process in, once it is known whether the request may need the fetch service. NULL: there is
	 * nothing to do. */
	void (*seal)(struct site *site, bool may_start);
	atomic_int_least64_t asked_again; /* UTC seconds: when a refresh was last asked for */
};

#endif
