/* documents: the index documents of upstreams, kept fresh: asked for with conditional requests, imported, rebuilt as
 * ours.
 *
 * One refresh at a time a document, however many ask. After a failure it is asked for again later and later, with some
 * chance in it, so that many mirrors do not knock at the same time; the last good document stays for ever. */
#ifndef PKGMIRROR_FETCH_DOCUMENTS_H
#define PKGMIRROR_FETCH_DOCUMENTS_H

#include "fetch/fetch.h"
#include "fetch/job.h"

/* Makes x->documents. False when memory is short. documents_free ends its transfers. */
bool documents_new(struct fetch *x) __attribute__((warn_unused_result));
void documents_free(struct documents *d);

/* Our index is built anew from what was imported once in the life of a service, since base_url or this program may be
 * another than when it was built: at the start when it is not there, else before anybody gets it from us or when no
 * file is being fetched, but soon. documents_turn returns when it wants to be called again, in milliseconds. */
void documents_begin(struct fetch *x);
int documents_turn(struct fetch *x);

/* True until that was done. */
bool documents_due(const struct fetch *x);

/* Refreshes what is older than index_ttl and not being left alone after a failure. Answers nobody. */
void documents_refresh(struct fetch *x);

/* Somebody waits until every document was asked for, fresh or not, however it failed before: `end` comes when all of
 * them have ended, with the weightiest failure. documents_leave takes the listener off. */
void documents_update(struct fetch *x, struct job_listener *listener);

/* A client waits for the document of a route (ROUTE_INDEX, ROUTE_MIRRORS): `end` comes at once when there is a fresh
 * one, else after the refresh; a stale one is as good as none only when there is none at all. documents_leave takes a
 * listener off. */
void documents_join(struct fetch *x, const struct route *route, struct job_listener *listener);
void documents_leave(struct fetch *x, struct job_listener *listener);

/* True while a job for this route should wait for the first index ever, which says what its file must be. Starts that
 * refresh. */
bool documents_first_wanted(struct fetch *x, const struct route *route);

/* The i-th mirror of the community's list as a source for this route; false past the last, or when the configuration
 * does not ask for them. */
bool documents_mirror(struct fetch *x, const struct route *route, size_t i, struct route_source *out);

/* True while a refresh runs. */
bool documents_busy(const struct fetch *x);

#endif
