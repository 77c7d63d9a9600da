/* page_file: a file of the store: from disk when it is published, else followed as it comes. */
#include "pages.h"

#include "cgi/follow.h"
#include "cgi/published.h"
#include "cgi/respond.h"
#include "cgi/serve.h"

void page_file(struct site *site, struct exchange *x, const struct request *rq, const struct route *route)
{
	struct fault f = {0};
	if (published_answer(site, x, rq, route, &f))
		return;
	if (f.class != FAULT_ABSENT)
		respond_fault(x, &f, 0, route->path, rq->head);
	else if (site->config->maintenance)
		serve_maintenance(x, rq);
	else
		follow_file(site, x, rq, route);
}
