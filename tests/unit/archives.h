/* archives: small archives in memory, made with libarchive, for the tests of archive, zighash and unpack. */
#ifndef PKGMIRROR_TEST_ARCHIVES_H
#define PKGMIRROR_TEST_ARCHIVES_H

#include <archive.h>
#include <archive_entry.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ARCHIVES_CAP = 256 * 1024 };

enum archives_form { FORM_TAR, FORM_GZIP, FORM_XZ, FORM_ZSTD, FORM_ZIP, FORMS };

struct archives_member {
	const char *path, *content; /* content NULL: a folder */
	const char *link;           /* a symbolic link */
	const char *hard;           /* a hard link */
};

struct archives_file {
	unsigned char bytes[ARCHIVES_CAP];
	size_t len;
};

static inline struct archive *archives_writer(enum archives_form form)
{
	struct archive *a = archive_write_new();
	bool ok = a != NULL;
	if (form == FORM_ZIP)
		ok = ok && archive_write_set_format_zip(a) == ARCHIVE_OK;
	else
		ok = ok && archive_write_set_format_gnutar(a) == ARCHIVE_OK;
	if (form == FORM_GZIP)
		ok = ok && archive_write_add_filter_gzip(a) == ARCHIVE_OK;
	else if (form == FORM_XZ)
		ok = ok && archive_write_add_filter_xz(a) == ARCHIVE_OK;
	else if (form == FORM_ZSTD)
		ok = ok && archive_write_add_filter_zstd(a) == ARCHIVE_OK;
	if (!ok)
		abort();
	archive_write_set_bytes_in_last_block(a, 1);
	return a;
}

/* Makes an archive of count members; ends the test program when it cannot. */
static inline void archives_make(
    enum archives_form form, const struct archives_member *members, size_t count, struct archives_file *out)
{
	struct archive *a = archives_writer(form);
	if (archive_write_open_memory(a, out->bytes, sizeof out->bytes, &out->len) != ARCHIVE_OK)
		abort();
	for (size_t i = 0; i < count; i++) {
		const struct archives_member *m = &members[i];
		struct archive_entry *e = archive_entry_new();
		size_t len = m->content != NULL ? strlen(m->content) : 0;
		archive_entry_set_pathname(e, m->path);
		archive_entry_set_perm(e, 0644);
		archive_entry_set_filetype(e, m->link != NULL                         ? AE_IFLNK
		                              : m->content != NULL || m->hard != NULL ? AE_IFREG
		                                                                      : AE_IFDIR);
		archive_entry_set_size(e, (la_int64_t)len);
		if (m->link != NULL)
			archive_entry_set_symlink(e, m->link);
		if (m->hard != NULL)
			archive_entry_set_hardlink(e, m->hard);
		if (archive_write_header(a, e) != ARCHIVE_OK ||
		    (len > 0 && archive_write_data(a, m->content, len) != (la_ssize_t)len))
			abort();
		archive_entry_free(e);
	}
	if (archive_write_close(a) != ARCHIVE_OK)
		abort();
	archive_write_free(a);
}

/* A descriptor of a nameless file that holds the bytes. */
static inline int archives_open(const void *bytes, size_t len)
{
	char path[] = "/tmp/pkgmirror.XXXXXX";
	int fd = mkstemp(path);
	if (fd < 0 || unlink(path) != 0 || write(fd, bytes, len) != (ssize_t)len)
		abort();
	return fd;
}

#endif
