/* client: the connections to the service's socket: one request each, answered by a job or a document. Knows the wire;
 * knows nothing of upstreams. */
#ifndef PKGMIRROR_FETCH_CLIENT_H
#define PKGMIRROR_FETCH_CLIENT_H

#include "fetch/fetch.h"

enum { CLIENTS_MAX = 1024 };

struct clients;

/* No connections yet. The caller frees it with clients_free, which closes all. NULL when memory is short. */
struct clients *clients_new(struct fetch *x) __attribute__((warn_unused_result));
void clients_free(struct clients *c);

/* Accepts all that wait on the listening socket; who comes when the house is full is told so. Returns how many. */
int clients_accept(struct clients *all, int listener);

/* False for a moment after there was no descriptor for a new client: the listening socket stays readable then. */
bool clients_can_accept(const struct clients *c);

/* Fills in what to wait for; at most cap. Returns how many. The order holds until clients_turn. */
size_t clients_wait(struct clients *all, struct transfer_wait *out, size_t cap);

/* Reads requests, writes answers, drops who has left, was answered, or does not read. `waits` is what clients_wait
 * gave, after the wait. */
void clients_turn(struct clients *all, const struct transfer_wait *waits, size_t count);

bool clients_any(const struct clients *c);

/* How many connections there are. */
size_t clients_count(const struct clients *c);

#endif
