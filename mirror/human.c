/* human: see human.h. */
#include "human.h"

#include <stddef.h>
#include <stdio.h>

void human_size(int64_t bytes, char out[HUMAN_CAP])
{
	static const char *const UNITS[] = {"kB", "MB", "GB", "TB", "PB", "EB"};
	double n = (double)(bytes > 0 ? bytes : 0);
	size_t unit = 0;
	if (n < 1000) {
		snprintf(out, HUMAN_CAP, "%d B", (int)n);
		return;
	}
	/* What would be printed as 1000.0 belongs to the next unit. */
	for (n /= 1000; n >= 999.95 && unit + 1 < sizeof UNITS / sizeof UNITS[0]; unit++)
		n /= 1000;
	snprintf(out, HUMAN_CAP, "%.1f %s", n, UNITS[unit]);
}

void human_duration(int64_t seconds, char out[HUMAN_CAP])
{
	static const struct {
		int64_t seconds;
		const char *name;
	} UNITS[] = {{86400, "day"}, {3600, "hour"}, {60, "minute"}, {1, "second"}};
	size_t i = 0;
	if (seconds < 0)
		seconds = 0;
	while (UNITS[i].seconds > 1 && seconds < UNITS[i].seconds)
		i++;
	int64_t n = seconds / UNITS[i].seconds;
	snprintf(out, HUMAN_CAP, "%lld %s%s", (long long)n, UNITS[i].name, n == 1 ? "" : "s");
}
