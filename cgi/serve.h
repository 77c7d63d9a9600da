/* serve: one request from its parameters to its answer: read, route, maintenance, page. Called by main (CGI) and
 * workers (FastCGI). */
#ifndef PKGMIRROR_CGI_SERVE_H
#define PKGMIRROR_CGI_SERVE_H

#include "cgi/gateway.h"
#include "cgi/request.h"
#include "cgi/site.h"
#include "mirror/route.h"

/* Answers the request of the exchange, and ends it. */
void serve_exchange(struct site *site, struct exchange *x);

/* Counts the answer and ends it; a second call does nothing. For a page that has more to do when its client is served.
 * ROUTE_KINDS: the request named nothing of ours. */
void serve_end(struct site *site, struct exchange *x, enum route_kind kind);

/* The answer in maintenance. */
void serve_maintenance(struct exchange *x, const struct request *rq);

#endif
