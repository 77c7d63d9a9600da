/* watch: see watch.h. */
#include "warmer/watch.h"
#include "mirror/catalog_warm.h"
#include "warmer/chores.h"
#include "warmer/lock.h"
#include "warmer/notify.h"
#include "warmer/round.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <time.h>
#include <unistd.h>

enum {
	BUSY_PAUSE_MS = 2000,        /* another command works */
	BROKEN_PAUSE_MS = 60 * 1000, /* the catalogue cannot be opened */
	LOOK_MS = 60 * 1000,         /* a look at `want` that no event asked for */
	SETTLE_MS = 20,              /* after an event: the writer may not have committed yet */
	LEAST_PAUSE_MS = 1000,
};

struct watch {
	struct warmer *warmer;
	int inotify_fd;
	struct catalog_wants_state seen;
	int64_t index_due_ms, retry_due_ms; /* monotonic; retry 0: none */
	struct chores chores;
};

/* Takes what inotify has to tell. True when it was about the catalogue. */
static bool catalog_touched(const struct watch *x)
{
	/* A name is at most 255 bytes. */
	char events[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
	bool touched = false;
	ssize_t n;
	while ((n = read(x->inotify_fd, events, sizeof events)) > 0)
		for (char *p = events; p < events + n;) {
			const struct inotify_event *e = (const void *)p;
			touched |= (e->mask & IN_Q_OVERFLOW) != 0 ||
			           (e->len > 0 && strncmp(e->name, "catalog.db", strlen("catalog.db")) == 0);
			p += sizeof *e + e->len;
		}
	return touched;
}

/* Looks whether somebody wants something that he did not want when we looked last. */
static bool wants_changed(struct watch *x)
{
	struct catalog_wants_state now = {0};
	struct warmer *w = x->warmer;
	bool was_open = w->catalog != NULL;
	bool known = warmer_open_catalog(w, CATALOG_READ, NULL) && catalog_wants_state(w->catalog, &now, NULL);
	if (!was_open)
		warmer_close_catalog(w);
	/* Fewer, and none newer: what was wanted came. As many: one may have come and another be new. */
	const struct catalog_wants_state *seen = &x->seen;
	bool changed = known && (now.newest > seen->newest || now.count > seen->count ||
	                            (now.count == seen->count && now.ends != seen->ends));
	if (known)
		x->seen = now;
	return changed;
}

static bool index_is_due(const struct watch *x)
{
	return crew_now_ms() >= x->index_due_ms;
}

static bool on_news(void *arg, bool woken)
{
	struct watch *x = arg;
	return (woken && catalog_touched(x) && wants_changed(x)) || index_is_due(x);
}

/* Sleeps until something happens, at most wait_ms. False when it is time to leave. */
static bool rest(struct watch *x, int64_t wait_ms)
{
	struct pollfd waits[] = {
	    {.fd = x->warmer->signal_fd, .events = POLLIN}, {.fd = x->inotify_fd, .events = POLLIN}};
	if (!warmer_stopping(x->warmer))
		poll(waits, 2, (int)(wait_ms < LOOK_MS ? wait_ms : LOOK_MS));
	return !warmer_stopping(x->warmer);
}

static void pause_ms(struct watch *x, int ms)
{
	struct pollfd wait = {.fd = x->warmer->signal_fd, .events = POLLIN};
	if (!warmer_stopping(x->warmer))
		poll(&wait, 1, ms);
}

static void do_chores(struct watch *x)
{
	const char *command;
	while (!warmer_stopping(x->warmer) && (command = chores_take(&x->chores, crew_now_ms())) != NULL)
		(void)x->warmer->command(x->warmer, command);
}

/* What is due now waits, so that a catalogue that cannot be opened is told once a minute. */
static void postpone(struct watch *x)
{
	const int64_t later = crew_now_ms() + BROKEN_PAUSE_MS;
	chores_postpone(&x->chores, later);
	if (x->retry_due_ms > 0 && x->retry_due_ms < later)
		x->retry_due_ms = later;
	if (x->index_due_ms > later)
		x->index_due_ms = later;
}

/* One round, under the lock. False when another command works: later. */
static bool work(struct watch *x, bool index)
{
	struct warmer *w = x->warmer;
	struct round r = {.update = index, .wake_fd = x->inotify_fd, .news = on_news, .arg = x};
	struct fault f;
	int lock = lock_take(w->store, LOCK_WORK, &f);
	if (lock < 0)
		return false;
	if (index)
		x->index_due_ms = crew_now_ms() + w->config->toolchains.index_ttl_sec * 1000;
	if (warmer_open_catalog(w, CATALOG_WRITE, &f)) {
		do_chores(x);
		(void)wants_changed(x);
		(void)round_run(w, &r);
		int64_t wait_sec = r.next_try > 0 ? r.next_try - time(NULL) : 0;
		x->retry_due_ms =
		    r.next_try > 0 ? crew_now_ms() + (wait_sec > 0 ? wait_sec * 1000 : 0) + LEAST_PAUSE_MS : 0;
		if (r.end == CREW_AGAIN)
			x->retry_due_ms = crew_now_ms();
	} else {
		warmer_complain(NULL, &f);
		postpone(x);
	}
	warmer_close_catalog(w);
	close(lock);
	return true;
}

static int64_t until_due(const struct watch *x)
{
	int64_t now = crew_now_ms(), due = chores_due_ms(&x->chores);
	if (x->index_due_ms < due)
		due = x->index_due_ms;
	if (x->retry_due_ms > 0 && x->retry_due_ms < due)
		due = x->retry_due_ms;
	return due > now ? due - now : 0;
}

static void watch(struct watch *x)
{
	bool wanted = false;
	notify_send("READY=1\nSTATUS=watching\n");
	while (!warmer_stopping(x->warmer)) {
		bool index = index_is_due(x), retry = x->retry_due_ms > 0 && crew_now_ms() >= x->retry_due_ms;
		/* It stays so until a round was made of it: who wants something may hold the lock still, as verify
		 * does. */
		wanted |= wants_changed(x);
		if (index || retry || crew_now_ms() >= chores_due_ms(&x->chores) || wanted) {
			if (!work(x, index)) {
				pause_ms(x, BUSY_PAUSE_MS);
				continue;
			}
			wanted = false;
		}
		if (!rest(x, until_due(x)))
			break;
		if (catalog_touched(x))
			pause_ms(x, SETTLE_MS);
	}
	notify_send("STOPPING=1\n");
}

enum warmer_exit watch_run(struct warmer *w)
{
	struct watch x = {.warmer = w, .inotify_fd = -1};
	struct fault f;
	enum warmer_exit status = WARMER_FAILED;
	int lock = lock_take(w->store, LOCK_WATCH, &f);
	if (lock < 0) {
		warmer_complain(NULL, &f);
		return f.class == FAULT_BUSY ? WARMER_ANOTHER : WARMER_FAILED;
	}
	x.inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (x.inotify_fd >= 0 && inotify_add_watch(x.inotify_fd, w->config->state_dir, IN_MODIFY) >= 0) {
		watch(&x);
		status = WARMER_DONE;
	} else {
		fault_errno(&f, FAULT_SYSTEM, errno, "cannot watch %s", w->config->state_dir);
		warmer_complain(NULL, &f);
	}
	if (x.inotify_fd >= 0)
		close(x.inotify_fd);
	close(lock);
	return status;
}
