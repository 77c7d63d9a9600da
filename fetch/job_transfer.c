/* job_transfer: what a job does with an upstream: sources in order, resume, retries, and the bytes on their way into
 * the part. See job.h. */
#include "fetch/documents.h"
#include "fetch/job_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { TRIES_MAX = 4, PAUSE_FIRST_MS = 200 };

bool job_shows(const struct job *j)
{
	return !j->fetch->config->verify_before_send && !j->source.flat && !j->recovering && !j->doubtful;
}

static const char *listed_url(const struct job *j)
{
	return j->listed.url[0] != '\0' ? j->listed.url : NULL;
}

/* The i-th source: the configured ones, then the community's when the configuration asks for them. */
static bool source_at(struct job *j, size_t i, struct route_source *out)
{
	size_t configured = 0;
	while (route_source(j->fetch->config, &j->route, listed_url(j), configured, out))
		if (configured++ == i)
			return true;
	return documents_mirror(j->fetch, &j->route, i - configured, out);
}

/* A validator that If-Range may carry (RFC 9110 section 13.1.5): a strong ETag, else a date. */
static const char *range_validator(const char *etag, const char *last_modified)
{
	if (etag[0] == '"')
		return etag;
	return etag[0] == '\0' && last_modified[0] != '\0' ? last_modified : NULL;
}

/* What was written before the machine last started may lack what never reached the disk. */
static bool is_doubtful(const struct store_info *part)
{
	struct timespec up = {0};
	clock_gettime(CLOCK_BOOTTIME, &up);
	return part->size > 0 && part->mtime <= time(NULL) - up.tv_sec;
}

/* Whether the verdict will tell. */
static bool is_vouched(const struct job *j)
{
	return j->route.keys != NULL || j->route.signature || j->listed.sha256[0] != '\0';
}

/* Opens the part: what an earlier service left when it is of this URL and can be asked to go on, else a new one. */
static bool open_part(struct job *j, struct fault *f)
{
	struct catalog_fetch row;
	struct store_info info;
	const struct fetch *x = j->fetch;
	bool known = !j->fresh && x->catalog != NULL && catalog_fetch_get(x->catalog, j->route.path, &row, NULL) &&
	             strcmp(row.url, j->source.url) == 0 && range_validator(row.etag, row.last_modified) != NULL;

	if (j->fd >= 0)
		close(j->fd);
	digest_reset(j->digest);
	j->finished = false;
	j->at = j->told_at = j->synced_at = j->digest_end = 0;
	j->size = -1;
	j->told_size = j->resumed = j->fresh = j->doubtful = false;
	j->fd = store_part_open(x->store, j->route.path, !known, &info, f);
	/* Nobody is shown it before the verdict: who has seen bytes that turn out bad is cut off. */
	j->doubtful = j->fd >= 0 && known && is_doubtful(&info);
	if (j->doubtful && !is_vouched(j)) {
		close(j->fd);
		j->doubtful = false;
		j->fd = store_part_open(x->store, j->route.path, true, &info, f);
	}
	if (j->fd < 0)
		return false;
	if (known && info.size > 0) {
		j->resumed = true;
		j->digest_end = info.size;
		j->size = row.size;
		snprintf(j->head.etag, sizeof j->head.etag, "%s", row.etag);
		snprintf(j->head.last_modified, sizeof j->head.last_modified, "%s", row.last_modified);
	}
	return true;
}

/* What a flat mirror gives counts only when it is signed. */
static bool useless(const struct job *j)
{
	return j->source.flat && !j->route.signature &&
	       (j->signature_state == SIGNATURE_ABSENT || j->signature_state == SIGNATURE_FAILED);
}

void job_begin_source(struct job *j)
{
	struct fault f;
	const struct route_source before = j->source;
	bool retry = j->tries > 0 || j->begun_at > 0, any;
	int retry_sec = 0;

	while ((any = source_at(j, j->source_index, &j->source)) && useless(j))
		j->source_index++;
	if ((!any || j->source.flat) && j->failure.class == FAULT_NONE)
		fault_set(&j->failure, FAULT_ABSENT, "no upstream has %s", j->route.path);
	if (any && j->source.flat)
		job_dismiss_mirrors(j);
	if (!any || (j->source.flat && j->for_mirrors)) {
		/* What is noted of the failure, and the part, are of the last that was asked. */
		j->source = any ? before : j->source;
		job_fail(j);
		return;
	}
	job_set_host(j, j->source.url);
	/* A signature belongs to a job that was let through. */
	if (!retry && !j->unlimited && !queue_host_ask(&j->fetch->queue, j->entry.host, fetch_now_ms(), &retry_sec)) {
		fault_set(&f, FAULT_UPSTREAM, "%s failed several times in a row and is left alone for a while",
		    j->entry.host);
		job_next_source(j, &f);
		return;
	}
	/* On a retry the part is open and digested up to j->at. */
	if (!(retry && j->fd >= 0 && j->resumable)) {
		j->begun_at = 0;
		if (!open_part(j, &f)) {
			job_end(j, &f, 0);
			return;
		}
	}
	job_want_signature(j);
	if (j->digest_end > j->at)
		job_phase(j, JOB_DIGEST);
	else
		job_begin_transfer(j);
}

static void note_started(struct job *j)
{
	struct fault f;
	if (j->fetch->catalog != NULL && !catalog_fetch_started(j->fetch->catalog, j->route.path, j->source.url,
	                                     j->head.etag, j->head.last_modified, j->size, time(NULL), &f))
		fetch_catalog_fault(&f, j->route.path);
}

static void tell_size(struct job *j)
{
	if (!job_shows(j))
		return;
	j->told_size = true;
	for (struct job_listener *l = j->listeners; l != NULL; l = l->next)
		if (l->size != NULL)
			l->size(l->arg, j->size);
}

/* The upstream sends all from the start: what was there before is of no use. A new inode, so that nobody who reads the
 * old one sees a mixture. */
static bool start_over(struct job *j)
{
	int fd = store_part_open(j->fetch->store, j->route.path, true, NULL, &j->own);
	if (fd < 0)
		return false;
	close(j->fd);
	j->fd = fd;
	job_write_end(j);
	digest_reset(j->digest);
	j->finished = false;
	j->at = j->told_at = j->synced_at = j->begun_at = 0;
	j->resumed = j->doubtful = false;
	return true;
}

/* Takes the room for the whole file, so that a full disk is known before a client has its first byte. */
static bool reserve(struct job *j)
{
	if (j->size <= j->at || fallocate(j->fd, FALLOC_FL_KEEP_SIZE, 0, j->size) == 0)
		return true;
	if (errno == ENOSPC || errno == EDQUOT || errno == EFBIG)
		return fault_errno(
		    &j->own, FAULT_FULL, errno, "no room for the %lld bytes of %s", (long long)j->size, j->route.path);
	/* The file system does not know how. */
	int64_t free_bytes = store_free_bytes(j->fetch->store);
	if (free_bytes < 0 || j->size - j->at <= free_bytes)
		return true;
	return fault_set(&j->own, FAULT_FULL, "%s needs %lld bytes, %lld are free", j->route.path,
	    (long long)(j->size - j->at), (long long)free_bytes);
}

static bool on_head(void *arg, const struct transfer_head *head)
{
	struct job *j = arg;
	if (head->offset == 0 && j->at > 0 && !start_over(j))
		return false;
	bool again = j->told_size && head->offset > 0 && head->size == j->size;
	j->head = *head;
	j->size = head->size;
	j->resumable = range_validator(head->etag, head->last_modified) != NULL;
	if (!reserve(j))
		return false;
	note_started(j);
	if (!again)
		tell_size(j);
	return true;
}

static bool on_data(void *arg, const void *bytes, size_t len)
{
	struct job *j = arg;
	/* A write that failed between two pieces ends the transfer here. */
	return j->own.class == FAULT_NONE && job_write(j, bytes, len);
}

static void pause_before_retry(struct job *j)
{
	job_phase(j, JOB_PAUSE);
	j->phase_ms += (int64_t)PAUSE_FIRST_MS << (j->tries < 6 ? j->tries : 6);
}

/* The host did not answer, or asks to be left alone. */
static bool host_ails(const struct transfer_result *r)
{
	return !r->refused && (r->status == 0 || r->status == 429 || r->status == 503);
}

/* A broken transfer: another try while it makes progress, else the next source. */
static void broken(struct job *j, const struct fault *f, bool again)
{
	bool progress = j->at > j->furthest;
	j->tries = progress ? 1 : j->tries + 1;
	j->begun_at = j->at;
	if (progress)
		j->furthest = j->at;
	if (!again || j->tries > TRIES_MAX || (j->result.status == 0 && !progress && j->tries > 1)) {
		if (host_ails(&j->result))
			queue_host_bad(&j->fetch->queue, j->entry.host, fetch_now_ms());
		job_next_source(j, f);
		return;
	}
	/* What cannot be resumed, and what the range was refused for, starts over. */
	if (!j->resumable || j->result.status == 416) {
		j->begun_at = 0;
		j->resumable = false;
		j->fresh = true;
	}
	pause_before_retry(j);
}

static void on_done(void *arg, const struct transfer_result *result)
{
	struct job *j = arg;
	struct fault f;
	/* A failure is in j->own. */
	(void)!job_write_out(j);
	job_write_end(j);
	j->transfer = NULL;
	j->result = *result;
	if (!host_ails(result))
		queue_host_good(&j->fetch->queue, j->entry.host);
	if (j->own.class == FAULT_FULL) {
		/* Another one may claim less. */
		job_next_source(j, &j->own);
	} else if (j->own.class == FAULT_SYSTEM) {
		j->failure = j->own;
		job_fail(j);
	} else if (result->ok ? j->size < 0 || j->at == j->size : result->size > 0 && result->size == j->at) {
		/* A range behind the last byte is how an upstream says that this is all. */
		j->size = j->at;
		job_whole(j);
	} else if (result->ok) {
		fault_set(&f, FAULT_UPSTREAM, "%s: ended after %lld of %lld bytes", j->source.url, (long long)j->at,
		    (long long)j->size);
		broken(j, &f, true);
	} else if (result->absent) {
		job_next_source(j, &result->fault);
	} else {
		broken(j, &result->fault, result->again);
	}
}

void job_begin_transfer(struct job *j)
{
	static const struct transfer_events EVENTS = {on_head, on_data, on_done};
	const struct config *c = j->fetch->config;
	struct fault f;
	struct transfer_wish wish = {.url = j->source.url,
	    .route = &j->route,
	    .offset = j->at,
	    .if_range = range_validator(j->head.etag, j->head.last_modified),
	    .max_bytes = j->route.signature ? MINISIGN_FILE_MAX : c->max_file_bytes,
	    .via = j->source.flat};
	if (!j->entry.person && !j->unlimited && c->warmer.bandwidth_bytes > 0)
		wish.bandwidth_bytes = c->warmer.bandwidth_bytes / c->warmer.connections + 1;
	j->begun_at = j->at;
	j->own = (struct fault){0};
	if (j->at > j->furthest)
		j->furthest = j->at;
	job_phase(j, JOB_TRANSFER);
	j->transfer = transfer_start(j->fetch->pool, &wish, &EVENTS, j, &f);
	if (j->transfer == NULL)
		job_end(j, &f, 0);
}
