/* zighash: the hash that `zig fetch` gives a package archive, computed without unpacking it to disk.
 *
 * Follows Zig 0.16, and for the older form what came before 0.14: the files of the archive below its only top folder,
 * if it has just one, those that `paths` of build.zig.zon includes; SHA-256 of the SHA-256 of each (its path, two zero
 * bytes, its content; a link: its path and its target), sorted by path. A shape that Zig refuses, or of which we are
 * not sure that it means the same to Zig, has no hash: a wrong one is worse than none. Whether Zig would take the
 * dependencies, or the compression, is not asked. tests/e2e/test_zighash.py compares with the real ones. */
#ifndef PKGMIRROR_ZIGHASH_H
#define PKGMIRROR_ZIGHASH_H

#include "fault.h"

enum { ZIGHASH_CAP = 112, ZIGHASH_OLD_CAP = 69, ZIGHASH_TREE_CAP = 65, ZIGHASH_REASON_CAP = 160 };

struct zighash {
	char hash[ZIGHASH_CAP]; /* "name-version-…", or "N-V-…" without a build.zig.zon; "" when there is none */
	char multihash[ZIGHASH_OLD_CAP]; /* "1220…": of a package whose manifest is of before Zig 0.14, or that has none
	                                  */
	char tree[ZIGHASH_TREE_CAP];     /* hex SHA-256 of the whole unpacked tree, always there */
	char reason[ZIGHASH_REASON_CAP]; /* why there is neither hash; "" when there is one */
};

/* Judges the package archive behind fd like archive_check and computes its hashes (the position moves). FAULT_INTEGRITY
 * when it is no whole archive, FAULT_SYSTEM when memory is short. Blocks for as long as unpacking takes, three times
 * over. */
bool zighash_compute(int fd, struct zighash *out, struct fault *f) __attribute__((warn_unused_result));

#endif
