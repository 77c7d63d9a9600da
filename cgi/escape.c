/* escape: see escape.h. */
#include "escape.h"

#include <string.h>

static bool is_control(char c)
{
	return (unsigned char)c < 0x20 || c == 0x7f;
}

static bool is_unreserved(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c != '\0' && strchr("-._~", c) != NULL);
}

static void html(struct buffer *out, const char *value, bool quotes)
{
	for (const char *p = value; *p != '\0'; p++) {
		if (*p == '&')
			buffer_text(out, "&amp;");
		else if (*p == '<')
			buffer_text(out, "&lt;");
		else if (*p == '>')
			buffer_text(out, "&gt;");
		else if (quotes && *p == '"')
			buffer_text(out, "&quot;");
		else if (quotes && *p == '\'')
			buffer_text(out, "&#39;");
		else if (is_control(*p) && *p != '\n' && *p != '\t')
			buffer_text(out, "\xef\xbf\xbd");
		else
			buffer_add(out, p, 1);
	}
}

void escape_text(struct buffer *out, const char *value)
{
	html(out, value, false);
}

void escape_attribute(struct buffer *out, const char *value)
{
	html(out, value, true);
}

/* Percent-encodes all but the unreserved bytes and those of `kept` (RFC 3986 sections 2.1 and 2.3). */
static void percent(struct buffer *out, const char *value, const char *kept)
{
	for (const char *p = value; *p != '\0'; p++) {
		if (is_unreserved(*p) || strchr(kept, *p) != NULL)
			buffer_add(out, p, 1);
		else
			buffer_format(out, "%%%02X", (unsigned)(unsigned char)*p);
	}
}

void escape_url_path(struct buffer *out, const char *value)
{
	percent(out, value, "/+@");
}

void escape_url_query(struct buffer *out, const char *value)
{
	percent(out, value, "");
}

void escape_header(struct buffer *out, const char *value)
{
	for (const char *p = value; *p != '\0'; p++)
		buffer_add(out, is_control(*p) ? " " : p, 1);
}
