/* published: a file that is in public/: the hit.
 *
 * No catalogue, no lock, no process but this one. Conditional requests are answered here; the bytes are sent by the web
 * server where the configuration says how (X-Sendfile, X-Accel-Redirect, and for a CGI a local redirect), else here.
 * A Range is then the web server's to make: a 206 with an offload header would label the whole file as a part of it.
 * Called by page_file and follow. */
#ifndef PKGMIRROR_CGI_PUBLISHED_H
#define PKGMIRROR_CGI_PUBLISHED_H

#include "cgi/gateway.h"
#include "cgi/request.h"
#include "cgi/site.h"
#include "mirror/route.h"

/* Answers with public/ROUTE->PATH and notes the hit. False when nothing was answered: FAULT_ABSENT (not there) or
 * FAULT_SYSTEM. */
bool published_answer(struct site *site, struct exchange *x, const struct request *rq, const struct route *route,
    struct fault *f) __attribute__((warn_unused_result));

#endif
