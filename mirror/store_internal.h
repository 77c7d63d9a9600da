/* store_internal: what the files of the store share among themselves; for nobody else. */
#ifndef PKGMIRROR_STORE_INTERNAL_H
#define PKGMIRROR_STORE_INTERNAL_H

#include "store.h"

enum { STORE_PATH_CAP = 1024 };

struct store {
	int fd; /* state_dir */
};

/* True for a relative path without empty, "." and ".." segments that fits STORE_PATH_CAP. */
bool store_path_ok(const char *relative);

/* Writes "FOLDER/PATH". FAULT_SYSTEM when the result is no path of the store. */
bool store_join(char out[STORE_PATH_CAP], const char *folder, const char *path, struct fault *f)
    __attribute__((warn_unused_result));

/* Makes the folders above `relative`. A new one's own name is synced too when `durable`, else a power cut could lose a
 * file that was synced inside it. FAULT_SYSTEM, FAULT_FULL. */
bool store_make_parents(const struct store *s, const char *relative, bool durable, struct fault *f)
    __attribute__((warn_unused_result));

/* fsyncs the folder that holds `relative`. Blocks for the disk. FAULT_SYSTEM. */
bool store_sync_parent(const struct store *s, const char *relative, struct fault *f)
    __attribute__((warn_unused_result));

/* After a file was removed, and perhaps the folders above it: fsyncs the lowest that is left, so that a power cut does
 * not bring the name back. Blocks for the disk. FAULT_SYSTEM. */
bool store_sync_removal(const struct store *s, const char *relative, struct fault *f)
    __attribute__((warn_unused_result));

/* Makes up a name: "STEM-…". It may be there: two writers, each in a container of its own, may have the same process
 * id. */
void store_temporary(char out[STORE_PATH_CAP], const char *stem);

/* Makes `relative` a link to `target`, replacing an older one by rename, makes and fsyncs its folder. FAULT_SYSTEM,
 * FAULT_FULL. */
bool store_symlink(const struct store *s, const char *target, const char *relative, struct fault *f)
    __attribute__((warn_unused_result));

/* Removes the folders above a file that are empty now, but for the first. */
void store_drop_parents(const struct store *s, const char *relative);

#endif
