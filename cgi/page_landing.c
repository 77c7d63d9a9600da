/* page_landing: the front page: what this mirror is and how to use it. From the configuration alone, so that tools
 * which probe a mirror get their 200 at once. */
#include "pages.h"

#include "cgi/respond.h"
#include "cgi/template.h"
#include "cgi/www.h"
#include "mirror/log.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>

enum { PAGE_MAX = 64 * 1024, KEY_BYTES = 42, KEY_TEXT_CAP = 57, NONCE_BYTES = 16, URL_CAP = 2048 };

/* The key as minisign(1) writes it: "Ed", the key id and the key, in base64. 42 bytes need no padding. */
static void key_text(const struct minisign_key *key, char out[KEY_TEXT_CAP])
{
	static const char DIGITS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	unsigned char raw[KEY_BYTES] = {'E', 'd'};
	memcpy(raw + 2, key->id, sizeof key->id);
	memcpy(raw + 2 + sizeof key->id, key->key, sizeof key->key);
	for (size_t i = 0; i < KEY_BYTES; i += 3) {
		unsigned group = (unsigned)raw[i] << 16 | (unsigned)raw[i + 1] << 8 | raw[i + 2];
		for (int digit = 0; digit < 4; digit++)
			*out++ = DIGITS[group >> (18 - 6 * digit) & 63];
	}
	*out = '\0';
}

/* A fresh nonce for the page's one style element. False when there is no randomness. */
static bool make_nonce(char out[2 * NONCE_BYTES + 1])
{
	unsigned char raw[NONCE_BYTES];
	if (getrandom(raw, sizeof raw, GRND_NONBLOCK) != (ssize_t)sizeof raw)
		return false;
	for (size_t i = 0; i < sizeof raw; i++)
		snprintf(out + 2 * i, 3, "%02x", raw[i]);
	return true;
}

static bool render(const struct config *c, const char *nonce, struct buffer *out)
{
	char toolchains[URL_CAP], key[KEY_TEXT_CAP];
	const char *host = strstr(c->base_url, "://");
	host = host ? host + 3 : c->base_url;
	snprintf(toolchains, sizeof toolchains, "%s%s", c->base_url, c->toolchains.prefix);
	key_text(&c->toolchains.key, key);
	const struct template_value values[] = {{"nonce", nonce}, {"host", host}, {"base_url", c->base_url},
	    {"toolchains", toolchains}, {"upstream", c->toolchains.upstream}, {"key", key}};
	return template_render(out, www_landing_html, www_landing_html_len, values, sizeof values / sizeof values[0]);
}

void page_landing(struct site *site, struct exchange *x, const struct request *rq, const struct route *route)
{
	char nonce[2 * NONCE_BYTES + 1] = "0", more[512];
	struct response r = {.status = 200, .type = "text/html; charset=utf-8", .cache_control = "public, max-age=300"};
	struct buffer page;
	(void)route;
	/* Without a nonce the page comes without its style, not without its rules. */
	if (!make_nonce(nonce))
		log_event(LOG_WARN_LEVEL, "landing", "error", "no random bytes", NULL);
	snprintf(more, sizeof more,
	    "Content-Security-Policy: default-src 'none'; style-src 'nonce-%s'; base-uri 'none'; form-action 'none'; "
	    "frame-ancestors 'none'\r\nReferrer-Policy: no-referrer\r\n",
	    nonce);
	r.more = more;
	buffer_open(&page, PAGE_MAX);
	if (render(site->config, nonce, &page)) {
		respond_whole(x, &r, page.data, page.len, rq->head);
	} else {
		struct fault f;
		fault_set(&f, FAULT_SYSTEM, "the landing page does not render");
		respond_fault(x, &f, 0, "/", rq->head);
	}
	buffer_close(&page);
}
