/* catalog: the typed doors of the catalogue; see catalog.h. How a statement runs is in catalog_sql.c. */
#include "catalog.h"
#include "catalog_sql.h"

#include <stdio.h>
#include <string.h>

enum { FETCH_ROWS_MAX = 10000, FETCH_KEPT_SEC = 7 * 24 * 3600 };

static bool put_entry(struct catalog *c, const struct catalog_entry *e, struct fault *f)
{
	return catalog_run(c, STATEMENT_ENTRY_PUT, f, "ttttittttti", e->path, e->kind, e->class, e->version, e->size,
	    e->sha256, e->blake2b, e->zig_hash, e->zig_multihash, e->verdict, e->stored_at);
}

bool catalog_ledger_add(struct catalog *c, const struct catalog_provenance *p, struct fault *f)
{
	return catalog_run(c, STATEMENT_PROVENANCE_ADD, f, "ttttttittiiitttttt", p->path, p->requested_url,
	    p->effective_url, p->remote_address, p->tls_issuer, p->tls_sha256, (int64_t)p->http_status, p->etag,
	    p->last_modified, p->started_at, p->finished_at, p->bytes, p->sha256, p->content, p->key_id,
	    p->trusted_comment, p->verdict, p->reason);
}

bool catalog_record(
    struct catalog *c, const struct catalog_entry *entry, const struct catalog_provenance *p, struct fault *f)
{
	/* Before clients see the file: else a power cut leaves one that no row tells of. */
	if (!catalog_begin_lasting(c, f))
		return false;
	bool ok = catalog_ledger_add(c, p, f) && (entry == NULL || put_entry(c, entry, f));
	/* It is here: nobody has to want it any more, and nothing of it is in flight. */
	ok = ok && (entry == NULL || (catalog_run(c, STATEMENT_WANT_REMOVE, f, "t", entry->path) &&
	                                 catalog_run(c, STATEMENT_FETCH_FORGET, f, "t", entry->path)));
	return catalog_finish(c, ok, f);
}

bool catalog_entry_remove(struct catalog *c, const char *path, struct fault *f)
{
	return catalog_run(c, STATEMENT_ENTRY_REMOVE, f, "t", path);
}

static void copy(char *out, size_t cap, const char *text)
{
	snprintf(out, cap, "%s", text != NULL ? text : "");
}

bool catalog_fetch_started(struct catalog *c, const char *path, const char *url, const char *etag,
    const char *last_modified, int64_t size, int64_t now, struct fault *f)
{
	struct catalog_query *q = catalog_query(
	    c, STATEMENT_FETCH_STARTED, f, size < 0 ? "ttttni" : "ttttii", path, url, etag, last_modified, size, now);
	int row = q != NULL ? catalog_next(q, f) : -1;
	catalog_end(q);
	return row == 0;
}

bool catalog_fetch_failed(struct catalog *c, const char *path, const char *url, enum fault_class class,
    const char *reason, int64_t now, int64_t until, struct fault *f)
{
	if (!catalog_begin(c, f))
		return false;
	bool ok = catalog_run(
	              c, STATEMENT_FETCH_FAILED, f, "ttttii", path, url, fault_class_name(class), reason, now, until) &&
	          catalog_run(c, STATEMENT_FETCH_TRIM, f, "i", now - FETCH_KEPT_SEC) &&
	          catalog_run(c, STATEMENT_FETCH_BOUND, f, "i", (int64_t)FETCH_ROWS_MAX);
	return catalog_finish(c, ok, f);
}

/* Ends a look-up: true for a row, FAULT_ABSENT for none. */
static bool found(struct catalog_query *q, int row, const char *what, struct fault *f)
{
	catalog_end(q);
	if (row == 0)
		fault_set(f, FAULT_ABSENT, "%s: not in the catalogue", what);
	return row > 0;
}

bool catalog_fetch_get(struct catalog *c, const char *path, struct catalog_fetch *out, struct fault *f)
{
	struct catalog_query *q = catalog_query(c, STATEMENT_FETCH_GET, f, "t", path);
	int row = q != NULL ? catalog_next(q, f) : -1;
	if (row > 0) {
		copy(out->url, sizeof out->url, catalog_text(q, 0));
		copy(out->etag, sizeof out->etag, catalog_text(q, 1));
		copy(out->last_modified, sizeof out->last_modified, catalog_text(q, 2));
		out->size = catalog_is_null(q, 3) ? -1 : catalog_int(q, 3);
		copy(out->state, sizeof out->state, catalog_text(q, 4));
		copy(out->class, sizeof out->class, catalog_text(q, 5));
		copy(out->reason, sizeof out->reason, catalog_text(q, 6));
		out->until = catalog_int(q, 7);
	}
	return found(q, row, path, f);
}

bool catalog_want(struct catalog *c, const char *path, const char *why, int priority, int64_t now, struct fault *f)
{
	return catalog_run(c, STATEMENT_WANT_PUT, f, "ttii", path, why, (int64_t)priority, now);
}

bool catalog_artifact_get(struct catalog *c, const char *file, struct catalog_artifact *out, struct fault *f)
{
	struct catalog_query *q = catalog_query(c, STATEMENT_ARTIFACT_GET, f, "t", file);
	int row = q != NULL ? catalog_next(q, f) : -1;
	if (row > 0) {
		copy(out->url, sizeof out->url, catalog_text(q, 0));
		copy(out->sha256, sizeof out->sha256, catalog_text(q, 1));
		out->size = catalog_int(q, 2);
		out->nominated = catalog_int(q, 3) != 0;
	}
	return found(q, row, file, f);
}

bool catalog_version_files(
    struct catalog *c, const char *version, void (*each)(void *arg, const char *file), void *arg, struct fault *f)
{
	struct catalog_query *q = catalog_query(c, STATEMENT_VERSION_FILES, f, "t", version);
	int row = q != NULL ? 1 : -1;
	while (row > 0 && (row = catalog_next(q, f)) > 0)
		each(arg, catalog_text(q, 0));
	catalog_end(q);
	return row == 0;
}

bool catalog_source_get(struct catalog *c, const char *name, struct catalog_source *out, struct fault *f)
{
	struct catalog_query *q = catalog_query(c, STATEMENT_SOURCE_GET, f, "t", name);
	int row = q != NULL ? catalog_next(q, f) : -1;
	if (row > 0) {
		copy(out->etag, sizeof out->etag, catalog_text(q, 0));
		copy(out->last_modified, sizeof out->last_modified, catalog_text(q, 1));
		out->fetched_at = catalog_int(q, 2);
		out->failures = (int)catalog_int(q, 3);
		out->next_try = catalog_int(q, 4);
		copy(out->url, sizeof out->url, catalog_text(q, 5));
	}
	return found(q, row, name, f);
}

bool catalog_source_checked(struct catalog *c, const char *name, const char *url, const char *etag,
    const char *last_modified, int64_t now, struct fault *f)
{
	return catalog_run(c, STATEMENT_SOURCE_CHECKED, f, "tttti", name, url, etag, last_modified, now);
}

bool catalog_source_failed(
    struct catalog *c, const char *name, const char *url, int failures, int64_t next_try, struct fault *f)
{
	return catalog_run(c, STATEMENT_SOURCE_FAILED, f, "ttii", name, url, (int64_t)failures, next_try);
}
