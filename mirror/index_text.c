/* index_text: see index_text.h. */
#include "index_text.h"

#include "utf8.h"

#include <stdbool.h>
#include <stdint.h>

/* The number of an escape \uXXXX at `p`, -1 when there is none. */
static int32_t escaped(const unsigned char *p, size_t left)
{
	int32_t value = 0;
	if (left < 6 || p[0] != '\\' || p[1] != 'u')
		return -1;
	for (int i = 2; i < 6; i++) {
		const unsigned char c = p[i];
		if (c >= '0' && c <= '9')
			value = value * 16 + (c - '0');
		else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
			value = value * 16 + ((c | 0x20) - 'a' + 10);
		else
			return -1;
	}
	return value;
}

static bool is_first_half(int32_t c)
{
	return c >= 0xd800 && c <= 0xdbff;
}

static bool is_second_half(int32_t c)
{
	return c >= 0xdc00 && c <= 0xdfff;
}

/* Judges the escape at `p`, in a string; *len is how long it is. */
static const char *judge_escape(const unsigned char *p, size_t left, size_t *len)
{
	int32_t c = escaped(p, left);
	*len = c >= 0 ? 6 : 2;
	if (c == 0)
		return "holds a zero character";
	if (is_second_half(c))
		return "holds half a character";
	if (is_first_half(c)) {
		if (!is_second_half(escaped(p + 6, left - 6)))
			return "holds half a character";
		*len = 12;
	}
	return NULL;
}

const char *index_text_judge(const char *text, size_t len)
{
	const unsigned char *p = (const unsigned char *)text;
	bool quoted = false;
	int depth = 0;
	for (size_t at = 0, n; at < len; at += n) {
		const char *wrong;
		if (p[at] == '\0')
			return "holds a zero byte";
		if ((n = utf8_character_within(text + at, len - at)) == 0)
			return "is no UTF-8";
		if (quoted && p[at] == '\\' && (wrong = judge_escape(p + at, len - at, &n)) != NULL)
			return wrong;
		if (p[at] == '"')
			quoted = !quoted;
		else if (!quoted && (p[at] == '{' || p[at] == '[') && ++depth > INDEX_TEXT_DEPTH_MAX)
			return "is nested too deep";
		else if (!quoted && (p[at] == '}' || p[at] == ']'))
			depth--;
	}
	return NULL;
}
