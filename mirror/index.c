/* index: see index.h. The parsing is SQLite's, the judgement of each file is here. */
#include "index.h"

#include "catalog_bundle.h"
#include "catalog_sql.h"
#include "index_text.h"
#include "log.h"
#include "route.h"
#include "url.h"
#include "zigfile.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A line a refused entry, up to this many: a hostile document must not fill the log. */
enum { REFUSED_LINES = 32 };

/* One file of a document, as it came. */
struct raw {
	const char *key, *target, *tarball, *zig_tarball, *shasum, *size;
};

/* One row for `artifact`. */
struct artifact {
	char url[2048];
	struct zigfile file;
	int64_t size;
};

/* NULL when a URL may stand in a document: on an allowed host, by an allowed scheme, ending in a toolchain file's name.
 */
static const char *judge_url(const struct config *c, const char *document_url, const char *text, struct zigfile *file)
{
	struct url u, upstream, document;
	if (url_parse(text, &u) != NULL || *u.query != '\0')
		return "is no plain URL";
	if (!u.tls && !c->allow_http_upstreams)
		return "has no TLS";
	if (strstr(u.path, "/../") != NULL || strstr(u.path, "/./") != NULL || strstr(u.path, "//") != NULL ||
	    strchr(u.path, '%') != NULL)
		return "has a strange path";
	bool known = (url_parse(c->toolchains.upstream, &upstream) == NULL && url_same_origin(&u, &upstream)) ||
	             (url_parse(document_url, &document) == NULL && url_same_origin(&u, &document));
	if (!known)
		return "is on another host";
	const char *slash = strrchr(u.path, '/');
	if (slash == NULL || !zigfile_parse(slash + 1, strlen(slash + 1), file) || file->signature)
		return "names no toolchain file";
	return NULL;
}

static bool is_sha256(const char *text)
{
	return text != NULL && strlen(text) == 64 && strspn(text, "0123456789abcdef") == 64;
}

static bool parse_size(const char *text, int64_t *out)
{
	char *end;
	if (text == NULL || text[0] < '0' || text[0] > '9')
		return false;
	errno = 0;
	*out = strtoll(text, &end, 10);
	return *end == '\0' && errno == 0;
}

/* NULL when the file is accepted, else what is wrong with it. */
static const char *judge(
    const struct config *c, const struct index_document *d, const struct raw *r, struct artifact *out)
{
	struct zigfile original;
	const char *wrong;
	if (r->tarball == NULL)
		return "tarball is no text";
	if ((wrong = judge_url(c, d->url, r->tarball, &out->file)) != NULL)
		return wrong;
	if (!is_sha256(r->shasum))
		return "shasum is no SHA-256";
	if (!parse_size(r->size, &out->size))
		return "size is no number";
	snprintf(out->url, sizeof out->url, "%s", r->tarball);
	/* A nominated build's first home is upstream, while that still has it. */
	if (r->zig_tarball != NULL) {
		if ((wrong = judge_url(c, d->url, r->zig_tarball, &original)) != NULL)
			return wrong;
		if (strcmp(original.name, out->file.name) != 0)
			return "tarball and zigTarball differ in name";
		snprintf(out->url, sizeof out->url, "%s", r->zig_tarball);
	}
	return NULL;
}

static void log_refused(const struct index_document *d, const struct raw *r, const char *wrong, int count)
{
	if (count <= REFUSED_LINES)
		log_event(LOG_WARN_LEVEL, "index_entry_refused", "document", d->name, "release", r->key, "target",
		    r->target, "tarball", r->tarball, "reason", wrong, NULL);
}

static bool import_artifacts(
    struct catalog *db, const struct config *c, const struct index_document *d, int *accepted, struct fault *f)
{
	int refused = 0;
	struct catalog_query *q = catalog_query(db, STATEMENT_DOCUMENT_ARTIFACTS, f, "b", d->body, d->len);
	int row = q != NULL ? 1 : -1;
	bool ok = true;
	while (ok && row > 0 && (row = catalog_next(q, f)) > 0) {
		struct raw r = {catalog_text(q, 0), catalog_text(q, 1), catalog_text(q, 2), catalog_text(q, 3),
		    catalog_text(q, 4), catalog_text(q, 5)};
		struct artifact a;
		const char *wrong = judge(c, d, &r, &a);
		if (wrong != NULL) {
			log_refused(d, &r, wrong, ++refused);
			continue;
		}
		ok = catalog_run(db, STATEMENT_ARTIFACT_PUT, f, "ttttttti", a.file.name, d->name, r.key, r.target,
		    a.file.version, a.url, r.shasum, a.size);
		++*accepted;
	}
	catalog_end(q);
	if (refused > REFUSED_LINES)
		log_event(
		    LOG_WARN_LEVEL, "index_entries_refused", "document", d->name, "count", log_int(refused).text, NULL);
	return ok && row == 0;
}

/* A version with -dev is a pre-release, and a nominated one where a nominated index gives it a key of its own: what
 * that calls master is the nightly of its day. */
static const char *class_of(const struct index_document *d, const char *key, const char *version)
{
	struct zigfile_version v;
	bool plain = zigfile_version_parse(version, strlen(version), &v);
	if (plain && !v.dev)
		return "stable";
	return strcmp(d->name, "nominated") == 0 && strcmp(key, "master") != 0 ? "nominated" : "dev";
}

static bool import_releases(struct catalog *db, const struct index_document *d, struct fault *f)
{
	struct catalog_query *q = catalog_query(db, STATEMENT_DOCUMENT_RELEASES, f, "b", d->body, d->len);
	int row = q != NULL ? 1 : -1;
	bool ok = true;
	for (int64_t position = 0; ok && row > 0 && (row = catalog_next(q, f)) > 0; position++) {
		const char *key = catalog_text(q, 0), *version = catalog_text(q, 2);
		ok = catalog_run(db, STATEMENT_RELEASE_PUT, f, "ttitttt", d->name, key, position, version,
		    catalog_text(q, 3), class_of(d, key, version), catalog_text(q, 1));
	}
	catalog_end(q);
	return ok && row == 0;
}

/* The first column of the first row; `out` stays "" when there is none. */
static bool first_text(struct catalog *db, enum sql_statement statement, const struct index_document *d, char *out,
    size_t cap, struct fault *f)
{
	struct catalog_query *q = catalog_query(db, statement, f, "b", d->body, d->len);
	int row = q != NULL ? catalog_next(q, f) : -1;
	out[0] = '\0';
	if (row > 0)
		snprintf(out, cap, "%s", catalog_text(q, 0) != NULL ? catalog_text(q, 0) : "0");
	catalog_end(q);
	return row >= 0;
}

/* What makes a document as a whole unfit. */
static bool judge_document(struct catalog *db, const struct index_document *d, struct fault *f)
{
	char text[160];
	const char *wrong;
	if (d->len > INDEX_BYTES_MAX)
		return fault_set(f, FAULT_INTEGRITY, "%s: over %d bytes", d->url, INDEX_BYTES_MAX);
	if ((wrong = index_text_judge(d->body, d->len)) != NULL)
		return fault_set(f, FAULT_INTEGRITY, "%s: %s", d->url, wrong);
	if (!first_text(db, STATEMENT_DOCUMENT_IS_JSON, d, text, sizeof text, f))
		return false;
	if (strcmp(text, "1") != 0)
		return fault_set(f, FAULT_INTEGRITY, "%s: is no JSON object", d->url);
	if (!first_text(db, STATEMENT_DOCUMENT_NOT_OBJECT, d, text, sizeof text, f))
		return false;
	if (text[0] != '\0')
		return fault_set(f, FAULT_INTEGRITY, "%s: release %s is no object", d->url, text);
	if (!first_text(db, STATEMENT_DOCUMENT_DUPLICATE, d, text, sizeof text, f))
		return false;
	if (text[0] != '\0')
		return fault_set(f, FAULT_INTEGRITY, "%s: the key %s stands twice", d->url, text);
	return true;
}

/* Names the releases that the last document had and this one has not. */
static bool log_dropped(struct catalog *db, const struct index_document *d, struct fault *f)
{
	struct catalog_query *q = catalog_query(db, STATEMENT_RELEASE_DROPPED, f, "tb", d->name, d->body, d->len);
	int row = q != NULL ? 1 : -1;
	for (int lines = 0; row > 0 && (row = catalog_next(q, f)) > 0 && lines < REFUSED_LINES; lines++)
		log_event(LOG_WARN_LEVEL, "index_release_dropped", "document", d->name, "release", catalog_text(q, 0),
		    "version", catalog_text(q, 1), NULL);
	catalog_end(q);
	return row >= 0;
}

/* How many files of releases the last document of this URL names. */
static bool count_files(struct catalog *db, const struct index_document *d, int64_t *out, struct fault *f)
{
	struct catalog_query *q = catalog_query(db, STATEMENT_ARTIFACT_COUNT, f, "tt", d->name, d->url);
	int row = q != NULL ? catalog_next(q, f) : -1;
	*out = row > 0 ? catalog_int(q, 0) : 0;
	catalog_end(q);
	return row >= 0;
}

static bool replace_rows(struct catalog *db, const struct config *c, const struct index_document *d, int64_t now,
    int *accepted, struct fault *f)
{
	return log_dropped(db, d, f) && catalog_run(db, STATEMENT_RELEASE_RETIRE, f, "t", d->name) &&
	       catalog_run(db, STATEMENT_ARTIFACT_RETIRE, f, "t", d->name) && import_releases(db, d, f) &&
	       import_artifacts(db, c, d, accepted, f) &&
	       catalog_run(db, STATEMENT_SOURCE_PUT, f, "ttttib", d->name, d->url, d->etag, d->last_modified, now,
	           d->body, d->len);
}

bool index_import(
    struct catalog *db, const struct config *c, const struct index_document *d, int64_t now, struct fault *f)
{
	int accepted = 0;
	int64_t before = 0, after = 0;
	if (!judge_document(db, d, f) || !catalog_begin(db, f))
		return false;
	bool ok = count_files(db, d, &before, f) && replace_rows(db, c, d, now, &accepted, f) &&
	          count_files(db, d, &after, f) && (!d->bundled || catalog_bundle_mark(db, d->name, f));
	if (ok && accepted == 0)
		ok = fault_set(f, FAULT_INTEGRITY, "%s: names no file that can be accepted", d->url);
	else if (ok && after * 2 < before)
		ok = fault_set(f, FAULT_INTEGRITY, "%s: names %lld good files of releases, the last one had %lld",
		    d->url, (long long)after, (long long)before);
	return catalog_finish(db, ok, f);
}

bool index_build(struct catalog *db, const struct config *c, char **text, size_t *len, struct fault *f)
{
	char base[2048], prefix[ROUTE_PREFIX_CAP];
	struct catalog_query *q = catalog_query(db, STATEMENT_INDEX_ANY, f, "");
	int row = q != NULL ? catalog_next(q, f) : -1;
	catalog_end(q);
	if (row == 0)
		fault_set(f, FAULT_ABSENT, "no index was imported yet");
	if (row <= 0)
		return false;
	snprintf(base, sizeof base, "%s%s/", c->base_url, c->toolchains.prefix);
	route_toolchain_prefix(c, prefix);
	q = catalog_query(db, STATEMENT_INDEX_BUILD, f, "tt", base, prefix);
	row = q != NULL ? catalog_next(q, f) : -1;
	if (row > 0) {
		*len = catalog_text_len(q, 0);
		*text = malloc(*len + 1);
		if (*text != NULL)
			memcpy(*text, catalog_text(q, 0), *len + 1);
		else
			row = fault_errno(f, FAULT_SYSTEM, ENOMEM, "index.json");
	}
	catalog_end(q);
	return row > 0;
}
