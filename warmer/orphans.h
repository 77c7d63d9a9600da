/* orphans: files of the store that no link leads to. A prune, a verify or a service that was killed, or a power cut,
 * leaves one now and then; the next request for it would find it, but nobody may ever ask again. Called by verify. */
#ifndef PKGMIRROR_WARMER_ORPHANS_H
#define PKGMIRROR_WARMER_ORPHANS_H

#include "warmer/warmer.h"

struct orphans {
	int64_t found, bytes; /* that were removed; in a dry run, that would be */
	int64_t files;        /* in the store */
};

/* Removes what has lain in the store for a day without a link, each under its lease and with its entry. What no rule
 * knows is left alone. FAULT_SYSTEM when so many have none that public/ must be lost: then none is removed. Stops when
 * the warmer is asked to. Blocks for as long as walking through the store takes. */
bool orphans_sweep(struct warmer *w, int64_t now, struct orphans *out, struct fault *f)
    __attribute__((warn_unused_result));

#endif
