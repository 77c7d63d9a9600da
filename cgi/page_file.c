/* page_file: a file of the store: from disk when it is published, else followed as it comes. */
#include "pages.h"

#include "cgi/follow.h"
#include "cgi/published.h"
#include "cgi/respond.h"
#include "cgi/serve.h"

void page_file(struct site *site, struct exchange *x, const struct request *rq, const struct route *route)
{
	const enum counters_kind kind = pages_kind(route->kind);
	struct fault f = {0};
	if (published_answer(site, x, rq, route, &f)) {
		counters_add(&site->counters->hits[kind], 1);
		return;
	}
	if (f.class != FAULT_ABSENT) {
		respond_fault(x, &f, 0, route->path, rq->head);
	} else if (site->config->maintenance) {
		serve_maintenance(x, rq);
	} else {
		counters_add(&site->counters->misses[kind], 1);
		follow_file(site, x, rq, route);
	}
}
