/* documents_internal: what the files of documents share; for nobody else. */
#ifndef PKGMIRROR_FETCH_DOCUMENTS_INTERNAL_H
#define PKGMIRROR_FETCH_DOCUMENTS_INTERNAL_H

#include "fetch/documents.h"
#include "fetch/mirror_list.h"

enum document_id { DOCUMENT_INDEX, DOCUMENT_NOMINATED, DOCUMENT_MIRRORS, DOCUMENTS };

struct document {
	enum document_id id;
	struct fetch *fetch;
	char url[ROUTE_URL_CAP];
	struct transfer *transfer;
	struct transfer_head head;
	char *body;
	size_t len, cap;
	bool conditional;    /* the transfer asks for what has changed */
	bool tried;          /* since this service began */
	int64_t checked_at;  /* last success, as far as this service knows */
	struct fault failed; /* of the last try; FAULT_NONE: it went well */
	int failures;        /* in a row, as far as this service knows: */
	int64_t next_try;    /* the catalogue may be unable to remember */
	struct job_listener *listeners;
};

struct documents {
	struct document all[DOCUMENTS];
	struct job_listener *updates; /* wait until no document is being asked for */
	struct mirror_list mirrors;
	int64_t begun_ms; /* when our index became due to be built anew; 0: it was */
};

/* Its name in the catalogue and in the log. */
const char *documents_name(const struct document *d);

/* The file that this mirror serves for it; "" for one that is only an ingredient. */
const char *documents_served_name(const struct document *d);

/* Whether that file is there. */
bool documents_is_there(const struct document *d);

/* What the catalogue knows of it. False when it knows nothing, or cannot be asked. */
bool documents_source(const struct document *d, struct catalog_source *out);

/* Judges and stores the body that came, and builds what is served of it. False with FAULT_INTEGRITY, FAULT_SYSTEM or
 * FAULT_FULL: what was there stays. */
bool documents_take(struct document *d, struct fault *f);

/* Builds our index from what was imported. */
void documents_rebuild(struct fetch *x);

/* Notes that upstream has nothing new. */
void documents_unchanged(struct document *d);

/* Reads the community's mirrors from what is served of them. */
void documents_load_mirrors(struct fetch *x);

#endif
