/* workers: see workers.h. */
#include "workers.h"

#include "cgi/gateway.h"
#include "cgi/serve.h"
#include "mirror/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

enum { STACK_BYTES = 256 * 1024 };

struct workers {
	struct site *site;
	struct listener *listener;
	pthread_mutex_t lock;
	pthread_cond_t fewer;
	int running; /* under lock */
};

static void leave(struct workers *w)
{
	pthread_mutex_lock(&w->lock);
	w->running--;
	pthread_cond_signal(&w->fewer);
	pthread_mutex_unlock(&w->lock);
}

static void *work(void *argument)
{
	struct workers *w = argument;
	struct exchange *x = exchange_new(GATEWAY_FASTCGI);
	int fd;

	while (x != NULL && (fd = listener_accept(w->listener)) >= 0)
		if (exchange_begin(x, fd))
			serve_exchange(w->site, x);
	exchange_free(x);
	leave(w);
	return NULL;
}

static bool start_one(struct workers *w, const pthread_attr_t *attributes)
{
	pthread_t thread;
	pthread_mutex_lock(&w->lock);
	w->running++;
	pthread_mutex_unlock(&w->lock);
	int error = pthread_create(&thread, attributes, work, w);
	if (error != 0)
		leave(w);
	errno = error;
	return error == 0;
}

struct workers *workers_start(struct site *site, struct listener *l, int count, struct fault *f)
{
	struct workers *w = calloc(1, sizeof *w);
	pthread_attr_t attributes;
	int started = 0;

	if (w == NULL) {
		fault_errno(f, FAULT_SYSTEM, ENOMEM, "cannot start threads");
		return NULL;
	}
	*w = (struct workers){.site = site, .listener = l};
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->fewer, NULL);
	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attributes, STACK_BYTES);
	while (started < count && start_one(w, &attributes))
		started++;
	int error = errno;
	pthread_attr_destroy(&attributes);
	if (started == 0) {
		fault_errno(f, FAULT_SYSTEM, error, "cannot start threads");
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
	pthread_cond_destroy(&w->fewer);
	pthread_mutex_destroy(&w->lock);
	free(w);
	return true;
}
