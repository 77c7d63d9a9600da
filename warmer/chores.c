/* chores: see chores.h. */
#include "warmer/chores.h"

#include <stddef.h>

enum { HOUR_MS = 3600 * 1000 };

/* In their order: what was used lately must be known before anything is pruned. */
static const struct {
	const char *command;
	int64_t every_ms;
} CHORE[CHORES] = {{"fold", HOUR_MS}, {"prune", INT64_C(24) * HOUR_MS}};

int64_t chores_due_ms(const struct chores *c)
{
	int64_t first = c->due_ms[0];
	for (int i = 1; i < CHORES; i++)
		if (c->due_ms[i] < first)
			first = c->due_ms[i];
	return first;
}

const char *chores_take(struct chores *c, int64_t now_ms)
{
	for (int i = 0; i < CHORES; i++)
		if (now_ms >= c->due_ms[i]) {
			c->due_ms[i] = now_ms + CHORE[i].every_ms;
			return CHORE[i].command;
		}
	return NULL;
}

void chores_postpone(struct chores *c, int64_t until_ms)
{
	for (int i = 0; i < CHORES; i++)
		if (c->due_ms[i] < until_ms)
			c->due_ms[i] = until_ms;
}
