/* counters: see counters.h. */
#include "counters.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LAYOUT = 2 };

const int counters_statuses[COUNTERS_STATUSES] = {200, 206, 304, 400, 404, 405, 416, 429, 500, 502, 503, 504, 507, 0};

const int64_t counters_bounds_ms[COUNTERS_BOUNDS] = {
    100, 300, 1000, 3000, 10000, 30000, 100000, 300000, 1000000, 3000000};

static struct counters *map(int fd)
{
	int flags = fd >= 0 ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS;
	void *p = mmap(NULL, sizeof(struct counters), PROT_READ | PROT_WRITE, flags, fd, 0);
	return p != MAP_FAILED ? p : NULL;
}

/* Opens the file at its full size. -1 when it cannot be had. Its blocks are taken now: a write into a hole on a full
 * disk would kill the process. */
static int open_file(const struct store *store)
{
	struct stat st;
	int fd = openat(store_fd(store), "run/counters", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0)
		return -1;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    (st.st_size == sizeof(struct counters) ||
	        (st.st_size == 0 && posix_fallocate(fd, 0, sizeof(struct counters)) == 0)))
		return fd;
	close(fd);
	return -1;
}

/* The shared counters; NULL when there are none of this layout. */
static struct counters *open_shared(const struct store *store)
{
	uint64_t none = 0;
	int fd = open_file(store);
	if (fd < 0)
		return NULL;
	struct counters *c = map(fd);
	close(fd);
	if (c == NULL)
		return NULL;
	/* A new file is all zero; whoever is first gives it its version. */
	if (__atomic_compare_exchange_n(&c->version, &none, LAYOUT, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED) ||
	    none == LAYOUT)
		return c;
	counters_close(c);
	return NULL;
}

struct counters *counters_open(const struct store *store)
{
	struct counters *c = open_shared(store);
	if (c != NULL)
		return c;
	/* Of another layout, or damaged: processes that have it mapped go on with it, for themselves. */
	if (unlinkat(store_fd(store), "run/counters", 0) == 0 && (c = open_shared(store)) != NULL)
		return c;
	return map(-1);
}

void counters_close(struct counters *c)
{
	if (c != NULL)
		munmap(c, sizeof *c);
}

void counters_add(uint64_t *place, uint64_t n)
{
	__atomic_fetch_add(place, n, __ATOMIC_RELAXED);
}

void counters_set(uint64_t *place, uint64_t n)
{
	__atomic_store_n(place, n, __ATOMIC_RELAXED);
}

uint64_t counters_get(const uint64_t *place)
{
	return __atomic_load_n(place, __ATOMIC_RELAXED);
}

void counters_answer(struct counters *c, enum counters_kind kind, int status)
{
	size_t i = 0;
	while (i + 1 < COUNTERS_STATUSES && counters_statuses[i] != status)
		i++;
	counters_add(&c->answers[kind][i], 1);
}

void counters_published(struct counters *c, int64_t bytes, int64_t duration_ms)
{
	size_t i = 0;
	while (i < COUNTERS_BOUNDS && duration_ms > counters_bounds_ms[i])
		i++;
	counters_add(&c->fetches[FAULT_NONE], 1);
	counters_add(&c->fetched_bytes, (uint64_t)bytes);
	counters_add(&c->fetch_ms, (uint64_t)duration_ms);
	counters_add(&c->fetch_durations[i], 1);
}
