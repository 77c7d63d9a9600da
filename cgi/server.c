/* server: see server.h. */
#include "server.h"

#include <string.h>

static bool begins(const char *text, const char *with)
{
	return text != NULL && strncmp(text, with, strlen(with)) == 0;
}

bool server_shows_torn(const struct exchange *x, bool has_length)
{
	/* Those that end the client's connection without the last chunk. Caddy writes it all the same. */
	static const char *const HONEST[] = {"lighttpd/", "nginx/", "Apache"};
	const char *promise = exchange_param(x, "PKGMIRROR_STREAM");
	const char *software = exchange_param(x, "SERVER_SOFTWARE");
	const bool promised = promise != NULL && strcmp(promise, "1") == 0;

	/* A CGI that ends early looks like one that has said all. Apache drops the length unless it was told to trust
	 * it, so the configuration that tells it promises it here. */
	if (exchange_is_cgi(x))
		return promised && has_length;
	if (has_length || promised)
		return true;
	/* Without chunks the end of the connection is the end of the content. */
	if (!begins(exchange_param(x, "SERVER_PROTOCOL"), "HTTP/") ||
	    begins(exchange_param(x, "SERVER_PROTOCOL"), "HTTP/1.0"))
		return false;
	for (size_t i = 0; i < sizeof HONEST / sizeof HONEST[0]; i++)
		if (begins(software, HONEST[i]))
			return true;
	return false;
}

const char *server_stream_lines(const struct exchange *x)
{
	/* nginx else collects what it should pass on. lighttpd (CGI) and Apache notice a torn answer, but tell their
	 * client only when its kept connection times out. HTTP/2 knows no Connection field. */
	if (begins(exchange_param(x, "SERVER_PROTOCOL"), "HTTP/1."))
		return "X-Accel-Buffering: no\r\nConnection: close\r\n";
	return "X-Accel-Buffering: no\r\n";
}
