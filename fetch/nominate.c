/* nominate: see nominate.h. */
#include "fetch/nominate.h"

#include "mirror/catalog_class.h"
#include "mirror/log.h"
#include "mirror/route.h"

#include <stdio.h>
#include <string.h>

enum { FILES_A_TURN = 4, LEASE_PAUSE_MS = 1000, IDLE_MS = 1000 };

void nominate_begin(struct fetch *x)
{
	x->nominate = (struct fetch_nominate){.running = x->catalog != NULL};
}

bool nominate_busy(const struct fetch *x)
{
	return x->nominate.running;
}

/* Moves one file. False with FAULT_BUSY when its lease is taken. */
static bool move(struct fetch *x, const char *path, struct fault *f)
{
	char from[ROUTE_STORE_CAP], to[ROUTE_STORE_CAP];
	struct store_lease lease;
	struct route route;
	if (!route_canonical(x->config, path, &route, f) || !store_lease_take(x->store, path, &lease, f))
		return false;
	route_store_path(&route, CLASS_DEV, from);
	route_store_path(&route, CLASS_NOMINATED, to);
	bool ok = store_move(x->store, path, from, to, f) && catalog_entry_nominate(x->catalog, path, f);
	store_lease_drop(&lease);
	if (ok)
		log_event(LOG_INFO_LEVEL, "nominated", "path", path, "from", from, "to", to, NULL);
	return ok;
}

int nominate_turn(struct fetch *x)
{
	struct fetch_nominate *n = &x->nominate;
	char prefix[ROUTE_PREFIX_CAP];
	struct fault f;
	if (n->again_ms != 0 && fetch_now_ms() >= n->again_ms)
		nominate_begin(x);
	if (!n->running)
		return n->again_ms != 0 ? LEASE_PAUSE_MS : IDLE_MS;
	route_toolchain_prefix(x->config, prefix);
	for (int i = 0; i < FILES_A_TURN; i++) {
		if (!catalog_nominated_next(x->catalog, prefix, n->after, n->after, sizeof n->after, &f)) {
			if (f.class != FAULT_ABSENT)
				fetch_catalog_fault(&f, "nominated");
			n->running = false;
			return IDLE_MS;
		}
		if (move(x, n->after, &f))
			continue;
		/* One that was deleted by hand is nominated when it comes again. */
		if (f.class == FAULT_BUSY)
			n->again_ms = fetch_now_ms() + LEASE_PAUSE_MS;
		else if (f.class != FAULT_ABSENT)
			log_fault(&f, "nominate", "path", n->after, NULL);
	}
	return 0;
}
