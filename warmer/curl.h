/* curl: one HTTP request by curl(1), a child process without a shell. Called by check, which asks mirrors of others;
 * everything that is fetched for this mirror is the fetch service's business. pkgmirror-warm links no libcurl. */
#ifndef PKGMIRROR_WARMER_CURL_H
#define PKGMIRROR_WARMER_CURL_H

#include "warmer/warmer.h"

enum curl_family { CURL_ANY, CURL_IPV4, CURL_IPV6 };

struct curl_wish {
	const char *url; /* http or https; globs and files are nothing to curl then */
	enum curl_family family;
	bool head;
	const char *range;   /* "0-99"; NULL: all of it */
	const char *ca_file; /* "" or NULL: the system's */
	bool tls13;          /* nothing older; for https */
	int64_t max_bytes;
	int timeout_sec;
};

struct curl_answer {
	int status;        /* 0: there was none */
	int64_t bytes;     /* of body that came */
	int64_t length;    /* Content-Length; -1: none */
	char address[64];  /* that was connected to */
	char type[128];    /* Content-Type; "" = none */
	char encoding[64]; /* Content-Encoding; "" = none */
};

/* Makes the request and writes the body to out_fd (truncated before, from its start). Redirects are not followed,
 * nothing is decoded. FAULT_UPSTREAM with curl's own words when no whole answer came, FAULT_BUSY when asked to stop
 * meanwhile, FAULT_SYSTEM when curl cannot be run. Blocks. */
bool curl_ask(struct warmer *w, const struct curl_wish *wish, int out_fd, struct curl_answer *out, struct fault *f)
    __attribute__((warn_unused_result));

#endif
