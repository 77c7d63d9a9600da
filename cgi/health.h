/* health: how this mirror is: whether it can serve, and what somebody should look after. Of the files of state_dir and
 * the shared counters alone: it answers while the catalogue is busy or broken. Called by the pages that tell. */
#ifndef PKGMIRROR_CGI_HEALTH_H
#define PKGMIRROR_CGI_HEALTH_H

#include "cgi/site.h"

enum { HEALTH_REASONS_MAX = 8, HEALTH_REASON_CAP = 160 };

struct health {
	bool ready;               /* files can be served */
	int64_t index_age_sec;    /* since the index was last known to be fresh; -1: there is none */
	bool has_certificate;     /* pkgmirror-acme(8) noted when the web server's certificate ends */
	int64_t certificate_days; /* until then, rounded down; below zero when it is over */
	int64_t free_bytes;       /* of the file system of state_dir; -1: unknown */
	/* Why it is not ready, or degraded: a sentence each, without a full stop. Text that needs no escape in JSON. */
	char reasons[HEALTH_REASONS_MAX][HEALTH_REASON_CAP];
	size_t count;
};

/* Looks at everything; `now` is in UTC seconds. Blocks on a handful of small reads below state_dir, no lock. */
void health_look(const struct site *site, int64_t now, struct health *out);

#endif
