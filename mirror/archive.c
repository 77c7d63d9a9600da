/* archive: see archive.h. */
#include "archive.h"

#include "archive_end.h"

#include <archive.h> // NOLINT(readability-duplicate-include): the library's header has the name of ours
#include <archive_entry.h>

#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BLOCK = 128 * 1024, TAIL = 1024 };

bool archive_is_known(const char *path)
{
	static const char *const ENDS[] = {".tar", ".gz", ".tgz", ".xz", ".txz", ".zst", ".tzst", ".zip"};
	const char *dot = strrchr(path, '.');
	for (size_t i = 0; dot != NULL && i < sizeof ENDS / sizeof ENDS[0]; i++)
		if (strcasecmp(dot, ENDS[i]) == 0)
			return true;
	return false;
}

static bool broken(struct archive *a, struct fault *f)
{
	const char *why = a != NULL ? archive_error_string(a) : NULL;
	return fault_set(f, FAULT_INTEGRITY, "archive: %s", why != NULL ? why : "cannot be read");
}

static struct archive *new_reader(struct fault *f)
{
	struct archive *a = archive_read_new();
	if (a == NULL || archive_read_support_filter_gzip(a) < ARCHIVE_WARN ||
	    archive_read_support_filter_xz(a) < ARCHIVE_WARN || archive_read_support_filter_zstd(a) < ARCHIVE_WARN) {
		fault_set(f, FAULT_SYSTEM, "libarchive lacks gzip, xz or zstd");
		archive_read_free(a);
		return NULL;
	}
	return a;
}

/* The bounds of what a package may become. */
static bool within_bounds(int64_t unpacked, int64_t packed, struct fault *f)
{
	if (unpacked > ARCHIVE_UNPACKED_MAX || (unpacked > ARCHIVE_RATIO_FROM && unpacked / ARCHIVE_RATIO_MAX > packed))
		return fault_set(f, FAULT_INTEGRITY, "archive: unpacks to far more than it is: %lld bytes from %lld",
		    (long long)unpacked, (long long)packed);
	return true;
}

/* What one pass over the unpacked stream leaves. */
struct stream {
	int64_t bytes, zeros; /* zeros: how many at the end */
	int64_t crc_from;     /* where the checksum begins */
	uint32_t crc;
	int filter; /* libarchive's code */
};

static void add_to_stream(struct stream *s, const unsigned char *data, size_t len)
{
	int64_t skip = s->crc_from > s->bytes ? s->crc_from - s->bytes : 0;
	size_t zeros = 0;
	if (s->filter == ARCHIVE_FILTER_GZIP && skip < (int64_t)len)
		s->crc = archive_end_crc32(s->crc, data + skip, len - (size_t)skip);
	s->bytes += (int64_t)len;
	while (zeros < len && data[len - 1 - zeros] == 0)
		zeros++;
	s->zeros = zeros == len ? s->zeros + (int64_t)zeros : (int64_t)zeros;
}

/* Unpacks the stream to its very end, which a reader of tar members does not do. */
static bool drain(int fd, int64_t packed, int64_t crc_from, struct stream *s, struct fault *f)
{
	struct archive *a = new_reader(f);
	struct archive_entry *entry;
	unsigned char *buffer = malloc(BLOCK);
	la_ssize_t n = -1;
	bool ok = false;

	*s = (struct stream){.crc_from = crc_from};
	if (a == NULL || buffer == NULL)
		goto out;
	archive_read_support_format_raw(a);
	if (lseek(fd, 0, SEEK_SET) != 0 || archive_read_open_fd(a, fd, BLOCK) != ARCHIVE_OK ||
	    archive_read_next_header(a, &entry) != ARCHIVE_OK) {
		broken(a, f);
		goto out;
	}
	s->filter = archive_filter_count(a) > 1 ? archive_filter_code(a, 0) : ARCHIVE_FILTER_NONE;
	while ((n = archive_read_data(a, buffer, BLOCK)) > 0) {
		add_to_stream(s, buffer, (size_t)n);
		if (!within_bounds(s->bytes, packed, f))
			goto out;
	}
	ok = n == 0 || broken(a, f);
out:
	archive_read_free(a);
	free(buffer);
	return ok;
}

/* libarchive does not look at the checksum of a gzip. That at the end is of the last stream; when it is not of all the
 * bytes, it must be of as many of the last ones as it says. */
static bool check_gzip(int fd, int64_t size, struct stream *s, bool *joined, struct fault *f)
{
	uint32_t crc, len;
	if (!archive_end_gzip(fd, size, &crc, &len))
		return fault_set(f, FAULT_INTEGRITY, "archive: too short for gzip");
	if (crc == s->crc && len == (uint32_t)s->bytes)
		return true;
	*joined = (int64_t)len < s->bytes;
	if (*joined && !drain(fd, size, s->bytes - (int64_t)len, s, f))
		return false;
	return (*joined && crc == s->crc) ||
	       fault_set(f, FAULT_INTEGRITY, "archive: checksum and length at the end of the gzip do not fit");
}

static bool skip_data(void *arg, const void *bytes, size_t len, struct fault *f)
{
	(void)arg, (void)bytes, (void)len, (void)f;
	return true;
}

static bool skip_member(void *arg, const struct archive_member *m, struct fault *f)
{
	(void)arg, (void)m, (void)f;
	return true;
}

static bool check_stream(int fd, int64_t size, bool *joined, struct fault *f)
{
	struct stream s;
	if (!drain(fd, size, 0, &s, f))
		return false;
	if (s.filter == ARCHIVE_FILTER_GZIP)
		return check_gzip(fd, size, &s, joined, f);
	if (s.filter == ARCHIVE_FILTER_XZ)
		*joined = !archive_end_xz_is_single(fd, size);
	if (s.filter == ARCHIVE_FILTER_NONE && (s.zeros < TAIL || s.bytes % 512 != 0))
		return fault_set(f, FAULT_INTEGRITY, "archive: neither compressed nor a tar with its end marker");
	return true;
}

bool archive_check(int fd, bool *joined, struct fault *f)
{
	static const struct archive_visitor NOBODY = {skip_member, skip_data, NULL};
	unsigned char magic[4] = {0};
	bool unused = false;
	struct stat st;

	joined = joined != NULL ? joined : &unused;
	*joined = false;
	if (fstat(fd, &st) != 0 || pread(fd, magic, sizeof magic, 0) < 0)
		return fault_errno(f, FAULT_SYSTEM, errno, "archive");
	/* libarchive checks the CRC of each member of a zip as it reads it. */
	if (memcmp(magic, "PK", 2) != 0)
		return check_stream(fd, st.st_size, joined, f);
	if (!archive_end_zip(fd, st.st_size))
		return fault_set(f, FAULT_INTEGRITY, "archive: the end record of the zip is missing");
	return archive_walk(fd, &NOBODY, f);
}

static enum archive_kind kind_of(struct archive_entry *e)
{
	if (archive_entry_hardlink(e) != NULL)
		return ARCHIVE_OTHER;
	switch (archive_entry_filetype(e)) {
	case AE_IFREG:
		return ARCHIVE_FILE;
	case AE_IFLNK:
		return ARCHIVE_LINK;
	case AE_IFDIR:
		return ARCHIVE_FOLDER;
	default:
		return ARCHIVE_OTHER;
	}
}

static bool read_member(
    struct archive *a, const struct archive_visitor *v, int64_t *unpacked, int64_t packed, struct fault *f)
{
	const void *block;
	size_t len;
	la_int64_t offset, at = 0;
	int code;
	while ((code = archive_read_data_block(a, &block, &len, &offset)) == ARCHIVE_OK) {
		/* A hole of a sparse file is content, too, but no package has one. */
		if (offset != at)
			return fault_set(f, FAULT_INTEGRITY, "archive: holds a sparse file");
		at += (la_int64_t)len;
		*unpacked += (int64_t)len;
		if (!within_bounds(*unpacked, packed, f) || (len > 0 && !v->data(v->arg, block, len, f)))
			return false;
	}
	return code == ARCHIVE_EOF || broken(a, f);
}

static bool walk(int fd, const struct archive_visitor *v, struct fault *f)
{
	struct archive *a = new_reader(f);
	struct archive_entry *entry;
	struct stat st;
	int64_t unpacked = 0;
	int code = ARCHIVE_FATAL, members = 0;
	bool ok = a != NULL;

	if (!ok)
		return false;
	archive_read_support_format_tar(a);
	archive_read_support_format_zip(a);
	if (fstat(fd, &st) != 0 || lseek(fd, 0, SEEK_SET) != 0 || archive_read_open_fd(a, fd, BLOCK) != ARCHIVE_OK)
		ok = broken(a, f);
	while (ok && (code = archive_read_next_header(a, &entry)) == ARCHIVE_OK) {
		const char *path = archive_entry_pathname(entry);
		struct archive_member m = {.path = path,
		    .kind = kind_of(entry),
		    .target = archive_entry_hardlink(entry) != NULL ? archive_entry_hardlink(entry)
		                                                    : archive_entry_symlink(entry),
		    .zip = (archive_format(a) & ARCHIVE_FORMAT_BASE_MASK) == ARCHIVE_FORMAT_ZIP};
		if (path == NULL || strlen(path) >= ARCHIVE_NAME_CAP || ++members > ARCHIVE_MEMBERS_MAX)
			ok = fault_set(f, FAULT_INTEGRITY, "archive: a name that cannot be read, or too many members");
		ok = ok && v->member(v->arg, &m, f);
		if (ok && m.kind == ARCHIVE_FILE)
			ok = read_member(a, v, &unpacked, st.st_size, f);
	}
	if (ok && code != ARCHIVE_EOF)
		ok = broken(a, f);
	if (ok && members == 0)
		ok = fault_set(f, FAULT_INTEGRITY, "archive: is empty");
	archive_read_free(a);
	return ok;
}

bool archive_walk(int fd, const struct archive_visitor *v, struct fault *f)
{
	/* libarchive hands out names in the locale's encoding: in "C" those beyond ASCII would be lost. */
	locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
	locale_t before = utf8 != (locale_t)0 ? uselocale(utf8) : (locale_t)0;
	bool ok = walk(fd, v, f);
	if (utf8 != (locale_t)0) {
		uselocale(before);
		freelocale(utf8);
	}
	return ok;
}
