/* job_internal: what the files of the job share; for nobody else. */
#ifndef PKGMIRROR_FETCH_JOB_INTERNAL_H
#define PKGMIRROR_FETCH_JOB_INTERNAL_H

#include "fetch/job.h"
#include "mirror/unpack.h"
#include "mirror/verify.h"
#include "mirror/catalog_trust.h"
#include "mirror/digest.h"

enum { JOB_ABSENT_SEC = 60, JOB_SIGNATURE_ASKED_MAX = 3 };

enum job_phase {
	JOB_QUEUED, /* for a slot */
	JOB_LEASE,  /* for the first index, or for another process to give up the path */
	JOB_DIGEST, /* reading what is there already */
	JOB_TRANSFER,
	JOB_PAUSE,     /* before another try */
	JOB_SIGNATURE, /* whole, waits for its signature's job */
	JOB_UNPACK,    /* proved, waits for the child that judges its content */
	JOB_ENDED
};

/* So far every growth by a step is told at once: a first byte waits for it. */
enum { JOB_EAGER_BYTES = 512 * 1024, JOB_EAGER_STEP = 48 * 1024 };

struct job {
	struct job *next;
	struct fetch *fetch;
	struct route route;
	struct queue_entry entry;
	bool unlimited;
	bool for_mirrors; /* nobody else has asked for it: no fallback is asked */
	enum job_phase phase;
	struct job_listener *listeners;
	int64_t begun_ms; /* when it was let through to its upstreams */
	int64_t phase_ms; /* when the phase began, or when the pause ends */

	struct store_lease lease;
	struct catalog_artifact listed; /* url "" when no index names it */
	unsigned class;

	size_t source_index;
	struct route_source source;
	struct transfer *transfer;
	struct transfer_result result; /* of the last transfer */
	struct transfer_head head;
	int tries;        /* in a row without progress */
	int64_t begun_at; /* bytes that were there when this try began */
	int64_t furthest; /* the most that were there in any try of this source: only more is progress */
	bool resumable;   /* the head had a validator that If-Range takes */
	bool fresh;       /* what is there of the part is of no use */
	bool resumed;     /* some bytes are of an earlier service */
	bool doubtful;    /* and were written before the machine last started */

	int fd; /* the part, or the store file that is being recovered */
	bool recovering;
	char recovered[ROUTE_STORE_CAP];
	struct digest *digest;
	char *held; /* held_len bytes that are not in the part yet, since held_ms; they belong at `at` */
	size_t held_len;
	int64_t held_ms;
	int64_t at, size, told_at, told_ms, synced_at, digest_end;
	bool told_size;

	struct job_listener signature; /* waits for the .minisig's own job */
	bool signature_old;            /* it was here before it was asked for */
	bool signature_renewed;        /* that one was withdrawn, and asked for anew */
	bool unfit;                    /* the signature did not fit the file that came last */
	enum verify_signature signature_state;
	int signature_asked; /* how often */
	struct fault signature_fault;

	struct digest_result digested; /* of the whole file, from here on */
	bool finished;                 /* it is there */
	struct verify_verdict verdict;
	struct unpack *unpack;
	int unpack_killed;                 /* how often the child gave no verdict */
	char content[CATALOG_CONTENT_CAP]; /* what the path is known by; "" when nothing is */
	struct zighash zig;

	struct fault own;     /* what this machine could not do for the present transfer */
	struct fault failure; /* the weightiest so far */
};

/* Begins with the sources in order; called with the lease held. */
void job_begin_source(struct job *j);

/* Notes the host of the upstream that the job is about, for the queue. */
void job_set_host(struct job *j, const char *url);

/* Two mirrors that have each other as fallbacks would wait for each other: those that wait are told how it is so far,
 * which is what the upstream said. */
void job_dismiss_mirrors(struct job *j);

/* Starts the transfer of the present source from j->at on. */
void job_begin_transfer(struct job *j);

/* Takes bytes that belong at the end of the part. False with j->own set when a write failed. */
bool job_write(struct job *j, const char *bytes, size_t len) __attribute__((warn_unused_result));

/* Writes what is held back now. False with j->own set. */
bool job_write_out(struct job *j) __attribute__((warn_unused_result));

/* Writes what has been held back long enough. Returns when it wants to be called again, in milliseconds. */
int job_write_turn(struct job *j, int64_t now);

/* Drops what is held back, and its memory. */
void job_write_end(struct job *j);

/* Joins the job of the .minisig, when the file may have one. */
void job_want_signature(struct job *j);

/* Reads the signature that came. While the file was under way somebody may have purged it: then it is asked for anew,
 * and the state is another one at return. Returns its length, 0 when there is none. */
size_t job_take_signature(struct job *j, char text[MINISIGN_FILE_MAX + 1]) __attribute__((warn_unused_result));

/* Takes the signature of the file out of reach: nobody knows whether it is one. */
void job_withdraw_signature(struct job *j);

/* Withdraws a signature that was here before this job, once, and asks for it anew: job_whole is called again. False
 * when there is none such. */
bool job_renew_signature(struct job *j);

/* A file was published without its signature: the warmer is to look for that later. */
void job_want_signature_later(struct job *j);

/* For the job of a signature that is proved: whether it fits its file, when that is here. FAULT_INTEGRITY, with the
 * verdict set, when it does not. */
bool job_fits_file(struct job *j, struct fault *f) __attribute__((warn_unused_result));

/* A signature was published: notes that its file, when that is here and vouched for by less, is signed. */
void job_note_signed(struct job *j);

/* The content is whole and digested: waits for the signature, or judges. */
void job_whole(struct job *j);

/* The file is proved: judges what is in it, then publishes or refuses. */
void job_judge_content(struct job *j);

/* Asks whether the child is done, and goes on when it is. */
void job_turn_unpack(struct job *j);

/* Publishes the file with j->verdict. */
void job_publish(struct job *j);

/* Refuses the file, for an integrity fault: quarantine, ledger (j->verdict), next source. */
void job_refuse(struct job *j, const struct fault *why);

/* Ends the job: f NULL when published. Frees it at the next turn. */
void job_end(struct job *j, const struct fault *f, int retry_sec);

/* Ends the job with its weightiest failure, and remembers it. */
void job_fail(struct job *j);

/* Tells the listeners how far the content is, when they may see it. */
void job_tell(struct job *j);

/* Sets the phase and notes when. */
void job_phase(struct job *j, enum job_phase phase);

/* Remembers the weightier of two failures and goes to the next source. */
void job_next_source(struct job *j, const struct fault *f);

/* Whether clients may see the bytes before the verdict. */
bool job_shows(const struct job *j);

#endif
