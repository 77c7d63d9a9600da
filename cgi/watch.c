/* watch: see watch.h. */
#include "watch.h"

#include "cgi/crowd.h"
#include "mirror/log.h"
#include "mirror/netaddr.h"
#include "mirror/service.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
	TRIES_MAX = 6,      /* connections without progress between them */
	SILENCE_FACTOR = 8, /* stall timeouts: the service tries several upstreams, each with its own */
	SILENCE_MIN_SEC = 120,
	PAUSE_MS = 50
};

static int64_t now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

bool watch_open(struct watch *w, struct site *site, struct exchange *x, const struct request *rq, const char *path)
{
	struct wire_message get = {.kind = WIRE_GET};
	*w = (struct watch){.site = site, .x = x, .fd = -1, .size = -1};
	netaddr_network(rq->address, w->network);
	w->counted = crowd_enter(site, w->network, &w->fault);
	if (!w->counted)
		return false;
	snprintf(get.path, sizeof get.path, "%s", path);
	snprintf(get.network, sizeof get.network, "%s", w->network);
	snprintf(get.source, sizeof get.source, "%s", rq->for_mirror ? WIRE_SOURCE_MIRROR : rq->source);
	w->ask_len = wire_format(&get, w->ask);
	if (w->ask_len == 0)
		return fault_set(&w->fault, FAULT_SYSTEM, "a request that the fetch service cannot be asked");
	return true;
}

static void disconnect(struct watch *w)
{
	if (w->fd >= 0)
		close(w->fd);
	w->fd = -1;
}

void watch_close(struct watch *w, struct site *site)
{
	disconnect(w);
	if (w->counted)
		crowd_leave(site, w->network);
}

/* Connects to the service; health tells of it when that fails. */
static int connect_to_service(const struct site *site, struct fault *f)
{
	int fd = service_connect_by(site->starter_fd, -1, site->config, site->store, f);
	if (counters_get(&site->counters->unreachable) != (fd < 0))
		counters_set(&site->counters->unreachable, fd < 0);
	return fd;
}

/* Sends a line on a fresh connection: it fits the socket's buffer. */
static bool send_line(int fd, const char *line, size_t len)
{
	return fcntl(fd, F_SETFL, O_NONBLOCK) == 0 && send(fd, line, len, MSG_NOSIGNAL) == (ssize_t)len;
}

/* Connects and asks. False with w->fault set when that is not to be had any more. */
static bool connect_again(struct watch *w)
{
	disconnect(w);
	while (w->tries++ < TRIES_MAX) {
		w->fd = connect_to_service(w->site, &w->fault);
		if (w->fd < 0)
			return false;
		w->in = (struct wire_buffer){0};
		w->heard_ms = now_ms();
		if (send_line(w->fd, w->ask, w->ask_len))
			return true;
		disconnect(w);
		nanosleep(&(struct timespec){.tv_nsec = PAUSE_MS * 1000000L}, NULL);
	}
	return fault_set(&w->fault, FAULT_SYSTEM, "the fetch service ended %d times without progress", TRIES_MAX);
}

/* Waits for the service or the client. True when the service has something to say. */
static bool wait_for_news(struct watch *w, enum watch_event *end)
{
	int64_t limit_ms = w->site->config->stall_timeout_sec * SILENCE_FACTOR * 1000;
	if (limit_ms < SILENCE_MIN_SEC * 1000)
		limit_ms = SILENCE_MIN_SEC * 1000;
	for (;;) {
		struct pollfd wait[2] = {{.fd = w->fd, .events = POLLIN}};
		exchange_watch(w->x, &wait[1].fd, &wait[1].events);
		int64_t left = w->heard_ms + limit_ms - now_ms();
		int n = left > 0 ? poll(wait, 2, left < 60000 ? (int)left : 60000) : 0;
		if (n > 0 && wait[0].revents != 0)
			return true;
		if (n > 0) {
			*end = WATCH_LEFT;
			return false;
		}
		if (left <= 0) {
			fault_set(
			    &w->fault, FAULT_UPSTREAM, "no news of the file for %lld s", (long long)limit_ms / 1000);
			*end = WATCH_FAIL;
			return false;
		}
	}
}

/* Takes note of a message. True when it is an event by itself. */
static bool note(struct watch *w, const struct wire_message *m, enum watch_event *event)
{
	w->heard_ms = now_ms();
	switch (m->kind) {
	case WIRE_SIZE:
		w->size = m->number;
		w->at = 0;
		*event = WATCH_SIZE;
		return true;
	case WIRE_AT:
		if (m->number > w->at)
			w->tries = 0;
		w->at = m->number;
		return false;
	case WIRE_DONE:
		*event = WATCH_DONE;
		return true;
	case WIRE_FAIL:
		w->fault = m->fault;
		w->retry_sec = m->retry_sec;
		*event = WATCH_FAIL;
		return true;
	default:
		w->fault = (struct fault){0};
		fault_set(&w->fault, FAULT_SYSTEM, "the fetch service answered a request with a request");
		*event = WATCH_FAIL;
		return true;
	}
}

enum watch_event watch_next(struct watch *w)
{
	enum watch_event event = WATCH_FAIL;
	const int64_t before = w->at;
	struct wire_message m;

	if (w->fd < 0 && !connect_again(w))
		return WATCH_FAIL;
	for (;;) {
		switch (wire_read(w->fd, &w->in, &m)) {
		case WIRE_LINE:
			if (note(w, &m, &event))
				return event;
			break;
		case WIRE_MORE:
			/* All that was said was read: an `at` that came is the newest. */
			if (w->at > before)
				return WATCH_AT;
			if (!wait_for_news(w, &event))
				return event;
			break;
		default:
			if (!connect_again(w))
				return WATCH_FAIL;
			break;
		}
	}
}

void watch_refresh(struct site *site)
{
	const struct wire_message refresh = {.kind = WIRE_REFRESH};
	char line[WIRE_LINE_CAP + 1];
	struct fault f = {0};
	const int64_t now = time(NULL);

	if (site->config->offline || atomic_exchange(&site->asked_again, now) == now)
		return;
	size_t len = wire_format(&refresh, line);
	int fd = connect_to_service(site, &f);
	if (fd < 0) {
		log_fault(&f, "refresh", NULL);
		return;
	}
	if (!send_line(fd, line, len))
		log_event(LOG_WARN_LEVEL, "refresh", "error", "the fetch service does not listen", NULL);
	close(fd);
}
