/* catalog_keep: see catalog_keep.h. */
#include "catalog_keep.h"

#include "catalog_sql.h"

#include <stdio.h>

enum { PRIORITY_LOST = 20 };

static void copy(char *out, size_t cap, const char *text)
{
	snprintf(out, cap, "%s", text != NULL ? text : "");
}

static bool read_entry(
    struct catalog *c, enum sql_statement statement, const char *path, struct catalog_kept *out, struct fault *f)
{
	struct catalog_query *q = catalog_query(c, statement, f, "t", path);
	int row = q != NULL ? catalog_next(q, f) : -1;
	if (row > 0) {
		copy(out->path, sizeof out->path, catalog_text(q, 0));
		copy(out->kind, sizeof out->kind, catalog_text(q, 1));
		copy(out->class, sizeof out->class, catalog_text(q, 2));
		copy(out->version, sizeof out->version, catalog_text(q, 3));
		out->size = catalog_int(q, 4);
		copy(out->sha256, sizeof out->sha256, catalog_text(q, 5));
		copy(out->blake2b, sizeof out->blake2b, catalog_text(q, 6));
		copy(out->zig_hash, sizeof out->zig_hash, catalog_text(q, 7));
		copy(out->zig_multihash, sizeof out->zig_multihash, catalog_text(q, 8));
		copy(out->verdict, sizeof out->verdict, catalog_text(q, 9));
		out->stored_at = catalog_int(q, 10);
		out->last_hit_at = catalog_int(q, 11);
	}
	catalog_end(q);
	if (row == 0)
		fault_set(f, FAULT_ABSENT, "%s: not in the catalogue", path);
	return row > 0;
}

bool catalog_kept_next(struct catalog *c, const char *path, struct catalog_kept *out, struct fault *f)
{
	return read_entry(c, STATEMENT_KEEP_NEXT, path, out, f);
}

bool catalog_kept_get(struct catalog *c, const char *path, struct catalog_kept *out, struct fault *f)
{
	return read_entry(c, STATEMENT_KEEP_GET, path, out, f);
}

bool catalog_kept_oldest(struct catalog *c, const char *classes,
    bool (*each)(void *arg, const char *path, int64_t size, int64_t used_at, const char *class), void *arg,
    struct fault *f)
{
	struct catalog_query *q = catalog_query(c, STATEMENT_KEEP_OLDEST, f, "t", classes);
	int row = q != NULL ? 1 : -1;
	while (row > 0 && (row = catalog_next(q, f)) > 0)
		if (!each(arg, catalog_text(q, 0), catalog_int(q, 1), catalog_int(q, 2), catalog_text(q, 3)))
			break;
	catalog_end(q);
	return row >= 0;
}

bool catalog_kept_bytes(struct catalog *c, int64_t *out, struct fault *f)
{
	struct catalog_query *q = catalog_query(c, STATEMENT_KEEP_BYTES, f, "");
	int row = q != NULL ? catalog_next(q, f) : -1;
	*out = row > 0 ? catalog_int(q, 0) : 0;
	catalog_end(q);
	return row > 0;
}

bool catalog_cursor_get(struct catalog *c, const char *name, char *out, size_t cap, struct fault *f)
{
	struct catalog_query *q = catalog_query(c, STATEMENT_CURSOR_GET, f, "t", name);
	int row = q != NULL ? catalog_next(q, f) : -1;
	copy(out, cap, row > 0 ? catalog_text(q, 0) : NULL);
	catalog_end(q);
	return row >= 0;
}

bool catalog_cursor_put(struct catalog *c, const char *name, const char *value, int64_t now, struct fault *f)
{
	if (value == NULL)
		return catalog_run(c, STATEMENT_CURSOR_REMOVE, f, "t", name);
	return catalog_run(c, STATEMENT_CURSOR_PUT, f, "tti", name, value, now);
}

bool catalog_kept_bad(
    struct catalog *c, const struct catalog_provenance *p, const char *why, int64_t now, struct fault *f)
{
	if (!catalog_begin_lasting(c, f))
		return false;
	return catalog_finish(
	    c, catalog_ledger_add(c, p, f) && catalog_want(c, p->path, why, PRIORITY_LOST, now, f), f);
}

bool catalog_kept_gone(struct catalog *c, const char *path, struct fault *f)
{
	if (!catalog_begin(c, f))
		return false;
	return catalog_finish(c, catalog_entry_remove(c, path, f), f);
}

bool catalog_listed_upstream(struct catalog *c, const char *file)
{
	struct catalog_query *q = catalog_query(c, STATEMENT_ARTIFACT_FROM_UPSTREAM, NULL, "t", file);
	bool listed = q != NULL && catalog_next(q, NULL) > 0;
	catalog_end(q);
	return listed;
}
