/* serve: see serve.h. */
#include "serve.h"

#include "cgi/journal.h"
#include "cgi/pages.h"
#include "cgi/respond.h"

enum { MAINTENANCE_RETRY_SEC = 120 };

static bool read_request(const struct site *site, const struct exchange *x, struct request *rq, struct fault *f)
{
	const struct request_raw raw = {.method = exchange_param(x, "REQUEST_METHOD"),
	    .target = exchange_param(x, "REQUEST_URI"),
	    .query = exchange_param(x, "QUERY_STRING"),
	    .address = exchange_param(x, "REMOTE_ADDR"),
	    .via = exchange_param(x, "HTTP_VIA"),
	    .if_none_match = exchange_param(x, "HTTP_IF_NONE_MATCH"),
	    .if_modified_since = exchange_param(x, "HTTP_IF_MODIFIED_SINCE"),
	    .if_range = exchange_param(x, "HTTP_IF_RANGE"),
	    .range = exchange_param(x, "HTTP_RANGE")};
	return request_read(&raw, site->config->mount, rq, f);
}

void serve_maintenance(struct exchange *x, const struct request *rq)
{
	struct fault f;
	fault_set(&f, FAULT_BUSY, "this mirror is in maintenance; what it has is still served");
	respond_refusal(x, &f, MAINTENANCE_RETRY_SEC, rq->head);
}

void serve_end(struct site *site, struct exchange *x, enum route_kind kind)
{
	/* A client that left in the middle was not served whole. */
	if (exchange_is_gone(x))
		exchange_abort(x);
	/* Before the client knows that this was all: who asks for the numbers then finds itself in them. */
	if (exchange_status(x) != 0) {
		counters_answer(site->counters, pages_kind(kind), exchange_status(x));
		if (exchange_is_aborted(x))
			counters_add(&site->counters->cut, 1);
	}
	exchange_set_status(x, 0);
	/* A web server may end a CGI as soon as it has said all. */
	if (exchange_is_cgi(x))
		journal_flush(site->journal);
	exchange_end(x);
}

/* Whether the answer may need the fetch service: to get a file that is not here, or to look at a document again. */
static bool may_fetch(const struct site *site, const struct route *route)
{
	struct store_info info;
	switch (route->kind) {
	case ROUTE_INDEX:
	case ROUTE_MIRRORS:
		return true;
	case ROUTE_TOOLCHAIN:
	case ROUTE_PACKAGE:
	case ROUTE_ARTIFACT:
		return !store_stat_public(site->store, route->path, &info);
	default:
		return false;
	}
}

void serve_exchange(struct site *site, struct exchange *x)
{
	struct request rq;
	struct route route;
	struct fault f = {0};
	bool always = false;
	pages_answer *answer = NULL;

	if (read_request(site, x, &rq, &f) && route_resolve(site->config, rq.path, rq.path_len, &route, &f)) {
		answer = pages_find(route.kind, &always);
		if (answer == NULL)
			fault_set(&f, FAULT_ABSENT, "no such page");
	}
	if (site->seal != NULL)
		site->seal(site, answer != NULL && may_fetch(site, &route));
	if (answer == NULL)
		respond_fault(x, &f, 0, rq.path, rq.head);
	else if (site->config->maintenance && !always)
		serve_maintenance(x, &rq);
	else
		answer(site, x, &rq, &route);
	serve_end(site, x, answer != NULL ? route.kind : ROUTE_KINDS);
}
