/* backoff: see backoff.h. */
#include "fetch/backoff.h"

int64_t backoff_pause_sec(int failures, uint32_t chance)
{
	int64_t pause = BACKOFF_FIRST_SEC;
	for (int i = 1; i < failures && pause < BACKOFF_LAST_SEC; i++)
		pause *= 2;
	if (pause > BACKOFF_LAST_SEC)
		pause = BACKOFF_LAST_SEC;
	/* In thousandths, to the second. */
	return (pause * (750 + (int64_t)(chance % 501)) + 500) / 1000;
}
