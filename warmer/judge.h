/* judge: what a file that lies on a disk has proved, by the rules of the fetch service: a signature by the configured
 * key, else the digest that an upstream's index lists (not
 * one that came in a bundle); of a package also its content. Called by verify, adopt and import. */
#ifndef PKGMIRROR_WARMER_JUDGE_H
#define PKGMIRROR_WARMER_JUDGE_H

#include "mirror/catalog_trust.h"
#include "mirror/digest.h"
#include "mirror/verify.h"
#include "mirror/zighash.h"
#include "warmer/pace.h"
#include "warmer/warmer.h"

/* Digests a whole file. FAULT_BUSY when asked to stop meanwhile, FAULT_SYSTEM when it cannot be read. Blocks
 * for as long as the pace says. */
bool judge_digest(struct warmer *w, int fd, struct pace *pace, struct digest_result *out, struct fault *f)
    __attribute__((warn_unused_result));

struct judge_case {
	const struct route *route;
	int fd; /* for reading */
	const struct digest_result *digest;
	const char *signature; /* the text of its .minisig; NULL: none is there */
	size_t signature_len;
	bool own; /* it lies in the store already: the fetch service put it there */
};

struct judge_verdict {
	struct verify_verdict proof; /* signed, digest, pinned; tls for our own only */
	struct zighash zig;          /* of a package */
	char content[CATALOG_CONTENT_CAP];
	unsigned class; /* of a toolchain: one CLASS_ bit */
};

/* Judges a file. FAULT_INTEGRITY when it is bad, or nothing vouches for it; FAULT_BUSY when asked to stop meanwhile,
 * FAULT_SYSTEM. A package is unpacked for its content. */
bool judge_file(struct warmer *w, const struct judge_case *c, struct judge_verdict *out, struct fault *f)
    __attribute__((warn_unused_result));

/* The name of a class of the configuration, for the catalogue. */
const char *judge_class_name(const struct route *r, unsigned class);

/* Reads a signature: at most MINISIGN_FILE_MAX + 1 bytes of the file behind fd. 0 when it cannot be read. */
size_t judge_read_signature(int fd, char text[MINISIGN_FILE_MAX + 1]);

#endif
