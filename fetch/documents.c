/* documents: see documents.h. This file has when a document is asked for and who waits for it; documents_take.c what
 * becomes of what comes. */
#include "fetch/documents.h"
#include "fetch/backoff.h"
#include "fetch/documents_internal.h"
#include "fetch/nominate.h"

#include "mirror/index.h"
#include "mirror/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

/* Our index is built anew when no file is being fetched, not before clients that made somebody start this service had
 * the time to ask, but no later than after some seconds. */
enum { REBUILD_FIRST_MS = 250, REBUILD_LAST_MS = 3000, IDLE_MS = 1000 };

static bool wanted(const struct document *d)
{
	return d->url[0] != '\0';
}

/* The time of a document's link outlives a service. */
static void read_checked_at(struct document *d)
{
	struct store_document info;
	int fd = documents_served_name(d)[0] != '\0'
	             ? store_document_open(d->fetch->store, documents_served_name(d), &info, NULL)
	             : -1;
	if (fd < 0)
		return;
	d->checked_at = info.checked_at;
	close(fd);
}

bool documents_new(struct fetch *x)
{
	struct documents *d = calloc(1, sizeof *d);
	const struct config_toolchains *t = &x->config->toolchains;
	if (d == NULL)
		return false;
	for (int i = 0; i < DOCUMENTS; i++) {
		d->all[i].id = (enum document_id)i;
		d->all[i].fetch = x;
		read_checked_at(&d->all[i]);
	}
	snprintf(d->all[DOCUMENT_INDEX].url, ROUTE_URL_CAP, "%s/download/index.json", t->upstream);
	snprintf(d->all[DOCUMENT_NOMINATED].url, ROUTE_URL_CAP, "%s", t->nominated_index);
	snprintf(d->all[DOCUMENT_MIRRORS].url, ROUTE_URL_CAP, "%s/download/community-mirrors.txt", t->upstream);
	if (getrandom(&d->mirrors.seed, sizeof d->mirrors.seed, GRND_NONBLOCK) != sizeof d->mirrors.seed)
		d->mirrors.seed = (uint64_t)fetch_now_ms();
	x->documents = d;
	documents_load_mirrors(x);
	return true;
}

void documents_begin(struct fetch *x)
{
	if (documents_is_there(&x->documents->all[DOCUMENT_INDEX]))
		x->documents->begun_ms = fetch_now_ms();
	else
		documents_rebuild(x);
}

bool documents_due(const struct fetch *x)
{
	return x->documents->begun_ms != 0;
}

int documents_turn(struct fetch *x)
{
	if (!documents_due(x))
		return IDLE_MS;
	int64_t wait = x->documents->begun_ms - fetch_now_ms() + (job_any(x) ? REBUILD_LAST_MS : REBUILD_FIRST_MS);
	if (wait > 0)
		return (int)wait;
	documents_rebuild(x);
	return IDLE_MS;
}

void documents_free(struct documents *d)
{
	if (d == NULL)
		return;
	for (int i = 0; i < DOCUMENTS; i++) {
		if (d->all[i].transfer != NULL)
			transfer_cancel(d->all[i].transfer);
		free(d->all[i].body);
	}
	free(d);
}

static void end_listeners(struct document *d, const struct fault *f, int retry_sec)
{
	while (d->listeners != NULL) {
		struct job_listener *l = d->listeners;
		d->listeners = l->next;
		l->end(l->arg, f, retry_sec);
	}
}

static bool take_off(struct job_listener **list, const struct job_listener *listener)
{
	for (struct job_listener **p = list; *p != NULL; p = &(*p)->next)
		if (*p == listener) {
			*p = listener->next;
			return true;
		}
	return false;
}

void documents_leave(struct fetch *x, struct job_listener *listener)
{
	bool found = take_off(&x->documents->updates, listener);
	for (int i = 0; i < DOCUMENTS && !found; i++)
		found = take_off(&x->documents->all[i].listeners, listener);
}

/* Tells those who wait for an update how it went, when it is over: the index counts more than the nominated one, that
 * more than the list of mirrors. */
static void end_updates(struct fetch *x)
{
	const struct fault *f = NULL;
	if (documents_busy(x))
		return;
	for (int i = DOCUMENTS; i-- > 0;)
		if (wanted(&x->documents->all[i]) && x->documents->all[i].failed.class != FAULT_NONE)
			f = &x->documents->all[i].failed;
	while (x->documents->updates != NULL) {
		struct job_listener *l = x->documents->updates;
		x->documents->updates = l->next;
		l->end(l->arg, f, 0);
	}
}

/* What the catalogue knows of a document, and this service knows better. False when the catalogue does not know it. */
static bool read_state(const struct document *d, struct catalog_source *out)
{
	*out = (struct catalog_source){0};
	bool known = documents_source(d, out);
	if (d->checked_at > out->fetched_at)
		out->fetched_at = d->checked_at;
	if (d->next_try > out->next_try) {
		out->failures = d->failures;
		out->next_try = d->next_try;
	}
	return known;
}

/* What health and the metrics tell of upstream's index. */
static void count_failures(const struct document *d)
{
	if (d->id == DOCUMENT_INDEX)
		counters_set(&d->fetch->counters->index_failures, (uint64_t)d->failures);
}

static void failed(struct document *d, const struct fault *f)
{
	struct catalog_source state;
	struct fault g;
	uint32_t chance = 0;
	if (getrandom(&chance, sizeof chance, GRND_NONBLOCK) != sizeof chance)
		chance = (uint32_t)fetch_now_ms();
	read_state(d, &state);
	d->failures = state.failures + 1;
	count_failures(d);
	int64_t pause = backoff_pause_sec(d->failures, chance);
	d->next_try = time(NULL) + pause;
	d->failed = *f;
	log_fault(f, "document", "name", documents_name(d), "url", d->url, "failures", log_int(d->failures).text,
	    "again_in_sec", log_int(pause).text, NULL);
	if (d->fetch->catalog != NULL &&
	    !catalog_source_failed(d->fetch->catalog, documents_name(d), d->url, d->failures, d->next_try, &g))
		fetch_catalog_fault(&g, documents_name(d));
	end_listeners(d, documents_is_there(d) ? NULL : f, (int)pause);
}

static bool on_head(void *arg, const struct transfer_head *head)
{
	struct document *d = arg;
	d->head = *head;
	d->len = 0;
	return true;
}

static bool on_data(void *arg, const void *bytes, size_t len)
{
	struct document *d = arg;
	if (d->len + len > d->cap) {
		size_t cap = d->cap > 0 ? d->cap : 64 * 1024;
		while (cap < d->len + len)
			cap *= 2;
		char *more = realloc(d->body, cap);
		if (more == NULL)
			return false;
		d->body = more;
		d->cap = cap;
	}
	memcpy(d->body + d->len, bytes, len);
	d->len += len;
	return true;
}

static void on_done(void *arg, const struct transfer_result *r)
{
	struct document *d = arg;
	struct fault f = r->fault;
	bool ok = r->ok;
	d->transfer = NULL;
	if (ok && r->status == 304 && !d->conditional) {
		ok = fault_set(&f, FAULT_UPSTREAM, "%s: status 304, though nothing was asked that way", d->url);
	} else if (ok && r->status == 304) {
		documents_unchanged(d);
	} else if (ok && d->head.size >= 0 && (int64_t)d->len != d->head.size) {
		ok = fault_set(&f, FAULT_UPSTREAM, "%s: cut short", d->url);
	} else if (ok) {
		ok = documents_take(d, &f);
	} else if (r->absent) {
		/* For a document a 404 is a failure of its upstream, not an answer about a file. */
		f.class = FAULT_UPSTREAM;
	}
	free(d->body);
	d->body = NULL;
	d->len = d->cap = 0;
	d->tried = true;
	if (!ok) {
		failed(d, &f);
	} else {
		d->failed.class = FAULT_NONE;
		d->failures = 0;
		count_failures(d);
		d->next_try = 0;
		log_event(
		    LOG_INFO_LEVEL, "document", "name", documents_name(d), "status", log_int(r->status).text, NULL);
		end_listeners(d, NULL, 0);
		nominate_begin(d->fetch);
	}
	end_updates(d->fetch);
}

/* Starts a refresh unless one runs. */
static void refresh(struct document *d)
{
	static const struct transfer_events EVENTS = {on_head, on_data, on_done};
	struct catalog_source row = {0};
	struct fault f;
	if (d->transfer != NULL)
		return;
	/* The validators of another URL mean nothing at this one. */
	bool conditional = documents_source(d, &row) && row.fetched_at > 0 && strcmp(row.url, d->url) == 0 &&
	                   (d->id == DOCUMENT_NOMINATED || documents_is_there(d));
	d->conditional = conditional && (row.etag[0] != '\0' || row.last_modified[0] != '\0');
	const struct transfer_wish wish = {.url = d->url,
	    .max_bytes = d->id == DOCUMENT_MIRRORS ? MIRROR_LIST_BYTES_MAX : INDEX_BYTES_MAX,
	    .if_none_match = conditional && row.etag[0] != '\0' ? row.etag : NULL,
	    .if_modified_since = conditional && row.last_modified[0] != '\0' ? row.last_modified : NULL};
	d->transfer = transfer_start(d->fetch->pool, &wish, &EVENTS, d, &f);
	if (d->transfer == NULL)
		failed(d, &f);
}

enum need { NEED_NOTHING, NEED_REFRESH, NEED_PATIENCE };

/* True when the document was good within index_ttl and need not be asked for. */
static bool is_fresh(const struct document *d, const struct catalog_source *state, int64_t now)
{
	return state->fetched_at > now - d->fetch->config->toolchains.index_ttl_sec && state->fetched_at <= now &&
	       (d->id == DOCUMENT_NOMINATED || documents_is_there(d));
}

static enum need need(const struct document *d, int64_t *pause)
{
	struct catalog_source state;
	int64_t now = time(NULL);
	*pause = 0;
	if (!wanted(d) || d->fetch->config->offline)
		return NEED_NOTHING;
	bool known = read_state(d, &state);
	/* A catalogue that does not know it (it was deleted, or knows another upstream's) has to learn it first. */
	if ((d->fetch->catalog == NULL || (known && strcmp(state.url, d->url) == 0)) && is_fresh(d, &state, now))
		return NEED_NOTHING;
	*pause = state.next_try - now;
	return state.failures > 0 && *pause > 0 && *pause <= BACKOFF_LAST_SEC * 2 ? NEED_PATIENCE : NEED_REFRESH;
}

void documents_refresh(struct fetch *x)
{
	int64_t pause;
	for (int i = 0; i < DOCUMENTS; i++)
		if (need(&x->documents->all[i], &pause) == NEED_REFRESH)
			refresh(&x->documents->all[i]);
}

void documents_update(struct fetch *x, struct job_listener *l)
{
	struct fault f;
	if (x->config->offline) {
		fault_set(&f, FAULT_UPSTREAM, "this mirror is offline");
		l->end(l->arg, &f, 0);
		return;
	}
	if (documents_due(x))
		documents_rebuild(x);
	l->next = x->documents->updates;
	x->documents->updates = l;
	for (int i = 0; i < DOCUMENTS; i++)
		if (wanted(&x->documents->all[i]))
			refresh(&x->documents->all[i]);
	end_updates(x);
}

void documents_join(struct fetch *x, const struct route *route, struct job_listener *l)
{
	struct document *d = &x->documents->all[route->kind == ROUTE_MIRRORS ? DOCUMENT_MIRRORS : DOCUMENT_INDEX];
	struct fault f;
	int64_t pause;
	if (documents_due(x))
		documents_rebuild(x);
	enum need n = need(d, &pause);
	documents_refresh(x);
	if (n == NEED_REFRESH && d->transfer != NULL) {
		l->next = d->listeners;
		d->listeners = l;
	} else if (documents_is_there(d)) {
		l->end(l->arg, NULL, 0);
	} else {
		fault_set(&f, FAULT_UPSTREAM, "%s: %s", d->url,
		    x->config->offline ? "this mirror is offline and does not have it"
		                       : "could not be had a moment ago");
		l->end(l->arg, &f, pause > 0 ? (int)pause : 60);
	}
}

bool documents_first_wanted(struct fetch *x, const struct route *route)
{
	struct document *d = &x->documents->all[DOCUMENT_INDEX];
	struct catalog_source row;
	if (route->kind != ROUTE_TOOLCHAIN || x->config->offline || (documents_source(d, &row) && row.fetched_at > 0))
		return false;
	if (d->transfer == NULL && !d->tried)
		documents_refresh(x);
	return d->transfer != NULL && !d->tried;
}

static bool asks_for_community(const struct config *c)
{
	for (size_t i = 0; i < c->toolchains.fallbacks.count; i++)
		if (strcmp(c->toolchains.fallbacks.items[i], "community") == 0)
			return true;
	return false;
}

bool documents_mirror(struct fetch *x, const struct route *route, size_t i, struct route_source *out)
{
	const char *base;
	if (!asks_for_community(x->config))
		return false;
	for (size_t k = 0; (base = mirror_list_at(&x->documents->mirrors, route->path, k)) != NULL; k++)
		if (route_flat_source(x->config, route, base, out) && i-- == 0)
			return true;
	return false;
}

bool documents_busy(const struct fetch *x)
{
	for (int i = 0; i < DOCUMENTS; i++)
		if (x->documents->all[i].transfer != NULL)
			return true;
	return false;
}
