/* vectors: what minisign(1) made, see tests/data/minisign/make-vectors. */
#ifndef PKGMIRROR_TEST_VECTORS_H
#define PKGMIRROR_TEST_VECTORS_H

#include "mirror/digest.h"
#include "mirror/minisign.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define VECTORS_DIR TEST_DATA_DIR "/minisign/"
#define VECTORS_FILE "zig-0.14.1.tar.xz" /* what most of them sign */

enum { VECTOR_CAP = MINISIGN_FILE_MAX };

struct vector {
	char text[VECTOR_CAP];
	size_t len;
};

static inline struct vector vector_read(const char *name)
{
	struct vector v;
	char path[512];
	snprintf(path, sizeof path, VECTORS_DIR "%s", name);
	FILE *in = fopen(path, "r");
	if (in == NULL)
		fail_msg("%s cannot be read", path);
	v.len = fread(v.text, 1, sizeof v.text, in);
	fclose(in);
	return v;
}

/* The second line of a public key file. */
static inline void vector_key_text(const char *name, char out[MINISIGN_KEY_TEXT_CAP])
{
	struct vector v = vector_read(name);
	const char *line = memchr(v.text, '\n', v.len);
	assert_non_null(line);
	assert_true(v.text + v.len >= line + MINISIGN_KEY_TEXT_CAP);
	memcpy(out, line + 1, MINISIGN_KEY_TEXT_CAP - 1);
	out[MINISIGN_KEY_TEXT_CAP - 1] = '\0';
}

static inline struct minisign_key vector_key(const char *name)
{
	struct minisign_key key;
	struct fault f = {0};
	char text[MINISIGN_KEY_TEXT_CAP];
	vector_key_text(name, text);
	if (!minisign_key_parse(text, strlen(text), &key, &f))
		fail_msg("%s: %s", name, f.text);
	return key;
}

static inline struct digest_result vector_digest(const void *data, size_t len)
{
	struct digest_result result;
	struct digest *d = digest_new();
	assert_non_null(d);
	digest_add(d, data, len);
	digest_finish(d, &result);
	digest_free(d);
	return result;
}

#endif
