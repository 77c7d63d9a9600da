/* catalog_warm: see catalog_warm.h. */
#include "catalog_warm.h"

#include "catalog_sql.h"

bool catalog_warm_files(
    struct catalog *c, bool (*each)(void *arg, const struct catalog_warm_file *file), void *arg, struct fault *f)
{
	struct catalog_query *q = catalog_query(c, STATEMENT_WARM_FILES, f, "");
	int row = q != NULL ? 1 : -1;
	bool more = true;
	while (more && row > 0 && (row = catalog_next(q, f)) > 0)
		more = each(arg, &(struct catalog_warm_file){.file = catalog_text(q, 0),
		                     .size = catalog_int(q, 1),
		                     .nominated = catalog_int(q, 2) != 0,
		                     .rare = catalog_int(q, 3) != 0});
	catalog_end(q);
	return row >= 0;
}

bool catalog_wants(
    struct catalog *c, bool (*each)(void *arg, const struct catalog_want_row *row), void *arg, struct fault *f)
{
	struct catalog_query *q = catalog_query(c, STATEMENT_WARM_WANTS, f, "");
	int row = q != NULL ? 1 : -1;
	bool more = true;
	while (more && row > 0 && (row = catalog_next(q, f)) > 0)
		more = each(arg, &(struct catalog_want_row){.path = catalog_text(q, 0),
		                     .why = catalog_text(q, 1),
		                     .priority = (int)catalog_int(q, 2),
		                     .added_at = catalog_int(q, 3),
		                     .attempts = (int)catalog_int(q, 4),
		                     .next_try = catalog_int(q, 5)});
	catalog_end(q);
	return row >= 0;
}

bool catalog_want_failed(
    struct catalog *c, const char *path, int64_t next_try, const char *reason, int64_t now, struct fault *f)
{
	return catalog_run(
	    c, STATEMENT_WARM_FAILED, f, "titii", path, next_try, reason, now, (int64_t)CATALOG_PRIORITY_WARM);
}

bool catalog_want_remove(struct catalog *c, const char *path, struct fault *f)
{
	return catalog_run(c, STATEMENT_WANT_REMOVE, f, "t", path);
}

bool catalog_used_bytes(struct catalog *c, int64_t *all, int64_t *dev, struct fault *f)
{
	struct catalog_query *q = catalog_query(c, STATEMENT_WARM_USED, f, "");
	int row = q != NULL ? catalog_next(q, f) : -1;
	if (row > 0) {
		*all = catalog_int(q, 0);
		*dev = catalog_int(q, 1);
	}
	catalog_end(q);
	return row > 0;
}

bool catalog_wants_state(struct catalog *c, struct catalog_wants_state *out, struct fault *f)
{
	struct catalog_query *q = catalog_query(c, STATEMENT_WARM_WANTS_STATE, f, "");
	int row = q != NULL ? catalog_next(q, f) : -1;
	if (row > 0) {
		out->count = catalog_int(q, 0);
		out->newest = catalog_int(q, 1);
		out->ends = UINT64_C(14695981039346656037); /* FNV-1a */
		for (const char *p = catalog_text(q, 2); *p != '\0'; p++)
			out->ends = (out->ends ^ (unsigned char)*p) * UINT64_C(1099511628211);
	}
	catalog_end(q);
	return row > 0;
}
