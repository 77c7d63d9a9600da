/* follow: a file that is not here: the miss.
 *
 * The fetch service gets it; this room sends its part on while it grows. The head goes out with the first byte, so that
 * what fails before has its true status; the last 64 KiB wait for the verdict, so that a bad file is never whole in a
 * client's hands; what fails in between is broken off. A service that dies is asked again, and what it then fetches is
 * the same file only if it is the same inode. Called by page_file and page_index. */
#ifndef PKGMIRROR_CGI_FOLLOW_H
#define PKGMIRROR_CGI_FOLLOW_H

#include "cgi/gateway.h"
#include "cgi/request.h"
#include "cgi/site.h"
#include "mirror/route.h"

/* Answers with the file of `route` as it comes, or with what went wrong. */
void follow_file(struct site *site, struct exchange *x, const struct request *rq, const struct route *route);

/* Waits until PATH is published, without sending anything. False with *f and *retry_sec otherwise; FAULT_NONE when the
 * client left. */
bool follow_wait(struct site *site, struct exchange *x, const struct request *rq, const char *path, struct fault *f,
    int *retry_sec) __attribute__((warn_unused_result));

#endif
