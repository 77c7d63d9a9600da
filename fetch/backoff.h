/* backoff: how long to leave an upstream's document alone after failures in a row. Pure. Called by documents. */
#ifndef PKGMIRROR_FETCH_BACKOFF_H
#define PKGMIRROR_FETCH_BACKOFF_H

#include <stdint.h>

enum { BACKOFF_FIRST_SEC = 5, BACKOFF_LAST_SEC = 900 };

/* Seconds to wait after the failure that makes `failures` in a row (1: the first): 5, twice as long each time, 900 at
 * most, times something between three quarters and five quarters that `chance` (any number) picks, so that many
 * mirrors do not knock at the same time. */
int64_t backoff_pause_sec(int failures, uint32_t chance) __attribute__((warn_unused_result));

#endif
