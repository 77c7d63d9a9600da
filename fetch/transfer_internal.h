/* transfer_internal: what the files of the transfer share; for nobody else.
 *
 * transfer.c has the pool and a transfer's life, transfer_hop.c what holds for each request on its way (policy, header
 * fields, redirects), transfer_result.c what came of it. */
#ifndef PKGMIRROR_FETCH_TRANSFER_INTERNAL_H
#define PKGMIRROR_FETCH_TRANSFER_INTERNAL_H

#include "fetch/transfer.h"

#include <curl/curl.h>

enum { TRANSFER_CERTIFICATES = 64 };

/* How often libcurl fills its buffer between two looks at a limit of bandwidth, and the least buffer that it has. */
enum { TRANSFER_FILLS = 100, TRANSFER_BUFFER_LEAST = 1024 };

/* The certificate that a host last showed. libcurl tells it with the first transfer of a connection only. */
struct certificate {
	char authority[256], address[64];
	char issuer[TRANSFER_TEXT_CAP], sha256[65];
};

struct transfer_pool {
	const struct config *config;
	struct certificate certificates[TRANSFER_CERTIFICATES];
	size_t certificate_count; /* ever noted: the oldest is overwritten */
	CURLM *multi;
	const char *ca_file; /* NULL: what libcurl finds by itself */
	char agent[512];
	struct transfer *first; /* all that run, linked by next */
	int64_t turned_ms;      /* when the last turn ended; 0: there was none */
	struct curl_waitfd *waits;
	size_t waits_cap;
};

struct transfer {
	struct transfer_pool *pool;
	struct transfer *next;
	CURL *easy;
	struct curl_slist *headers;
	const struct route *route;
	const struct transfer_events *events;
	void *arg;
	char first_url[ROUTE_URL_CAP]; /* before any redirect */
	char url[ROUTE_URL_CAP];       /* of this hop */
	char shown[ROUTE_URL_CAP];     /* the same for ledger and log */
	char location[ROUTE_URL_CAP];
	char if_range[TRANSFER_VALIDATOR_CAP], if_none_match[TRANSFER_VALIDATOR_CAP];
	char if_modified_since[TRANSFER_VALIDATOR_CAP];
	int64_t wished_offset, max_bytes, bandwidth_bytes, received;
	int64_t started_at, progress_ms;
	int64_t window_ms, window_received; /* of the judgement of its speed */
	int hops;
	bool via;
	bool head_told;
	bool stalled;
	bool dripped;         /* stalled, though something came: another try would bring a little, too, and never end */
	bool refused_address; /* the fault is that of an address; another of the same host may do */
	struct transfer_head head;
	struct fault fault; /* why we ended it ourselves */
	char error[CURL_ERROR_SIZE];
};

/* Sets what every request has: schemes, addresses, limits. The callbacks for header and body are the caller's. */
void transfer_set_policy(struct transfer *t);

/* Sets the header fields of this hop. False with FAULT_SYSTEM. */
bool transfer_set_headers(struct transfer *t, struct fault *f) __attribute__((warn_unused_result));

/* True when the answer is a redirect that may be followed: t->url is the next hop then. Otherwise, for a redirect that
 * may not, t->fault says why. */
bool transfer_redirected(struct transfer *t, long status);

/* Notes the certificate of a connection that is new, by host and address: libcurl tells it to the first transfer of a
 * connection only. */
void transfer_note_certificate(struct transfer *t, const char *address);

/* Fills *r: whether it went well, whether another try may mend it, and what the ledger wants to know. */
void transfer_judge(struct transfer *t, CURLcode code, long status, struct transfer_result *r);

#endif
