/* intake: one file from elsewhere on this machine becomes a file of this mirror, when it proves itself. Called by adopt
 * and import.
 *
 * What is judged is the very file that is published: it is linked or copied into part/ first. A file that lies in our
 * own store already stays where it is and gets its rows and its link back. */
#ifndef PKGMIRROR_WARMER_INTAKE_H
#define PKGMIRROR_WARMER_INTAKE_H

#include "mirror/route.h"
#include "warmer/warmer.h"

enum intake_end {
	INTAKE_TAKEN,
	INTAKE_HERE,    /* this mirror has it already: nothing was read */
	INTAKE_REFUSED, /* it is bad, or nothing vouches for it */
	INTAKE_FAILED,  /* it could not be judged or stored */
	INTAKE_STOPPED
};

struct intake {
	const struct route *route;
	int dir_fd;       /* of the folder that has it */
	const char *name; /* in that folder; its signature is NAME.minisig there, else this mirror's own */
	const char *url;  /* for the ledger: file:… */
	enum store_way way;
};

/* Takes one file. With a dry run it is judged where it lies. *f says why it was refused or failed. *bytes: its size. */
enum intake_end intake_take(struct warmer *w, const struct intake *x, int64_t *bytes, struct fault *f);

/* How files come: "auto" (reflink, else link, else copy), "link", "reflink", "copy". False for another word. */
bool intake_way(const char *word, enum store_way *out) __attribute__((warn_unused_result));

#endif
