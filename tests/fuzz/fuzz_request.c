/* Any bytes as a request target, query and headers: what is accepted keeps the promises of request.h. */
#include "cgi/request.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What every room behind relies on. */
static void check_path(const char *path, size_t len)
{
	if (len == 0 || len > TARGET_PATH_MAX || path[0] != '/' || strlen(path) != len || strchr(path, '\\') != NULL)
		abort();
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)path[i] < 0x20 || path[i] == 0x7f)
			abort();
	if (len > 1 && (path[len - 1] == '/' || strstr(path, "//") || strstr(path, "/./") || strstr(path, "/../")))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char out[TARGET_PATH_MAX + 1];
	size_t len = 0;
	struct request rq;
	struct fault f = {0};

	if (target_decode_path((const char *)data, size, out, &len, &f))
		check_path(out, len);
	char *target = malloc(size + 1);
	if (target == NULL)
		return 0;
	memcpy(target, data, size);
	target[size] = '\0';
	const struct request_raw raw = {.method = "GET", .target = target, .query = target, .address = target};
	if (request_read(&raw, "/mirror", &rq, &f))
		check_path(rq.path, rq.path_len);
	free(target);
	return 0;
}
