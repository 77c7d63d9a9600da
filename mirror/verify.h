/* verify: what a whole file has proved. Judges; moves nothing and asks nobody. Called by the fetch service for what
 * came from an upstream, and by the warmer for what lies on a disk. */
#ifndef PKGMIRROR_VERIFY_H
#define PKGMIRROR_VERIFY_H

#include "catalog.h"
#include "digest.h"
#include "minisign.h"
#include "route.h"

enum verify_signature {
	SIGNATURE_NONE, /* nobody asks for one */
	SIGNATURE_WAITING,
	SIGNATURE_PRESENT,
	SIGNATURE_ABSENT, /* upstream says that there is none */
	SIGNATURE_FAILED  /* it could not be had, or is a bad one */
};

struct verify_case {
	const struct route *route;
	const char *file; /* the name that a trusted comment must give */
	int fd;           /* the whole file */
	const struct digest_result *digest;
	const struct catalog_artifact *listed; /* NULL: in no index */
	bool flat;                             /* from a flat mirror: believed only with a signature */
	enum verify_signature state;
	const char *signature; /* SIGNATURE_PRESENT: the text of the .minisig */
	size_t signature_len;
	const struct fault *signature_fault; /* SIGNATURE_FAILED: why */
};

struct verify_verdict {
	const char *verdict; /* signed | digest | tls; "bad" with a fault */
	bool by_signature;   /* bad since the signature, which may be the bad one, does not fit */
	char key_id[MINISIGN_KEY_ID_HEX_CAP];
	char comment[MINISIGN_COMMENT_CAP];
};

/* The name that the trusted comment of a file must give: its own, at its upstream (`url`). */
void verify_name(const struct route *r, const char *url, char *out, size_t cap);

/* Judges a file. False: FAULT_INTEGRITY, it is bad; another class, its proof could not be had and the file may be good.
 * Reads the file only for a legacy signature. */
bool verify_file(const struct verify_case *v, struct verify_verdict *out, struct fault *f)
    __attribute__((warn_unused_result));

#endif
