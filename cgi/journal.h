/* journal: the hit journal run/hits.log, which the warmer folds into the catalogue.
 *
 * One line for each answer that handed out a file of the store, whoever sent its bytes:
 *
 *     UTC-seconds TAB path TAB source TAB status TAB bytes LF
 *
 * path is the canonical one (an alias counts for the file), source the client's tool or "-", status what this mirror
 * answered (200 for a file that the web server sends, whatever range it makes of it), bytes what was sent or handed
 * over to be sent (0 for HEAD and 304). Nothing in it names a client. A line is one append, so that lines of several
 * processes do not mix. Called by published and follow. */
#ifndef PKGMIRROR_CGI_JOURNAL_H
#define PKGMIRROR_CGI_JOURNAL_H

#include "cgi/site.h"

/* Notes one answer, and counts its bytes. Never fails the caller. */
void journal_hit(const struct site *site, const char *path, const char *source, int status, int64_t bytes);

#endif
