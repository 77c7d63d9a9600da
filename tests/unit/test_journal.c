/* The hit journal: one line an answer, whole whoever writes beside, and no fault when it cannot be written. */
#include "cgi/journal.h"
#include "tests/unit/scratch.h"

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { WRITERS = 4, LINES = 500, PATH_LEN = 79, JOURNAL_CAP = 1 << 20 };

static char dir[SCRATCH_CAP];
static struct store *store;
static struct site site;

static int set_up(void **state)
{
	(void)state;
	store = scratch_make(dir) ? store_open(dir, true, NULL) : NULL;
	site = (struct site){.store = store};
	if (store != NULL) {
		site.counters = counters_open(store);
		site.journal = journal_open(store);
	}
	return site.counters != NULL && site.journal != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	journal_close(site.journal);
	counters_close(site.counters);
	store_close(store);
	scratch_remove(dir);
	return 0;
}

/* What is on the disk. */
static const char *written(void)
{
	static char text[JOURNAL_CAP];
	int fd = openat(store_fd(store), "run/hits.log", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, text, sizeof text - 1) : 0;
	if (fd >= 0)
		close(fd);
	text[n > 0 ? n : 0] = '\0';
	return text;
}

static void hit_is_one_line_with_its_time(void **state)
{
	int64_t before = time(NULL);
	char *rest = NULL;
	(void)state;
	journal_hit(&site, "zig/a", "setup-zig", 200, 77);
	journal_hit(&site, "mach/v1.0.0.tar.gz", "-", 304, 0);
	assert_string_equal(written(), "");
	journal_flush(site.journal);
	const char *text = written();
	int64_t at = strtoll(text, &rest, 10);
	assert_true(at >= before && at <= time(NULL));
	assert_memory_equal(rest, "\tzig/a\tsetup-zig\t200\t77\n", 24);
	at = strtoll(rest + 24, &rest, 10);
	assert_true(at >= before);
	assert_string_equal(rest, "\tmach/v1.0.0.tar.gz\t-\t304\t0\n");
	assert_int_equal(counters_get(&site.counters->bytes), 77);
}

/* Hits of a path that is all one letter. */
static void *hit_often(void *letter)
{
	char path[PATH_LEN + 1];
	memset(path, *(const char *)letter, PATH_LEN);
	path[PATH_LEN] = '\0';
	for (int i = 0; i < LINES; i++)
		journal_hit(&site, path, "-", 200, 1);
	return NULL;
}

/* Each line is whole, and as many of them as there were hits. */
static void assert_lines(int count)
{
	int lines = 0;
	for (const char *p = written(); *p != '\0'; lines++) {
		p = strchr(p, '\t');
		assert_non_null(p);
		for (int k = 1; k <= PATH_LEN; k++)
			assert_int_equal(p[k], p[1]);
		p += 1 + PATH_LEN;
		assert_memory_equal(p, "\t-\t200\t1\n", 9);
		p += 9;
	}
	assert_int_equal(lines, count);
	assert_int_equal(counters_get(&site.counters->bytes), count);
}

static void lines_of_several_processes_do_not_mix(void **state)
{
	static char letters[] = "abcd";
	int status;
	(void)state;
	for (int i = 0; i < WRITERS; i++) {
		pid_t child = fork();
		assert_true(child >= 0);
		if (child > 0)
			continue;
		hit_often(&letters[i]);
		journal_flush(site.journal);
		_exit(0);
	}
	for (int i = 0; i < WRITERS; i++)
		assert_true(wait(&status) > 0);
	assert_lines(WRITERS * LINES);
}

static void lines_of_several_threads_do_not_mix(void **state)
{
	static char letters[] = "abcd";
	pthread_t threads[WRITERS];
	(void)state;
	for (int i = 0; i < WRITERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, hit_often, &letters[i]), 0);
	for (int i = 0; i < WRITERS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	journal_flush(site.journal);
	assert_lines(WRITERS * LINES);
}

static void closing_writes_what_is_left(void **state)
{
	(void)state;
	journal_hit(&site, "zig/a", "-", 200, 1);
	journal_close(site.journal);
	site.journal = NULL;
	assert_non_null(strstr(written(), "\tzig/a\t-\t200\t1\n"));
	journal_close(NULL);
}

static void line_that_does_not_fit_is_dropped(void **state)
{
	char path[2000];
	(void)state;
	memset(path, 'p', sizeof path - 1);
	path[sizeof path - 1] = '\0';
	journal_hit(&site, path, "-", 200, 1);
	journal_flush(site.journal);
	assert_string_equal(written(), "");
}

static void journal_that_cannot_be_written_fails_nobody(void **state)
{
	(void)state;
	assert_int_equal(mkdirat(store_fd(store), "run/hits.log", 0755), 0);
	journal_hit(&site, "zig/a", "-", 200, 5);
	journal_flush(site.journal);
	assert_int_equal(counters_get(&site.counters->bytes), 5);
	assert_int_equal(unlinkat(store_fd(store), "run/hits.log", AT_REMOVEDIR), 0);
	/* Nor does it follow a link. */
	assert_int_equal(symlinkat("elsewhere", store_fd(store), "run/hits.log"), 0);
	journal_hit(&site, "zig/a", "-", 200, 5);
	journal_flush(site.journal);
	assert_int_equal(faccessat(store_fd(store), "run/elsewhere", F_OK, 0), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(hit_is_one_line_with_its_time, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(lines_of_several_processes_do_not_mix, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(lines_of_several_threads_do_not_mix, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(closing_writes_what_is_left, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(line_that_does_not_fit_is_dropped, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(journal_that_cannot_be_written_fails_nobody, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
