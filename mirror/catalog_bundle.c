/* catalog_bundle: see catalog_bundle.h. */
#include "catalog_bundle.h"

#include "catalog_sql.h"

#include <stdio.h>
#include <string.h>

/* Runs `each` with the first column of each row. */
static bool each_text(
    struct catalog_query *q, bool (*each)(void *arg, const char *body, size_t len), void *arg, struct fault *f)
{
	int row = q != NULL ? 1 : -1;
	bool ok = true;
	while (ok && row > 0 && (row = catalog_next(q, f)) > 0)
		ok = each(arg, catalog_text(q, 0), catalog_text_len(q, 0));
	catalog_end(q);
	return ok && row == 0;
}

bool catalog_bundle_document(struct catalog *c, const char *name, bool (*each)(void *arg, const char *body, size_t len),
    void *arg, struct fault *f)
{
	return each_text(catalog_query(c, STATEMENT_BUNDLE_DOCUMENT, f, "t", name), each, arg, f);
}

bool catalog_bundle_ledger(struct catalog *c, const char *path, bool (*each)(void *arg, const char *body, size_t len),
    void *arg, struct fault *f)
{
	return each_text(catalog_query(c, STATEMENT_BUNDLE_LEDGER, f, "t", path), each, arg, f);
}

static bool is_json(struct catalog *c, const char *body, size_t len, struct fault *f)
{
	struct catalog_query *q = catalog_query(c, STATEMENT_DOCUMENT_IS_JSON, f, "b", body, len);
	bool ok = q != NULL && catalog_next(q, f) > 0 && catalog_int(q, 0) != 0;
	catalog_end(q);
	return ok;
}

bool catalog_bundle_witness(struct catalog *c, const char *body, size_t len, const char *prefix, struct fault *f)
{
	char file[256] = "";
	int64_t witnesses = 0;
	if (!is_json(c, body, len, f))
		return fault_set(f, FAULT_INTEGRITY, "it is no JSON object");
	struct catalog_query *q = catalog_query(c, STATEMENT_BUNDLE_WITNESS, f, "bt", body, len, prefix);
	int row = q != NULL ? catalog_next(q, f) : -1;
	if (row > 0) {
		witnesses = catalog_int(q, 0);
		snprintf(file, sizeof file, "%s", catalog_text(q, 1) != NULL ? catalog_text(q, 1) : "");
	}
	catalog_end(q);
	if (row < 0)
		return false;
	if (file[0] != '\0')
		return fault_set(
		    f, FAULT_INTEGRITY, "it lists %s with another digest than the signed one that is here", file);
	return witnesses > 0 || fault_set(f, FAULT_INTEGRITY, "no signed file that is here stands in it");
}

bool catalog_bundle_mark(struct catalog *c, const char *name, struct fault *f)
{
	return catalog_run(c, STATEMENT_BUNDLE_MARK, f, "t", name);
}

bool catalog_bundle_own(struct catalog *c, const char *name)
{
	struct catalog_query *q = catalog_query(c, STATEMENT_BUNDLE_SOURCE, NULL, "t", name);
	const int row = q != NULL ? catalog_next(q, NULL) : -1;
	/* One that cannot be read may be it: nothing takes its place then. */
	bool own = row < 0 || (row > 0 && strncmp(catalog_text(q, 0), "file:", 5) != 0);
	catalog_end(q);
	return own;
}
