/* pages: see pages.h. A new page is a file page_NAME.c, its line in pages.h, and its row here. */
#include "pages.h"

static const struct {
	pages_answer *answer;
	bool always;
} PAGES[] = {
    [ROUTE_LANDING] = {page_landing, false},
    [ROUTE_INDEX] = {page_index, false},
    [ROUTE_MIRRORS] = {page_index, false},
    [ROUTE_TOOLCHAIN] = {page_file, true},
    [ROUTE_PACKAGE] = {page_file, true},
    [ROUTE_ARTIFACT] = {page_file, true},
    [ROUTE_HEALTH] = {page_health, true},
};

pages_answer *pages_find(enum route_kind kind, bool *always)
{
	if ((unsigned)kind >= sizeof PAGES / sizeof PAGES[0])
		return NULL;
	*always = PAGES[kind].always;
	return PAGES[kind].answer;
}
