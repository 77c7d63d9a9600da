/* Arbitrary bytes as a build.zig.zon: no crash, no leak, no endless loop; what is taken has a name, a version and paths
 * that lead nowhere but into the package. */
#include "mirror/zon.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* No empty, "." or ".." segment; "" is everything, "/" nothing. */
static int is_clean(const char *path)
{
	if (strcmp(path, "") == 0 || strcmp(path, "/") == 0)
		return 1;
	for (const char *p = path;; p++) {
		size_t n = strcspn(p, "/");
		if (n == 0 || (n == 1 && p[0] == '.') || (n == 2 && memcmp(p, "..", 2) == 0))
			return 0;
		p += n;
		if (*p == '\0')
			return 1;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct zon_manifest m;
	struct fault f = {0};
	/* A copy of exactly this size: a read behind it is seen. */
	char *text = malloc(size > 0 ? size : 1);
	if (text == NULL)
		abort();
	if (size > 0)
		memcpy(text, data, size);
	if (zon_parse(text, size, &m, &f)) {
		if (m.name[0] == '\0' || m.version[0] == '\0' || m.path_count == 0 || (m.older && m.id != 0))
			abort();
		for (size_t i = 0; i < m.path_count; i++)
			if (!is_clean(m.paths[i]))
				abort();
		zon_free(&m);
	} else if (f.class == FAULT_NONE || f.text[0] == '\0') {
		abort();
	}
	free(text);
	return 0;
}
