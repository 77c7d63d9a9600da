/* sandbox_landlock: the file and network half of sandbox. Raw system calls: C libraries have none, and the kernel's
 * header of Debian 12 knows less than the kernels that this runs on. Called by sandbox.c alone. */
#ifndef PKGMIRROR_SANDBOX_LANDLOCK_H
#define PKGMIRROR_SANDBOX_LANDLOCK_H

#include "sandbox.h"

/* Makes an empty ruleset for s->role in s->ruleset_fd, which forbids everything that this kernel's Landlock can forbid.
 * Without a Landlock that is of use s->ruleset_fd stays -1 and s->abi is a negative errno value, or 0. */
void landlock_begin(struct sandbox *s);

/* See sandbox_allow. What is there and cannot be allowed ends the use of Landlock, as if the kernel had none. */
void landlock_allow(struct sandbox *s, const char *path, enum sandbox_access access);

/* Puts the ruleset in force and closes it. False with errno. */
bool landlock_seal(struct sandbox *s);

#endif
