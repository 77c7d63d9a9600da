/* Arbitrary bytes as a toolchain file's name and as a version: what is taken is made of what was read, and nothing else
 * than the grammar's bytes is. */
#include "mirror/zigfile.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

/* A version is written in one way only. */
static void check_version(const char *text, size_t len, const struct zigfile_version *v)
{
	char again[ZIGFILE_VERSION_CAP * 2];
	int n = snprintf(again, sizeof again, "%" PRIu32 ".%" PRIu32 ".%" PRIu32, v->major, v->minor, v->patch);
	if (v->dev)
		n += snprintf(again + n, sizeof again - (size_t)n, "-dev.%" PRIu32 "+%s", v->commits, v->hash);
	require((size_t)n == len && memcmp(again, text, len) == 0);
	require(zigfile_version_compare(v, v) == 0);
}

static void check_name(const char *text, size_t len, const struct zigfile *z)
{
	struct zigfile_version v;
	size_t base = strlen(z->base);
	require(strlen(z->name) == len && memcmp(z->name, text, len) == 0);
	require(strncmp(z->name, z->base, base) == 0 && strcmp(z->name + base, z->signature ? ".minisig" : "") == 0);
	require(strspn(z->name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._+-") == len);
	require(strncmp(z->name, "zig-", 4) == 0 && strstr(z->name, "--") == NULL);
	require(strstr(z->base, z->version) != NULL);
	require(zigfile_version_parse(z->version, strlen(z->version), &v));
	require(memcmp(&v, &z->number, sizeof v) == 0);
	check_version(z->version, strlen(z->version), &v);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct zigfile_version v;
	struct zigfile z, again;
	/* A copy of exactly this size: a read behind it is seen. */
	char *text = malloc(size > 0 ? size : 1);
	require(text != NULL);
	if (size > 0)
		memcpy(text, data, size);
	if (zigfile_version_parse(text, size, &v))
		check_version(text, size, &v);
	if (zigfile_parse(text, size, &z)) {
		check_name(text, size, &z);
		/* A signature's file is a file as well. */
		require(zigfile_parse(z.base, strlen(z.base), &again) && !again.signature && again.odd == z.odd);
		require(strcmp(again.version, z.version) == 0);
	}
	free(text);
	return 0;
}
