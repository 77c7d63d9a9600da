/* sandbox_filters: the system call filters, as build-aux/make-filters.c makes them: programs of classic BPF. */
#ifndef PKGMIRROR_SANDBOX_FILTERS_H
#define PKGMIRROR_SANDBOX_FILTERS_H

#include "sandbox.h"

#include <linux/filter.h>

struct sandbox_filter {
	unsigned short len; /* instructions */
	const struct sock_filter *instructions;
};

extern const struct sandbox_filter sandbox_filters[SANDBOX_ROLES];

#endif
