/* bundle: the manifest of a bundle, which `export` writes and `import` reads. Pure.
 *
 * A bundle is a folder: README, manifest, documents/ (the index documents as upstream gave them), files/ (by their path
 * on the mirror, signatures among them), ledger.jsonl (what the exporting mirror knows of where they came from). The
 * manifest is text, one line a thing, fields apart by one space:
 *
 *     pkgmirror-bundle 1
 *     document NAME SHA256
 *     file SHA256 SIZE PATH
 *
 * It says what there should be, and proves nothing. */
#ifndef PKGMIRROR_WARMER_BUNDLE_H
#define PKGMIRROR_WARMER_BUNDLE_H

#include "mirror/wire.h"

#include <stdint.h>

#define BUNDLE_HEAD "pkgmirror-bundle 1"

enum bundle_kind { BUNDLE_DOCUMENT, BUNDLE_FILE };
enum { BUNDLE_LINE_MAX = 2048 };

struct bundle_line {
	enum bundle_kind kind;
	char name[16]; /* of a document: index or nominated */
	char sha256[65];
	int64_t size;
	char path[WIRE_PATH_CAP]; /* no empty, "." or ".." segment */
};

/* Takes a line (without its end) apart that is not the first. False when it is none. */
bool bundle_parse(const char *line, size_t len, struct bundle_line *out) __attribute__((warn_unused_result));

/* Writes a line with its end. Returns its length; 0 when it does not fit cap. */
size_t bundle_format(const struct bundle_line *l, char *out, size_t cap);

#endif
