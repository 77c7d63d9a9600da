/* catalog_class: the files whose class an index changes. Called by the fetch service. */
#ifndef PKGMIRROR_CATALOG_CLASS_H
#define PKGMIRROR_CATALOG_CLASS_H

#include "catalog.h"

#include <stddef.h>

/* The first entry behind `after`, in the order of bytes, that is kept as a development build and is a nominated one by
 * now; `prefix` as route_toolchain_prefix gives it. FAULT_ABSENT when there is none, FAULT_SYSTEM. */
bool catalog_nominated_next(struct catalog *c, const char *prefix, const char *after, char *out, size_t cap,
    struct fault *f) __attribute__((warn_unused_result));

/* Notes that a development build is kept as a nominated one now. FAULT_SYSTEM or FAULT_FULL. */
bool catalog_entry_nominate(struct catalog *c, const char *path, struct fault *f) __attribute__((warn_unused_result));

#endif
