/* pages: see pages.h. A new page is a file page_NAME.c, its line in pages.h, and its row here. */
#include "pages.h"

static const struct {
	pages_answer *answer;
	bool always;
	enum counters_kind kind;
} PAGES[] = {
    [ROUTE_LANDING] = {page_landing, false, COUNTERS_PAGE},
    [ROUTE_INDEX] = {page_index, false, COUNTERS_INDEX},
    [ROUTE_MIRRORS] = {page_index, false, COUNTERS_INDEX},
    [ROUTE_TOOLCHAIN] = {page_file, true, COUNTERS_TOOLCHAIN},
    [ROUTE_PACKAGE] = {page_file, true, COUNTERS_PACKAGE},
    [ROUTE_ARTIFACT] = {page_file, true, COUNTERS_ARTIFACT},
    [ROUTE_STATUS] = {page_status, true, COUNTERS_PAGE},
    [ROUTE_LOGO] = {page_logo, true, COUNTERS_PAGE},
    [ROUTE_METRICS] = {page_metrics, true, COUNTERS_PAGE},
    [ROUTE_PROVENANCE] = {page_provenance, true, COUNTERS_PAGE},
    [ROUTE_KEY] = {page_key, true, COUNTERS_PAGE},
    [ROUTE_HEALTH] = {page_health, true, COUNTERS_PAGE},
};

pages_answer *pages_find(enum route_kind kind, bool *always)
{
	if ((unsigned)kind >= sizeof PAGES / sizeof PAGES[0])
		return NULL;
	*always = PAGES[kind].always;
	return PAGES[kind].answer;
}

enum counters_kind pages_kind(enum route_kind kind)
{
	bool known = (unsigned)kind < sizeof PAGES / sizeof PAGES[0] && PAGES[kind].answer != NULL;
	return known ? PAGES[kind].kind : COUNTERS_NONE;
}

bool pages_may_read_status(const struct site *site, const struct request *rq, struct fault *f)
{
	return site->config->status_open || rq->local ||
	       fault_set(f, FAULT_ABSENT, "this page is for the mirror's own machine (status_access)");
}

bool pages_may_read_provenance(const struct site *site, const struct request *rq, struct fault *f)
{
	return site->config->provenance_open || rq->local ||
	       fault_set(f, FAULT_ABSENT, "this page is for the mirror's own machine (provenance_access)");
}
