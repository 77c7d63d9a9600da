/* log: see log.h. */
#include "log.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LINE_CAP = 4096, VALUE_CAP = 2048 };

static struct {
	const char *program;
	int fd;
	enum log_level least;
} sink = {"pkgmirror", STDERR_FILENO, LOG_INFO_LEVEL};

static const char *const LEVELS[] = {"debug", "info", "warn", "error"};

void log_open(const char *program, int fd, enum log_level least)
{
	sink.program = program;
	sink.fd = fd;
	sink.least = least;
}

struct line {
	char text[LINE_CAP];
	size_t len;
};

/* Room for the final LF is always kept. */
static void add(struct line *l, const char *text)
{
	size_t n = strlen(text), room = sizeof l->text - 1 - l->len;
	if (n > room)
		n = room;
	memcpy(l->text + l->len, text, n);
	l->len += n;
}

static void add_pair(struct line *l, const char *key, const char *value)
{
	char escaped[VALUE_CAP];
	log_escape(value != NULL ? value : "", escaped, sizeof escaped);
	add(l, " ");
	add(l, key);
	add(l, "=");
	add(l, escaped);
}

static void add_pairs(struct line *l, va_list pairs)
{
	for (const char *key = va_arg(pairs, const char *); key != NULL; key = va_arg(pairs, const char *))
		add_pair(l, key, va_arg(pairs, const char *));
}

static void begin(struct line *l, enum log_level level, const char *event)
{
	char stamp[32];
	struct tm tm;
	time_t now = time(NULL);
	l->len = 0;
	strftime(stamp, sizeof stamp, "ts=%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &tm));
	add(l, stamp);
	add_pair(l, "prog", sink.program);
	add_pair(l, "level", LEVELS[level]);
	add_pair(l, "event", event);
}

static void end(struct line *l)
{
	l->text[l->len++] = '\n';
	ssize_t ignored = write(sink.fd, l->text, l->len);
	(void)ignored;
}

void log_event(enum log_level level, const char *event, ...)
{
	struct line l;
	va_list pairs;
	if (level < sink.least)
		return;
	begin(&l, level, event);
	va_start(pairs, event);
	add_pairs(&l, pairs);
	va_end(pairs);
	end(&l);
}

static enum log_level level_of(enum fault_class class)
{
	switch (class) {
	case FAULT_SYSTEM:
	case FAULT_FULL:
	case FAULT_INTEGRITY:
	case FAULT_CONFIG:
		return LOG_ERROR_LEVEL;
	case FAULT_UPSTREAM:
	case FAULT_BUSY:
	case FAULT_LIMIT:
		return LOG_WARN_LEVEL;
	default:
		return LOG_INFO_LEVEL;
	}
}

void log_fault(const struct fault *f, const char *event, ...)
{
	struct line l;
	va_list pairs;
	enum log_level level = level_of(f->class);
	if (level < sink.least)
		return;
	begin(&l, level, event);
	add_pair(&l, "class", fault_class_name(f->class));
	add_pair(&l, "error", f->text);
	va_start(pairs, event);
	add_pairs(&l, pairs);
	va_end(pairs);
	end(&l);
}

struct log_number log_int(int64_t value)
{
	struct log_number n;
	snprintf(n.text, sizeof n.text, "%" PRId64, value);
	return n;
}

static bool is_plain(const char *value)
{
	if (*value == '\0')
		return false;
	for (const unsigned char *p = (const unsigned char *)value; *p != '\0'; p++)
		if (*p <= 0x20 || *p >= 0x7f || *p == '"' || *p == '\\' || *p == '=')
			return false;
	return true;
}

/* One byte as it stands inside quotes: at most four bytes. */
static size_t escape_byte(unsigned char c, char out[5])
{
	if (c == '"' || c == '\\')
		return (size_t)snprintf(out, 5, "\\%c", c);
	if (c == '\n')
		return (size_t)snprintf(out, 5, "\\n");
	if (c == '\t')
		return (size_t)snprintf(out, 5, "\\t");
	if (c < 0x20 || c >= 0x7f)
		return (size_t)snprintf(out, 5, "\\x%02x", c);
	out[0] = (char)c;
	return 1;
}

size_t log_escape(const char *value, char *out, size_t cap)
{
	size_t len = 0;
	if (cap < 3) {
		if (cap > 0)
			out[0] = '\0';
		return 0;
	}
	if (is_plain(value)) {
		len = strlen(value);
		if (len > cap - 1)
			len = cap - 1;
		memcpy(out, value, len);
		out[len] = '\0';
		return len;
	}
	out[len++] = '"';
	for (const unsigned char *p = (const unsigned char *)value; *p != '\0'; p++) {
		char piece[5];
		size_t n = escape_byte(*p, piece);
		if (len + n + 2 > cap)
			break;
		memcpy(out + len, piece, n);
		len += n;
	}
	out[len++] = '"';
	out[len] = '\0';
	return len;
}
