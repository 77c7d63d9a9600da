/* crew: see crew.h. */
#include "warmer/crew.h"
#include "mirror/catalog_warm.h"
#include "mirror/service.h"
#include "mirror/wire.h"
#include "warmer/room.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
	TICK_MS = 200,
	TRIES_MAX = 3,  /* of a file in one run */
	BREAKS_MAX = 5, /* of the service under one file */
	RETRY_FIRST_MS = 1000,
	AHEAD = 2, /* asked for beyond what the service runs at once, so that it never waits for us */
	FIXED_WAITS = 2
};

enum { MINUTE_SEC = 60, HOUR_SEC = 3600, DAY_SEC = 24 * HOUR_SEC };

struct hand {
	int fd; /* -1: idle */
	struct plan_item *item;
	size_t index;
	struct wire_buffer buffer;
};

struct crew {
	struct warmer *warmer;
	struct plan *plan;
	const struct crew_hooks *hooks;
	struct hand *hands;
	size_t hand_count, busy;
	size_t first; /* items before it are dealt with */
	bool told_catalog;
};

int64_t crew_now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t crew_pause_sec(enum fault_class class, int attempts)
{
	/* What upstream does not have, or has wrong, seldom changes soon. */
	bool lasting = class == FAULT_ABSENT || class == FAULT_INTEGRITY;
	int64_t pause = lasting ? HOUR_SEC : MINUTE_SEC / 2, most = lasting ? DAY_SEC : 6 * HOUR_SEC;
	for (int i = 0; i < attempts && pause < most; i++)
		pause *= 2;
	return pause < most ? pause : most;
}

static bool ask(struct warmer *w, const struct wire_message *m, int *fd, struct fault *f)
{
	char line[WIRE_LINE_CAP + 1];
	size_t len = wire_format(m, line);
	*fd = service_connect_by(w->starter_fd, w->signal_fd, w->config, w->store, f);
	/* A window that was resized is no reason to stop. */
	while (*fd < 0 && f->class == FAULT_BUSY && !warmer_stopping(w))
		*fd = service_connect_by(w->starter_fd, w->signal_fd, w->config, w->store, f);
	if (*fd < 0)
		return false;
	/* A line always fits into a fresh socket; a service that died meanwhile is seen when it is read from. */
	ssize_t n = send(*fd, line, len, MSG_NOSIGNAL);
	if (len > 0 && (n == (ssize_t)len || errno == EPIPE || errno == ECONNRESET))
		return true;
	close(*fd);
	*fd = -1;
	return fault_errno(f, FAULT_SYSTEM, errno, "cannot write to the fetch service");
}

bool crew_update(struct warmer *w, struct fault *f)
{
	struct wire_buffer buffer;
	struct wire_message m = {.kind = WIRE_UPDATE};
	enum wire_status status = WIRE_CLOSED;
	int fd = -1;
	for (int tries = 0; status == WIRE_CLOSED && tries < BREAKS_MAX; tries++) {
		memset(&buffer, 0, sizeof buffer);
		if (fd >= 0)
			close(fd);
		if (!ask(w, &(struct wire_message){.kind = WIRE_UPDATE}, &fd, f))
			return false;
		status = WIRE_MORE;
		while (status == WIRE_MORE && !warmer_stopping(w)) {
			struct pollfd waits[FIXED_WAITS] = {
			    {.fd = w->signal_fd, .events = POLLIN}, {.fd = fd, .events = POLLIN}};
			poll(waits, FIXED_WAITS, -1);
			if (waits[1].revents != 0)
				status = wire_read(fd, &buffer, &m);
		}
	}
	close(fd);
	if (status == WIRE_LINE && m.kind == WIRE_DONE)
		return true;
	if (status == WIRE_LINE && m.kind == WIRE_FAIL) {
		*f = m.fault;
		return false;
	}
	if (w->stopping)
		return fault_set(f, FAULT_BUSY, "stopped");
	return fault_set(f, FAULT_SYSTEM, "the fetch service does not answer");
}

/* Writes down that an item could not be had; a catalogue that cannot be written stops no download. */
static void put_off(struct crew *c, struct plan_item *item, enum fault_class class, const char *reason)
{
	struct fault f;
	int64_t now = time(NULL);
	item->next_try = now + crew_pause_sec(class, item->attempts++);
	if (catalog_want_failed(c->warmer->catalog, item->path, item->next_try, reason, now, &f) || c->told_catalog)
		return;
	c->told_catalog = true;
	warmer_complain("catalogue", &f);
}

static void tell_ended(struct crew *c, struct plan_item *item)
{
	if (c->hooks->ended != NULL)
		c->hooks->ended(c->hooks->arg, c->plan, item);
}

static void fetched(struct crew *c, struct plan_item *item)
{
	struct store_info info;
	item->state = PLAN_FETCHED;
	if (store_stat_public(c->warmer->store, item->path, &info))
		item->size = info.size;
	item->at = item->size > 0 ? item->size : 0;
	tell_ended(c, item);
}

/* A signature that its upstream does not have, while its file is here: nothing is lacking. Asked for again some day. */
static void unsigned_file(struct crew *c, struct plan_item *signature)
{
	signature->state = PLAN_UNSIGNED;
	put_off(c, signature, FAULT_ABSENT, "upstream has no signature of it");
	tell_ended(c, signature);
}

static bool file_is_here(struct crew *c, const struct plan_item *signature)
{
	char *path = strndup(signature->path, strlen(signature->path) - strlen(".minisig"));
	bool here = path != NULL && store_stat_public(c->warmer->store, path, NULL);
	free(path);
	return here;
}

/* The service has fetched the signature along with its file. */
static void look_at_signature(struct crew *c, size_t index, bool file_came)
{
	struct plan_item *signature = plan_signature(c->plan, index);
	if (signature == NULL || signature->state != PLAN_LACKING)
		return;
	if (store_stat_public(c->warmer->store, signature->path, NULL))
		fetched(c, signature);
	else if (file_came)
		unsigned_file(c, signature);
	else
		signature->state = PLAN_WAITING; /* for its file */
}

/* What is being fetched leaves so much less for the rest; what was not had gives it back. */
static void take_room(struct crew *c, struct plan_item *item, bool back)
{
	struct plan *p = c->plan;
	if (p->budget == INT64_MAX)
		return;
	if (!back)
		item->taken = item->size > 0 ? item->size : 0;
	p->dev_budget -= back ? -item->taken : item->taken;
	if (!item->dev)
		p->budget -= back ? -item->taken : item->taken;
}

static void failed(struct crew *c, struct plan_item *item, size_t index, const struct fault *why, int retry_sec)
{
	item->failure = *why;
	take_room(c, item, true);
	if (why->class == FAULT_FULL) {
		item->state = PLAN_UNFIT;
	} else if (why->class == FAULT_ABSENT && item->signature && file_is_here(c, item)) {
		unsigned_file(c, item);
		return;
	} else if (why->class != FAULT_ABSENT && why->class != FAULT_INTEGRITY && ++item->tries < TRIES_MAX) {
		int64_t pause = (int64_t)RETRY_FIRST_MS << (item->tries - 1);
		item->state = PLAN_LACKING;
		item->not_before =
		    crew_now_ms() + (retry_sec * INT64_C(1000) > pause ? retry_sec * INT64_C(1000) : pause);
		if (index < c->first)
			c->first = index;
		return;
	} else {
		item->state = PLAN_FAILED;
		put_off(c, item, why->class, why->text);
	}
	tell_ended(c, item);
	look_at_signature(c, index, false);
}

static void drop(struct crew *c, struct hand *h)
{
	close(h->fd);
	h->fd = -1;
	h->item = NULL;
	c->busy--;
}

/* The service died or is another one: the next one goes on with the part. */
static void broken(struct crew *c, struct hand *h)
{
	struct plan_item *item = h->item;
	size_t index = h->index;
	struct fault f;
	drop(c, h);
	if (++item->breaks < BREAKS_MAX) {
		take_room(c, item, true);
		item->state = PLAN_LACKING;
		if (index < c->first)
			c->first = index;
		return;
	}
	fault_set(&f, FAULT_SYSTEM, "the fetch service died under it %d times, see run/fetch.log", item->breaks);
	item->tries = TRIES_MAX;
	failed(c, item, index, &f, 0);
}

static void hear(struct crew *c, struct hand *h)
{
	struct wire_message m;
	enum wire_status status;
	struct plan_item *item = h->item;
	size_t index = h->index;
	while ((status = wire_read(h->fd, &h->buffer, &m)) == WIRE_LINE) {
		if (m.kind == WIRE_SIZE) {
			item->size_told = true;
			if (m.number >= 0)
				item->size = m.number;
		} else if (m.kind == WIRE_AT) {
			item->at = m.number;
			item->breaks = 0;
		} else if (m.kind == WIRE_DONE) {
			drop(c, h);
			fetched(c, item);
			look_at_signature(c, index, true);
			return;
		} else if (m.kind == WIRE_FAIL) {
			drop(c, h);
			failed(c, item, index, &m.fault, m.retry_sec);
			return;
		} else {
			break;
		}
		/* One line is certain, more are not: the socket blocks. */
		struct pollfd more = {.fd = h->fd, .events = POLLIN};
		if (memchr(h->buffer.data + h->buffer.consumed, '\n', h->buffer.len - h->buffer.consumed) == NULL &&
		    poll(&more, 1, 0) <= 0)
			return;
	}
	if (status != WIRE_MORE)
		broken(c, h);
}

/* What running items will still take of the disk. */
static int64_t outstanding(const struct crew *c)
{
	int64_t sum = 0;
	for (size_t i = 0; i < c->hand_count; i++)
		if (c->hands[i].item != NULL && !c->hands[i].item->size_told)
			sum += room_needed(c->warmer->store, c->hands[i].item);
	return sum;
}

static bool fits(const struct crew *c, size_t index)
{
	const struct store *store = c->warmer->store;
	const struct plan_item *signature = plan_signature(c->plan, index);
	int64_t need = room_needed(store, &c->plan->items[index]);
	if (signature != NULL && signature->state == PLAN_LACKING)
		need += plan_room(signature);
	/* Both are INT64_MAX without a max_bytes. */
	if (need > (c->plan->items[index].dev ? c->plan->dev_budget : c->plan->budget))
		return false;
	return need <= room_free(store) - outstanding(c);
}

static void too_big(struct crew *c, size_t index)
{
	struct plan_item *item = &c->plan->items[index], *signature = plan_signature(c->plan, index);
	item->state = PLAN_UNFIT;
	fault_set(&item->failure, FAULT_FULL, "there is no room for it");
	tell_ended(c, item);
	if (signature != NULL && signature->state == PLAN_LACKING)
		signature->state = PLAN_WAITING;
}

/* The next item that may be tried, by the plan's order. *wait_ms: when one that is put off may be. */
static struct plan_item *next_item(struct crew *c, size_t *index, int *wait_ms)
{
	int64_t now = crew_now_ms();
	while (c->first < c->plan->count && c->plan->items[c->first].state != PLAN_LACKING)
		c->first++;
	for (size_t i = c->first; i < c->plan->count; i++) {
		struct plan_item *item = &c->plan->items[i];
		if (item->state != PLAN_LACKING)
			continue;
		/* A signature comes with its file. */
		if (i > 0 && item->signature && plan_signature(c->plan, i - 1) == item) {
			enum plan_state file = c->plan->items[i - 1].state;
			if (file == PLAN_RUNNING || file == PLAN_LACKING)
				continue;
		}
		if (item->not_before > now) {
			if (item->not_before - now < *wait_ms)
				*wait_ms = (int)(item->not_before - now);
			continue;
		}
		*index = i;
		return item;
	}
	return NULL;
}

static struct hand *idle_hand(struct crew *c)
{
	for (size_t i = 0; i < c->hand_count; i++)
		if (c->hands[i].fd < 0)
			return &c->hands[i];
	return NULL;
}

/* Asks for as much as hands are idle. False when the service cannot be reached. */
static bool begin(struct crew *c, int *wait_ms, struct fault *f)
{
	struct hand *h;
	struct plan_item *item;
	size_t index = 0;
	while ((h = idle_hand(c)) != NULL && (item = next_item(c, &index, wait_ms)) != NULL) {
		if (!fits(c, index)) {
			too_big(c, index);
			continue;
		}
		struct wire_message m = {.kind = WIRE_WANT};
		memcpy(m.path, item->path, strlen(item->path) + 1);
		if (!ask(c->warmer, &m, &h->fd, f))
			return false;
		memset(&h->buffer, 0, sizeof h->buffer);
		h->item = item;
		h->index = index;
		take_room(c, item, false);
		item->state = PLAN_RUNNING;
		item->size_told = false;
		item->at = 0;
		c->busy++;
	}
	return true;
}

static bool anything_left(const struct crew *c)
{
	if (c->busy > 0)
		return true;
	for (size_t i = c->first; i < c->plan->count; i++)
		if (c->plan->items[i].state == PLAN_LACKING)
			return true;
	return false;
}

/* Waits for hands, signals and news, and hears what came. True when there may be news. */
static bool turn(struct crew *c, struct pollfd *waits, int wait_ms)
{
	waits[0] = (struct pollfd){.fd = c->warmer->signal_fd, .events = POLLIN};
	waits[1] = (struct pollfd){.fd = c->hooks->wake_fd, .events = POLLIN};
	for (size_t i = 0; i < c->hand_count; i++)
		waits[FIXED_WAITS + i] = (struct pollfd){.fd = c->hands[i].fd, .events = POLLIN};
	if (poll(waits, c->hand_count + FIXED_WAITS, wait_ms) < 0)
		return false;
	for (size_t i = 0; i < c->hand_count; i++)
		if (waits[FIXED_WAITS + i].revents != 0 && c->hands[i].fd >= 0)
			hear(c, &c->hands[i]);
	return waits[1].revents != 0;
}

static enum crew_end work(struct crew *c, struct pollfd *waits, struct fault *f)
{
	bool news = false;
	f->class = FAULT_NONE;
	while (anything_left(c)) {
		int wait_ms = TICK_MS;
		if (warmer_stopping(c->warmer))
			return CREW_STOPPED;
		if (c->hooks->news != NULL && c->hooks->news(c->hooks->arg, news))
			return CREW_AGAIN;
		if (!begin(c, &wait_ms, f)) {
			if (!warmer_stopping(c->warmer))
				return CREW_DONE;
			f->class = FAULT_NONE;
			return CREW_STOPPED;
		}
		if (c->hooks->tick != NULL)
			c->hooks->tick(c->hooks->arg, c->plan);
		news = turn(c, waits, wait_ms);
	}
	return CREW_DONE;
}

enum crew_end crew_run(struct warmer *w, struct plan *p, const struct crew_hooks *hooks, struct fault *f)
{
	struct crew c = {
	    .warmer = w, .plan = p, .hooks = hooks, .hand_count = (size_t)w->config->warmer.connections + AHEAD};
	struct pollfd *waits = calloc(c.hand_count + FIXED_WAITS, sizeof *waits);
	enum crew_end end = CREW_DONE;
	c.hands = calloc(c.hand_count, sizeof *c.hands);
	if (waits != NULL && c.hands != NULL) {
		for (size_t i = 0; i < c.hand_count; i++)
			c.hands[i].fd = -1;
		end = work(&c, waits, f);
		for (size_t i = 0; i < c.hand_count; i++)
			if (c.hands[i].fd >= 0)
				drop(&c, &c.hands[i]);
	} else {
		fault_errno(f, FAULT_SYSTEM, ENOMEM, "the plan");
	}
	free(c.hands);
	free(waits);
	return end;
}
