/* watch: stays, and warms whenever there is a reason: an index that is due, something new in `want`, a failure whose
 * pause is over. Once a day it prunes, once an hour it folds hits. Called by the command warm. */
#ifndef PKGMIRROR_WARMER_WATCH_H
#define PKGMIRROR_WARMER_WATCH_H

#include "warmer/warmer.h"

/* Watches until it is asked to stop, which is WARMER_DONE. WARMER_ANOTHER when somebody else does. */
enum warmer_exit watch_run(struct warmer *w);

#endif
