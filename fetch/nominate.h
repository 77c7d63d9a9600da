/* nominate: moves development builds that became nominated to the folder of those, without a download.
 *
 * A few files a turn, each with its lease held: the file keeps its inode, its link in public/ is replaced by a rename,
 * and the entry's class follows. What a crash interrupts is taken up by the next service. Called by documents (an index
 * may have changed) and loop. */
#ifndef PKGMIRROR_FETCH_NOMINATE_H
#define PKGMIRROR_FETCH_NOMINATE_H

#include "fetch/fetch.h"

/* Looks through all files again, from the next turn on. */
void nominate_begin(struct fetch *x);

/* Moves what is due. Returns in how many milliseconds it wants to be called again at the latest. Blocks for the disk.
 */
int nominate_turn(struct fetch *x);

/* True while files wait to be moved, other than those that somebody else is at work on. */
bool nominate_busy(const struct fetch *x);

#endif
