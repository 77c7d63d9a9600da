/* index_text: what the bytes of a document must be before anything takes it apart. Pure.
 *
 * SQLite's JSON functions accept bytes that are no UTF-8 and escapes that stand for none, end a text at an escaped
 * zero, and nest two thousand deep; what this mirror builds of a document must be readable for every client's parser.
 * Whether it is JSON is SQLite's to say. Called by index. */
#ifndef PKGMIRROR_INDEX_TEXT_H
#define PKGMIRROR_INDEX_TEXT_H

#include <stddef.h>

/* An index is three deep. */
enum { INDEX_TEXT_DEPTH_MAX = 32 };

/* Judges len bytes. NULL when they are UTF-8 without zero characters (raw or escaped), without halves of surrogate
 * pairs, and nest at most INDEX_TEXT_DEPTH_MAX deep; else what is wrong with them, a constant. */
const char *index_text_judge(const char *text, size_t len) __attribute__((warn_unused_result, nonnull));

#endif
