/* queue: see queue.h. */
#include "fetch/queue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	BREAKER_FAILURES = 5,
	BREAKER_FIRST_MS = 5000,
	BREAKER_LAST_MS = 300000,
	BREAKER_TRIAL_MS = 30000,
	MINUTE_MS = 60000
};

bool queue_init(struct queue *q, int slots, int warm_slots, int per_minute)
{
	/* A person never finds all slots taken by warming. */
	int left = slots > 1 ? slots - 1 : 1;
	*q = (struct queue){
	    .slots = slots, .warm_slots = warm_slots < left ? warm_slots : left, .per_minute = per_minute};
	q->buckets = calloc(QUEUE_NETWORKS, sizeof *q->buckets);
	return q->buckets != NULL;
}

void queue_clear(struct queue *q)
{
	free(q->buckets);
	q->buckets = NULL;
}

void queue_add(struct queue *q, struct queue_entry *e, int64_t now_ms)
{
	struct queue_entry **p = &q->first;
	while (*p != NULL)
		p = &(*p)->next;
	e->next = NULL;
	e->running = false;
	e->since_ms = now_ms;
	*p = e;
}

void queue_remove(struct queue *q, struct queue_entry *e)
{
	struct queue_entry **p = &q->first;
	while (*p != NULL && *p != e)
		p = &(*p)->next;
	if (*p != NULL)
		*p = e->next;
	e->next = NULL;
	e->running = false;
}

/* What is running, as seen from one entry. */
struct load {
	int network, host;
};

static struct load load_for(const struct queue *q, const struct queue_entry *of)
{
	struct load l = {0};
	for (const struct queue_entry *e = q->first; e != NULL; e = e->next) {
		if (!e->running)
			continue;
		l.network += strcmp(e->network, of->network) == 0;
		l.host += strcmp(e->host, of->host) == 0;
	}
	return l;
}

/* How many more may start: of anybody, and of warming. */
static void free_slots(const struct queue *q, int *all, int *warm)
{
	*all = q->slots;
	*warm = q->warm_slots;
	for (const struct queue_entry *e = q->first; e != NULL; e = e->next) {
		*all -= e->running;
		*warm -= e->running && !e->person;
	}
}

static bool goes_before(
    const struct queue_entry *a, const struct load *la, const struct queue_entry *b, const struct load *lb)
{
	if (a->person != b->person)
		return a->person;
	if (la->network != lb->network)
		return la->network < lb->network;
	if (la->host != lb->host)
		return la->host < lb->host;
	return a->since_ms < b->since_ms;
}

/* Whether an entry may have the last free slot. */
static bool may_fill(const struct queue *q, const struct queue_entry *e, const struct load *l)
{
	return q->slots < QUEUE_SHARED || (e->person && l->network == 0);
}

struct queue_entry *queue_next(struct queue *q)
{
	struct queue_entry *best = NULL;
	struct load best_load = {0};
	int all, warm;
	free_slots(q, &all, &warm);
	for (struct queue_entry *e = q->first; e != NULL && all > 0; e = e->next) {
		if (e->running || (!e->person && warm <= 0))
			continue;
		struct load l = load_for(q, e);
		if (all == 1 && !may_fill(q, e, &l))
			continue;
		if (best == NULL || goes_before(e, &l, best, &best_load)) {
			best = e;
			best_load = l;
		}
	}
	if (best != NULL)
		best->running = true;
	return best;
}

static size_t hash(const char *text)
{
	uint32_t h = 2166136261u;
	for (const unsigned char *p = (const unsigned char *)text; *p != '\0'; p++)
		h = (h ^ *p) * 16777619u;
	return h;
}

/* The bucket of a network: its own among four places, or the one of them that was used longest ago: that network is
 * given its full share again, which is what it would have by now or soon. */
static struct queue_bucket *bucket_of(struct queue *q, const char *network, int64_t now_ms)
{
	size_t start = hash(network) % (QUEUE_NETWORKS / 4) * 4;
	struct queue_bucket *oldest = &q->buckets[start];
	for (size_t i = start; i < start + 4; i++) {
		struct queue_bucket *b = &q->buckets[i];
		if (strcmp(b->network, network) == 0)
			return b;
		if (b->filled_ms < oldest->filled_ms)
			oldest = b;
	}
	snprintf(oldest->network, sizeof oldest->network, "%s", network);
	oldest->filled_ms = now_ms;
	oldest->tokens = q->per_minute;
	return oldest;
}

bool queue_admit(struct queue *q, const char *network, int64_t now_ms, int *retry_sec)
{
	if (q->per_minute <= 0 || strcmp(network, "-") == 0)
		return true;
	struct queue_bucket *b = bucket_of(q, network, now_ms);
	double per_ms = (double)q->per_minute / MINUTE_MS;
	b->tokens += (double)(now_ms - b->filled_ms) * per_ms;
	if (b->tokens > q->per_minute)
		b->tokens = q->per_minute;
	b->filled_ms = now_ms;
	if (b->tokens >= 1) {
		b->tokens -= 1;
		return true;
	}
	*retry_sec = (int)((1 - b->tokens) / per_ms / 1000) + 1;
	return false;
}

/* The breaker of a host, or the one that was used longest ago. */
static struct queue_breaker *breaker_of(struct queue *q, const char *host)
{
	struct queue_breaker *oldest = &q->breakers[0];
	for (size_t i = 0; i < QUEUE_HOSTS; i++) {
		if (strcmp(q->breakers[i].host, host) == 0)
			return &q->breakers[i];
		if (q->breakers[i].used_ms < oldest->used_ms)
			oldest = &q->breakers[i];
	}
	*oldest = (struct queue_breaker){0};
	snprintf(oldest->host, sizeof oldest->host, "%s", host);
	return oldest;
}

void queue_host_good(struct queue *q, const char *host)
{
	for (size_t i = 0; i < QUEUE_HOSTS; i++)
		if (strcmp(q->breakers[i].host, host) == 0)
			q->breakers[i].failures = 0;
}

void queue_host_bad(struct queue *q, const char *host, int64_t now_ms)
{
	struct queue_breaker *b = breaker_of(q, host);
	int64_t pause = BREAKER_FIRST_MS;
	b->used_ms = now_ms;
	if (b->failures >= BREAKER_FAILURES && !b->on_trial && now_ms < b->closed_until_ms)
		return;
	b->on_trial = false;
	if (++b->failures < BREAKER_FAILURES)
		return;
	for (int i = BREAKER_FAILURES; i < b->failures && pause < BREAKER_LAST_MS; i++)
		pause *= 2;
	b->closed_until_ms = now_ms + (pause < BREAKER_LAST_MS ? pause : BREAKER_LAST_MS);
}

bool queue_host_ask(struct queue *q, const char *host, int64_t now_ms, int *retry_sec)
{
	for (size_t i = 0; i < QUEUE_HOSTS; i++) {
		struct queue_breaker *b = &q->breakers[i];
		if (strcmp(b->host, host) != 0 || b->failures < BREAKER_FAILURES)
			continue;
		if (now_ms < b->closed_until_ms) {
			*retry_sec = (int)((b->closed_until_ms - now_ms) / 1000) + 1;
			return false;
		}
		/* This one is the trial; the others wait for its outcome. */
		b->closed_until_ms = now_ms + BREAKER_TRIAL_MS;
		b->on_trial = true;
	}
	return true;
}
