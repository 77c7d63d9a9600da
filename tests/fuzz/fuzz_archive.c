/* Arbitrary bytes as an archive: no crash, no leak; it is whole, or there is a reason; and one that is whole by its
 * frames has members that can be walked, or a reason why not. */
#include "mirror/archive.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

/* What was handed out. */
struct seen {
	enum archive_kind kind;
	int64_t members, bytes;
};

static bool see_member(void *arg, const struct archive_member *m, struct fault *f)
{
	struct seen *s = arg;
	(void)f;
	require(m->path != NULL && strlen(m->path) < ARCHIVE_NAME_CAP);
	require(m->kind != ARCHIVE_LINK || m->target != NULL);
	s->kind = m->kind;
	require(++s->members <= ARCHIVE_MEMBERS_MAX);
	return true;
}

static bool see_data(void *arg, const void *bytes, size_t len, struct fault *f)
{
	struct seen *s = arg;
	volatile unsigned char last = len > 0 ? ((const unsigned char *)bytes)[len - 1] : 0;
	(void)f, (void)last;
	require(s->members > 0 && s->kind == ARCHIVE_FILE);
	s->bytes += (int64_t)len;
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct seen s = {0};
	struct fault f = {0};
	bool joined = false;
	const struct archive_visitor v = {.member = see_member, .data = see_data, .arg = &s};
	int fd = memfd_create("fuzz", MFD_CLOEXEC);
	require(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	if (!archive_check(fd, &joined, &f))
		require((f.class == FAULT_INTEGRITY || f.class == FAULT_SYSTEM) && f.text[0] != '\0');
	f = (struct fault){0};
	if (!archive_walk(fd, &v, &f))
		require((f.class == FAULT_INTEGRITY || f.class == FAULT_SYSTEM) && f.text[0] != '\0');
	close(fd);
	return 0;
}
