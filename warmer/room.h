/* room: how much of the disk the warmer may fill. People's misses, the catalogue and the file system itself need some
 * of what is left. */
#ifndef PKGMIRROR_WARMER_ROOM_H
#define PKGMIRROR_WARMER_ROOM_H

#include "mirror/wire.h"
#include "warmer/plan.h"

/* Bytes that warming may still take: what is free but for a twentieth of the file system, at most 1 GiB; never
 * negative. INT64_MAX when the file system does not tell. */
int64_t room_free(const struct store *store);

/* What is still to be taken of the disk for an item: plan_room less what its part holds already. */
int64_t room_needed(const struct store *store, const struct plan_item *item);

#endif
