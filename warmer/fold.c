/* fold: see fold.h. */
#include "warmer/fold.h"
#include "mirror/catalog_fold.h"
#include "mirror/catalog_sql.h"
#include "mirror/digest.h"
#include "mirror/route.h"
#include "mirror/target.h"
#include "warmer/accesslog.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { BUFFER_CAP = 1 << 20, TAIL_LEN = 512, KEEP_SEC = 400 * 24 * 3600, JOURNAL_LARGE = 4 * 1024 * 1024 };
#define TIME_MAX INT64_C(253402300799) /* the end of the year 9999 */

static const char JOURNAL[] = "run/hits.log", JOURNAL_OLD[] = "run/hits.log.1";

struct fold {
	struct warmer *warmer;
	struct fold_result *result;
	enum fold_kind kind;
	int fd, error; /* error: of reading it while it was recognised */
	struct stat st;
	const char *name;
	char head[DIGEST_SHA256_HEX_CAP];
	int64_t place;
	char *buffer; /* BUFFER_CAP */
};

/* The hex SHA-256 of bytes [from, to) of the log; at most BUFFER_CAP. */
static bool digest_bytes(const struct fold *x, int64_t from, int64_t to, char out[DIGEST_SHA256_HEX_CAP])
{
	struct digest_result result;
	char bytes[ACCESSLOG_LINE_MAX];
	struct digest *d = digest_new();
	if (d == NULL)
		errno = ENOMEM;
	bool ok = d != NULL && pread(x->fd, bytes, (size_t)(to - from), from) == to - from;
	if (ok) {
		digest_add(d, bytes, (size_t)(to - from));
		digest_finish(d, &result);
		memcpy(out, result.sha256_hex, sizeof result.sha256_hex);
	}
	digest_free(d);
	return ok;
}

static bool digest_tail(const struct fold *x, int64_t place, char out[DIGEST_SHA256_HEX_CAP])
{
	return digest_bytes(x, place > TAIL_LEN ? place - TAIL_LEN : 0, place, out);
}

static bool fits(void *arg, int64_t place, const char *tail)
{
	struct fold *x = arg;
	char here[DIGEST_SHA256_HEX_CAP];
	if (place <= 0 || place > x->st.st_size)
		return false;
	/* A log that cannot be read is no new one: what is counted would be counted again. */
	if (!digest_tail(x, place, here))
		x->error = errno != 0 ? errno : EIO;
	return x->error == 0 && strcmp(here, tail) == 0;
}

/* Reads the first line, and finds out how far this log was folded. *empty: it has no whole line yet. */
static bool recognise(struct fold *x, bool *empty, struct fault *f)
{
	char line[ACCESSLOG_LINE_MAX];
	ssize_t n = pread(x->fd, line, sizeof line, 0);
	if (n < 0)
		return fault_errno(f, FAULT_SYSTEM, errno, "%s", x->name);
	if (n >= 2 && line[0] == '\x1f' && line[1] == '\x8b')
		return fault_set(f, FAULT_CLIENT, "%s is compressed: give what zcat makes of it", x->name);
	const char *end = memchr(line, '\n', (size_t)n);
	*empty = end == NULL && n < (ssize_t)sizeof line;
	if (*empty)
		return true;
	if (!digest_bytes(x, 0, end != NULL ? end - line + 1 : n, x->head))
		return fault_errno(f, FAULT_SYSTEM, errno, "%s", x->name);
	if (x->warmer->catalog == NULL)
		return true;
	if (!catalog_place_get(x->warmer->catalog, x->head, fits, x, &x->place, f))
		return false;
	return x->error == 0 || fault_errno(f, FAULT_SYSTEM, x->error, "%s", x->name);
}

static bool count_hit(struct fold *x, const struct catalog_hit *h, struct fault *f)
{
	if (h->bot)
		x->result->bots++;
	else
		x->result->hits++;
	return x->warmer->dry_run || catalog_hit_add(x->warmer->catalog, h, f);
}

static bool is_file(const struct route *r)
{
	return r->kind == ROUTE_TOOLCHAIN || r->kind == ROUTE_PACKAGE || r->kind == ROUTE_ARTIFACT;
}

static bool count_access(struct fold *x, const struct accesslog_line *l, struct fault *f)
{
	char path[TARGET_PATH_MAX + 1], source[WIRE_SOURCE_CAP];
	struct route route;
	size_t len = strcspn(l->target, "?#");
	const char *query = strchr(l->target, '?');
	bool asked = strcmp(l->method, "GET") == 0 || strcmp(l->method, "HEAD") == 0;
	if (l->status >= 400) {
		x->result->errors++;
		return x->warmer->dry_run || catalog_hit_error(x->warmer->catalog, l->time, l->status, l->bytes, f);
	}
	if (!asked || (l->status != 200 && l->status != 206 && l->status != 304) ||
	    !target_decode_path(l->target, len, path, &len, NULL) ||
	    !route_resolve(x->warmer->config, path, len, &route, NULL) || !is_file(&route)) {
		x->result->others++;
		return true;
	}
	target_source(query != NULL ? query + 1 : NULL, source);
	const struct catalog_hit hit = {.path = route.path,
	    .source = source,
	    .at = l->time,
	    .bytes = l->bytes,
	    .status = l->status,
	    .bot = accesslog_is_bot(l->agent)};
	return count_hit(x, &hit, f);
}

/* The next field of a line of the journal, up to a tab or the end. NULL when there is none. */
static char *field(char **rest)
{
	char *at = *rest, *tab = at != NULL ? strchr(at, '\t') : NULL;
	*rest = tab != NULL ? tab + 1 : NULL;
	if (tab != NULL)
		*tab = '\0';
	return at;
}

static bool number(const char *text, int64_t max, int64_t *out)
{
	char *end;
	errno = 0;
	*out = text != NULL && *text >= '0' && *text <= '9' ? strtoll(text, &end, 10) : -1;
	return *out >= 0 && *out <= max && errno == 0 && *end == '\0';
}

static bool count_journal(struct fold *x, char *line, struct fault *f)
{
	struct route route;
	char *rest = line;
	int64_t at, status, bytes;
	const char *at_text = field(&rest), *path = field(&rest), *source = field(&rest), *status_text = field(&rest);
	const char *bytes_text = field(&rest);
	if (rest != NULL || !number(at_text, TIME_MAX, &at) || !number(status_text, 599, &status) ||
	    !number(bytes_text, INT64_MAX / 2, &bytes)) {
		x->result->unreadable++;
		return true;
	}
	/* A rule that is gone has no hits any more. */
	if (!route_canonical(x->warmer->config, path, &route, NULL) || !is_file(&route)) {
		x->result->others++;
		return true;
	}
	const struct catalog_hit hit = {
	    .path = route.path, .source = source, .at = at, .bytes = bytes, .status = (int)status, .journal = true};
	return count_hit(x, &hit, f);
}

/* One line, which may be written to. */
static bool fold_line(struct fold *x, char *line, size_t len, struct fault *f)
{
	struct accesslog_line l;
	line[len] = '\0';
	if (len > 0 && line[len - 1] == '\r')
		line[--len] = '\0';
	if (x->kind == FOLD_JOURNAL && strlen(line) == len)
		return count_journal(x, line, f);
	if (x->kind == FOLD_ACCESS && accesslog_parse(line, len, &l) && l.time >= 0 && l.time <= TIME_MAX)
		return count_access(x, &l, f);
	x->result->unreadable++;
	return true;
}

static bool note_place(const struct fold *x, struct fault *f)
{
	char tail[DIGEST_SHA256_HEX_CAP];
	int64_t now = time(NULL);
	if (!digest_tail(x, x->place, tail))
		return fault_set(f, FAULT_SYSTEM, "%s: cannot be read", x->name);
	const struct catalog_place place = {.head = x->head,
	    .device = (int64_t)x->st.st_dev,
	    .inode = (int64_t)x->st.st_ino,
	    .place = x->place,
	    .tail = tail,
	    .name = x->name};
	return catalog_place_put(x->warmer->catalog, &place, now, now - KEEP_SEC, f);
}

/* The lines in the first len bytes of the buffer. A line that fills all of it is no line. */
static bool fold_buffer(struct fold *x, size_t len, struct fault *f)
{
	char *at = x->buffer, *end = x->buffer + len, *newline;
	while ((newline = memchr(at, '\n', (size_t)(end - at))) != NULL) {
		if (!fold_line(x, at, (size_t)(newline - at), f))
			return false;
		at = newline + 1;
	}
	if (at == x->buffer && len == BUFFER_CAP)
		at = end;
	x->place += at - x->buffer;
	return true;
}

/* One piece of the log and the place behind it, in one transaction. *more: there may be another. */
static bool fold_piece(struct fold *x, bool *more, struct fault *f)
{
	const int64_t before = x->place;
	ssize_t n = pread(x->fd, x->buffer, BUFFER_CAP, x->place);
	*more = n == BUFFER_CAP;
	if (n < 0)
		return fault_errno(f, FAULT_SYSTEM, errno, "%s", x->name);
	if (memrchr(x->buffer, '\n', (size_t)n) == NULL && n < BUFFER_CAP)
		return true;
	if (x->warmer->dry_run)
		return fold_buffer(x, (size_t)n, f);
	if (!catalog_begin(x->warmer->catalog, f))
		return false;
	bool ok = fold_buffer(x, (size_t)n, f) && note_place(x, f);
	ok = catalog_finish(x->warmer->catalog, ok, f);
	if (!ok)
		x->place = before;
	return ok;
}

static bool fold_all(struct fold *x, struct fault *f)
{
	bool empty = false, more = true, ok;
	if (fstat(x->fd, &x->st) != 0)
		return fault_errno(f, FAULT_SYSTEM, errno, "%s", x->name);
	if (!S_ISREG(x->st.st_mode))
		return fault_set(f, FAULT_CLIENT, "%s is not a regular file", x->name);
	ok = recognise(x, &empty, f);
	while (ok && !empty && more && !warmer_stopping(x->warmer))
		ok = fold_piece(x, &more, f);
	return ok;
}

bool fold_file(struct warmer *w, int fd, const char *name, enum fold_kind kind, struct fold_result *r, struct fault *f)
{
	struct fold x = {.warmer = w, .result = r, .kind = kind, .fd = fd, .name = name};
	x.buffer = malloc(BUFFER_CAP);
	if (x.buffer == NULL)
		return fault_errno(f, FAULT_SYSTEM, ENOMEM, "%s", name);
	bool ok = fold_all(&x, f);
	free(x.buffer);
	return ok;
}

/* Folds a journal if it is there. *size: its bytes; -1 when it is not there. */
static bool fold_one(struct warmer *w, const char *relative, int64_t *size, struct fold_result *r, struct fault *f)
{
	struct store_info info = {.size = -1};
	int fd = store_open_file(w->store, relative, &info, f);
	*size = info.size;
	if (fd < 0)
		return f->class == FAULT_ABSENT;
	bool ok = fold_file(w, fd, relative, FOLD_JOURNAL, r, f);
	close(fd);
	return ok;
}

bool fold_journal(struct warmer *w, struct fold_result *r, struct fault *f)
{
	int64_t size, old_size;
	if (!fold_one(w, JOURNAL_OLD, &old_size, r, f) || !fold_one(w, JOURNAL, &size, r, f))
		return false;
	/* All of the old one is folded, and nobody has written to it since the last time but what was folded now. */
	if (!w->dry_run && size > JOURNAL_LARGE && !warmer_stopping(w) &&
	    renameat(store_fd(w->store), JOURNAL, store_fd(w->store), JOURNAL_OLD) != 0)
		return fault_errno(f, FAULT_SYSTEM, errno, "cannot rotate %s", JOURNAL);
	return true;
}
