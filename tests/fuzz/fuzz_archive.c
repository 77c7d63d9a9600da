/* Arbitrary bytes as an archive: no crash, no leak; it is whole, or there is a reason; and one that is whole by its
 * frames has members that can be walked, or a reason why not. */
#include "mirror/archive.h"
#include "packed.h"

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

/* By its name something is taken for an archive when it ends in one of the endings. */
static void check_name(const uint8_t *data, size_t size)
{
	char name[64];
	size_t n = size < sizeof name - 1 ? size : sizeof name - 1;
	memcpy(name, data + size - n, n);
	name[n] = '\0';
	if (archive_is_known(name))
		require(strrchr(name, '.') != NULL && strpbrk(strrchr(name, '.'), "/ ") == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct seen s = {0};
	struct fault f = {0};
	bool joined = false;
	const struct archive_visitor v = {.member = see_member, .data = see_data, .arg = &s};
	check_name(data, size);
	int fd = packed_open(data, size);
	if (!archive_check(fd, &joined, &f))
		require((f.class == FAULT_INTEGRITY || f.class == FAULT_SYSTEM) && f.text[0] != '\0');
	f = (struct fault){0};
	if (!archive_walk(fd, &v, &f))
		require((f.class == FAULT_INTEGRITY || f.class == FAULT_SYSTEM) && f.text[0] != '\0');
	close(fd);
	return 0;
}
