/* check: see check.h. */
#include "warmer/check.h"
#include "warmer/json.h"

#include <stdarg.h>
#include <stdio.h>

enum { TEXT_CAP = 400 };

void check_row(struct check *c, enum check_result result, const char *what, const char *format, ...)
{
	static const char *const NAMES[] = {"good", "warn", "FAILED", "FORGED"};
	char text[TEXT_CAP];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	/* What a stranger's server says goes to a terminal. */
	for (char *p = text; *p != '\0'; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = '?';
	c->rows++;
	c->failed += result == CHECK_FAILED || result == CHECK_FORGED;
	c->forged += result == CHECK_FORGED;
	if (c->warmer->json) {
		struct json j = json_begin(stdout);
		json_text(&j, "event", "check");
		json_text(&j, "check", what);
		json_text(&j, "result", NAMES[result]);
		json_text(&j, "detail", text);
		json_end(&j);
	} else if (!c->warmer->quiet || result >= CHECK_FAILED) {
		printf("%-6s  %-52s  %s\n", NAMES[result], what, text);
		fflush(stdout);
	}
}

enum warmer_exit check_end(const struct check *c, const char *url)
{
	if (c->warmer->json) {
		struct json j = json_begin(stdout);
		json_text(&j, "event", "summary");
		json_text(&j, "url", url);
		json_int(&j, "checks", c->rows);
		json_int(&j, "failed", c->failed);
		json_end(&j);
	} else if (!c->warmer->quiet || c->failed > 0) {
		printf("%s: %d of %d checks failed\n", url, c->failed, c->rows);
	}
	return c->forged > 0 ? WARMER_INTEGRITY : c->failed > 0 || c->warmer->stopping ? WARMER_FAILED : WARMER_DONE;
}
