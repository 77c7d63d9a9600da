/* utf8: see utf8.h. */
#include "utf8.h"

/* The lowest and highest second byte after a first one (RFC 3629 section 4), and the length. */
static size_t shape(unsigned char first, unsigned char *low, unsigned char *high)
{
	*low = 0x80;
	*high = 0xbf;
	if (first < 0x80)
		return first != 0 ? 1 : 0;
	if (first < 0xc2 || first > 0xf4)
		return 0;
	if (first < 0xe0)
		return 2;
	if (first == 0xe0 || first == 0xf0)
		*low = first == 0xe0 ? 0xa0 : 0x90;
	if (first == 0xed || first == 0xf4)
		*high = first == 0xed ? 0x9f : 0x8f;
	return first < 0xf0 ? 3 : 4;
}

size_t utf8_character_within(const char *text, size_t left)
{
	const unsigned char *p = (const unsigned char *)text;
	unsigned char low, high;
	const size_t len = shape(p[0], &low, &high);
	if (len > left)
		return 0;
	for (size_t i = 1; i < len; i++) {
		if (p[i] < low || p[i] > high)
			return 0;
		low = 0x80;
		high = 0xbf;
	}
	return len;
}

size_t utf8_character(const char *text)
{
	/* The NUL at the end is below any continuation byte. */
	return utf8_character_within(text, 4);
}

void utf8_mend(char *text)
{
	while (*text != '\0') {
		size_t len = utf8_character(text);
		if (len == 0)
			*text = '?';
		text += len > 0 ? len : 1;
	}
}
