/* scratch: a folder of its own for a test. */
#ifndef PKGMIRROR_TEST_SCRATCH_H
#define PKGMIRROR_TEST_SCRATCH_H

#include <ftw.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { SCRATCH_CAP = 64 };

/* Makes an empty folder and writes its path to out. False when that fails. */
static inline bool scratch_make(char out[SCRATCH_CAP])
{
	memcpy(out, "/tmp/pkgmirror.XXXXXX", sizeof "/tmp/pkgmirror.XXXXXX");
	return mkdtemp(out) != NULL;
}

static inline int scratch_drop(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st, (void)flag, (void)ftw;
	return remove(path);
}

/* Removes the folder and all that is in it. */
static inline void scratch_remove(const char *dir)
{
	nftw(dir, scratch_drop, 16, FTW_DEPTH | FTW_PHYS);
}

#endif
