/* Any bytes as Range, If-Range, If-None-Match and If-Modified-Since: a range that is found lies in the content. */
#include "cgi/conditional.h"
#include "cgi/range.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const int64_t SIZES[] = {0, 1, 10, 1 << 20, INT64_MAX};
	static const char ETAG[] = "\"1f-2a\"";
	char *value = malloc(size + 1);
	if (value == NULL)
		return 0;
	memcpy(value, data, size);
	value[size] = '\0';
	for (size_t i = 0; i < sizeof SIZES / sizeof SIZES[0]; i++) {
		int64_t first = -1, last = -1;
		enum range_kind kind = range_9110_14_2(value, SIZES[i], &first, &last);
		if (kind == RANGE_PART && (first < 0 || last < first || last >= SIZES[i]))
			abort();
	}
	bool fresh = conditional_9110_13_2_2(value, NULL, ETAG, 1000, 2000);
	if (fresh && strchr(value, '*') == NULL && strstr(value, ETAG) == NULL)
		abort();
	(void)conditional_9110_13_2_2(NULL, value, ETAG, 1000, 2000);
	(void)conditional_9110_13_1_5(value, ETAG, 1000, 2000);
	free(value);
	return 0;
}
