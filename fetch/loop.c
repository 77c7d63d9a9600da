/* loop: see loop.h. */
#include "fetch/loop.h"
#include "fetch/client.h"
#include "fetch/documents.h"
#include "fetch/job.h"
#include "fetch/nominate.h"
#include "mirror/digest.h"
#include "mirror/log.h"
#include "mirror/service.h"

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum {
	SWEEP_EVERY_MS = 3600 * 1000,
	LOOK_EVERY_MS = 1000,
	REOPEN_EVERY_MS = 60 * 1000,
	SWEEP_AGE_SEC = 7 * 24 * 3600,
	FIXED_WAITS = 2,
	UNPACK_WAITS = 128,
	WAITS = CLIENTS_MAX + FIXED_WAITS + UNPACK_WAITS
};

int64_t fetch_now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void fetch_catalog_fault(const struct fault *f, const char *path)
{
	log_fault(f, "catalog", "path", path, NULL);
}

static bool idle(const struct fetch *x, const struct clients *clients)
{
	return !clients_any(clients) && !job_any(x) && !documents_busy(x) && !documents_due(x) && !nominate_busy(x);
}

/* Nobody can connect any more once the socket's name is gone; who did before that is in the backlog and is served. */
static bool leave(struct clients *clients, struct loop_options *o)
{
	o->unlisten(o->arg);
	if (clients_accept(clients, o->listener) == 0)
		return true;
	int fd = o->relisten(o->arg);
	if (fd >= 0) {
		close(o->listener);
		o->listener = fd;
	}
	return false;
}

/* Parts that nobody came back for. */
static void sweep(struct fetch *x, int64_t *next_ms)
{
	if (fetch_now_ms() < *next_ms)
		return;
	*next_ms = fetch_now_ms() + SWEEP_EVERY_MS;
	int n = store_sweep(x->store, time(NULL), SWEEP_AGE_SEC);
	if (n > 0)
		log_event(LOG_INFO_LEVEL, "swept", "files", log_int(n).text, NULL);
}

/* A catalogue that was deleted is one that nobody will read: begins another one. A log that has grown begins anew. */
static void look_after_files(struct fetch *x, int64_t *next_ms)
{
	struct fault f;
	if (fetch_now_ms() < *next_ms)
		return;
	*next_ms = fetch_now_ms() + LOOK_EVERY_MS;
	service_turn_log(x->store);
	if (x->catalog != NULL && !catalog_is_gone(x->catalog))
		return;
	/* One that could not be opened may have been short of descriptors or memory for a moment only. */
	if (x->catalog == NULL)
		*next_ms += REOPEN_EVERY_MS - LOOK_EVERY_MS;
	else
		log_event(LOG_WARN_LEVEL, "catalog", "error", "it was deleted; a new one begins", NULL);
	catalog_close(x->catalog);
	x->catalog = catalog_open(x->config->state_dir, CATALOG_WRITE, store_on_network(x->store), &f);
	if (x->catalog == NULL)
		log_fault(&f, "catalog", NULL);
}

/* Lets each room do what is due. Returns for how many milliseconds there is nothing to do. */
static int turn_all(struct fetch *x)
{
	int wait = job_turn(x), documents = documents_turn(x), nominate = nominate_turn(x);
	wait = documents < wait ? documents : wait;
	return nominate < wait ? nominate : wait;
}

int loop_run(struct fetch *x, struct loop_options *o)
{
	struct clients *clients = clients_new(x);
	struct transfer_wait *waits = calloc(WAITS, sizeof *waits);
	/* A catalogue that could not be opened was so a moment ago. */
	int64_t idle_since = fetch_now_ms(), next_sweep = 0;
	int64_t next_look = x->catalog == NULL ? idle_since + REOPEN_EVERY_MS : 0;
	bool leaving = clients == NULL || waits == NULL;

	while (!leaving) {
		/* Before anything is published: two services would write the same parts. */
		o->displaced = !o->holds(o->arg);
		/* What OpenSSL could not set up it never does. Who waits asks the next service. */
		o->starved = digest_memory_denied();
		if (o->displaced || o->starved)
			break;
		sweep(x, &next_sweep);
		look_after_files(x, &next_look);
		int timeout = turn_all(x);
		job_gauge(x);
		counters_set(&x->counters->gauges[COUNTERS_CLIENTS], clients_count(clients));
		waits[0] = (struct transfer_wait){.fd = o->listener, .read = clients_can_accept(clients)};
		waits[1] = (struct transfer_wait){.fd = o->signal_fd, .read = true};
		size_t n = clients_wait(clients, waits + FIXED_WAITS, CLIENTS_MAX);
		size_t unpacking = job_wait(x, waits + FIXED_WAITS + n, UNPACK_WAITS);
		transfer_turn(x->pool, waits, n + FIXED_WAITS + unpacking, timeout);
		clients_turn(clients, waits + FIXED_WAITS, n);
		if (clients_can_accept(clients))
			clients_accept(clients, o->listener);
		if (waits[1].readable)
			break;
		if (!idle(x, clients))
			idle_since = fetch_now_ms();
		else if (!o->stay && fetch_now_ms() - idle_since > x->config->fetch_linger_sec * 1000)
			leaving = leave(clients, o);
	}
	/* The name first: who is cut off now asks the next service, not this one. */
	if (!o->displaced)
		o->unlisten(o->arg);
	job_stop_all(x);
	clients_free(clients);
	free(waits);
	return o->listener;
}
