/* human: numbers as a person reads them. Pure. Called by catalog_sql (for the pages) and whoever prints. */
#ifndef PKGMIRROR_HUMAN_H
#define PKGMIRROR_HUMAN_H

#include <stdint.h>

enum { HUMAN_CAP = 32 };

/* A size in decimal units: "512 B", "47.3 MB", "1.2 TB". A negative one counts as 0. */
void human_size(int64_t bytes, char out[HUMAN_CAP]);

/* A duration in its largest unit, rounded down: "45 seconds", "1 minute", "3 hours", "12 days". A negative one counts
 * as 0. */
void human_duration(int64_t seconds, char out[HUMAN_CAP]);

#endif
