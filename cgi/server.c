/* server: see server.h. */
#include "server.h"

#include <string.h>

static bool begins(const char *text, const char *with)
{
	return text != NULL && strncmp(text, with, strlen(with)) == 0;
}

/* What a server lets its client see of an answer that broke off. One that is not here does so where there is a length:
 * Caddy writes the last chunk of an answer without one all the same. */
static const struct {
	const char *software;
	bool http1_no_length;
	bool http2_length;
	bool http2_no_length;
} SERVERS[] = {
    {"nginx/", true, true, true},
    {"lighttpd/", true, true, false}, /* ends the stream as if all were said */
    {"Apache", false, false, false},  /* mod_fcgid has said all; over HTTP/2 its client waits for ever */
    {"", false, true, false},
};

bool server_shows_torn(const struct exchange *x, bool has_length)
{
	const char *promise = exchange_param(x, "PKGMIRROR_STREAM");
	const char *software = exchange_param(x, "SERVER_SOFTWARE");
	const char *protocol = exchange_param(x, "SERVER_PROTOCOL");
	const bool promised = promise != NULL && strcmp(promise, "1") == 0;
	size_t i = 0;

	while (SERVERS[i].software[0] != '\0' && !begins(software, SERVERS[i].software))
		i++;
	if (begins(protocol, "HTTP/2") && !(has_length ? SERVERS[i].http2_length : SERVERS[i].http2_no_length))
		return false;
	/* A CGI that ends early looks like one that has said all. Apache drops the length unless it was told to trust
	 * it, so the configuration that tells it promises it here. */
	if (exchange_is_cgi(x))
		return promised && has_length;
	if (has_length || promised)
		return true;
	/* Without chunks the end of the connection is the end of the content. */
	if (!begins(protocol, "HTTP/") || begins(protocol, "HTTP/1.0"))
		return false;
	return begins(protocol, "HTTP/1.") ? SERVERS[i].http1_no_length : SERVERS[i].http2_no_length;
}

const char *server_stream_lines(const struct exchange *x)
{
	/* nginx else collects what it should pass on; the others would show this line to their client. lighttpd (CGI)
	 * and Apache notice a torn answer, but tell their client only when its kept connection times out. HTTP/2 knows
	 * no Connection field. */
	const bool collects = begins(exchange_param(x, "SERVER_SOFTWARE"), "nginx/");
	if (begins(exchange_param(x, "SERVER_PROTOCOL"), "HTTP/1."))
		return collects ? "X-Accel-Buffering: no\r\nConnection: close\r\n" : "Connection: close\r\n";
	return collects ? "X-Accel-Buffering: no\r\n" : NULL;
}
