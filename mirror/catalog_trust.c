/* catalog_trust: see catalog_trust.h. */
#include "catalog_trust.h"

#include "catalog_sql.h"

#include <stdio.h>
#include <string.h>

static void copy(char *out, size_t cap, const char *text)
{
	snprintf(out, cap, "%s", text != NULL ? text : "");
}

bool catalog_trusted_content(struct catalog *c, const char *path, char out[CATALOG_CONTENT_CAP], struct fault *f)
{
	struct catalog_query *q = catalog_query(c, STATEMENT_TRUSTED_CONTENT, f, "t", path);
	int row = q != NULL ? catalog_next(q, f) : -1;
	copy(out, CATALOG_CONTENT_CAP, row > 0 ? catalog_text(q, 0) : NULL);
	catalog_end(q);
	return row >= 0;
}

bool catalog_changed_get(struct catalog *c, const char *path, struct catalog_changed *out, struct fault *f)
{
	struct catalog_query *q = catalog_query(c, STATEMENT_CHANGED_GET, f, "t", path);
	int row = q != NULL ? catalog_next(q, f) : -1;
	if (row > 0) {
		copy(out->content, sizeof out->content, catalog_text(q, 0));
		copy(out->known, sizeof out->known, catalog_text(q, 1));
		copy(out->sha256, sizeof out->sha256, catalog_text(q, 2));
		copy(out->url, sizeof out->url, catalog_text(q, 3));
		out->bytes = catalog_int(q, 4);
		out->finished_at = catalog_int(q, 5);
	}
	catalog_end(q);
	if (row == 0)
		fault_set(f, FAULT_ABSENT, "%s: nothing with another content waits to be accepted", path);
	return row > 0;
}

bool catalog_accept(
    struct catalog *c, const char *path, const char *content, const char *by, int64_t now, struct fault *f)
{
	struct catalog_changed changed;
	char reason[256];
	if (!catalog_changed_get(c, path, &changed, f))
		return false;
	if (strcmp(changed.content, content) != 0)
		return fault_set(f, FAULT_ABSENT, "%s: what waits to be accepted is another content by now", path);
	snprintf(reason, sizeof reason, "accepted: %s", by);
	const struct catalog_provenance row = {.path = path,
	    .requested_url = changed.url,
	    .effective_url = "",
	    .remote_address = "",
	    .started_at = now,
	    .finished_at = now,
	    .bytes = changed.bytes,
	    .sha256 = changed.sha256,
	    .content = changed.content,
	    .verdict = "pinned",
	    .reason = reason};
	return catalog_record(c, NULL, &row, f);
}
