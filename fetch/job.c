/* job: see job.h. This file has the life of a job up to its sources; job_transfer.c what it does with an upstream,
 * job_finish.c verdict and publication. */
#include "fetch/job.h"
#include "fetch/documents.h"
#include "fetch/job_internal.h"
#include "mirror/catalog_keep.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
	QUEUE_LIMIT_MS = 30 * 1000, /* then a person is told to come back */
	LEASE_LIMIT_MS = 60 * 1000,
	LEASE_RETRY_MS = 50,
	FIRST_INDEX_MS = 10 * 1000,
	DIGEST_SLICE = 4 * 1024 * 1024,
	BUSY_RETRY_SEC = 10,
	JOBS_MAX = 4096,
	TELL_EVERY_MS = 5,
	TURN_MS = 1000
};

void job_phase(struct job *j, enum job_phase phase)
{
	j->phase = phase;
	j->phase_ms = fetch_now_ms();
}

static struct job *find(const struct fetch *x, const char *path, int *count)
{
	struct job *j = x->jobs;
	*count = 0;
	while (j != NULL && (j->phase == JOB_ENDED || strcmp(j->route.path, path) != 0)) {
		j = j->next;
		++*count;
	}
	return j;
}

void job_set_host(struct job *j, const char *url)
{
	const char *host = strstr(url, "://");
	host = host != NULL ? host + 3 : url;
	snprintf(j->entry.host, sizeof j->entry.host, "%.*s", (int)strcspn(host, "/"), host);
}

static void add_listener(struct job *j, struct job_listener *l)
{
	l->job = j;
	l->next = j->listeners;
	j->listeners = l;
	if (j->told_size && l->size != NULL)
		l->size(l->arg, j->size);
	if (j->told_at > 0 && l->at != NULL)
		l->at(l->arg, j->told_at);
}

static void answer(struct job_listener *l, enum fault_class class, const char *text, int retry_sec)
{
	struct fault f;
	fault_set(&f, class, "%s", text);
	l->job = NULL;
	l->end(l->arg, &f, retry_sec);
}

void job_leave(struct job_listener *l)
{
	if (l->job == NULL)
		return;
	struct job_listener **p = &l->job->listeners;
	while (*p != NULL && *p != l)
		p = &(*p)->next;
	if (*p != NULL)
		*p = l->next;
	l->job = NULL;
}

void job_dismiss_mirrors(struct job *j)
{
	struct job_listener **p = &j->listeners, *l;
	while ((l = *p) != NULL) {
		if (!l->mirror) {
			p = &l->next;
			continue;
		}
		*p = l->next;
		l->job = NULL;
		l->end(l->arg, &j->failure, 0);
	}
}

void job_end(struct job *j, const struct fault *f, int retry_sec)
{
	if (j->transfer != NULL)
		transfer_cancel(j->transfer);
	/* For whoever resumes it. */
	(void)!job_write_out(j);
	job_write_end(j);
	j->transfer = NULL;
	unpack_stop(j->unpack);
	j->unpack = NULL;
	job_leave(&j->signature);
	if (!j->unlimited)
		queue_remove(&j->fetch->queue, &j->entry);
	store_lease_drop(&j->lease);
	if (j->fd >= 0)
		close(j->fd);
	j->fd = -1;
	job_phase(j, JOB_ENDED);
	while (j->listeners != NULL) {
		struct job_listener *l = j->listeners;
		j->listeners = l->next;
		l->job = NULL;
		l->end(l->arg, f, retry_sec);
	}
}

static void forget_ended(struct fetch *x)
{
	for (struct job **p = &x->jobs; *p != NULL;) {
		struct job *j = *p;
		if (j->phase != JOB_ENDED) {
			p = &j->next;
			continue;
		}
		*p = j->next;
		digest_free(j->digest);
		free(j);
	}
}

/* Looks up what an index says of the file. */
static void look_up(struct job *j)
{
	struct fault f;
	j->listed = (struct catalog_artifact){.size = -1};
	j->class = route_class(&j->route);
	if (j->route.kind != ROUTE_TOOLCHAIN || j->fetch->catalog == NULL)
		return;
	if (!catalog_artifact_get(j->fetch->catalog, j->route.zig.base, &j->listed, &f)) {
		j->listed = (struct catalog_artifact){.size = -1};
		if (f.class != FAULT_ABSENT)
			fetch_catalog_fault(&f, j->route.path);
		return;
	}
	if (j->listed.nominated && j->class == CLASS_DEV)
		j->class = CLASS_NOMINATED;
	/* The digests of an index that came in a bundle say nothing, for a file or against it. */
	if (!catalog_listed_upstream(j->fetch->catalog, j->route.zig.base)) {
		j->listed.sha256[0] = '\0';
		j->listed.size = -1;
	}
}

/* A 404 that is remembered. Not for a name that an index lists: a release may just have appeared. */
static bool remembered_absent(struct fetch *x, const struct job *j, struct fault *f)
{
	struct catalog_fetch row;
	int64_t now = time(NULL);
	if (x->catalog == NULL || j->listed.url[0] != '\0' || !catalog_fetch_get(x->catalog, j->route.path, &row, NULL))
		return false;
	if (strcmp(row.state, "failed") != 0 || strcmp(row.class, "absent") != 0 || row.until <= now)
		return false;
	/* The clock went back: nobody knows how old it is. */
	if (row.until > now + JOB_ABSENT_SEC)
		return false;
	fault_set(f, FAULT_ABSENT, "%s", row.reason);
	return true;
}

static struct job *make(struct fetch *x, const struct route *route, const struct job_ask *ask)
{
	struct job *j = calloc(1, sizeof *j);
	if (j == NULL || (j->digest = digest_new()) == NULL) {
		free(j);
		return NULL;
	}
	j->fetch = x;
	j->route = *route;
	j->unlimited = ask->unlimited;
	j->fd = j->lease.fd = -1;
	j->size = -1;
	j->entry.owner = j;
	j->entry.person = ask->person;
	snprintf(j->entry.network, sizeof j->entry.network, "%s", ask->person ? ask->network : "-");
	look_up(j);
	struct route_source source;
	if (route_source(x->config, &j->route, j->listed.url[0] != '\0' ? j->listed.url : NULL, 0, &source))
		job_set_host(j, source.url);
	return j;
}

/* Answers what needs no upstream. A file's own job asks for its signature however lately that was absent: it may have
 * appeared together with the file. */
static bool answered_at_once(struct fetch *x, struct job *j, const struct job_ask *ask, struct job_listener *l)
{
	struct fault f;
	int retry_sec = 0;
	if (x->config->offline) {
		answer(l, FAULT_UPSTREAM, "this mirror is offline and does not have the file", 0);
	} else if (!ask->unlimited && remembered_absent(x, j, &f)) {
		l->job = NULL;
		l->end(l->arg, &f, 0);
	} else if (ask->person && !queue_admit(&x->queue, ask->network, fetch_now_ms(), &retry_sec)) {
		answer(l, FAULT_LIMIT, "too many files that this mirror does not have yet: come back later", retry_sec);
	} else {
		return false;
	}
	return true;
}

/* A file in store/ without its link: a crash came between the two. It is verified like any other and linked. */
static bool find_unlinked(struct job *j)
{
	static const unsigned CLASSES[] = {CLASS_STABLE, CLASS_NOMINATED, CLASS_DEV};
	struct store_info info;
	for (size_t i = 0; i < sizeof CLASSES / sizeof CLASSES[0]; i++) {
		route_store_path(&j->route, CLASSES[i], j->recovered);
		j->fd = store_open_file(j->fetch->store, j->recovered, &info, NULL);
		if (j->fd >= 0) {
			j->recovering = true;
			j->size = j->digest_end = info.size;
			return true;
		}
	}
	return false;
}

static bool has_unlinked(struct job *j)
{
	bool found = find_unlinked(j);
	if (found)
		close(j->fd);
	j->fd = -1;
	j->recovering = false;
	return found;
}

/* The first that is no mirror asks for a job of mirrors: so its signature's job is not theirs alone either, and is to
 * be had from fallbacks. */
static void join_by_other(struct job *j)
{
	j->for_mirrors = j->signature.mirror = false;
	if (j->signature.job != NULL)
		j->signature.job->for_mirrors = false;
	else if (j->signature_state == SIGNATURE_ABSENT)
		j->signature_state = SIGNATURE_NONE;
}

/* One more waits for a job that is there. */
static void join(struct job *j, const struct job_ask *ask, struct job_listener *l)
{
	/* A person who asks for what is being warmed brings it forward. */
	if (ask->person && !j->entry.person) {
		j->entry.person = true;
		snprintf(j->entry.network, sizeof j->entry.network, "%s", ask->network);
		if (j->transfer != NULL)
			transfer_hurry(j->transfer);
	}
	if (!l->mirror && j->for_mirrors)
		join_by_other(j);
	/* Whoever waits for it holds a slot: it must not wait for that one. */
	if (ask->unlimited && j->phase == JOB_QUEUED) {
		queue_remove(&j->fetch->queue, &j->entry);
		j->unlimited = true;
		job_phase(j, JOB_LEASE);
	}
	add_listener(j, l);
	if (j->source.flat)
		job_dismiss_mirrors(j);
}

void job_join(struct fetch *x, const struct route *route, const struct job_ask *ask, struct job_listener *l)
{
	int count;
	struct job *j = find(x, route->path, &count);
	if (j != NULL) {
		join(j, ask, l);
		return;
	}
	if (store_stat_public(x->store, route->path, NULL)) {
		l->job = NULL;
		l->end(l->arg, NULL, 0);
		return;
	}
	if (count >= JOBS_MAX) {
		answer(l, FAULT_BUSY, "too many files are being fetched", BUSY_RETRY_SEC);
		return;
	}
	j = make(x, route, ask);
	if (j == NULL) {
		answer(l, FAULT_SYSTEM, "out of memory", 0);
		return;
	}
	if (!has_unlinked(j) && answered_at_once(x, j, ask, l)) {
		digest_free(j->digest);
		free(j);
		return;
	}
	j->for_mirrors = l->mirror;
	j->next = x->jobs;
	x->jobs = j;
	add_listener(j, l);
	job_phase(j, JOB_QUEUED);
	if (j->unlimited)
		job_phase(j, JOB_LEASE);
	else
		queue_add(&x->queue, &j->entry, fetch_now_ms());
}

static void start(struct job *j)
{
	struct fault f;
	j->begun_ms = fetch_now_ms();
	if (store_stat_public(j->fetch->store, j->route.path, NULL)) {
		job_end(j, NULL, 0);
	} else if (find_unlinked(j)) {
		job_want_signature(j);
		job_phase(j, JOB_DIGEST);
	} else if (j->fetch->config->offline) {
		fault_set(&f, FAULT_UPSTREAM, "this mirror is offline and does not have the file");
		job_end(j, &f, 0);
	} else {
		if (j->route.kind == ROUTE_TOOLCHAIN)
			documents_refresh(j->fetch);
		job_begin_source(j);
	}
}

static void turn_lease(struct job *j, int64_t now)
{
	struct fault f;
	if (now - j->phase_ms < FIRST_INDEX_MS && documents_first_wanted(j->fetch, &j->route))
		return;
	if (j->listed.url[0] == '\0')
		look_up(j);
	if (store_lease_take(j->fetch->store, j->route.path, &j->lease, &f))
		start(j);
	else if (f.class != FAULT_BUSY || now - j->phase_ms > LEASE_LIMIT_MS)
		job_end(j, &f, BUSY_RETRY_SEC);
}

/* Reads on in what is there already, a slice a turn, so that the loop goes round. */
static void turn_digest(struct job *j)
{
	static const size_t PIECE = 256 * 1024;
	char *buffer = malloc(PIECE);
	int64_t until = j->at + DIGEST_SLICE;
	ssize_t n = 1;
	while (buffer != NULL && n > 0 && j->at < j->digest_end && j->at < until) {
		size_t want = j->digest_end - j->at < (int64_t)PIECE ? (size_t)(j->digest_end - j->at) : PIECE;
		n = pread(j->fd, buffer, want, j->at);
		if (n > 0) {
			digest_add(j->digest, buffer, (size_t)n);
			j->at += n;
		}
	}
	free(buffer);
	if (buffer == NULL || n <= 0) {
		struct fault f;
		fault_errno(&f, FAULT_SYSTEM, errno, "cannot read what is there of %s", j->route.path);
		job_end(j, &f, 0);
	} else if (j->at == j->digest_end) {
		if (j->recovering || j->at == j->size)
			job_whole(j);
		else
			job_begin_transfer(j);
	}
}

void job_tell(struct job *j)
{
	if (!job_shows(j) || j->at == j->told_at)
		return;
	j->told_at = j->at;
	j->told_ms = fetch_now_ms();
	for (struct job_listener *l = j->listeners; l != NULL; l = l->next)
		if (l->at != NULL)
			l->at(l->arg, j->at);
}

/* A hundred listeners must not be told of every 16 KiB. Returns when it wants to be called again. */
static int tell_progress(struct job *j, int64_t now)
{
	if (!job_shows(j) || j->at == j->told_at)
		return TURN_MS;
	if (j->told_at >= JOB_EAGER_BYTES && now - j->told_ms < TELL_EVERY_MS)
		return (int)(j->told_ms + TELL_EVERY_MS - now);
	job_tell(j);
	return TURN_MS;
}

static void turn_queued(struct job *j, int64_t now)
{
	struct fault f;
	if (!j->entry.person || now - j->phase_ms < QUEUE_LIMIT_MS)
		return;
	fault_set(&f, FAULT_BUSY, "every transfer slot has been taken for %d seconds", QUEUE_LIMIT_MS / 1000);
	job_end(j, &f, BUSY_RETRY_SEC);
}

/* Returns when this job wants the next turn, in milliseconds. */
static int turn_one(struct job *j, int64_t now)
{
	int wait, wish;
	switch (j->phase) {
	case JOB_QUEUED:
		turn_queued(j, now);
		return TURN_MS;
	case JOB_LEASE:
		turn_lease(j, now);
		return j->phase == JOB_LEASE ? LEASE_RETRY_MS : 0;
	case JOB_DIGEST:
		turn_digest(j);
		return 0;
	case JOB_PAUSE:
		if (now >= j->phase_ms)
			job_begin_source(j);
		return j->phase == JOB_PAUSE ? (int)(j->phase_ms - now) + 1 : 0;
	case JOB_TRANSFER:
		wait = job_write_turn(j, now);
		wish = tell_progress(j, now);
		return wish < wait ? wish : wait;
	/* What is here already need not wait for the verdict. */
	case JOB_SIGNATURE:
		if (j->signature_state == SIGNATURE_WAITING)
			return tell_progress(j, now);
		job_whole(j);
		return TURN_MS;
	case JOB_UNPACK:
		wait = tell_progress(j, now);
		job_turn_unpack(j);
		return j->phase == JOB_UNPACK ? wait : 0;
	case JOB_ENDED:
		break;
	}
	return 0;
}

int job_turn(struct fetch *x)
{
	int64_t now = fetch_now_ms();
	int wait = TURN_MS;
	for (struct queue_entry *e = queue_next(&x->queue); e != NULL; e = queue_next(&x->queue))
		job_phase(e->owner, JOB_LEASE);
	for (struct job *j = x->jobs; j != NULL; j = j->next) {
		int wish = turn_one(j, now);
		if (wish < wait)
			wait = wish;
	}
	forget_ended(x);
	return wait;
}

void job_gauge(const struct fetch *x)
{
	uint64_t queued = 0, leases = 0;
	for (const struct job *j = x->jobs; j != NULL; j = j->next) {
		queued += j->phase == JOB_QUEUED;
		leases += j->phase > JOB_LEASE && j->phase < JOB_ENDED;
	}
	counters_set(&x->counters->gauges[COUNTERS_QUEUED], queued);
	counters_set(&x->counters->gauges[COUNTERS_LEASES], leases);
	counters_set(&x->counters->gauges[COUNTERS_RUNNING], transfer_running(x->pool));
}

size_t job_wait(const struct fetch *x, struct transfer_wait *out, size_t cap)
{
	size_t n = 0;
	for (const struct job *j = x->jobs; j != NULL && n < cap; j = j->next)
		if (j->phase == JOB_UNPACK)
			out[n++] = (struct transfer_wait){.fd = unpack_fd(j->unpack), .read = true};
	return n;
}

bool job_any(const struct fetch *x)
{
	return x->jobs != NULL;
}

void job_stop_all(struct fetch *x)
{
	for (struct job *j = x->jobs; j != NULL; j = j->next) {
		while (j->listeners != NULL)
			job_leave(j->listeners);
	}
	for (struct job *j = x->jobs; j != NULL; j = j->next)
		if (j->phase != JOB_ENDED)
			job_end(j, NULL, 0);
	forget_ended(x);
}
