/* fold: reads the hit journal and access logs and counts their lines in the catalogue, each once. Called by the
 * commands fold and prune. */
#ifndef PKGMIRROR_WARMER_FOLD_H
#define PKGMIRROR_WARMER_FOLD_H

#include "warmer/warmer.h"

enum fold_kind { FOLD_JOURNAL, FOLD_ACCESS };

struct fold_result {
	int64_t hits, bots, errors; /* lines that were counted as these */
	int64_t others;             /* pages, documents, redirects: not counted */
	int64_t unreadable;         /* lines of no known format */
};

/* Folds the complete lines of a log that were not folded yet, adding to *r; stops early, in a state to go on from, when
 * the warmer is asked to stop. `name` is for people. Nothing is written on a dry run. FAULT_SYSTEM or FAULT_FULL: what
 * was folded before stays folded; FAULT_CLIENT for a compressed log. */
bool fold_file(struct warmer *w, int fd, const char *name, enum fold_kind kind, struct fold_result *r, struct fault *f)
    __attribute__((warn_unused_result));

/* Folds run/hits.log and what is left of its predecessor run/hits.log.1. A journal that has become large takes the
 * place of its predecessor, which is removed when all of it is folded; responders that still write to the old one are
 * not lost: it stays until the next time. */
bool fold_journal(struct warmer *w, struct fold_result *r, struct fault *f) __attribute__((warn_unused_result));

/* Folds an access log by its name, following links. As fold_file; FAULT_SYSTEM also when it cannot be opened,
 * FAULT_ABSENT when there is none. */
bool fold_access(struct warmer *w, const char *path, struct fold_result *r, struct fault *f)
    __attribute__((warn_unused_result));

/* Folds all that is known to have hits: the journal, and each of the configured access_logs with its predecessor
 * PATH.1, which a rotation made of it since the last time. Goes on after a fault, complains of each, and returns false.
 */
bool fold_known(struct warmer *w, struct fold_result *r) __attribute__((warn_unused_result));

#endif
