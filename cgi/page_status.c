/* page_status: /-/status: what the mirror has, what it does and what is wrong, for its operator. */
#include "pages.h"

#include "cgi/buffer.h"
#include "cgi/health.h"
#include "cgi/page_html.h"
#include "cgi/respond.h"
#include "mirror/human.h"
#include "mirror/log.h"
#include "mirror/service.h"

#include <time.h>

enum { REASONS_CAP = HEALTH_REASONS_MAX * (HEALTH_REASON_CAP + 2) };

/* What the service has in hand; nothing while none runs. */
static struct log_number gauge(const struct site *site, bool running, enum counters_gauge which)
{
	return log_int(running ? (int64_t)counters_get(&site->counters->gauges[which]) : 0);
}

/* The reasons in a sentence. */
static void join_reasons(const struct health *h, struct buffer *out)
{
	buffer_text(out, "");
	for (size_t i = 0; i < h->count; i++) {
		buffer_text(out, i > 0 ? "; " : "");
		buffer_text(out, h->reasons[i]);
	}
}

void page_status(struct site *site, struct exchange *x, const struct request *rq, const struct route *route)
{
	char free_text[HUMAN_CAP], reasons_text[REASONS_CAP];
	struct buffer reasons;
	struct health health;
	struct fault f = {0};
	(void)route;
	if (!pages_may_read_status(site, rq, &f)) {
		respond_refusal(x, &f, 0, rq->head);
		return;
	}
	const bool running = service_is_running(site->store);
	const struct log_number transfers = gauge(site, running, COUNTERS_RUNNING);
	const struct log_number queued = gauge(site, running, COUNTERS_QUEUED);
	health_look(site, time(NULL), &health);
	human_size(health.free_bytes, free_text);
	buffer_over(&reasons, reasons_text, sizeof reasons_text);
	join_reasons(&health, &reasons);
	const struct log_number days = log_int(health.certificate_days);
	const struct page_value values[] = {{"free", free_text}, {"degraded", reasons.data},
	    {"certificate", health.has_certificate ? days.text : ""}, {"transfers", transfers.text},
	    {"queued", queued.text}, {"maintenance", site->config->maintenance ? "yes" : ""},
	    {"offline", site->config->offline ? "yes" : ""}};
	const struct page_html page = {.file = "status.html",
	    .cache_control = "no-store",
	    .values = values,
	    .count = sizeof values / sizeof values[0]};
	page_html_answer(site, x, rq, &page);
}
