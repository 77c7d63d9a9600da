/* Arbitrary bytes as dates, header lines and Content-Range: what is a date is written as one that means the same, and
 * a range that is found is one. */
#include "fetch/field.h"
#include "mirror/httpdate.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

static void check_date(const char *text, size_t len)
{
	static const int64_t NOW[] = {0, INT64_C(1800000000), INT64_C(253402300799)};
	for (size_t i = 0; i < sizeof NOW / sizeof NOW[0]; i++) {
		char out[HTTPDATE_CAP];
		int64_t when = 0, again = 1;
		if (!httpdate_parse(text, len, NOW[i], &when))
			continue;
		httpdate_format(when, out);
		/* A leap second behind the last year is clamped. */
		require(httpdate_parse(out, strlen(out), NOW[i], &again));
		require(again == when || when > INT64_C(253402300799));
	}
}

/* Lines of the field "a", with values that fit and values that do not. */
static void check_value(const char *text, size_t len)
{
	char out[16];
	memset(out, '#', sizeof out);
	if (!field_value(text, len, "a", out, sizeof out - 1))
		return;
	require(out[sizeof out - 1] == '#' && memchr(out, '\0', sizeof out - 1) != NULL);
	size_t n = strlen(out);
	require(n == 0 || (out[0] != ' ' && out[0] != '\t' && strchr(" \t\r\n", out[n - 1]) == NULL));
	require(n == 0 || memmem(text, len, out, n) != NULL);
}

static void check_range(const char *text)
{
	int64_t first = -7, total = -7;
	if (!field_content_range(text, &first, &total)) {
		require(first == -7 && total == -7);
		return;
	}
	require(first >= -1 && total >= -1 && !(first == -1 && total == -1));
	require(first < 0 || total < 0 || first < total);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	require(text != NULL);
	memcpy(text, data, size);
	text[size] = '\0';
	check_date(text, size);
	check_value(text, size);
	check_range(text);
	free(text);
	return 0;
}
