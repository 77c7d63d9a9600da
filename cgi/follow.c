/* follow: see follow.h. */
#include "follow.h"

#include "cgi/journal.h"
#include "cgi/published.h"
#include "cgi/respond.h"
#include "cgi/server.h"
#include "cgi/watch.h"
#include "mirror/log.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HOLD_BACK_BYTES = 64 * 1024, PART_PATH_CAP = WIRE_PATH_CAP + 16, TRIES_MAX = 4 };

struct follower {
	struct site *site;
	struct exchange *x;
	const struct request *rq;
	const struct route *route;
	struct watch watch;
	int fd; /* the content; -1: none yet */
	struct store_info info;
	bool started;     /* the head is out */
	int64_t promised; /* the Content-Length of the head; -1: none */
	int64_t sent;
};

static bool is_same_file(const struct store_info *a, const struct store_info *b)
{
	return a->inode == b->inode && a->device == b->device;
}

/* Opens what grows, or what it became meanwhile. -1 when there is neither: the next message tells. */
static int open_content(const struct follower *w, struct store_info *info)
{
	char part[PART_PATH_CAP];
	snprintf(part, sizeof part, "part/%s", w->route->path);
	int fd = store_open_file(w->site->store, part, info, NULL);
	return fd >= 0 ? fd : store_open_public(w->site->store, w->route->path, info, NULL);
}

/* A `size` may speak of another file than the last one did. False when bytes of that other one were sent already. */
static bool look_again(struct follower *w)
{
	struct store_info info;
	int fd = open_content(w, &info);
	if (fd >= 0 && w->fd >= 0 && is_same_file(&info, &w->info)) {
		close(fd);
		return !w->started || w->promised < 0 || w->watch.size < 0 || w->promised == w->watch.size;
	}
	if (w->started) {
		if (fd >= 0)
			close(fd);
		return fd < 0;
	}
	if (w->fd >= 0)
		close(w->fd);
	w->fd = fd;
	w->info = info;
	return true;
}

static bool send_head(struct follower *w)
{
	const struct response r = {.status = 200,
	    .type = route_content_type(w->route->path),
	    .cache_control = RESPOND_IMMUTABLE,
	    .has_length = w->watch.size >= 0,
	    .length = w->watch.size,
	    .more = w->rq->head ? NULL : server_stream_lines(w->x)};
	w->started = true;
	w->promised = w->watch.size;
	return respond_head(w->x, &r);
}

/* Sends up to `limit` bytes of the whole, now. False when the answer has to be broken off. */
static bool send_up_to(struct follower *w, int64_t limit)
{
	if (limit <= w->sent)
		return true;
	if (!w->started && !send_head(w))
		return false;
	if (!respond_bytes(w->x, w->fd, w->sent, limit - 1))
		return false;
	w->sent = limit;
	return exchange_flush(w->x);
}

/* True when something may be said before the verdict. */
static bool may_speak(const struct follower *w)
{
	return !w->site->config->verify_before_send && w->fd >= 0;
}

static bool send_some(struct follower *w)
{
	const int64_t size = w->started ? w->promised : w->watch.size;
	int64_t limit = size >= 0 && w->watch.at > size ? size : w->watch.at;
	if (w->fd < 0)
		w->fd = open_content(w, &w->info);
	if (!w->started && (w->rq->head || !may_speak(w) || !server_shows_torn(w->x, size >= 0)))
		return true;
	return send_up_to(w, limit - HOLD_BACK_BYTES);
}

/* HEAD need not wait for the bytes, unless nothing may be said before the verdict. */
static bool answer_head(struct follower *w)
{
	if (!w->rq->head || !may_speak(w))
		return false;
	if (send_head(w))
		journal_hit(w->site, w->route->path, w->rq->source, 200, 0);
	return true;
}

/* The rest of a file whose beginning was sent: it must be the published one. Else *f has the reason. */
static bool send_rest(struct follower *w, struct fault *f)
{
	struct store_info info;
	struct stat st;
	int fd = store_open_public(w->site->store, w->route->path, &info, f);
	if (fd < 0)
		return false;
	close(fd);
	if (fstat(w->fd, &st) != 0)
		return fault_errno(f, FAULT_SYSTEM, errno, "the part");
	if (!is_same_file(&info, &w->info) || (w->promised >= 0 && w->promised != st.st_size))
		return fault_set(f, FAULT_SYSTEM, "another file was published");
	return send_up_to(w, st.st_size) || fault_set(f, FAULT_SYSTEM, "it cannot be sent");
}

static void break_off(struct follower *w, const char *why)
{
	log_event(LOG_WARN_LEVEL, "cut", "path", w->route->path, "sent", log_int(w->sent).text, "why", why, NULL);
	exchange_abort(w->x);
}

/* False when the file is gone again and nothing was said yet. */
static bool finish(struct follower *w)
{
	struct fault f = {0};
	if (w->started) {
		if (send_rest(w, &f))
			journal_hit(w->site, w->route->path, w->rq->source, 200, w->sent);
		else
			break_off(w, exchange_is_gone(w->x) ? "the client left" : f.text);
	} else if (!published_answer(w->site, w->x, w->rq, w->route, &f)) {
		if (f.class == FAULT_ABSENT)
			return false;
		respond_fault(w->x, &f, 0, w->route->path, w->rq->head);
	}
	return true;
}

static void fail(struct follower *w)
{
	if (w->started)
		break_off(w, w->watch.fault.text);
	else
		respond_fault(w->x, &w->watch.fault, w->watch.retry_sec, w->route->path, w->rq->head);
}

/* Takes one event after the other until the answer is given. False when the published file is gone again. */
static bool run(struct follower *w)
{
	for (;;) {
		switch (watch_next(&w->watch)) {
		case WATCH_SIZE:
			if (!look_again(w)) {
				break_off(w, "the transfer began anew");
				return true;
			}
			if (answer_head(w))
				return true;
			break;
		case WATCH_AT:
			if (!send_some(w)) {
				break_off(
				    w, exchange_is_gone(w->x) ? "the client left" : "the part is shorter than told");
				return true;
			}
			break;
		case WATCH_DONE:
			return finish(w);
		case WATCH_LEFT:
			exchange_abort(w->x);
			return true;
		default:
			fail(w);
			return true;
		}
	}
}

/* Once, from asking the service to the answer. False when the published file is gone again. */
static bool follow_once(struct site *site, struct exchange *x, const struct request *rq, const struct route *route)
{
	struct follower w = {.site = site, .x = x, .rq = rq, .route = route, .fd = -1};
	bool answered = true;
	if (watch_open(&w.watch, site, x, rq, route->path))
		answered = run(&w);
	else
		fail(&w);
	watch_close(&w.watch, site);
	if (w.fd >= 0)
		close(w.fd);
	return answered;
}

void follow_file(struct site *site, struct exchange *x, const struct request *rq, const struct route *route)
{
	struct fault f;
	/* Somebody may delete a file as soon as it is published: that is one that is not here. */
	for (int i = 0; i < TRIES_MAX; i++)
		if (follow_once(site, x, rq, route))
			return;
	fault_set(&f, FAULT_SYSTEM, "%s was published and deleted %d times in a row", route->path, TRIES_MAX);
	respond_fault(x, &f, 0, route->path, rq->head);
}

bool follow_wait(
    struct site *site, struct exchange *x, const struct request *rq, const char *path, struct fault *f, int *retry_sec)
{
	struct watch w;
	enum watch_event event = WATCH_FAIL;
	if (watch_open(&w, site, x, rq, path))
		do
			event = watch_next(&w);
		while (event == WATCH_SIZE || event == WATCH_AT);
	watch_close(&w, site);
	*f = w.fault;
	*retry_sec = w.retry_sec;
	if (event == WATCH_LEFT)
		*f = (struct fault){0};
	return event == WATCH_DONE;
}
