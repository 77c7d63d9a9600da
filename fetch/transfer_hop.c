/* transfer_hop: what holds for each request of a transfer: where it may go, what it says, where a redirect may lead.
 * See transfer.h. */
#include "fetch/transfer_internal.h"

#include "mirror/netaddr.h"
#include "mirror/url.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HOPS_MAX = 5, CONNECT_LIMIT_SEC = 10, BUFFER_BYTES = 512 * 1024, TOKEN_CAP = 1024, AUTHORITIES_KEPT_SEC = 300 };

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
		t->refused_address = true;
		fault_set(&t->fault, FAULT_UPSTREAM, "%s is at %s, which is no public address", t->shown, text);
		return CURL_SOCKET_BAD;
	}
	return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* A connection is there and the request is about to be sent. */
static int before_request(void *arg, char *address, char *local_address, int port, int local_port)
{
	(void)local_address, (void)port, (void)local_port;
	transfer_note_certificate(arg, address);
	return CURL_PREREQFUNC_OK;
}

void transfer_set_policy(struct transfer *t)
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
	curl_easy_setopt(e, CURLOPT_PREREQFUNCTION, before_request);
	curl_easy_setopt(e, CURLOPT_PREREQDATA, t);
	curl_easy_setopt(e, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	if (t->pool->ca_file != NULL) {
		curl_easy_setopt(e, CURLOPT_CAINFO, t->pool->ca_file);
		curl_easy_setopt(e, CURLOPT_CAPATH, NULL);
		curl_easy_setopt(e, CURLOPT_CA_CACHE_TIMEOUT, (long)AUTHORITIES_KEPT_SEC);
	}
	/* libcurl fills the buffer a hundred times before it looks at the limit: a second's worth. */
	if (t->bandwidth_bytes > 0) {
		int64_t buffer = t->bandwidth_bytes / TRANSFER_FILLS;
		if (buffer < TRANSFER_BUFFER_LEAST)
			buffer = TRANSFER_BUFFER_LEAST;
		if (buffer < BUFFER_BYTES)
			curl_easy_setopt(e, CURLOPT_BUFFERSIZE, (long)buffer);
		curl_easy_setopt(e, CURLOPT_MAX_RECV_SPEED_LARGE, (curl_off_t)t->bandwidth_bytes);
	}
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
bool transfer_set_headers(struct transfer *t, struct fault *f)
{
	static const char BEARER[] = "Bearer ";
	char credential[sizeof BEARER + TOKEN_CAP] = "Bearer ", *token = credential + sizeof BEARER - 1;
	bool ok = true;
	curl_slist_free_all(t->headers);
	t->headers = NULL;
	if (t->via)
		ok = add_header(t, "Via", "1.1 pkgmirror");
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
		fault_set(&t->fault, FAULT_UPSTREAM, "%s: redirects to what is no URL of ours", t->shown);
	} else if (to.tls != from.tls) {
		fault_set(&t->fault, FAULT_UPSTREAM, "%s: redirects to another scheme", t->shown);
	} else if (t->route != NULL ? !route_redirect_allowed(t->route, t->first_url, to.host, to.host_len)
	                            : !url_has_host(&from, to.host, to.host_len)) {
		fault_set(&t->fault, FAULT_UPSTREAM, "%s: redirects to %.*s, which is not allowed", t->shown,
		    (int)to.host_len, to.host);
	} else {
		snprintf(t->url, sizeof t->url, "%s", target);
		ok = true;
	}
	curl_free(target);
	curl_url_cleanup(u);
	return ok;
}

static bool is_redirect(long status)
{
	return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

bool transfer_redirected(struct transfer *t, long status)
{
	return is_redirect(status) && t->fault.class == FAULT_NONE && t->location[0] != '\0' && judge_redirect(t);
}
