/* transfer: see transfer.h. */
#include "fetch/transfer.h"
#include "fetch/field.h"
#include "fetch/transfer_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Less than this is no slow upstream but one that holds a slot. Judged over two stall times. */
enum { LEAST_BYTES_PER_SEC = 256, ERROR_BODY_MAX = 256 * 1024, OWN_DELAY_MS = 250 };

static int64_t now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static bool take_head(struct transfer *t, long status)
{
	curl_off_t length = -1;
	t->head.status = (int)status;
	curl_easy_getinfo(t->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
	if (status == 200) {
		t->head.offset = 0;
		t->head.size = length;
	} else if (t->head.offset != t->wished_offset ||
	           (length >= 0 && t->head.size >= 0 && t->head.size != t->wished_offset + length)) {
		return fault_set(&t->fault, FAULT_UPSTREAM, "%s: sent another range than was asked for", t->shown);
	} else if (t->head.size < 0 && length >= 0) {
		t->head.size = t->wished_offset + length;
	}
	if (t->head.size > t->max_bytes)
		return fault_set(&t->fault, FAULT_UPSTREAM, "%s: larger than max_file_size", t->shown);
	t->head_told = true;
	return t->events->head == NULL || t->events->head(t->arg, &t->head);
}

static size_t on_header(char *line, size_t size, size_t count, void *arg)
{
	struct transfer *t = arg;
	size_t len = size * count;
	char range[128];
	t->progress_ms = now_ms();
	if (t->head_told)
		return len; /* a trailer */
	if (len >= 5 && memcmp(line, "HTTP/", 5) == 0) {
		/* A head of its own for every interim answer. */
		t->head = (struct transfer_head){.size = -1};
		t->location[0] = '\0';
		if (t->refused_address)
			t->fault = (struct fault){0};
		t->refused_address = false;
	} else if (field_value(line, len, "etag", t->head.etag, sizeof t->head.etag) ||
	           field_value(line, len, "last-modified", t->head.last_modified, sizeof t->head.last_modified) ||
	           field_value(line, len, "location", t->location, sizeof t->location)) {
		return len;
	} else if (field_value(line, len, "content-range", range, sizeof range)) {
		if (!field_content_range(range, &t->head.offset, &t->head.size))
			t->head.offset = -1;
	} else if (len <= 2) {
		long status = 0;
		curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
		if ((status == 200 || (status == 206 && t->wished_offset > 0)) && !take_head(t, status))
			return 0;
	}
	return len;
}

static size_t on_data(char *bytes, size_t size, size_t count, void *arg)
{
	struct transfer *t = arg;
	size_t len = size * count;
	t->progress_ms = now_ms();
	/* The body of an error or a redirect is read, within reason, so that the connection can be used again. */
	t->received += (int64_t)len;
	if (!t->head_told)
		return t->received > ERROR_BODY_MAX ? 0 : len;
	if (t->head.offset + t->received > t->max_bytes) {
		fault_set(&t->fault, FAULT_UPSTREAM, "%s: larger than max_file_size", t->shown);
		return 0;
	}
	return t->events->data(t->arg, bytes, len) ? len : 0;
}

/* Where a request with a token was redirected to may have a token of its own, in the query. */
static void set_shown(struct transfer *t)
{
	bool secret =
	    t->hops > 0 && t->route != NULL && t->route->rule != NULL && t->route->rule->token_file[0] != '\0';
	snprintf(t->shown, sizeof t->shown, "%.*s", (int)(secret ? strcspn(t->url, "?") : strlen(t->url)), t->url);
}

static bool begin_hop(struct transfer *t, struct fault *f)
{
	char range[32];
	set_shown(t);
	t->head_told = false;
	t->received = t->window_received = 0;
	t->error[0] = '\0';
	t->progress_ms = t->window_ms = now_ms();
	if (!transfer_set_headers(t, f))
		return false;
	curl_easy_setopt(t->easy, CURLOPT_URL, t->url);
	if (t->wished_offset > 0) {
		snprintf(range, sizeof range, "%lld-", (long long)t->wished_offset);
		curl_easy_setopt(t->easy, CURLOPT_RANGE, range);
	}
	CURLMcode code = curl_multi_add_handle(t->pool->multi, t->easy);
	if (code != CURLM_OK)
		return fault_set(f, FAULT_SYSTEM, "libcurl: %s", curl_multi_strerror(code));
	return true;
}

/* The one file that has the authorities, when there is one: libcurl keeps what it read of a file for other connections,
 * but reads all for each connection as soon as it is to look into a folder, too. That takes the processor 20 ms where
 * the file is a whole distribution's. */
static const char *find_ca_file(const struct config *c)
{
	const char *bundle = curl_version_info(CURLVERSION_NOW)->cainfo;
	if (c->ca_file[0] != '\0')
		return c->ca_file;
	return bundle != NULL && access(bundle, R_OK) == 0 ? bundle : NULL;
}

struct transfer_pool *transfer_pool_new(const struct config *c, struct fault *f)
{
	struct transfer_pool *pool = calloc(1, sizeof *pool);
	if (pool == NULL || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		goto failed;
	pool->config = c;
	pool->ca_file = find_ca_file(c);
	pool->multi = curl_multi_init();
	if (pool->multi == NULL)
		goto failed;
	snprintf(pool->agent, sizeof pool->agent, "pkgmirror/%s (+%s)", PACKAGE_VERSION, c->base_url);
	curl_multi_setopt(pool->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_MULTIPLEX);
	return pool;
failed:
	free(pool);
	fault_set(f, FAULT_SYSTEM, "libcurl cannot be initialised");
	return NULL;
}

static void dispose(struct transfer *t)
{
	if (t->easy != NULL) {
		curl_multi_remove_handle(t->pool->multi, t->easy);
		curl_easy_cleanup(t->easy);
	}
	curl_slist_free_all(t->headers);
	free(t);
}

/* Takes a running transfer out of the pool, and frees it. */
static void release(struct transfer *t)
{
	struct transfer **p = &t->pool->first;
	while (*p != t)
		p = &(*p)->next;
	*p = t->next;
	dispose(t);
}

void transfer_pool_free(struct transfer_pool *pool)
{
	if (pool == NULL)
		return;
	while (pool->first != NULL)
		release(pool->first);
	curl_multi_cleanup(pool->multi);
	free(pool->waits);
	free(pool);
	curl_global_cleanup();
}

static void copy(char *out, size_t cap, const char *text)
{
	snprintf(out, cap, "%s", text != NULL ? text : "");
}

struct transfer *transfer_start(struct transfer_pool *pool, const struct transfer_wish *wish,
    const struct transfer_events *events, void *arg, struct fault *f)
{
	struct transfer *t = calloc(1, sizeof *t);
	if (t == NULL) {
		fault_errno(f, FAULT_SYSTEM, ENOMEM, "cannot start a transfer");
		return NULL;
	}
	t->pool = pool;
	t->route = wish->route;
	t->events = events;
	t->arg = arg;
	t->wished_offset = wish->offset;
	t->max_bytes = wish->max_bytes;
	t->bandwidth_bytes = wish->bandwidth_bytes;
	t->via = wish->via;
	t->started_at = time(NULL);
	copy(t->first_url, sizeof t->first_url, wish->url);
	copy(t->url, sizeof t->url, wish->url);
	copy(t->if_range, sizeof t->if_range, wish->if_range);
	copy(t->if_none_match, sizeof t->if_none_match, wish->if_none_match);
	copy(t->if_modified_since, sizeof t->if_modified_since, wish->if_modified_since);
	t->easy = curl_easy_init();
	if (t->easy == NULL) {
		fault_errno(f, FAULT_SYSTEM, ENOMEM, "cannot start a transfer");
		dispose(t);
		return NULL;
	}
	transfer_set_policy(t);
	curl_easy_setopt(t->easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(t->easy, CURLOPT_HEADERDATA, t);
	curl_easy_setopt(t->easy, CURLOPT_WRITEFUNCTION, on_data);
	curl_easy_setopt(t->easy, CURLOPT_WRITEDATA, t);
	if (!begin_hop(t, f)) {
		dispose(t);
		return NULL;
	}
	t->next = pool->first;
	pool->first = t;
	return t;
}

void transfer_hurry(struct transfer *t)
{
	t->bandwidth_bytes = 0;
	curl_easy_setopt(t->easy, CURLOPT_MAX_RECV_SPEED_LARGE, (curl_off_t)0);
}

void transfer_cancel(struct transfer *t)
{
	release(t);
}

size_t transfer_running(const struct transfer_pool *pool)
{
	size_t n = 0;
	for (const struct transfer *t = pool->first; t != NULL; t = t->next)
		n++;
	return n;
}

static void finish(struct transfer *t, CURLcode code)
{
	struct transfer_result r = {.started_at = t->started_at, .finished_at = time(NULL), .size = -1};
	const struct transfer_events *events = t->events;
	void *arg = t->arg;
	long status = 0;

	curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
	if (transfer_redirected(t, status)) {
		curl_multi_remove_handle(t->pool->multi, t->easy);
		if (begin_hop(t, &t->fault))
			return;
	}
	transfer_judge(t, code, status, &r);
	release(t);
	events->done(arg, &r);
}

/* One that never stops, and never gets anywhere. */
static bool drips(struct transfer *t, int64_t now)
{
	int64_t sec = t->pool->config->stall_timeout_sec * 2;
	if (now - t->window_ms < sec * 1000)
		return false;
	bool slow = t->received - t->window_received < sec * LEAST_BYTES_PER_SEC &&
	            (t->bandwidth_bytes == 0 || t->bandwidth_bytes > LEAST_BYTES_PER_SEC * 2);
	t->window_ms = now;
	t->window_received = t->received;
	t->dripped = slow;
	if (slow)
		snprintf(t->error, sizeof t->error, "less than %d bytes a second came for %lld seconds",
		    LEAST_BYTES_PER_SEC, (long long)sec);
	return slow;
}

/* A transfer without progress has failed, whatever its average was. */
static bool stalls(struct transfer *t, int64_t now)
{
	int64_t sec = t->pool->config->stall_timeout_sec;
	/* The pauses that our own limit makes are not the upstream's. */
	if (t->bandwidth_bytes > 0)
		sec += 1 + TRANSFER_FILLS * TRANSFER_BUFFER_LEAST / t->bandwidth_bytes;
	if (now - t->progress_ms < sec * 1000)
		return false;
	snprintf(t->error, sizeof t->error, "nothing came for %lld seconds", (long long)sec);
	return true;
}

/* What kept us from looking, such as a busy catalogue or a slow disk, is not the upstreams' delay. */
static void forgive_own_delay(struct transfer_pool *pool, int64_t since_ms)
{
	int64_t delay_ms = now_ms() - since_ms;
	if (delay_ms < OWN_DELAY_MS)
		return;
	for (struct transfer *t = pool->first; t != NULL; t = t->next) {
		t->progress_ms += delay_ms;
		t->window_ms += delay_ms;
	}
}

static struct transfer *find_stalled(const struct transfer_pool *pool)
{
	int64_t now = now_ms();
	struct transfer *t = pool->first;
	/* The analyser loses sight of the list's head when one is taken out of the middle. */
	while (t != NULL && !stalls(t, now) && !drips(t, now)) // NOLINT(clang-analyzer-unix.Malloc)
		t = t->next;
	return t;
}

/* Looks from the start after each: its owner may have started or cancelled others. */
static void end_stalled(struct transfer_pool *pool)
{
	for (struct transfer *t = find_stalled(pool); t != NULL; t = find_stalled(pool)) {
		t->stalled = true;
		finish(t, CURLE_OPERATION_TIMEDOUT);
	}
}

static void wait_all(struct transfer_pool *pool, struct transfer_wait *others, size_t count, int timeout_ms)
{
	if (count > pool->waits_cap) {
		struct curl_waitfd *more = realloc(pool->waits, (count + 64) * sizeof *more);
		if (more == NULL)
			return;
		pool->waits = more;
		pool->waits_cap = count + 64;
	}
	for (size_t i = 0; i < count; i++)
		pool->waits[i] = (struct curl_waitfd){.fd = others[i].fd,
		    .events =
		        (short)((others[i].read ? CURL_WAIT_POLLIN : 0) | (others[i].write ? CURL_WAIT_POLLOUT : 0))};
	curl_multi_poll(pool->multi, pool->waits, (unsigned)count, timeout_ms, NULL);
	for (size_t i = 0; i < count; i++) {
		/* A hang-up has no flag of its own: a read will tell. */
		short came = pool->waits[i].revents;
		others[i].readable = came != 0 && (came & ~CURL_WAIT_POLLOUT) != 0;
		others[i].writable = (came & CURL_WAIT_POLLOUT) != 0;
	}
}

void transfer_turn(struct transfer_pool *pool, struct transfer_wait *others, size_t count, int timeout_ms)
{
	int running, left;
	CURLMsg *message;
	if (pool->turned_ms > 0)
		forgive_own_delay(pool, pool->turned_ms);
	wait_all(pool, others, count, timeout_ms);
	const int64_t woken_ms = now_ms();
	curl_multi_perform(pool->multi, &running);
	while ((message = curl_multi_info_read(pool->multi, &left)) != NULL) {
		struct transfer *t = NULL;
		CURLcode code = message->data.result;
		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&t);
		finish(t, code);
	}
	forgive_own_delay(pool, woken_ms);
	end_stalled(pool);
	pool->turned_ms = now_ms();
}
