/* zighash: the hash that `zig fetch` gives a package archive, computed without unpacking it to disk.
 *
 * Follows Zig 0.14 to 0.16: the files of the archive below its only top folder, if it has just one, those that `paths`
 * of build.zig.zon includes; SHA-256 of the SHA-256 of each (its path, two zero bytes, its content; a link: its path
 * and its target), sorted by path. A shape that Zig refuses, or of which we are not sure that it means the same to Zig,
 * has no hash: a wrong one is worse than none. */
#ifndef PKGMIRROR_ZIGHASH_H
#define PKGMIRROR_ZIGHASH_H

#include "fault.h"

enum { ZIGHASH_CAP = 112, ZIGHASH_OLD_CAP = 69, ZIGHASH_TREE_CAP = 65, ZIGHASH_REASON_CAP = 160 };

struct zighash {
	char hash[ZIGHASH_CAP]; /* "name-version-…", or "N-V-…" without a build.zig.zon; "" when there is none */
	char multihash[ZIGHASH_OLD_CAP]; /* "1220…", the form of Zig before 0.14; "" likewise */
	char tree[ZIGHASH_TREE_CAP];     /* hex SHA-256 of the whole unpacked tree, always there */
	char reason[ZIGHASH_REASON_CAP]; /* why there is no hash; "" when there is one */
};

/* Computes the hash of the package archive behind fd (the position moves). FAULT_INTEGRITY when it is no whole archive,
 * FAULT_SYSTEM when memory is short. Blocks for as long as unpacking takes, up to twice. */
bool zighash_compute(int fd, struct zighash *out, struct fault *f) __attribute__((warn_unused_result));

#endif
