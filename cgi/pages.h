/* pages: what answers which kind of route. One file a page: page_NAME.c. Each gives the whole answer; serve ends it. */
#ifndef PKGMIRROR_CGI_PAGES_H
#define PKGMIRROR_CGI_PAGES_H

#include "cgi/gateway.h"
#include "cgi/request.h"
#include "cgi/site.h"
#include "mirror/route.h"

/* The type of a page. */
typedef void pages_answer(struct site *site, struct exchange *x, const struct request *rq, const struct route *route);

pages_answer page_file;       /* a file of the store: toolchain, package, artifact */
pages_answer page_index;      /* index.json and community-mirrors.txt */
pages_answer page_landing;    /* the mirror's front page */
pages_answer page_logo;       /* the operator's picture */
pages_answer page_status;     /* what there is and what goes on, for people */
pages_answer page_provenance; /* where a file came from */
pages_answer page_key;        /* the mirror's own public key */
pages_answer page_metrics;    /* numbers for a monitoring system */
pages_answer page_health;     /* whether this mirror lives and is ready */

/* The page for a kind of route; NULL when there is none. *always: it answers in maintenance too (page_file by itself:
 * what is published). */
pages_answer *pages_find(enum route_kind kind, bool *always);

/* Whether this request may read /-/status and /-/metrics (status_access). FAULT_ABSENT with the reason otherwise. */
bool pages_may_read_status(const struct site *site, const struct request *rq, struct fault *f)
    __attribute__((warn_unused_result));

/* Whether it may read /-/provenance and /-/key (provenance_access), likewise. */
bool pages_may_read_provenance(const struct site *site, const struct request *rq, struct fault *f)
    __attribute__((warn_unused_result));

/* What an answer to a kind of route counts as. */
enum counters_kind pages_kind(enum route_kind kind);

#endif
