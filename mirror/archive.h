/* archive: whole-archive checks and the members of package archives. libarchive's only room.
 *
 * Knows tar (plain, gzip, xz, zstd) and zip, by their content. It says whether an archive is whole, and hands out its
 * members; what they mean is zighash's business. It reads hostile input and may take long: the fetch service runs it in
 * a process of its own. Files are never unpacked to disk. */
#ifndef PKGMIRROR_ARCHIVE_H
#define PKGMIRROR_ARCHIVE_H

#include "fault.h"

#include <stdint.h>

enum archive_kind { ARCHIVE_FILE, ARCHIVE_LINK, ARCHIVE_FOLDER, ARCHIVE_OTHER };

/* What is too much: a bomb, not a package. */
enum { ARCHIVE_MEMBERS_MAX = 200000, ARCHIVE_RATIO_MAX = 200, ARCHIVE_NAME_CAP = 4096 };
#define ARCHIVE_UNPACKED_MAX (INT64_C(16) << 30)
#define ARCHIVE_RATIO_FROM (INT64_C(256) << 20) /* below so many unpacked bytes the ratio does not count */

struct archive_member {
	const char *path;
	enum archive_kind kind;
	const char *target; /* of a link, and of a hard link, which is an ARCHIVE_OTHER; else NULL */
	bool zip;
};

struct archive_visitor {
	/* A member; false ends the walk with the visitor's own fault. */
	bool (*member)(void *arg, const struct archive_member *m, struct fault *f);
	/* A piece of the content of the last ARCHIVE_FILE. */
	bool (*data)(void *arg, const void *bytes, size_t len, struct fault *f);
	void *arg;
};

/* True when the name is that of what archive_check can judge: .tar, .zip, and .gz, .xz, .zst or the short forms of a
 * tar in them. */
bool archive_is_known(const char *path) __attribute__((nonnull));

/* Reads the whole file behind fd (from its start; the file position moves) and tells whether it is whole: every frame,
 * trailer and checksum of the compression (of a gzip of several streams, those of the last), the end marker of a plain
 * tar, the members and the end record of a zip. *joined (NULL: not wanted): several streams of gzip or xz behind each
 * other, of which not every reader unpacks more than the first. FAULT_INTEGRITY with a reason; FAULT_SYSTEM when it
 * cannot be read. Blocks for as long as unpacking takes. */
bool archive_check(int fd, bool *joined, struct fault *f) __attribute__((warn_unused_result));

/* Calls the visitor for each member in order (from the file's start; the position moves). FAULT_INTEGRITY for what is
 * no archive or is broken or too large, or the visitor's fault. */
bool archive_walk(int fd, const struct archive_visitor *v, struct fault *f) __attribute__((warn_unused_result));

#endif
