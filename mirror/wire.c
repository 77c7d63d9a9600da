/* wire: see wire.h. */
#include "wire.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { RETRY_SEC_MAX = 86400 };

static bool is_token(const char *text, size_t len, size_t cap)
{
	if (len == 0 || len >= cap)
		return false;
	for (size_t i = 0; i < len; i++)
		if (text[i] <= 0x20 || text[i] >= 0x7f)
			return false;
	return true;
}

static bool is_source(const char *text, size_t len)
{
	static const char ALLOWED[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
	return len > 0 && len < WIRE_SOURCE_CAP && strspn(text, ALLOWED) >= len;
}

static bool is_line(const char *text)
{
	for (const char *p = text; *p != '\0'; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return false;
	return true;
}

static size_t done(int n)
{
	return n > 0 && n <= WIRE_LINE_CAP ? (size_t)n : 0;
}

size_t wire_format(const struct wire_message *m, char out[WIRE_LINE_CAP + 1])
{
	const size_t cap = WIRE_LINE_CAP + 1;
	switch (m->kind) {
	case WIRE_GET:
		if (!is_token(m->path, strlen(m->path), sizeof m->path) ||
		    !is_token(m->network, strlen(m->network), sizeof m->network) ||
		    !is_source(m->source, strlen(m->source)))
			return 0;
		return done(snprintf(out, cap, "get %s %s %s\n", m->path, m->network, m->source));
	case WIRE_WANT:
		if (!is_token(m->path, strlen(m->path), sizeof m->path))
			return 0;
		return done(snprintf(out, cap, "want %s\n", m->path));
	case WIRE_REFRESH:
		return done(snprintf(out, cap, "refresh\n"));
	case WIRE_UPDATE:
		return done(snprintf(out, cap, "update\n"));
	case WIRE_SIZE:
		if (m->number < -1)
			return 0;
		if (m->number < 0)
			return done(snprintf(out, cap, "size -\n"));
		return done(snprintf(out, cap, "size %" PRId64 "\n", m->number));
	case WIRE_AT:
		return m->number < 0 ? 0 : done(snprintf(out, cap, "at %" PRId64 "\n", m->number));
	case WIRE_DONE:
		return done(snprintf(out, cap, "done\n"));
	case WIRE_FAIL:
		if (m->fault.class == FAULT_NONE || !is_line(m->fault.text) || m->retry_sec < 0 ||
		    m->retry_sec > RETRY_SEC_MAX)
			return 0;
		return done(snprintf(
		    out, cap, "fail %s %d %s\n", fault_class_name(m->fault.class), m->retry_sec, m->fault.text));
	}
	return 0;
}

/* What is left of a line. */
struct rest {
	const char *p, *end;
};

/* The field up to the next space or the end, with the space; false when it is empty. */
static bool take(struct rest *r, const char **field, size_t *len)
{
	const char *space = r->p < r->end ? memchr(r->p, ' ', (size_t)(r->end - r->p)) : NULL;
	*field = r->p;
	*len = (size_t)((space != NULL ? space : r->end) - r->p);
	r->p = space != NULL ? space + 1 : r->end;
	/* A space at the very end would be a last, empty field. */
	return *len > 0 && !(space != NULL && r->p == r->end);
}

static bool take_word(struct rest *r, const char *word)
{
	const char *field;
	size_t len;
	struct rest before = *r;
	if (take(r, &field, &len) && len == strlen(word) && memcmp(field, word, len) == 0)
		return true;
	*r = before;
	return false;
}

static bool take_copy(struct rest *r, char *out, size_t cap)
{
	const char *field;
	size_t len;
	if (!take(r, &field, &len) || !is_token(field, len, cap))
		return false;
	memcpy(out, field, len);
	out[len] = '\0';
	return true;
}

/* A decimal number without sign and leading zeros. */
static bool take_number(struct rest *r, int64_t max, int64_t *out)
{
	const char *field;
	size_t len;
	int64_t n = 0;
	if (!take(r, &field, &len) || (field[0] == '0' && len > 1))
		return false;
	for (size_t i = 0; i < len; i++) {
		int digit = field[i] - '0';
		if (digit < 0 || digit > 9 || n > (max - digit) / 10)
			return false;
		n = n * 10 + digit;
	}
	*out = n;
	return true;
}

static bool parse_fail(struct rest *r, struct wire_message *out)
{
	const char *field;
	size_t len;
	int64_t retry;
	if (!take(r, &field, &len))
		return false;
	out->fault.class = fault_class_parse(field, len);
	if (out->fault.class == FAULT_NONE || !take_number(r, RETRY_SEC_MAX, &retry))
		return false;
	out->retry_sec = (int)retry;
	len = (size_t)(r->end - r->p);
	if (len == 0 || len >= sizeof out->fault.text)
		return false;
	memcpy(out->fault.text, r->p, len);
	out->fault.text[len] = '\0';
	r->p = r->end;
	return strlen(out->fault.text) == len && is_line(out->fault.text);
}

bool wire_parse(const char *line, size_t len, struct wire_message *out)
{
	struct rest r = {line, line + len};
	bool ok = false;

	if (len >= WIRE_LINE_CAP)
		return false;
	memset(out, 0, sizeof *out);
	if (take_word(&r, "get")) {
		out->kind = WIRE_GET;
		ok = take_copy(&r, out->path, sizeof out->path) && take_copy(&r, out->network, sizeof out->network) &&
		     take_copy(&r, out->source, sizeof out->source) && is_source(out->source, strlen(out->source));
	} else if (take_word(&r, "want")) {
		out->kind = WIRE_WANT;
		ok = take_copy(&r, out->path, sizeof out->path);
	} else if (take_word(&r, "refresh")) {
		out->kind = WIRE_REFRESH;
		ok = true;
	} else if (take_word(&r, "update")) {
		out->kind = WIRE_UPDATE;
		ok = true;
	} else if (take_word(&r, "size")) {
		out->kind = WIRE_SIZE;
		out->number = -1;
		ok = take_word(&r, "-") || take_number(&r, INT64_MAX, &out->number);
	} else if (take_word(&r, "at")) {
		out->kind = WIRE_AT;
		ok = take_number(&r, INT64_MAX, &out->number);
	} else if (take_word(&r, "done")) {
		out->kind = WIRE_DONE;
		ok = true;
	} else if (take_word(&r, "fail")) {
		out->kind = WIRE_FAIL;
		ok = parse_fail(&r, out);
	}
	return ok && r.p == r.end;
}

/* Takes one buffered line. WIRE_MORE when there is none. */
static enum wire_status next_line(struct wire_buffer *b, struct wire_message *out)
{
	const char *start = b->data + b->consumed;
	const char *lf = memchr(start, '\n', b->len - b->consumed);
	if (lf == NULL) {
		memmove(b->data, start, b->len - b->consumed);
		b->len -= b->consumed;
		b->consumed = 0;
		return b->len >= WIRE_LINE_CAP ? WIRE_BROKEN : WIRE_MORE;
	}
	b->consumed += (size_t)(lf - start) + 1;
	return wire_parse(start, (size_t)(lf - start), out) ? WIRE_LINE : WIRE_BROKEN;
}

enum wire_status wire_read(int fd, struct wire_buffer *b, struct wire_message *out)
{
	enum wire_status status = next_line(b, out);
	if (status != WIRE_MORE)
		return status;
	ssize_t n = recv(fd, b->data + b->len, sizeof b->data - b->len, 0);
	if (n < 0 && (errno == EINTR || errno == EAGAIN || errno == EWOULDBLOCK))
		return WIRE_MORE;
	if (n <= 0)
		return WIRE_CLOSED;
	b->len += (size_t)n;
	return next_line(b, out);
}
