/* utf8: whether bytes are UTF-8 (RFC 3629: shortest form, no surrogates, nothing beyond U+10FFFF). Pure. What upstreams
 * say goes into JSON, which holds nothing else. Called by catalog_sql and
 * index_text. */
#ifndef PKGMIRROR_UTF8_H
#define PKGMIRROR_UTF8_H

#include <stddef.h>

/* How many bytes the character has that the NUL-terminated text begins with: 1 to 4; 0 when it begins with none. */
size_t utf8_character(const char *text) __attribute__((nonnull));

/* The same for `left` bytes, at least one, whatever follows them; one that they cut is none, and so is a zero byte. */
size_t utf8_character_within(const char *text, size_t left) __attribute__((nonnull));

/* Replaces each byte that belongs to no character by a question mark, in place. */
void utf8_mend(char *text) __attribute__((nonnull));

#endif
