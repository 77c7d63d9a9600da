/* catalog_class: see catalog_class.h. */
#include "catalog_class.h"

#include "catalog_sql.h"

#include <stdio.h>

bool catalog_nominated_next(
    struct catalog *c, const char *prefix, const char *after, char *out, size_t cap, struct fault *f)
{
	struct catalog_query *q = catalog_query(c, STATEMENT_NOMINATED_NEXT, f, "tt", prefix, after);
	int row = q != NULL ? catalog_next(q, f) : -1;
	if (row > 0)
		snprintf(out, cap, "%s", catalog_text(q, 0));
	catalog_end(q);
	if (row == 0)
		fault_set(f, FAULT_ABSENT, "no file became nominated");
	return row > 0;
}

bool catalog_entry_nominate(struct catalog *c, const char *path, struct fault *f)
{
	return catalog_run(c, STATEMENT_ENTRY_NOMINATE, f, "t", path);
}
