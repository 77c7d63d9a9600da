/* pace: see pace.h. */
#include "warmer/pace.h"

int64_t pace_wait_ms(struct pace *p, int64_t bytes, int64_t now_ms)
{
	const int64_t now_us = now_ms * 1000, earliest_us = now_us - PACE_BURST_MS * INT64_C(1000);
	if (p->bytes_sec <= 0)
		return 0;
	if (p->due_us == 0)
		p->due_us = now_us;
	if (p->due_us < earliest_us)
		p->due_us = earliest_us;
	p->due_us += bytes / p->bytes_sec * 1000000 + bytes % p->bytes_sec * 1000000 / p->bytes_sec;
	return p->due_us > now_us ? (p->due_us - now_us + 999) / 1000 : 0;
}
