/* lock: one pkgmirror-warm at a time on a state_dir. The kernel frees the lock when its holder dies. */
#ifndef PKGMIRROR_WARMER_LOCK_H
#define PKGMIRROR_WARMER_LOCK_H

#include "mirror/store.h"

/* Takes run/warm.lock without waiting. Returns a descriptor to keep open for as long as the work lasts, which the
 * caller closes; -1 with FAULT_BUSY when another process has it, FAULT_SYSTEM otherwise. */
int lock_take(const struct store *store, struct fault *f) __attribute__((warn_unused_result));

#endif
