/* documents_take: what becomes of a document that came: its rows in the catalogue, and the file that is served of it.
 * See documents.h. */
#include "fetch/documents_internal.h"
#include "fetch/nominate.h"

#include "mirror/digest.h"
#include "mirror/index.h"
#include "mirror/log.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* That a document is unchanged is written to the catalogue so often. */
enum { NOTED_SEC = 3600 };

const char *documents_name(const struct document *d)
{
	static const char *const NAMES[DOCUMENTS] = {"index", "nominated", "mirrors"};
	return NAMES[d->id];
}

/* The file that this mirror serves for it; "" for one that is only an ingredient. */
const char *documents_served_name(const struct document *d)
{
	return d->id == DOCUMENT_INDEX ? "index.json" : d->id == DOCUMENT_MIRRORS ? "community-mirrors.txt" : "";
}

bool documents_is_there(const struct document *d)
{
	struct store_document info;
	int fd = documents_served_name(d)[0] != '\0'
	             ? store_document_open(d->fetch->store, documents_served_name(d), &info, NULL)
	             : -1;
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

bool documents_source(const struct document *d, struct catalog_source *out)
{
	return d->fetch->catalog != NULL && catalog_source_get(d->fetch->catalog, documents_name(d), out, NULL);
}

static bool write_document(struct document *d, const char *text, size_t len, int64_t checked_at, struct fault *f)
{
	struct digest *digest = digest_new();
	struct digest_result r;
	if (digest == NULL)
		return fault_errno(f, FAULT_SYSTEM, ENOMEM, "cannot digest a document");
	digest_add(digest, text, len);
	digest_finish(digest, &r);
	digest_free(digest);
	r.sha256_hex[32] = '\0';
	return store_document_write(d->fetch->store, documents_served_name(d), r.sha256_hex, text, len, checked_at, f);
}

/* When upstream's index was last known to be fresh, whatever a rebuild was for. */
static int64_t index_checked_at(struct fetch *x)
{
	struct catalog_source row;
	const struct document *d = &x->documents->all[DOCUMENT_INDEX];
	if (!documents_source(d, &row))
		return 0;
	return row.fetched_at > d->checked_at ? row.fetched_at : d->checked_at;
}

static bool rebuild_index(struct fetch *x, int64_t checked_at, struct fault *f)
{
	char *text = NULL;
	size_t len = 0;
	bool ok = index_build(x->catalog, x->config, &text, &len, f) &&
	          write_document(&x->documents->all[DOCUMENT_INDEX], text, len, checked_at, f);
	free(text);
	return ok;
}

void documents_rebuild(struct fetch *x)
{
	struct fault f;
	x->documents->begun_ms = 0;
	if (x->catalog != NULL && !rebuild_index(x, index_checked_at(x), &f) && f.class != FAULT_ABSENT)
		log_fault(&f, "document", "name", "index", NULL);
	nominate_begin(x);
}

void documents_load_mirrors(struct fetch *x)
{
	struct store_document info;
	char *text = NULL;
	int fd = store_document_open(x->store, "community-mirrors.txt", &info, NULL);
	if (fd >= 0 && info.info.size > 0 && info.info.size <= MIRROR_LIST_BYTES_MAX)
		text = malloc((size_t)info.info.size);
	ssize_t n = text != NULL ? read(fd, text, (size_t)info.info.size) : 0;
	if (n > 0 && !mirror_list_parse(&x->documents->mirrors, text, (size_t)n))
		x->documents->mirrors.count = 0;
	free(text);
	if (fd >= 0)
		close(fd);
}

/* That nothing has changed is written down seldom: a mirror with nothing to do writes nothing. */
static void note_checked(struct document *d, bool unchanged)
{
	struct catalog_source row;
	struct fault f;
	int64_t now = time(NULL);
	bool known = unchanged && documents_source(d, &row) && row.failures == 0 && row.fetched_at > now - NOTED_SEC &&
	             row.fetched_at <= now;
	d->checked_at = now;
	if (known)
		return;
	if (d->fetch->catalog != NULL && !catalog_source_checked(d->fetch->catalog, documents_name(d), d->url,
	                                     d->head.etag, d->head.last_modified, time(NULL), &f))
		fetch_catalog_fault(&f, documents_name(d));
}

static bool take_index(struct document *d, struct fault *f)
{
	const struct index_document in = {.name = documents_name(d),
	    .url = d->url,
	    .etag = d->head.etag[0] != '\0' ? d->head.etag : NULL,
	    .last_modified = d->head.last_modified[0] != '\0' ? d->head.last_modified : NULL,
	    .body = d->body != NULL ? d->body : "",
	    .len = d->len};
	if (d->fetch->catalog == NULL)
		return fault_set(f, FAULT_SYSTEM, "without a catalogue no index can be imported");
	if (!index_import(d->fetch->catalog, d->fetch->config, &in, time(NULL), f))
		return false;
	d->checked_at = time(NULL);
	/* The nominated index alone makes no document of ours. */
	return rebuild_index(d->fetch, index_checked_at(d->fetch), f) ||
	       (d->id == DOCUMENT_NOMINATED && f->class == FAULT_ABSENT);
}

static bool take_mirrors(struct document *d, struct fault *f)
{
	if (!mirror_list_parse(&d->fetch->documents->mirrors, d->body != NULL ? d->body : "", d->len))
		return fault_set(f, FAULT_INTEGRITY, "%s: no list of mirrors", d->url);
	if (!write_document(d, d->body, d->len, time(NULL), f))
		return false;
	note_checked(d, false);
	return true;
}

void documents_unchanged(struct document *d)
{
	note_checked(d, true);
	store_document_touch(d->fetch->store, documents_served_name(d), time(NULL));
}

bool documents_take(struct document *d, struct fault *f)
{
	return d->id == DOCUMENT_MIRRORS ? take_mirrors(d, f) : take_index(d, f);
}
