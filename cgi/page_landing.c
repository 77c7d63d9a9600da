/* page_landing: the front page: what this mirror is, its newest downloads, and how to use it. Tools probe it to see
 * whether a mirror lives: it answers at once, whatever there is of a catalogue. */
#include "pages.h"

#include "cgi/page_html.h"
#include "cgi/platform.h"

#include <time.h>

void page_landing(struct site *site, struct exchange *x, const struct request *rq, const struct route *route)
{
	const bool indexed = store_document_age(site->store, "index.json", time(NULL)) >= 0;
	const struct page_value values[] = {{"platform", platform_of(exchange_param(x, "HTTP_USER_AGENT"))},
	    {"indexed", indexed ? "yes" : ""}, {"has_rules", site->config->rule_count > 0 ? "yes" : ""}};
	const struct page_html page = {.file = "landing.html",
	    .cache_control = "public, max-age=300",
	    .vary = "User-Agent",
	    .values = values,
	    .count = sizeof values / sizeof values[0]};
	(void)route;
	page_html_answer(site, x, rq, &page);
}
