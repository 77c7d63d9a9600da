/* zon: what pkgmirror needs of a build.zig.zon: name, version, fingerprint, paths. Pure.
 *
 * A parser of Zig object notation that keeps these four and steps over the rest, strictly enough that what it accepts
 * means to Zig what it means here. Dependencies are not judged. Called by zighash. */
#ifndef PKGMIRROR_ZON_H
#define PKGMIRROR_ZON_H

#include "fault.h"

#include <stdint.h>

enum { ZON_NAME_CAP = 33, ZON_VERSION_CAP = 33, ZON_PATHS_MAX = 1024, ZON_BYTES_MAX = 1024 * 1024 };

struct zon_manifest {
	char name[ZON_NAME_CAP];
	char version[ZON_VERSION_CAP];
	bool older;   /* the name is a string, as before Zig 0.14; then a fingerprint does not count */
	uint32_t id;  /* of the fingerprint; 0 when older */
	char **paths; /* path_count normalized paths; "" means everything, "/" nothing */
	size_t path_count;
};

/* Parses the len bytes at text. The caller frees *out with zon_free, after a success. FAULT_INTEGRITY for what Zig
 * would refuse, or what this parser does not know to be the same for Zig. */
bool zon_parse(const char *text, size_t len, struct zon_manifest *out, struct fault *f)
    __attribute__((warn_unused_result));

/* Frees what zon_parse made. */
void zon_free(struct zon_manifest *m);

#endif
