/* Arbitrary bytes as a configuration: no crash, no leak; what is accepted is printed in a form that is read back as the
 * same, and what is refused has a reason. */
#include "mirror/config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *print(const struct config *c)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	if (out == NULL || !config_print(c, out) || fclose(out) != 0)
		abort();
	return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fault f = {0};
	struct config *first = config_parse((const char *)data, size, "fuzz", &f);
	if (first == NULL) {
		if (f.class != FAULT_CONFIG || strncmp(f.text, "fuzz:", 5) != 0)
			abort();
		return 0;
	}
	char *text = print(first);
	struct config *second = config_parse(text, strlen(text), "fuzz", &f);
	if (second == NULL)
		abort();
	char *again = print(second);
	if (strcmp(text, again) != 0)
		abort();
	free(text);
	free(again);
	config_free(first);
	config_free(second);
	return 0;
}
