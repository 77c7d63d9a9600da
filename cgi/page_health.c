/* page_health: /-/health: whether this mirror lives (it answers), is ready (its files can be served), and whether it is
 * degraded: somebody should look after it, for these reasons. JSON. A load balancer goes by the status: 200 when it is
 * ready, else 503. */
#include "pages.h"

#include "cgi/buffer.h"
#include "cgi/health.h"
#include "cgi/respond.h"

#include <time.h>

enum { BODY_CAP = 2048 };

static const char *truth(bool value)
{
	return value ? "true" : "false";
}

/* A member with a number; null when there is none. */
static void add_number(struct buffer *b, const char *name, bool known, int64_t number)
{
	buffer_format(b, known ? ",\"%s\":%lld" : ",\"%s\":null", name, (long long)number);
}

static void add_reasons(struct buffer *b, const struct health *h)
{
	buffer_text(b, ",\"reasons\":[");
	for (size_t i = 0; i < h->count; i++)
		buffer_format(b, "%s\"%s\"", i > 0 ? "," : "", h->reasons[i]);
	buffer_text(b, "]");
}

void page_health(struct site *site, struct exchange *x, const struct request *rq, const struct route *route)
{
	char body[BODY_CAP];
	struct buffer b;
	struct health h;
	(void)route;
	health_look(site, time(NULL), &h);
	struct response r = {.status = h.ready ? 200 : 503,
	    .type = "application/json",
	    .cache_control = "no-store",
	    .retry_sec = h.ready ? 0 : 30};
	buffer_over(&b, body, sizeof body);
	buffer_format(&b, "{\"status\":\"%s\",\"live\":true,\"ready\":%s,\"degraded\":%s",
	    !h.ready      ? "fail"
	    : h.count > 0 ? "warn"
	                  : "ok",
	    truth(h.ready), truth(h.count > 0));
	add_reasons(&b, &h);
	buffer_format(
	    &b, ",\"maintenance\":%s,\"offline\":%s", truth(site->config->maintenance), truth(site->config->offline));
	add_number(&b, "index_age_seconds", h.index_age_sec >= 0, h.index_age_sec);
	add_number(&b, "certificate_days", h.has_certificate, h.certificate_days);
	add_number(&b, "waiting", true, atomic_load(&site->waiting));
	buffer_text(&b, "}\n");
	respond_whole(x, &r, b.data, b.len, rq->head);
}
