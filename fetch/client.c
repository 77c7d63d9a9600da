/* client: see client.h. */
#include "fetch/client.h"
#include "fetch/documents.h"
#include "fetch/job.h"
#include "mirror/log.h"
#include "mirror/wire.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	OUT_CAP = 4 * (WIRE_LINE_CAP + 1),
	SILENT_LIMIT_MS = 10 * 1000,
	DEAF_LIMIT_MS = 30 * 1000,
	FULL_PAUSE_MS = 100,
	FULL_RETRY_SEC = 5
};

struct client {
	struct client *next;
	struct clients *all;
	int fd;
	bool asked;  /* its request has come */
	bool ending; /* close when all is written */
	bool broken;
	struct wire_buffer in;
	char out[OUT_CAP];
	size_t out_len;
	int64_t at;       /* not written yet; -1: nothing. Only the latest counts */
	int64_t since_ms; /* of the connection, then of the first byte that waits to be written */
	struct job_listener listener;
	bool on_document;
};

struct clients {
	struct fetch *fetch;
	struct client *first;
	size_t count;
	int64_t full_until_ms; /* there was no descriptor left */
};

struct clients *clients_new(struct fetch *x)
{
	struct clients *c = calloc(1, sizeof *c);
	if (c != NULL)
		c->fetch = x;
	return c;
}

static void drop(struct client *c)
{
	struct client **p = &c->all->first;
	while (*p != c)
		p = &(*p)->next;
	*p = c->next;
	c->all->count--;
	if (c->on_document)
		documents_leave(c->all->fetch, &c->listener);
	else
		job_leave(&c->listener);
	close(c->fd);
	free(c);
}

void clients_free(struct clients *c)
{
	if (c == NULL)
		return;
	while (c->first != NULL)
		drop(c->first);
	free(c);
}

static void flush(struct client *c)
{
	while (c->out_len > 0) {
		ssize_t n = send(c->fd, c->out, c->out_len, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			c->broken = errno != EAGAIN && errno != EWOULDBLOCK;
			return;
		}
		memmove(c->out, c->out + n, c->out_len - (size_t)n);
		c->out_len -= (size_t)n;
		c->since_ms = fetch_now_ms();
	}
}

static void put(struct client *c, const struct wire_message *m)
{
	char line[WIRE_LINE_CAP + 1];
	size_t len = wire_format(m, line);
	if (c->out_len == 0)
		c->since_ms = fetch_now_ms();
	if (len == 0 || len > sizeof c->out - c->out_len) {
		c->broken = true;
		return;
	}
	memcpy(c->out + c->out_len, line, len);
	c->out_len += len;
}

/* `at` waits until everything before it is written, so that a slow reader gets the latest only. */
static void put_at(struct client *c)
{
	if (c->at < 0 || c->out_len > 0)
		return;
	put(c, &(struct wire_message){.kind = WIRE_AT, .number = c->at});
	c->at = -1;
}

static void on_size(void *arg, int64_t size)
{
	struct client *c = arg;
	c->at = -1;
	put(c, &(struct wire_message){.kind = WIRE_SIZE, .number = size});
}

static void on_at(void *arg, int64_t bytes)
{
	struct client *c = arg;
	c->at = bytes;
	/* Now, not at the next turn: libcurl may read for some milliseconds on end. */
	put_at(c);
	flush(c);
}

static void on_end(void *arg, const struct fault *f, int retry_sec)
{
	struct client *c = arg;
	struct wire_message m = {.kind = WIRE_DONE};
	c->at = -1;
	if (f != NULL) {
		m.kind = WIRE_FAIL;
		m.fault = *f;
		m.retry_sec = retry_sec > 0 ? retry_sec : 0;
	}
	put(c, &m);
	c->ending = true;
	c->on_document = false;
}

static void serve(struct client *c, const struct wire_message *m)
{
	struct fetch *x = c->all->fetch;
	struct route route;
	struct fault f;
	c->asked = true;
	c->listener = (struct job_listener){.arg = c,
	    .mirror = m->kind == WIRE_GET && strcmp(m->source, WIRE_SOURCE_MIRROR) == 0,
	    .size = on_size,
	    .at = on_at,
	    .end = on_end};
	if (m->kind == WIRE_REFRESH) {
		documents_refresh(x);
		c->ending = true;
	} else if (m->kind == WIRE_UPDATE) {
		c->on_document = true;
		documents_update(x, &c->listener);
	} else if (m->kind != WIRE_GET && m->kind != WIRE_WANT) {
		c->broken = true;
	} else if (!route_canonical(x->config, m->path, &route, &f)) {
		on_end(c, &f, 0);
	} else if (route.kind == ROUTE_INDEX || route.kind == ROUTE_MIRRORS) {
		c->on_document = true;
		documents_join(x, &route, &c->listener);
	} else {
		const struct job_ask ask = {
		    .person = m->kind == WIRE_GET, .network = m->kind == WIRE_GET ? m->network : "-"};
		job_join(x, &route, &ask, &c->listener);
	}
}

static void read_request(struct client *c)
{
	struct wire_message m;
	enum wire_status status = wire_read(c->fd, &c->in, &m);
	if (status == WIRE_LINE && !c->asked)
		serve(c, &m);
	else if (status != WIRE_MORE)
		c->broken = true; /* it left, or says more than one thing */
}

/* One for whom there is no place. A socket that was just made has room for the line. */
static void turn_away(int fd)
{
	struct wire_message m = {.kind = WIRE_FAIL, .retry_sec = FULL_RETRY_SEC};
	char line[WIRE_LINE_CAP + 1];
	fault_set(&m.fault, FAULT_BUSY, "too many clients wait for files that are not here yet");
	size_t len = wire_format(&m, line);
	(void)!send(fd, line, len, MSG_NOSIGNAL | MSG_DONTWAIT);
	close(fd);
}

bool clients_can_accept(const struct clients *c)
{
	return c->full_until_ms == 0 || fetch_now_ms() >= c->full_until_ms;
}

int clients_accept(struct clients *all, int listener)
{
	/* Who came first is heard first. */
	struct client **end = &all->first;
	int n = 0;
	for (;;) {
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd < 0 && (errno == EINTR || errno == ECONNABORTED))
			continue;
		if (fd < 0 && errno != EAGAIN && errno != EWOULDBLOCK)
			all->full_until_ms = fetch_now_ms() + FULL_PAUSE_MS;
		if (fd < 0)
			return n;
		struct client *c = all->count < CLIENTS_MAX ? calloc(1, sizeof *c) : NULL;
		if (c == NULL) {
			turn_away(fd);
			continue;
		}
		*c = (struct client){.all = all, .fd = fd, .at = -1, .since_ms = fetch_now_ms()};
		while (*end != NULL)
			end = &(*end)->next;
		*end = c;
		all->count++;
		n++;
	}
}

size_t clients_wait(struct clients *all, struct transfer_wait *out, size_t cap)
{
	size_t n = 0;
	for (struct client *c = all->first; c != NULL && n < cap; c = c->next) {
		put_at(c);
		flush(c);
		out[n++] = (struct transfer_wait){.fd = c->fd, .read = true, .write = c->out_len > 0};
	}
	return n;
}

/* One who says nothing, or reads nothing, holds a place that others need. */
static bool too_slow(const struct client *c, int64_t now)
{
	return (!c->asked && now - c->since_ms > SILENT_LIMIT_MS) ||
	       (c->out_len > 0 && now - c->since_ms > DEAF_LIMIT_MS);
}

void clients_turn(struct clients *all, const struct transfer_wait *waits, size_t count)
{
	int64_t now = fetch_now_ms();
	size_t i = 0;
	for (struct client *c = all->first, *next; c != NULL; c = next, i++) {
		next = c->next;
		if (i < count && waits[i].readable)
			read_request(c);
		put_at(c);
		flush(c);
		if (c->broken || (c->ending && c->out_len == 0) || too_slow(c, now))
			drop(c);
	}
}

bool clients_any(const struct clients *c)
{
	return c->first != NULL;
}

size_t clients_count(const struct clients *c)
{
	return c->count;
}
