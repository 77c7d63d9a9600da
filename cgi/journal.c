/* journal: see journal.h. */
#include "journal.h"

#include <stdio.h>
#include <time.h>

enum { LINE_CAP = 1024 };

void journal_hit(const struct site *site, const char *path, const char *source, int status, int64_t bytes)
{
	char line[LINE_CAP];
	int n = snprintf(line, sizeof line, "%lld\t%s\t%s\t%d\t%lld\n", (long long)time(NULL), path, source, status,
	    (long long)bytes);
	if (n > 0 && (size_t)n < sizeof line)
		store_journal(site->store, line, (size_t)n);
	counters_add(&site->counters->bytes, (uint64_t)bytes);
}
