/* Arbitrary bytes as a URL: what is taken is put together again from its parts, has a host, and nothing in it that
 * would have to be escaped. */
#include "mirror/url.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

static void check(const char *text, const struct url *u)
{
	size_t scheme = u->tls ? strlen("https://") : strlen("http://");
	require(strncmp(text, u->tls ? "https://" : "http://", scheme) == 0);
	require(u->authority == text + scheme && u->path == u->authority + u->authority_len);
	require(u->host >= u->authority && u->host + u->host_len <= u->path && u->host_len > 0);
	require(memchr(u->host, '/', u->host_len) == NULL && memchr(u->authority, '@', u->authority_len) == NULL);
	require(u->path[0] == '\0' || u->path[0] == '/');
	require(u->query >= u->path && (*u->query == '?' || *u->query == '\0'));
	for (const char *p = text; *p != '\0'; p++)
		require(*p > ' ' && *p <= '~' && *p != '#' && *p != '\\' && *p != '"');
	require(url_same_origin(u, u) && url_has_host(u, u->host, u->host_len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct url u, b;
	char *text = malloc(size + 1);
	require(text != NULL);
	memcpy(text, data, size);
	text[size] = '\0';
	const char *wrong = url_parse(text, &u);
	require(wrong == NULL || wrong[0] != '\0');
	if (wrong == NULL)
		check(text, &u);
	/* Two of them, one a line: what is below the other is of the same host. */
	char *second = strchr(text, '\n');
	if (second != NULL) {
		*second++ = '\0';
		if (url_is_below(text, second)) {
			require(url_parse(text, &u) == NULL && url_parse(second, &b) == NULL);
			require(url_has_host(&u, b.host, b.host_len) && strncmp(u.path, b.path, strlen(b.path)) == 0);
		}
	} else if (wrong == NULL && *u.query == '\0') {
		require(url_is_below(text, text));
	}
	free(text);
	return 0;
}
