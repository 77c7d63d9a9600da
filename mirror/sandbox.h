/* sandbox: what a process of ours gives up before it looks at anything that a stranger sent.
 *
 * Four things: no_new_privs, no core dumps, Landlock (which files, no TCP where none is needed) and a seccomp filter
 * (which system calls). A caller collects what it has to reach and seals itself in; there is no way back, and threads
 * and children that are made later are sealed in too. What the kernel does not have is left out and told in the log: a
 * mirror that works is worth more than one that is confined. sandbox_policy.h says what each program may reach.
 *
 * The filters are made when the program is built (build-aux/make-filters.c, through libseccomp), so that no program
 * links libseccomp: a CGI would pay half a millisecond for it. */
#ifndef PKGMIRROR_SANDBOX_H
#define PKGMIRROR_SANDBOX_H

#include "log.h"

/* Who is sealed in; each has its filter. */
enum sandbox_role {
	SANDBOX_RESPONDER, /* reads; Unix sockets; threads, no children */
	SANDBOX_SERVICE,   /* sockets to upstreams; children, no other program */
	SANDBOX_WARMER,    /* Unix sockets; children, no other program */
	SANDBOX_CHECK,     /* the warmer's check: runs curl(1) */
	SANDBOX_UNPACK,    /* computes on a descriptor that it has */
	SANDBOX_ROLES      /* how many there are */
};

enum sandbox_access {
	SANDBOX_READ,   /* read files and list folders */
	SANDBOX_REMOVE, /* remove files */
	SANDBOX_APPEND, /* SANDBOX_READ, SANDBOX_REMOVE, write and make files, rename them within their folder */
	SANDBOX_WRITE,  /* anything with files, folders, links and sockets; rename between folders */
	SANDBOX_RUN     /* SANDBOX_READ, and run programs */
};

struct sandbox {
	enum sandbox_role role;
	enum log_level level; /* of the line that tells what the kernel lacks */
	int abi;              /* of Landlock; 0: it is not used */
	int ruleset_fd;       /* -1: Landlock is not used */
};

/* The switch --no-sandbox: no process of this program, nor a service that it starts, is sealed in. It is kept in this
 * process's environment as PKGMIRROR_NO_SANDBOX=1, which does the same where no option can be given (CGI). Call before
 * threads start. */
void sandbox_switch_off(void);

/* True when it is switched off. */
bool sandbox_is_off(void);

/* Begins to collect. Says one line of level warn and true in *s when it is switched off: the other calls do nothing
 * then. */
void sandbox_begin(struct sandbox *s, enum sandbox_role role, enum log_level level);

/* Allows `access` to the file, or to everything below the folder, that `path` is now (symlinks are followed). What is
 * not there, NULL and "" are passed over. When this machine fails at it, Landlock is done without. */
void sandbox_allow(struct sandbox *s, const char *path, enum sandbox_access access);

/* Seals this process in. Never fails: what could not be done is told in the log. Call it once, after sandbox_begin,
 * before threads start. */
void sandbox_seal(struct sandbox *s);

#endif
