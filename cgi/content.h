/* content: which part of a content a request gets, if any: 200, 206, 304 or 416. Called by published and page_index. */
#ifndef PKGMIRROR_CGI_CONTENT_H
#define PKGMIRROR_CGI_CONTENT_H

#include "cgi/request.h"
#include "cgi/respond.h"

/* Sets the status and first, last and size of *r for a content of size bytes whose validators are in r->etag and
 * r->modified (RFC 9110 section 13.2.2 for the order). ours: a range is ours to make; else the web server makes it, and
 * only one that it could but refuse is answered here. */
void content_judge(const struct request *rq, int64_t size, bool ours, struct response *r);

/* Sends the judged answer: its head, and from fd (unused for HEAD, 304 and 416) what is due of the content. Returns how
 * many bytes of content went out, -1 when the answer broke off and must be aborted. */
int64_t content_send(struct exchange *x, const struct request *rq, int fd, struct response *r);

#endif
