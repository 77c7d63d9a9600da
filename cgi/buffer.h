/* buffer: text that is put together, in memory with a limit. Pure.
 *
 * Whoever makes one says how large it may become; what does not fit marks it as failed and is dropped, so that a page
 * checks once, at its end. Called by the responder's pages, its escapers and respond. */
#ifndef PKGMIRROR_CGI_BUFFER_H
#define PKGMIRROR_CGI_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buffer {
	char *data; /* len bytes, then a NUL once anything was added */
	size_t len, cap, max;
	bool borrowed; /* data belongs to the caller */
	bool failed;   /* something did not fit */
};

/* Makes *b an empty buffer that grows up to max bytes. The caller frees it with buffer_close. */
void buffer_open(struct buffer *b, size_t max);

/* Makes *b an empty buffer over the caller's memory: cap bytes, of which one is for the NUL. */
void buffer_over(struct buffer *b, char *memory, size_t cap);

/* Frees what it holds. A borrowed one is left alone. */
void buffer_close(struct buffer *b);

/* Adds len bytes. */
void buffer_add(struct buffer *b, const char *data, size_t len);

/* Adds a NUL-terminated text. */
void buffer_text(struct buffer *b, const char *text);

/* Adds a number: decimal, or hexadecimal with small letters. Much less work than buffer_format. */
void buffer_int(struct buffer *b, int64_t n);
void buffer_hex(struct buffer *b, uint64_t n);

/* Adds formatted text; at most 1 KiB a call. */
void buffer_format(struct buffer *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
