/* content: which part of a content a request gets, if any: 200, 206, 304 or 416. Called by published, page_index and
 * page_logo. */
#ifndef PKGMIRROR_CGI_CONTENT_H
#define PKGMIRROR_CGI_CONTENT_H

#include "cgi/request.h"
#include "cgi/respond.h"
#include "cgi/site.h"

/* Sets the status and first, last and size of *r for a content of size bytes whose validators are in r->etag and
 * r->modified (RFC 9110 section 13.2.2 for the order). ours: a range is ours to make; else the web server makes it, and
 * only one that it could but refuse is answered here. */
void content_judge(const struct request *rq, int64_t size, bool ours, struct response *r);

enum { CONTENT_BROKEN = -1, CONTENT_REFUSED = -2 };

/* Sends the judged answer: its head, and from fd (unused for HEAD, 304 and 416) what is due of the content. One that
 * may keep this thread waiting for a slow client joins the crowd meanwhile. Returns how many bytes of content went out,
 * CONTENT_BROKEN when the answer broke off and must be aborted, CONTENT_REFUSED when the crowd is too large and that is
 * the answer. */
int64_t content_send(struct site *site, struct exchange *x, const struct request *rq, int fd, struct response *r);

#endif
