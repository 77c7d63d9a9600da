/* json: see json.h. */
#include "warmer/json.h"
#include "mirror/utf8.h"

#include <inttypes.h>

struct json json_begin(FILE *out)
{
	fputc('{', out);
	return (struct json){.out = out};
}

static void put_quoted(FILE *out, const char *text)
{
	fputc('"', out);
	for (const char *p = text; *p != '\0';) {
		const size_t len = utf8_character(p);
		if (len == 0)
			fputs("\\ufffd", out); /* a file name may be any bytes, JSON may not */
		else if ((unsigned char)*p < 0x20 || *p == 0x7f)
			fprintf(out, "\\u%04x", (unsigned char)*p);
		else if (*p == '"' || *p == '\\')
			fprintf(out, "\\%c", *p);
		else
			fwrite(p, 1, len, out);
		p += len > 0 ? len : 1;
	}
	fputc('"', out);
}

static void put_name(struct json *j, const char *name)
{
	if (j->any)
		fputc(',', j->out);
	j->any = true;
	put_quoted(j->out, name);
	fputc(':', j->out);
}

void json_text(struct json *j, const char *name, const char *value)
{
	put_name(j, name);
	if (value != NULL)
		put_quoted(j->out, value);
	else
		fputs("null", j->out);
}

void json_int(struct json *j, const char *name, int64_t value)
{
	put_name(j, name);
	fprintf(j->out, "%" PRId64, value);
}

void json_bool(struct json *j, const char *name, bool value)
{
	put_name(j, name);
	fputs(value ? "true" : "false", j->out);
}

void json_end(struct json *j)
{
	fputs("}\n", j->out);
	fflush(j->out);
}
