/* transfer_result: what came of a transfer: good, absent, worth another try or not, and who it was that answered. See
 * transfer.h. */
#include "fetch/transfer_internal.h"

#include "mirror/digest.h"
#include "mirror/url.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void copy(char *out, size_t cap, const char *text)
{
	snprintf(out, cap, "%s", text != NULL ? text : "");
}

static struct certificate *find_certificate(struct transfer_pool *pool, const char *authority, const char *address)
{
	for (size_t i = 0; i < TRANSFER_CERTIFICATES; i++) {
		struct certificate *c = &pool->certificates[i];
		if (strcmp(c->authority, authority) == 0 && strcmp(c->address, address) == 0)
			return c;
	}
	return NULL;
}

static bool authority_of(const struct transfer *t, char out[256])
{
	struct url u;
	if (url_parse(t->url, &u) != NULL || !u.tls || u.authority_len >= 256)
		return false;
	snprintf(out, 256, "%.*s", (int)u.authority_len, u.authority);
	return true;
}

void transfer_note_certificate(struct transfer *t, const char *address)
{
	struct curl_certinfo *info = NULL;
	char authority[256];
	curl_easy_getinfo(t->easy, CURLINFO_CERTINFO, &info);
	if (info == NULL || info->num_of_certs < 1 || !authority_of(t, authority))
		return;
	struct certificate *c = find_certificate(t->pool, authority, address);
	if (c == NULL)
		c = &t->pool->certificates[t->pool->certificate_count++ % TRANSFER_CERTIFICATES];
	*c = (struct certificate){0};
	copy(c->authority, sizeof c->authority, authority);
	copy(c->address, sizeof c->address, address);
	for (const struct curl_slist *s = info->certinfo[0]; s != NULL; s = s->next) {
		if (strncmp(s->data, "Issuer:", 7) == 0)
			copy(c->issuer, sizeof c->issuer, s->data + 7);
		else if (strncmp(s->data, "Cert:", 5) == 0)
			digest_certificate(s->data + 5, c->sha256);
	}
}

static void tell_certificate(struct transfer *t, struct transfer_result *r)
{
	char authority[256];
	const struct certificate *c =
	    authority_of(t, authority) ? find_certificate(t->pool, authority, r->remote_address) : NULL;
	if (c == NULL)
		return;
	copy(r->tls_issuer, sizeof r->tls_issuer, c->issuer);
	copy(r->tls_sha256, sizeof r->tls_sha256, c->sha256);
}

static bool status_again(long status)
{
	return status == 408 || status == 425 || status == 500 || status == 502 || status == 503 || status == 504;
}

/* Sorts what happened into ok, absent, worth another try, or not. */
static void judge_result(struct transfer *t, CURLcode code, long status, struct transfer_result *r)
{
	r->status = (int)status;
	if (t->fault.class != FAULT_NONE) {
		r->fault = t->fault;
		r->again = false;
		r->refused = true;
	} else if (code == CURLE_OUT_OF_MEMORY) {
		fault_errno(&r->fault, FAULT_SYSTEM, ENOMEM, "%s", t->first_url);
	} else if (status == 404 || status == 410) {
		r->absent = true;
		fault_set(&r->fault, FAULT_ABSENT, "%s: upstream answered %ld", t->first_url, status);
	} else if (code == CURLE_OK && (t->head_told || status == 304)) {
		r->ok = true;
	} else if (status == 416 && t->wished_offset > 0) {
		r->again = true;
		r->size = t->head.size;
		fault_set(&r->fault, FAULT_UPSTREAM, "%s: upstream has no such range", t->first_url);
	} else if (status != 0 && !t->head_told) {
		r->again = status_again(status) && !t->stalled;
		fault_set(&r->fault, FAULT_UPSTREAM, "%s: upstream answered %ld", t->first_url, status);
	} else {
		r->again = code != CURLE_PEER_FAILED_VERIFICATION && code != CURLE_SSL_CACERT_BADFILE &&
		           code != CURLE_UNSUPPORTED_PROTOCOL && code != CURLE_WRITE_ERROR &&
		           !(t->stalled && (t->dripped || !t->head_told));
		fault_set(&r->fault, FAULT_UPSTREAM, "%s: %s", t->first_url,
		    t->error[0] != '\0' ? t->error : curl_easy_strerror(code));
	}
}

void transfer_judge(struct transfer *t, CURLcode code, long status, struct transfer_result *r)
{
	const char *address = NULL;
	judge_result(t, code, status, r);
	copy(r->effective_url, sizeof r->effective_url, t->shown);
	curl_easy_getinfo(t->easy, CURLINFO_PRIMARY_IP, &address);
	copy(r->remote_address, sizeof r->remote_address, address);
	tell_certificate(t, r);
}
