/* chores: what a watcher does beside warming, and when: hits are folded once an hour, nightlies pruned once a day.
 * Pure: the clock is an argument. Called by watch. */
#ifndef PKGMIRROR_WARMER_CHORES_H
#define PKGMIRROR_WARMER_CHORES_H

#include <stdbool.h>
#include <stdint.h>

enum { CHORES = 2 };

/* Zero it before use: all are due then. */
struct chores {
	int64_t due_ms[CHORES]; /* monotonic */
};

/* When the first is due. */
int64_t chores_due_ms(const struct chores *c);

/* The command of one that is due, which is not due again before its time; NULL when none is. Hits are folded before
 * anything is pruned. */
const char *chores_take(struct chores *c, int64_t now_ms);

/* Puts off until then what would be due before. */
void chores_postpone(struct chores *c, int64_t until_ms);

#endif
