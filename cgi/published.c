/* published: see published.h. */
#include "published.h"

#include "cgi/buffer.h"
#include "cgi/content.h"
#include "cgi/journal.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Who sends the bytes. */
enum hand { HAND_SELF, HAND_SENDFILE, HAND_ACCEL, HAND_REDIRECT };

enum { ETAG_CAP = 48, LOCATION_CAP = 2048 };

static enum hand choose_hand(const struct site *site, const struct exchange *x, const struct request *rq)
{
	switch (site->config->offload) {
	case OFFLOAD_X_SENDFILE:
		return HAND_SENDFILE;
	case OFFLOAD_X_ACCEL_REDIRECT:
		return HAND_ACCEL;
	case OFFLOAD_LOCAL_REDIRECT:
		/* Servers take a Location without a status from a FastCGI responder as a redirect for the client, which
		 * this mirror never sends. A request that was handed off before shows that the server does not find the
		 * file: once more would be a loop. */
		return exchange_is_cgi(x) && !rq->handed_off ? HAND_REDIRECT : HAND_SELF;
	default:
		return HAND_SELF;
	}
}

/* A local redirect (RFC 3875 section 6.2.2) is a Location and nothing else. */
static bool send_redirect(const struct site *site, struct exchange *x, const char *path)
{
	char location[LOCATION_CAP];
	int n = snprintf(
	    location, sizeof location, "Location: %s/%s?" REQUEST_HANDED_OFF "\r\n\r\n", site->config->mount, path);
	exchange_set_status(x, 200);
	return n > 0 && (size_t)n < sizeof location && exchange_send(x, location, (size_t)n);
}

static bool send_offload(
    const struct site *site, struct exchange *x, const char *path, enum hand hand, const struct response *judged)
{
	struct response r = *judged;
	r.offload_header = hand == HAND_SENDFILE ? "X-Sendfile: " : "X-Accel-Redirect: ";
	r.offload_root = hand == HAND_SENDFILE ? site->config->state_dir : "";
	r.offload_prefix = hand == HAND_SENDFILE ? "/public/" : "/_files/";
	r.offload_path = path;
	/* nginx would say it a second time. */
	r.ranges = hand == HAND_SENDFILE;
	return respond_head(x, &r);
}

/* Sends what was judged, or has it sent. Returns how many of the file's bytes that hands out, or what content_send
 * says. */
static int64_t send_answer(struct site *site, struct exchange *x, const struct request *rq, const char *path,
    enum hand hand, int fd, struct response *r)
{
	if (hand == HAND_SELF || r->status != 200)
		return content_send(site, x, rq, fd, r);
	bool sent = hand == HAND_REDIRECT ? send_redirect(site, x, path) : send_offload(site, x, path, hand, r);
	return !sent ? CONTENT_BROKEN : rq->head ? 0 : r->size;
}

static void write_etag(const struct store_info *info, char out[ETAG_CAP])
{
	struct buffer b;
	buffer_over(&b, out, ETAG_CAP);
	buffer_add(&b, "\"", 1);
	buffer_hex(&b, (uint64_t)info->size);
	buffer_add(&b, "-", 1);
	buffer_hex(&b, (uint64_t)info->mtime);
	buffer_add(&b, "\"", 1);
}

/* What a hit costs in system calls, with FastCGI and when the web server sends the file (tests/e2e/test_hit_cost.py
 * holds it to this list): epoll_wait and accept4 for the connection (accept4 alone while connections wait), setsockopt
 * for the time that the request may take to come, read for the request, newfstatat for the file, write for the answer
 * and its end, close. The journal is written once a second by another thread. */
bool published_answer(
    struct site *site, struct exchange *x, const struct request *rq, const struct route *route, struct fault *f)
{
	const enum hand hand = choose_hand(site, x, rq);
	struct response r = {.cache_control = RESPOND_IMMUTABLE, .ranges = true};
	struct store_info info;
	char etag[ETAG_CAP];
	int fd = -1;

	/* A file that others send need not be opened; opening it tells why it is not there. */
	if (hand == HAND_SELF || !store_stat_public(site->store, route->path, &info)) {
		fd = store_open_public(site->store, route->path, &info, f);
		if (fd < 0)
			return false;
	}
	write_etag(&info, etag);
	r.etag = etag;
	r.modified = info.mtime;
	r.type = route_content_type(route->path);
	content_judge(rq, info.size, hand == HAND_SELF, &r);
	int status = r.status;
	int64_t bytes = send_answer(site, x, rq, route->path, hand, fd, &r);
	if (bytes == CONTENT_BROKEN)
		exchange_abort(x);
	else if (bytes >= 0 && status != 416)
		journal_hit(site, route->path, rq->source, status, bytes);
	if (fd >= 0)
		close(fd);
	return true;
}
