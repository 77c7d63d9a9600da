/* journal: the hit journal run/hits.log, which the warmer folds into the catalogue.
 *
 * One line for each answer that handed out a file of the store, whoever sent its bytes:
 *
 *     UTC-seconds TAB path TAB source TAB status TAB bytes LF
 *
 * path is the canonical one (an alias counts for the file), source the client's tool or "-", status what this mirror
 * answered (200 for a file that the web server sends, whatever range it makes of it), bytes what was sent or handed
 * over to be sent (0 for HEAD and 304). Nothing in it names a client.
 *
 * Lines are collected and written together, at most a second later, by one append, so that those of several processes
 * do not mix: a hit costs no system call here. A process that is killed loses what it has not written. Called by
 * published and follow (hit), main (the rest). */
#ifndef PKGMIRROR_CGI_JOURNAL_H
#define PKGMIRROR_CGI_JOURNAL_H

#include "cgi/site.h"

enum { JOURNAL_DELAY_SEC = 1 };

/* An empty journal of this process; the caller frees it with journal_close, which writes what is left. NULL when memory
 * is short. */
struct journal *journal_open(const struct store *store) __attribute__((warn_unused_result));
void journal_close(struct journal *j);

/* Notes one answer, and counts its bytes. Never fails the caller. Thread-safe. Blocks on a write now and then. */
void journal_hit(const struct site *site, const char *path, const char *source, int status, int64_t bytes);

/* Writes what is there. To be called every JOURNAL_DELAY_SEC. Thread-safe. */
void journal_flush(struct journal *j);

#endif
