/* pace: how long to wait between pieces so that no more than so many bytes a second are read. Pure. Called by judge. */
#ifndef PKGMIRROR_WARMER_PACE_H
#define PKGMIRROR_WARMER_PACE_H

#include <stdint.h>

/* What was not read in time is caught up with for so long, not longer: who was held up does not rush then. */
enum { PACE_BURST_MS = 1000 };

struct pace {
	int64_t bytes_sec; /* 0: no limit */
	int64_t due_us;    /* when the bytes so far may have been read; 0: none were */
};

/* Notes that `bytes` were read until now_ms, of any clock that only goes forward and is not 0. Returns the milliseconds
 * to wait before the next ones; 0: go on. At no time t after the first call at t0 were more than
 * bytes_sec * (t - t0 + PACE_BURST_MS) and one piece read by who waits. */
int64_t pace_wait_ms(struct pace *p, int64_t bytes, int64_t now_ms) __attribute__((warn_unused_result));

#endif
