/* page_health: /-/health: whether this mirror lives (it answers) and is ready (its state can be read). JSON. */
#include "pages.h"

#include "cgi/respond.h"

#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { BODY_CAP = 256 };

void page_health(struct site *site, struct exchange *x, const struct request *rq, const struct route *route)
{
	char body[BODY_CAP], age_text[24] = "null";
	const bool ready = faccessat(store_fd(site->store), ".", R_OK | X_OK, AT_EACCESS) == 0;
	const int64_t age = store_document_age(site->store, "index.json", time(NULL));
	struct response r = {.status = ready ? 200 : 503,
	    .type = "application/json",
	    .cache_control = "no-store",
	    .retry_sec = ready ? 0 : 30};
	(void)route;
	if (age >= 0)
		snprintf(age_text, sizeof age_text, "%lld", (long long)age);
	int n = snprintf(body, sizeof body,
	    "{\"status\":\"%s\",\"live\":true,\"ready\":%s,\"maintenance\":%s,\"offline\":%s,\"index_age_seconds\":%s,"
	    "\"waiting\":%d}\n",
	    ready ? "ok" : "fail", ready ? "true" : "false", site->config->maintenance ? "true" : "false",
	    site->config->offline ? "true" : "false", age_text, atomic_load(&site->waiting));
	respond_whole(x, &r, body, (size_t)n, rq->head);
}
