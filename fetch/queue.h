/* queue: who goes first, and who has to wait or go away. Pure: no I/O, the clock is an argument.
 *
 * People go before warming. Among people the client network with the fewest running transfers goes first, then the
 * upstream host with the fewest, then who waited longest; so neither one client nor one slow upstream holds all slots.
 * Where there are QUEUE_SHARED slots or more the last free one is for a network that has nothing running, so that one
 * network's slow transfers never hold them all. Warming leaves a slot for people when there is more than one. A host
 * that failed several times in a row is left alone for a while and then tried once (a breaker). New fetches are limited
 * for each client network (a token bucket). Tables are of fixed size: a stranger cannot make them grow. */
#ifndef PKGMIRROR_FETCH_QUEUE_H
#define PKGMIRROR_FETCH_QUEUE_H

#include "mirror/netaddr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { QUEUE_HOST_CAP = 128, QUEUE_NETWORKS = 4096, QUEUE_HOSTS = 64, QUEUE_SHARED = 4 };

/* One who waits or runs. Embedded in its owner, who keeps it alive from queue_add to queue_remove. */
struct queue_entry {
	struct queue_entry *next;
	void *owner; /* not looked at */
	bool person; /* else the warmer */
	bool running;
	int64_t since_ms;
	char network[NETADDR_TEXT_CAP];
	char host[QUEUE_HOST_CAP]; /* of the upstream */
};

struct queue_bucket {
	char network[NETADDR_TEXT_CAP];
	int64_t filled_ms;
	double tokens;
};

struct queue_breaker {
	char host[QUEUE_HOST_CAP];
	int failures;  /* in a row */
	bool on_trial; /* one was let through, and has not told yet */
	int64_t closed_until_ms;
	int64_t used_ms;
};

struct queue {
	struct queue_entry *first;
	int slots;                    /* max_fetches */
	int warm_slots;               /* of these, how many warming may have */
	int per_minute;               /* miss_limit; 0 = none */
	struct queue_bucket *buckets; /* QUEUE_NETWORKS */
	struct queue_breaker breakers[QUEUE_HOSTS];
};

/* Prepares *q. False when memory is short. queue_clear frees what it holds. */
bool queue_init(struct queue *q, int slots, int warm_slots, int per_minute) __attribute__((warn_unused_result));
void queue_clear(struct queue *q);

/* Adds a waiting entry (person, network and host filled in); removes one that waits or runs. */
void queue_add(struct queue *q, struct queue_entry *e, int64_t now_ms);
void queue_remove(struct queue *q, struct queue_entry *e);

/* The entry that may run now, marked as running; NULL when there is none or no slot is free. */
struct queue_entry *queue_next(struct queue *q);

/* Takes one token of a network. False when it has none; *retry_sec is then when it will have one. "-" has no limit. */
bool queue_admit(struct queue *q, const char *network, int64_t now_ms, int *retry_sec)
    __attribute__((warn_unused_result));

/* Whether a job may turn to a host. False while the host is left alone; after that time true once, and again when the
 * one that was let through has told how it went, or takes too long to tell. *retry_sec: when to ask again. */
bool queue_host_ask(struct queue *q, const char *host, int64_t now_ms, int *retry_sec)
    __attribute__((warn_unused_result));

/* Tells the breaker how it went with a host: good when it answered (a 404 is an answer), bad when a job gave it up.
 * What was under way when the host was left alone, and fails then, says nothing new. */
void queue_host_good(struct queue *q, const char *host);
void queue_host_bad(struct queue *q, const char *host, int64_t now_ms);

#endif
