/* Any bytes as a line of an access log: what is taken from it is within its bounds. */
#include "warmer/accesslog.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct accesslog_line l;
	if (!accesslog_parse((const char *)data, size, &l))
		return 0;
	if (l.status < 100 || l.status > 599 || l.bytes < 0 || l.method[0] == '\0' || l.target[0] == '\0')
		abort();
	if (strlen(l.method) >= sizeof l.method || strlen(l.target) >= sizeof l.target ||
	    strlen(l.agent) >= sizeof l.agent)
		abort();
	(void)accesslog_is_bot(l.agent);
	return 0;
}
