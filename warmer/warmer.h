/* warmer: what the commands of pkgmirror-warm share: the configuration, the doors to store and catalogue, the options
 * that all of them know, and how a command is asked to stop.
 *
 * A command is one file, command_NAME.c, with one function command_NAME; main.c has the table. It gets argv[0] as its
 * own name, reads its options with warmer_option, prints results to standard output and complaints to standard error,
 * and returns an exit status of enum warmer_exit. */
#ifndef PKGMIRROR_WARMER_WARMER_H
#define PKGMIRROR_WARMER_WARMER_H

#include "mirror/catalog.h"
#include "mirror/config.h"
#include "mirror/store.h"

#include <getopt.h>

enum warmer_exit {
	WARMER_DONE = 0,
	WARMER_FAILED = 1,    /* some of the work could not be done */
	WARMER_USAGE = 2,     /* the command line or the configuration is wrong */
	WARMER_INTEGRITY = 3, /* something is not what it should be */
	WARMER_ANOTHER = 75   /* another one is running */
};

struct warmer {
	struct config *config;
	struct store *store;
	struct catalog
	    *catalog;   /* open for writing; of a command that only reads: for reading, NULL when there is none */
	bool quiet;     /* nothing but complaints */
	bool json;      /* results as JSON, one object a line; never when quiet */
	bool dry_run;   /* say what would be done, do nothing */
	bool watch;     /* of warm: stay */
	int starter_fd; /* starts the fetch service; -1: nobody is needed for that */
	int signal_fd;  /* readable on SIGTERM, SIGINT and SIGWINCH, for a poll; read by warmer_stopping only */
	bool stopping, resized;
	/* Runs another command without arguments, with lock and catalogue as they are. Its exit status; -1: no such. */
	int (*command)(struct warmer *w, const char *name);
};

/* True once SIGTERM or SIGINT has come: the command ends within a second, leaving its work in a state that the next run
 * goes on from. Also notes SIGWINCH in w->resized, which the reader clears. Does not block. */
bool warmer_stopping(struct warmer *w);

/* The next option of a command: getopt_long over `own` (ended by a zero row; vals from 256 on or letters; may be NULL)
 * and the options that every command knows, which it handles itself. -1 at the end, with optind at the first operand;
 * '?' after a mistake that was told: return WARMER_USAGE. argv is permuted. */
int warmer_option(struct warmer *w, int argc, char **argv, const struct option *own);

/* Opens w->catalog, unless it is open; warmer_close_catalog closes it. FAULT_ABSENT with CATALOG_READ when there is
 * none yet, FAULT_SYSTEM or FAULT_FULL otherwise. */
bool warmer_open_catalog(struct warmer *w, enum catalog_mode mode, struct fault *f) __attribute__((warn_unused_result));
void warmer_close_catalog(struct warmer *w);

/* Tells people what went wrong, one line on standard error: "pkgmirror-warm: WHAT: TEXT"; what may be NULL, and
 * anything else: control bytes of it are shown as '?'. */
void warmer_complain(const char *what, const struct fault *f);

/* One file each. */
int command_accept(struct warmer *w, int argc, char **argv);
int command_adopt(struct warmer *w, int argc, char **argv);
int command_check(struct warmer *w, int argc, char **argv);
int command_estimate(struct warmer *w, int argc, char **argv);
int command_export(struct warmer *w, int argc, char **argv);
int command_fold(struct warmer *w, int argc, char **argv);
int command_import(struct warmer *w, int argc, char **argv);
int command_prune(struct warmer *w, int argc, char **argv);
int command_verify(struct warmer *w, int argc, char **argv);
int command_warm(struct warmer *w, int argc, char **argv);

#endif
