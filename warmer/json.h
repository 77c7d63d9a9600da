/* json: one object a line, for programs. Pure but for the stream. Called by the commands that know --json. */
#ifndef PKGMIRROR_WARMER_JSON_H
#define PKGMIRROR_WARMER_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* An object that is being written; begin it with json_begin. */
struct json {
	FILE *out;
	bool any;
};

/* Begins an object; its members follow, in the order of the calls; json_end ends it with a line end and flushes. Names
 * are literals. A text that is NULL is null; control bytes are escaped, a byte that is no UTF-8 becomes U+FFFD. */
struct json json_begin(FILE *out);
void json_text(struct json *j, const char *name, const char *value);
void json_int(struct json *j, const char *name, int64_t value);
void json_bool(struct json *j, const char *name, bool value);
void json_end(struct json *j);

#endif
