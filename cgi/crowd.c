/* crowd: see crowd.h. */
#include "crowd.h"

#include "cgi/workers.h"
#include "mirror/netaddr.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct crowd_network {
	char text[NETADDR_TEXT_CAP];
	int count; /* 0: the place is free */
};

struct crowd {
	pthread_mutex_t lock;
	size_t used; /* places behind these were never taken */
	struct crowd_network networks[WORKERS_WAITING_MAX];
};

struct crowd *crowd_new(void)
{
	struct crowd *c = calloc(1, sizeof *c);
	if (c != NULL)
		pthread_mutex_init(&c->lock, NULL);
	return c;
}

void crowd_free(struct crowd *c)
{
	if (c == NULL)
		return;
	pthread_mutex_destroy(&c->lock);
	free(c);
}

/* The place of a network, or the first free one; NULL when neither is there. With the lock held. */
static struct crowd_network *find(struct crowd *c, const char *network)
{
	struct crowd_network *free_place = c->used < WORKERS_WAITING_MAX ? &c->networks[c->used] : NULL;
	for (size_t i = c->used; i-- > 0;) {
		if (c->networks[i].count == 0)
			free_place = &c->networks[i];
		else if (strcmp(c->networks[i].text, network) == 0)
			return &c->networks[i];
	}
	return free_place;
}

/* Counts one more of a network. False when it has its share. */
static bool count(struct crowd *c, const char *network, int most)
{
	pthread_mutex_lock(&c->lock);
	struct crowd_network *n = find(c, network);
	bool ok = n != NULL && n->count < most;
	if (ok && n->count++ == 0)
		snprintf(n->text, sizeof n->text, "%s", network);
	if (ok && n == &c->networks[c->used])
		c->used++;
	pthread_mutex_unlock(&c->lock);
	return ok;
}

static void discount(struct crowd *c, const char *network)
{
	pthread_mutex_lock(&c->lock);
	struct crowd_network *n = find(c, network);
	if (n != NULL && n->count > 0)
		n->count--;
	while (c->used > 0 && c->networks[c->used - 1].count == 0)
		c->used--;
	pthread_mutex_unlock(&c->lock);
}

static bool is_counted(const struct site *site, const char *network)
{
	return site->crowd != NULL && strcmp(network, "-") != 0;
}

bool crowd_enter(struct site *site, const char *network, struct fault *f)
{
	const int most = atomic_load(&site->waiting_max);
	if (atomic_fetch_add(&site->waiting, 1) >= most) {
		atomic_fetch_sub(&site->waiting, 1);
		return fault_set(
		    f, FAULT_BUSY, "too many requests wait for files that are not here yet, or for slow clients");
	}
	if (is_counted(site, network) && !count(site->crowd, network, most > 1 ? most / 2 : 1)) {
		atomic_fetch_sub(&site->waiting, 1);
		return fault_set(
		    f, FAULT_LIMIT, "too many requests of this network wait: come back when some have ended");
	}
	if (site->waits != NULL)
		site->waits(site->waits_arg);
	return true;
}

void crowd_leave(struct site *site, const char *network)
{
	if (is_counted(site, network))
		discount(site->crowd, network);
	atomic_fetch_sub(&site->waiting, 1);
}
