/* lock: one pkgmirror-warm works on a state_dir at a time, and one stays and watches. The kernel frees a lock when its
 * holder dies. A watcher works only now and then, so that other commands find their turn. */
#ifndef PKGMIRROR_WARMER_LOCK_H
#define PKGMIRROR_WARMER_LOCK_H

#include "mirror/store.h"

enum lock_kind { LOCK_WORK, LOCK_WATCH }; /* each is a byte of run/warm.lock */

/* Takes a lock without waiting. Returns a descriptor to keep open for as long as it is needed, which the caller closes;
 * -1 with FAULT_BUSY when another process has it, FAULT_SYSTEM otherwise. */
int lock_take(const struct store *store, enum lock_kind kind, struct fault *f) __attribute__((warn_unused_result));

#endif
