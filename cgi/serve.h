/* serve: one request from its parameters to its answer: read, route, maintenance, page. Called by main (CGI) and
 * workers (FastCGI). */
#ifndef PKGMIRROR_CGI_SERVE_H
#define PKGMIRROR_CGI_SERVE_H

#include "cgi/gateway.h"
#include "cgi/request.h"
#include "cgi/site.h"

/* Answers the request of the exchange, and ends it. */
void serve_exchange(struct site *site, struct exchange *x);

/* The answer in maintenance. */
void serve_maintenance(struct exchange *x, const struct request *rq);

#endif
