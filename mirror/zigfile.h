/* zigfile: the names of Zig toolchain files and their versions. Pure.
 *
 * The grammar is the one of the Zig project's MIRRORS.md:
 *     zig-VERSION.EXT  zig-bootstrap-VERSION.EXT  zig-ARCH-OS-VERSION.EXT  zig-OS-ARCH-VERSION.EXT
 * with VERSION `A.B.C` or `A.B.C-dev.N+HEX`, EXT `.tar.xz` or `.zip`, optionally followed by `.minisig`. ARCH and OS
 * are open sets of [A-Za-z0-9_]. Early releases have zig-WORD-VERSION.EXT (zig-win64-0.1.1.zip): they parse with `odd`
 * set, and are served only when an index names them. */
#ifndef PKGMIRROR_ZIGFILE_H
#define PKGMIRROR_ZIGFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ZIGFILE_NAME_CAP = 200, ZIGFILE_VERSION_CAP = 80 };

struct zigfile_version {
	uint32_t major, minor, patch;
	bool dev;         /* a pre-release: `commits` and `hash` are meaningful */
	uint32_t commits; /* N of -dev.N */
	char hash[41];    /* lower-case hex after '+', NUL-terminated; "" without dev */
};

struct zigfile {
	char name[ZIGFILE_NAME_CAP];       /* the whole file name */
	char base[ZIGFILE_NAME_CAP];       /* the name without .minisig */
	char version[ZIGFILE_VERSION_CAP]; /* as written */
	struct zigfile_version number;
	bool signature; /* ends in .minisig */
	bool odd;       /* outside the schema: only an index can vouch for it */
};

/* Parses the len bytes at `text` as a version; the whole of it must match. Numbers have at most 9 digits and no leading
 * zero, HEX 1 to 40 lower-case digits. Returns false, with *out undefined, when it does not match. */
bool zigfile_version_parse(const char *text, size_t len, struct zigfile_version *out)
    __attribute__((warn_unused_result));

/* Semantic order: negative, 0 or positive as a is before, equal to or after b. A pre-release comes before its release,
 * pre-releases go by commits. The hash does not count. */
int zigfile_version_compare(const struct zigfile_version *a, const struct zigfile_version *b);

/* Parses the len bytes at `name` as a toolchain file name. Returns false, with *out undefined, when it is none. */
bool zigfile_parse(const char *name, size_t len, struct zigfile *out) __attribute__((warn_unused_result));

#endif
