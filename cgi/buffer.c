/* buffer: see buffer.h. */
#include "buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_CAP = 4096, FORMAT_CAP = 1024 };

void buffer_open(struct buffer *b, size_t max)
{
	*b = (struct buffer){.max = max};
}

void buffer_over(struct buffer *b, char *memory, size_t cap)
{
	*b = (struct buffer){.data = memory, .cap = cap, .max = cap > 0 ? cap - 1 : 0, .borrowed = true};
}

void buffer_close(struct buffer *b)
{
	if (!b->borrowed)
		free(b->data);
	*b = (struct buffer){0};
}

static bool reserve(struct buffer *b, size_t more)
{
	if (b->failed || more > b->max - b->len)
		return false;
	if (b->len + more < b->cap)
		return true;
	if (b->borrowed)
		return false;
	size_t cap = b->cap ? b->cap : FIRST_CAP;
	while (cap <= b->len + more)
		cap *= 2;
	char *data = realloc(b->data, cap);
	if (data == NULL)
		return false;
	b->data = data;
	b->cap = cap;
	return true;
}

void buffer_add(struct buffer *b, const char *data, size_t len)
{
	if (!reserve(b, len)) {
		b->failed = true;
		return;
	}
	memcpy(b->data + b->len, data, len);
	b->len += len;
	b->data[b->len] = '\0';
}

void buffer_text(struct buffer *b, const char *text)
{
	buffer_add(b, text, strlen(text));
}

static void add_digits(struct buffer *b, uint64_t n, unsigned base, bool negative)
{
	char digits[24], *p = digits + sizeof digits;
	do
		*--p = "0123456789abcdef"[n % base];
	while ((n /= base) > 0);
	if (negative)
		*--p = '-';
	buffer_add(b, p, (size_t)(digits + sizeof digits - p));
}

void buffer_int(struct buffer *b, int64_t n)
{
	add_digits(b, n < 0 ? 0 - (uint64_t)n : (uint64_t)n, 10, n < 0);
}

void buffer_hex(struct buffer *b, uint64_t n)
{
	add_digits(b, n, 16, false);
}

void buffer_format(struct buffer *b, const char *format, ...)
{
	char text[FORMAT_CAP];
	va_list args;
	va_start(args, format);
	int n = vsnprintf(text, sizeof text, format, args);
	va_end(args);
	if (n < 0 || (size_t)n >= sizeof text)
		b->failed = true;
	else
		buffer_add(b, text, (size_t)n);
}
