/* crowd: the requests that keep a thread of the responder waiting: for the fetch service, or for a client to take what
 * it asked for.
 *
 * So many at once as there may be threads for them, and of one client network no more than half, so that nobody's slow
 * or many connections take the responder from everybody else. Called by watch and content. */
#ifndef PKGMIRROR_CGI_CROWD_H
#define PKGMIRROR_CGI_CROWD_H

#include "cgi/site.h"
#include "mirror/fault.h"

struct crowd;

/* Nobody. The caller frees it with crowd_free, when nobody is in it any more. NULL when memory is short. */
struct crowd *crowd_new(void) __attribute__((warn_unused_result));
void crowd_free(struct crowd *c);

/* A request of a network (netaddr_network's text; "-" is not counted) begins to wait: site->waits is called, which sees
 * to it that there are threads for others. crowd_leave with the same text ends it. False with FAULT_BUSY when too many
 * wait, FAULT_LIMIT when too many of that network do: then there is nothing to leave. Never blocks. A process of one
 * request (site->crowd is NULL) always may. */
bool crowd_enter(struct site *site, const char *network, struct fault *f) __attribute__((warn_unused_result));
void crowd_leave(struct site *site, const char *network);

#endif
