/* mirror_list: the community's list of flat mirrors (community-mirrors.txt), one URL a line. Pure. Called by
 * documents. */
#ifndef PKGMIRROR_FETCH_MIRROR_LIST_H
#define PKGMIRROR_FETCH_MIRROR_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MIRROR_LIST_MAX = 64, MIRROR_LIST_BYTES_MAX = 64 * 1024 };

struct mirror_list {
	char urls[MIRROR_LIST_MAX][256];
	size_t count;
	uint64_t seed; /* any number; another one gives other orders */
};

/* Takes the URLs out of len bytes: lines that are none are passed over, and so is what comes after the
 * MIRROR_LIST_MAX-th or stands twice. False when there is none; the list is then as it was. */
bool mirror_list_parse(struct mirror_list *list, const char *text, size_t len) __attribute__((warn_unused_result));

/* The i-th mirror to try for a path; NULL past the last. The order is shuffled for each path, and stays the same for it
 * as long as list and seed do. */
const char *mirror_list_at(const struct mirror_list *list, const char *path, size_t i);

#endif
