/* transfer: see transfer.h. */
#include "fetch/transfer.h"

#include "mirror/digest.h"
#include "mirror/netaddr.h"
#include "mirror/url.h"

#include <curl/curl.h>

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { HOPS_MAX = 5, CONNECT_LIMIT_SEC = 10, BUFFER_BYTES = 512 * 1024, TOKEN_CAP = 1024, CERTIFICATES = 64 };

/* The certificate that a host last showed. libcurl tells it with the first transfer of a connection only. */
struct certificate {
	char authority[256], address[64];
	char issuer[TRANSFER_TEXT_CAP], sha256[65];
};

struct transfer_pool {
	const struct config *config;
	struct certificate certificates[CERTIFICATES];
	size_t certificate_count; /* ever noted: the oldest is overwritten */
	CURLM *multi;
	char agent[512];
	struct transfer *first; /* all that run, linked by next */
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
	char location[ROUTE_URL_CAP];
	char if_range[TRANSFER_VALIDATOR_CAP], if_none_match[TRANSFER_VALIDATOR_CAP];
	char if_modified_since[TRANSFER_VALIDATOR_CAP];
	int64_t wished_offset, max_bytes, bandwidth_bytes, received;
	int64_t started_at, progress_ms;
	int hops;
	bool head_told;
	bool refused_address;
	struct transfer_head head;
	struct fault fault; /* why we ended it ourselves */
	char error[CURL_ERROR_SIZE];
};

static int64_t now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* The only place where a socket for an upstream is made: what counts is the address that is really connected to,
 * whatever a name resolved to before. */
static curl_socket_t open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct transfer *t = arg;
	char text[NETADDR_TEXT_CAP];
	if (purpose != CURLSOCKTYPE_IPCXN)
		return CURL_SOCKET_BAD;
	if (!t->pool->config->allow_private_upstreams && !netaddr_is_public(&address->addr)) {
		netaddr_text(&address->addr, text);
		fault_set(&t->fault, FAULT_UPSTREAM, "%s is at %s, which is no public address", t->url, text);
		return CURL_SOCKET_BAD;
	}
	return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* Reads the value of a header field `name` from a header line. */
static bool field(const char *line, size_t len, const char *name, char *out, size_t cap)
{
	size_t n = strlen(name);
	if (len <= n || strncasecmp(line, name, n) != 0 || line[n] != ':')
		return false;
	line += n + 1;
	len -= n + 1;
	while (len > 0 && (line[0] == ' ' || line[0] == '\t'))
		line++, len--;
	while (len > 0 && isspace((unsigned char)line[len - 1]))
		len--;
	if (len >= cap)
		len = 0; /* a validator that does not fit is as good as none */
	memcpy(out, line, len);
	out[len] = '\0';
	return true;
}

/* RFC 9110 section 14.4: "bytes FIRST-LAST/TOTAL" or "bytes FIRST-LAST/" followed by '*'. */
static bool parse_content_range(const char *text, int64_t *first, int64_t *total)
{
	char *end;
	if (strncasecmp(text, "bytes ", 6) != 0 || !isdigit((unsigned char)text[6]))
		return false;
	*first = strtoll(text + 6, &end, 10);
	if (*end != '-')
		return false;
	end += 1 + strspn(end + 1, "0123456789");
	if (*end != '/')
		return false;
	*total = isdigit((unsigned char)end[1]) ? strtoll(end + 1, NULL, 10) : -1;
	return true;
}

static bool take_head(struct transfer *t, long status)
{
	curl_off_t length = -1;
	t->head.status = (int)status;
	curl_easy_getinfo(t->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
	if (status == 200) {
		t->head.offset = 0;
		t->head.size = length;
	} else if (t->head.offset != t->wished_offset ||
	           (length >= 0 && t->head.size >= 0 && t->head.size != t->wished_offset + length)) {
		return fault_set(&t->fault, FAULT_UPSTREAM, "%s: sent another range than was asked for", t->url);
	}
	if (t->head.size > t->max_bytes)
		return fault_set(&t->fault, FAULT_UPSTREAM, "%s: larger than max_file_size", t->url);
	t->head_told = true;
	return t->events->head == NULL || t->events->head(t->arg, &t->head);
}

static size_t on_header(char *line, size_t size, size_t count, void *arg)
{
	struct transfer *t = arg;
	size_t len = size * count;
	char range[128];
	t->progress_ms = now_ms();
	if (len >= 5 && memcmp(line, "HTTP/", 5) == 0) {
		/* A head of its own for every interim answer. */
		t->head = (struct transfer_head){.size = -1};
		t->location[0] = '\0';
	} else if (field(line, len, "etag", t->head.etag, sizeof t->head.etag) ||
	           field(line, len, "last-modified", t->head.last_modified, sizeof t->head.last_modified) ||
	           field(line, len, "location", t->location, sizeof t->location)) {
		return len;
	} else if (field(line, len, "content-range", range, sizeof range)) {
		if (!parse_content_range(range, &t->head.offset, &t->head.size))
			t->head.offset = -1;
	} else if (len <= 2) {
		long status = 0;
		curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
		if ((status == 200 || (status == 206 && t->wished_offset > 0)) && !take_head(t, status))
			return 0;
	}
	return len;
}

static size_t on_data(char *bytes, size_t size, size_t count, void *arg)
{
	struct transfer *t = arg;
	size_t len = size * count;
	t->progress_ms = now_ms();
	/* The body of an error or a redirect is read, within reason, so that the connection can be used again. */
	if (!t->head_told)
		return (t->received += (int64_t)len) > 256 * 1024 ? 0 : len;
	t->received += (int64_t)len;
	if (t->head.offset + t->received > t->max_bytes) {
		fault_set(&t->fault, FAULT_UPSTREAM, "%s: larger than max_file_size", t->url);
		return 0;
	}
	return t->events->data(t->arg, bytes, len) ? len : 0;
}

/* Reads the token of a rule; its last line end does not count. */
static bool read_token(const char *file, char out[TOKEN_CAP], struct fault *f)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, out, TOKEN_CAP - 1) : -1;
	int error = errno;
	if (fd >= 0)
		close(fd);
	if (n < 0)
		return fault_errno(f, FAULT_SYSTEM, error, "token_file %s", file);
	out[n] = '\0';
	out[strcspn(out, "\r\n")] = '\0';
	if (out[0] == '\0' || (size_t)n == TOKEN_CAP - 1)
		return fault_set(
		    f, FAULT_SYSTEM, "token_file %s: holds no token of at most %d bytes", file, TOKEN_CAP - 2);
	return true;
}

static bool add_header(struct transfer *t, const char *name, const char *value)
{
	char line[TOKEN_CAP + 128];
	snprintf(line, sizeof line, "%s: %s", name, value);
	struct curl_slist *longer = curl_slist_append(t->headers, line);
	if (longer == NULL)
		return false;
	t->headers = longer;
	return true;
}

/* The header fields of this hop. The token goes to the rule's own host only, so never with a redirect. */
static bool set_headers(struct transfer *t, struct fault *f)
{
	static const char BEARER[] = "Bearer ";
	char credential[sizeof BEARER + TOKEN_CAP] = "Bearer ", *token = credential + sizeof BEARER - 1;
	bool ok = true;
	curl_slist_free_all(t->headers);
	t->headers = NULL;
	if (t->wished_offset > 0 && t->if_range[0] != '\0')
		ok = ok && add_header(t, "If-Range", t->if_range);
	if (t->if_none_match[0] != '\0')
		ok = ok && add_header(t, "If-None-Match", t->if_none_match);
	if (t->if_modified_since[0] != '\0')
		ok = ok && add_header(t, "If-Modified-Since", t->if_modified_since);
	if (t->hops == 0 && t->route != NULL && t->route->rule != NULL && t->route->rule->token_file[0] != '\0') {
		if (!read_token(t->route->rule->token_file, token, f))
			return false;
		ok = ok && add_header(t, "Authorization", credential);
		explicit_bzero(credential, sizeof credential);
	}
	if (!ok)
		return fault_set(f, FAULT_SYSTEM, "out of memory");
	curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->headers);
	return true;
}

/* What holds for every hop. */
static void set_policy(struct transfer *t)
{
	const struct config *c = t->pool->config;
	CURL *e = t->easy;
	curl_easy_setopt(e, CURLOPT_PRIVATE, t);
	curl_easy_setopt(e, CURLOPT_ERRORBUFFER, t->error);
	curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(e, CURLOPT_PROXY, "");
	curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, c->allow_http_upstreams ? "https,http" : "https");
	curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
	curl_easy_setopt(e, CURLOPT_PIPEWAIT, 1L);
	curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_LIMIT_SEC);
	curl_easy_setopt(e, CURLOPT_BUFFERSIZE, (long)BUFFER_BYTES);
	curl_easy_setopt(e, CURLOPT_USERAGENT, t->pool->agent);
	curl_easy_setopt(e, CURLOPT_CERTINFO, 1L);
	curl_easy_setopt(e, CURLOPT_OPENSOCKETFUNCTION, open_socket);
	curl_easy_setopt(e, CURLOPT_OPENSOCKETDATA, t);
	curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(e, CURLOPT_HEADERDATA, t);
	curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_data);
	curl_easy_setopt(e, CURLOPT_WRITEDATA, t);
	curl_easy_setopt(e, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	if (c->ca_file[0] != '\0') {
		curl_easy_setopt(e, CURLOPT_CAINFO, c->ca_file);
		curl_easy_setopt(e, CURLOPT_CAPATH, NULL);
	}
	if (t->bandwidth_bytes > 0)
		curl_easy_setopt(e, CURLOPT_MAX_RECV_SPEED_LARGE, (curl_off_t)t->bandwidth_bytes);
}

static bool begin_hop(struct transfer *t, struct fault *f)
{
	char range[32];
	t->head_told = false;
	t->received = 0;
	t->error[0] = '\0';
	t->progress_ms = now_ms();
	if (!set_headers(t, f))
		return false;
	curl_easy_setopt(t->easy, CURLOPT_URL, t->url);
	if (t->wished_offset > 0) {
		snprintf(range, sizeof range, "%lld-", (long long)t->wished_offset);
		curl_easy_setopt(t->easy, CURLOPT_RANGE, range);
	}
	CURLMcode code = curl_multi_add_handle(t->pool->multi, t->easy);
	if (code != CURLM_OK)
		return fault_set(f, FAULT_SYSTEM, "libcurl: %s", curl_multi_strerror(code));
	return true;
}

struct transfer_pool *transfer_pool_new(const struct config *c, struct fault *f)
{
	struct transfer_pool *pool = calloc(1, sizeof *pool);
	if (pool == NULL || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		goto failed;
	pool->config = c;
	pool->multi = curl_multi_init();
	if (pool->multi == NULL)
		goto failed;
	snprintf(pool->agent, sizeof pool->agent, "pkgmirror/%s (+%s)", PACKAGE_VERSION, c->base_url);
	curl_multi_setopt(pool->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_MULTIPLEX);
	return pool;
failed:
	free(pool);
	fault_set(f, FAULT_SYSTEM, "libcurl cannot be initialised");
	return NULL;
}

static void release(struct transfer *t)
{
	struct transfer **p = &t->pool->first;
	while (*p != NULL && *p != t)
		p = &(*p)->next;
	if (*p != NULL)
		*p = t->next;
	if (t->easy != NULL) {
		curl_multi_remove_handle(t->pool->multi, t->easy);
		curl_easy_cleanup(t->easy);
	}
	curl_slist_free_all(t->headers);
	free(t);
}

void transfer_pool_free(struct transfer_pool *pool)
{
	if (pool == NULL)
		return;
	while (pool->first != NULL)
		release(pool->first);
	curl_multi_cleanup(pool->multi);
	free(pool->waits);
	free(pool);
	curl_global_cleanup();
}

static void copy(char *out, size_t cap, const char *text)
{
	snprintf(out, cap, "%s", text != NULL ? text : "");
}

struct transfer *transfer_start(struct transfer_pool *pool, const struct transfer_wish *wish,
    const struct transfer_events *events, void *arg, struct fault *f)
{
	struct transfer *t = calloc(1, sizeof *t);
	if (t == NULL) {
		fault_errno(f, FAULT_SYSTEM, ENOMEM, "cannot start a transfer");
		return NULL;
	}
	t->pool = pool;
	t->route = wish->route;
	t->events = events;
	t->arg = arg;
	t->wished_offset = wish->offset;
	t->max_bytes = wish->max_bytes;
	t->bandwidth_bytes = wish->bandwidth_bytes;
	t->started_at = time(NULL);
	copy(t->first_url, sizeof t->first_url, wish->url);
	copy(t->url, sizeof t->url, wish->url);
	copy(t->if_range, sizeof t->if_range, wish->if_range);
	copy(t->if_none_match, sizeof t->if_none_match, wish->if_none_match);
	copy(t->if_modified_since, sizeof t->if_modified_since, wish->if_modified_since);
	t->easy = curl_easy_init();
	if (t->easy == NULL) {
		fault_errno(f, FAULT_SYSTEM, ENOMEM, "cannot start a transfer");
		free(t);
		return NULL;
	}
	set_policy(t);
	if (!begin_hop(t, f)) {
		release(t);
		return NULL;
	}
	t->next = pool->first;
	pool->first = t;
	return t;
}

void transfer_cancel(struct transfer *t)
{
	release(t);
}

size_t transfer_running(const struct transfer_pool *pool)
{
	size_t n = 0;
	for (const struct transfer *t = pool->first; t != NULL; t = t->next)
		n++;
	return n;
}

/* Where a redirect leads, judged: same scheme, an allowed host, no user information. */
static bool judge_redirect(struct transfer *t)
{
	CURLU *u = curl_url();
	char *target = NULL;
	struct url from, to;
	bool ok = false;

	if (++t->hops > HOPS_MAX) {
		fault_set(&t->fault, FAULT_UPSTREAM, "%s: more than %d redirects", t->first_url, HOPS_MAX);
	} else if (u == NULL || curl_url_set(u, CURLUPART_URL, t->url, 0) != CURLUE_OK ||
	           curl_url_set(u, CURLUPART_URL, t->location, 0) != CURLUE_OK ||
	           curl_url_set(u, CURLUPART_FRAGMENT, NULL, 0) != CURLUE_OK ||
	           curl_url_get(u, CURLUPART_URL, &target, 0) != CURLUE_OK || strlen(target) >= sizeof t->url ||
	           url_parse(target, &to) != NULL || url_parse(t->url, &from) != NULL) {
		fault_set(&t->fault, FAULT_UPSTREAM, "%s: redirects to what is no URL of ours", t->url);
	} else if (to.tls != from.tls) {
		fault_set(&t->fault, FAULT_UPSTREAM, "%s: redirects to another scheme", t->url);
	} else if (t->route != NULL ? !route_redirect_allowed(t->route, t->first_url, to.host, to.host_len)
	                            : !url_has_host(&from, to.host, to.host_len)) {
		fault_set(&t->fault, FAULT_UPSTREAM, "%s: redirects to %.*s, which is not allowed", t->url,
		    (int)to.host_len, to.host);
	} else {
		copy(t->url, sizeof t->url, target);
		ok = true;
	}
	curl_free(target);
	curl_url_cleanup(u);
	return ok;
}

static struct certificate *find_certificate(struct transfer_pool *pool, const char *authority, const char *address)
{
	for (size_t i = 0; i < CERTIFICATES; i++) {
		struct certificate *c = &pool->certificates[i];
		if (strcmp(c->authority, authority) == 0 && strcmp(c->address, address) == 0)
			return c;
	}
	return NULL;
}

/* The issuer and the SHA-256 of the leaf certificate, for the ledger. */
static void note_certificate(struct transfer *t, struct transfer_result *r)
{
	struct curl_certinfo *info = NULL;
	struct url u;
	char authority[256];
	if (url_parse(t->url, &u) != NULL || !u.tls || u.authority_len >= sizeof authority)
		return;
	snprintf(authority, sizeof authority, "%.*s", (int)u.authority_len, u.authority);
	struct certificate *c = find_certificate(t->pool, authority, r->remote_address);
	curl_easy_getinfo(t->easy, CURLINFO_CERTINFO, &info);
	if (info != NULL && info->num_of_certs > 0) {
		if (c == NULL)
			c = &t->pool->certificates[t->pool->certificate_count++ % CERTIFICATES];
		copy(c->authority, sizeof c->authority, authority);
		copy(c->address, sizeof c->address, r->remote_address);
		for (const struct curl_slist *s = info->certinfo[0]; s != NULL; s = s->next) {
			if (strncmp(s->data, "Issuer:", 7) == 0)
				copy(c->issuer, sizeof c->issuer, s->data + 7);
			else if (strncmp(s->data, "Cert:", 5) == 0)
				digest_certificate(s->data + 5, c->sha256);
		}
	}
	if (c == NULL)
		return;
	copy(r->tls_issuer, sizeof r->tls_issuer, c->issuer);
	copy(r->tls_sha256, sizeof r->tls_sha256, c->sha256);
}

static bool is_redirect(long status)
{
	return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
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
	} else if (status == 404 || status == 410) {
		r->absent = true;
		fault_set(&r->fault, FAULT_ABSENT, "%s: upstream answered %ld", t->first_url, status);
	} else if (code == CURLE_OK && (t->head_told || status == 304)) {
		r->ok = true;
	} else if (status == 416 && t->wished_offset > 0) {
		r->again = true;
		fault_set(&r->fault, FAULT_UPSTREAM, "%s: upstream has no such range", t->first_url);
	} else if (status != 0 && !t->head_told) {
		r->again = status_again(status);
		fault_set(&r->fault, FAULT_UPSTREAM, "%s: upstream answered %ld", t->first_url, status);
	} else {
		r->again = code != CURLE_PEER_FAILED_VERIFICATION && code != CURLE_SSL_CACERT_BADFILE &&
		           code != CURLE_UNSUPPORTED_PROTOCOL && code != CURLE_OUT_OF_MEMORY &&
		           code != CURLE_WRITE_ERROR;
		fault_set(&r->fault, FAULT_UPSTREAM, "%s: %s", t->first_url,
		    t->error[0] != '\0' ? t->error : curl_easy_strerror(code));
	}
}

static void finish(struct transfer *t, CURLcode code)
{
	struct transfer_result r = {.started_at = t->started_at, .finished_at = time(NULL)};
	const struct transfer_events *events = t->events;
	void *arg = t->arg;
	const char *address = NULL;
	long status = 0;

	curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
	if (is_redirect(status) && t->fault.class == FAULT_NONE && t->location[0] != '\0' && judge_redirect(t)) {
		curl_multi_remove_handle(t->pool->multi, t->easy);
		if (begin_hop(t, &t->fault))
			return;
	}
	judge_result(t, code, status, &r);
	copy(r.effective_url, sizeof r.effective_url, t->url);
	curl_easy_getinfo(t->easy, CURLINFO_PRIMARY_IP, &address);
	copy(r.remote_address, sizeof r.remote_address, address);
	note_certificate(t, &r);
	release(t);
	events->done(arg, &r);
}

/* A transfer without progress has failed, whatever its average was. */
static void end_stalled(struct transfer_pool *pool)
{
	int64_t before = now_ms() - pool->config->stall_timeout_sec * 1000;
	for (struct transfer *t = pool->first, *next; t != NULL; t = next) {
		next = t->next;
		if (t->progress_ms > before)
			continue;
		snprintf(t->error, sizeof t->error, "nothing came for %lld seconds",
		    (long long)pool->config->stall_timeout_sec);
		finish(t, CURLE_OPERATION_TIMEDOUT);
		next = pool->first; /* the owner may have started or cancelled others */
	}
}

static void wait_all(struct transfer_pool *pool, struct transfer_wait *others, size_t count, int timeout_ms)
{
	if (count > pool->waits_cap) {
		struct curl_waitfd *more = realloc(pool->waits, (count + 64) * sizeof *more);
		if (more == NULL)
			return;
		pool->waits = more;
		pool->waits_cap = count + 64;
	}
	for (size_t i = 0; i < count; i++)
		pool->waits[i] = (struct curl_waitfd){.fd = others[i].fd,
		    .events =
		        (short)((others[i].read ? CURL_WAIT_POLLIN : 0) | (others[i].write ? CURL_WAIT_POLLOUT : 0))};
	curl_multi_poll(pool->multi, pool->waits, (unsigned)count, timeout_ms, NULL);
	for (size_t i = 0; i < count; i++) {
		/* A hang-up has no flag of its own: a read will tell. */
		short came = pool->waits[i].revents;
		others[i].readable = came != 0 && (came & ~CURL_WAIT_POLLOUT) != 0;
		others[i].writable = (came & CURL_WAIT_POLLOUT) != 0;
	}
}

void transfer_turn(struct transfer_pool *pool, struct transfer_wait *others, size_t count, int timeout_ms)
{
	int running, left;
	CURLMsg *message;
	wait_all(pool, others, count, timeout_ms);
	curl_multi_perform(pool->multi, &running);
	while ((message = curl_multi_info_read(pool->multi, &left)) != NULL) {
		struct transfer *t = NULL;
		CURLcode code = message->data.result;
		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&t);
		finish(t, code);
	}
	end_stalled(pool);
}
