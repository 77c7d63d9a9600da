/* workers: see workers.h. */
#include "workers.h"

#include "cgi/crowd.h"
#include "cgi/gateway.h"
#include "cgi/serve.h"
#include "mirror/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* A client that takes nothing for so many stall times is given up. */
enum { STACK_BYTES = 256 * 1024, SEND_FACTOR = 4 };

struct workers {
	struct site *site;
	struct listener *listener;
	int count; /* that serve what needs no waiting */
	pthread_mutex_t lock;
	pthread_cond_t fewer;
	atomic_int running; /* written under lock; those that are idle run, too */
	atomic_int idle;
};

static void *work(void *argument);

/* Starts a thread, which is idle. With the lock held. Returns 0 or what the system says. */
static int start_one(struct workers *w)
{
	pthread_t thread;
	pthread_attr_t attributes;
	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attributes, STACK_BYTES);
	int error = pthread_create(&thread, &attributes, work, w);
	pthread_attr_destroy(&attributes);
	if (error != 0)
		return error;
	w->running++;
	w->idle++;
	return 0;
}

/* Starts a thread when none is idle though fewer than `count` are busy without waiting. With the lock held. */
static void replace_waiting(struct workers *w)
{
	struct fault f;
	if (w->idle > 0 || w->running - atomic_load(&w->site->waiting) >= w->count)
		return;
	int error = start_one(w);
	if (error == 0)
		return;
	/* Then one of those that are there is kept from waiting. */
	atomic_store(&w->site->waiting_max, w->running > 1 ? w->running - 1 : 1);
	fault_errno(&f, FAULT_SYSTEM, error, "cannot start a thread beside %d", w->running);
	log_fault(&f, "threads", NULL);
}

/* site's `waits`. */
static void on_wait(void *argument)
{
	struct workers *w = argument;
	pthread_mutex_lock(&w->lock);
	replace_waiting(w);
	pthread_mutex_unlock(&w->lock);
}

/* The lock is only for who changes the number of threads, which a hit does not. */
static void take_idle(struct workers *w)
{
	if (atomic_fetch_sub(&w->idle, 1) > 1)
		return;
	pthread_mutex_lock(&w->lock);
	replace_waiting(w);
	pthread_mutex_unlock(&w->lock);
}

static bool is_needed(const struct workers *w)
{
	return atomic_load(&w->running) - atomic_load(&w->site->waiting) <= w->count;
}

/* With the lock held. */
static void leave(struct workers *w)
{
	w->running--;
	pthread_cond_signal(&w->fewer);
}

/* A request was served. False when there are threads enough without this one, which has left then. */
static bool become_idle(struct workers *w)
{
	bool needed = is_needed(w);
	if (!needed) {
		pthread_mutex_lock(&w->lock);
		needed = is_needed(w);
		if (!needed)
			leave(w);
		pthread_mutex_unlock(&w->lock);
	}
	if (needed)
		w->idle++;
	return needed;
}

static void *work(void *argument)
{
	struct workers *w = argument;
	struct exchange *x = exchange_new(GATEWAY_FASTCGI, w->site->config->stall_timeout_sec * SEND_FACTOR);
	struct fault f = {0};
	int fd, seat = listener_seat(w->listener, &f);
	bool idle = true;

	if (seat < 0)
		log_fault(&f, "threads", NULL);
	while (x != NULL && seat >= 0 && idle && (fd = listener_accept(w->listener, seat)) >= 0) {
		take_idle(w);
		if (exchange_begin(x, fd))
			serve_exchange(w->site, x);
		idle = become_idle(w);
	}
	if (seat >= 0)
		close(seat);
	exchange_free(x);
	if (idle) {
		pthread_mutex_lock(&w->lock);
		w->idle--;
		leave(w);
		pthread_mutex_unlock(&w->lock);
	}
	return NULL;
}

struct workers *workers_start(struct site *site, struct listener *l, int count, struct fault *f)
{
	struct workers *w = calloc(1, sizeof *w);
	int started = 0, error = 0;

	site->crowd = w != NULL ? crowd_new() : NULL;
	if (site->crowd == NULL) {
		fault_errno(f, FAULT_SYSTEM, ENOMEM, "cannot start threads");
		free(w);
		return NULL;
	}
	*w = (struct workers){.site = site, .listener = l, .count = count};
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->fewer, NULL);
	atomic_store(&site->waiting_max, WORKERS_WAITING_MAX);
	site->waits = on_wait;
	site->waits_arg = w;
	pthread_mutex_lock(&w->lock);
	while (started < count && (error = start_one(w)) == 0)
		started++;
	pthread_mutex_unlock(&w->lock);
	if (started == 0) {
		fault_errno(f, FAULT_SYSTEM, error, "cannot start threads");
		crowd_free(site->crowd);
		site->crowd = NULL;
		free(w);
		return NULL;
	}
	if (started < count)
		log_event(
		    LOG_WARN_LEVEL, "threads", "wanted", log_int(count).text, "started", log_int(started).text, NULL);
	return w;
}

bool workers_finish(struct workers *w, int limit_sec)
{
	struct timespec deadline;
	int error = 0;
	clock_gettime(CLOCK_REALTIME, &deadline);
	deadline.tv_sec += limit_sec;
	pthread_mutex_lock(&w->lock);
	while (w->running > 0 && error == 0)
		error = pthread_cond_timedwait(&w->fewer, &w->lock, &deadline);
	bool done = w->running == 0;
	pthread_mutex_unlock(&w->lock);
	if (!done)
		return false;
	crowd_free(w->site->crowd);
	w->site->crowd = NULL;
	pthread_cond_destroy(&w->fewer);
	pthread_mutex_destroy(&w->lock);
	free(w);
	return true;
}
