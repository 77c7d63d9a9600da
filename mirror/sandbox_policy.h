/* sandbox_policy: what each program of ours may reach once it is sealed in; the tests of confinement seal themselves in
 * by the same functions. How it is done is sandbox.h. */
#ifndef PKGMIRROR_SANDBOX_POLICY_H
#define PKGMIRROR_SANDBOX_POLICY_H

#include "config.h"
#include "sandbox.h"

/* Each seals this process in, before it has threads, and never fails. `level` is that of the line about what the kernel
 * lacks. */

/* Reads state_dir and what pages are made of, appends below run/, removes its own socket (NULL: it has none). Connects
 * to Unix sockets; starts nothing, see starter.h. */
void sandbox_responder(const struct config *c, const char *socket, enum log_level level);

/* Writes below state_dir, reads what a resolver and a TLS library read, connects anywhere. */
void sandbox_service(const struct config *c);

/* Writes below state_dir, and in what `arguments` names (NULL at its end; options among them do no harm): a file or
 * folder that is there, else the folder that it would be made in. Reads the folders of the access_logs. */
void sandbox_warmer(const struct config *c, char *const *arguments);

/* Runs curl(1); writes in the folder for temporary files. */
void sandbox_check(const struct config *c);

/* The process that judges an archive: nothing but its open descriptors. It logs nothing. */
void sandbox_unpack(void);

#endif
