/* plan: what should be here, what of it is, and in which order the rest is fetched.
 *
 * What people asked for goes first, then the newest release; a signature goes with its file. Reads the catalogue and
 * looks which files are published; asks nobody, changes nothing. Called by the commands warm and estimate. */
#ifndef PKGMIRROR_WARMER_PLAN_H
#define PKGMIRROR_WARMER_PLAN_H

#include "mirror/zigfile.h"
#include "warmer/warmer.h"

#include <stddef.h>

enum plan_state {
	PLAN_HERE,    /* published */
	PLAN_LACKING, /* to be fetched */
	PLAN_WAITING, /* failed lately: not to be tried yet */
	PLAN_RUNNING,
	PLAN_FETCHED,
	PLAN_UNSIGNED, /* a signature that upstream does not have; its file is here */
	PLAN_UNFIT,    /* there is no room for it */
	PLAN_FAILED
};

/* A file, or a signature. */
struct plan_item {
	char *path;     /* route.path */
	size_t group;   /* of plan.groups */
	int64_t size;   /* of the file when it is here, else as listed; -1: unknown */
	int64_t at;     /* bytes that are there, while it runs */
	int64_t taken;  /* of the budget, while it runs */
	bool size_told; /* by the service: the room is taken */
	enum plan_state state;
	bool signature;
	bool stale; /* it is here, and `want` still has it */
	int priority;
	int64_t added_at;
	bool rare;
	bool dev;             /* a development build that nobody nominated */
	int attempts;         /* as `want` says */
	int64_t next_try;     /* PLAN_WAITING: UTC seconds */
	int tries;            /* of this run */
	int breaks;           /* of the service under it, in a row */
	int64_t not_before;   /* of another try in this run, in monotonic milliseconds */
	struct fault failure; /* PLAN_FAILED */
};

/* A release, or a rule. */
struct plan_group {
	char name[ZIGFILE_VERSION_CAP];
	struct zigfile_version number; /* of a release */
	bool release;
	size_t files_here, files_lacking, files_waiting;
	int64_t bytes_here, bytes_lacking;
	size_t unknown; /* lacking files of unknown size, signatures not counted */
};

struct plan {
	struct plan_item *items; /* in the order in which they are fetched */
	size_t count, cap;
	struct plan_group *groups; /* newest release first, then rules */
	size_t group_count, group_cap;
	/* How much more the store may hold by max_bytes: development builds beside all that is there, other files
	 * beside what is no development build, since those give way. INT64_MAX: as much as fits. */
	int64_t dev_budget, budget;
	size_t foreign; /* wanted paths that no rule of the configuration makes a file: they can never be had */
};

/* Makes *p from what the catalogue says now; w->catalog may be NULL (nothing is known then). The caller frees it with
 * plan_free, after a failure too. FAULT_SYSTEM. */
bool plan_make(struct warmer *w, int64_t now, struct plan *p, struct fault *f) __attribute__((warn_unused_result));
void plan_free(struct plan *p);

/* The bytes of disk that an item takes, as far as is known: what is listed, and something for its folders and rows. */
int64_t plan_room(const struct plan_item *item);

/* How many lacking files will find no room below max_bytes, when all that goes before them comes; a signature is
 * counted with its file. 0 without a max_bytes. */
size_t plan_beyond(const struct plan *p);

/* The item that is the signature of items[i], NULL when there is none in the plan next to it. */
struct plan_item *plan_signature(const struct plan *p, size_t i);

#endif
