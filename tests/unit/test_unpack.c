/* Tests of fetch/unpack: what the child answers, and what is made of one that dies or is not wanted any more. In a
 * build without sanitizers the child has its limit of memory here. */
#include "mirror/unpack.h"

#include "archives.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/wait.h>

#include <cmocka.h>

static const struct archives_member MEMBERS[] = {{"r/only.txt", "x", NULL, NULL}};
static const char HASH[] = "N-V-__8AAAEAAACM21Dihyjb2rAtKjxWval6pUDMtiblOa52";

static struct archives_file file;

static struct unpack *start(enum archives_form form, size_t cut, bool package)
{
	struct fault f = {0};
	archives_make(form, MEMBERS, 1, &file);
	int fd = archives_open(file.bytes, file.len - cut);
	struct unpack *u = unpack_start(fd, package, &f);
	if (u == NULL)
		fail_msg("%s", f.text);
	close(fd);
	return u;
}

/* Waits as the loop does. */
static void finish(struct unpack *u, struct unpack_result *out)
{
	struct pollfd p = {.fd = unpack_fd(u), .events = POLLIN};
	while (!unpack_done(u, out))
		assert_int_equal(poll(&p, 1, 60000), 1);
	unpack_stop(u);
	/* No child is left. */
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

static void whole_archives_are_good(void **state)
{
	(void)state;
	for (int form = 0; form < FORMS; form++) {
		struct unpack_result r;
		finish(start((enum archives_form)form, 0, true), &r);
		if (r.fault.class != FAULT_NONE)
			fail_msg("%d: %s", form, r.fault.text);
		assert_string_equal(r.zig.hash, HASH);
		finish(start((enum archives_form)form, 0, false), &r);
		assert_int_equal(r.fault.class, FAULT_NONE);
		assert_string_equal(r.zig.hash, "");
	}
}

static void cut_archives_are_not(void **state)
{
	(void)state;
	for (int package = 0; package < 2; package++) {
		struct unpack_result r;
		finish(start(FORM_GZIP, 1, package == 1), &r);
		assert_int_equal(r.fault.class, FAULT_INTEGRITY);
		assert_memory_equal(r.fault.text, "archive: ", 9);
		assert_string_equal(r.zig.hash, "");
	}
}

static pid_t child_of(pid_t parent)
{
	DIR *proc = opendir("/proc");
	pid_t found = 0;
	assert_non_null(proc);
	for (struct dirent *e = readdir(proc); e != NULL && found == 0; e = readdir(proc)) {
		char path[300], text[512] = "";
		long pid = strtol(e->d_name, NULL, 10);
		snprintf(path, sizeof path, "/proc/%s/stat", e->d_name);
		FILE *f = pid > 0 ? fopen(path, "re") : NULL;
		if (f == NULL)
			continue;
		const char *end = fgets(text, sizeof text, f) != NULL ? strrchr(text, ')') : NULL;
		if (end != NULL && strtol(end + 4, NULL, 10) == parent)
			found = (pid_t)pid;
		fclose(f);
	}
	closedir(proc);
	return found;
}

/* A child that is busy for longer than it takes to end it: forty MiB of zeros. */
static struct unpack *start_long(void)
{
	static const char ZEROS[1024 * 1024];
	static struct archives_file zeros;
	struct fault f = {0};
	if (zeros.len == 0) {
		struct archive *a = archives_writer(FORM_GZIP);
		struct archive_entry *e = archive_entry_new();
		assert_int_equal(archive_write_set_filter_option(a, "gzip", "compression-level", "1"), ARCHIVE_OK);
		assert_int_equal(archive_write_open_memory(a, zeros.bytes, sizeof zeros.bytes, &zeros.len), ARCHIVE_OK);
		archive_entry_set_pathname(e, "zeros");
		archive_entry_set_filetype(e, AE_IFREG);
		archive_entry_set_size(e, (la_int64_t)40 * (la_int64_t)sizeof ZEROS);
		assert_int_equal(archive_write_header(a, e), ARCHIVE_OK);
		for (int i = 0; i < 40; i++)
			assert_int_equal(archive_write_data(a, ZEROS, sizeof ZEROS), sizeof ZEROS);
		assert_int_equal(archive_write_close(a), ARCHIVE_OK);
		archive_write_free(a);
		archive_entry_free(e);
	}
	int fd = archives_open(zeros.bytes, zeros.len);
	struct unpack *u = unpack_start(fd, true, &f);
	assert_non_null(u);
	close(fd);
	return u;
}

static void child_that_dies_is_blamed_on_the_archive(void **state)
{
	static const int SIGNALS[] = {SIGSEGV, SIGXCPU, SIGALRM};
	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct unpack_result r;
		struct unpack *u = start_long();
		assert_false(unpack_done(u, &r));
		assert_int_equal(kill(child_of(getpid()), SIGNALS[i]), 0);
		finish(u, &r);
		assert_int_equal(r.fault.class, FAULT_INTEGRITY);
		if (strstr(r.fault.text, i == 0 ? "died" : "too long") == NULL)
			fail_msg("%s", r.fault.text);
	}
}

static void child_that_is_killed_says_nothing_of_the_archive(void **state)
{
	struct unpack_result r;
	struct unpack *u = start_long();
	(void)state;
	assert_false(unpack_done(u, &r));
	assert_int_equal(kill(child_of(getpid()), SIGKILL), 0);
	finish(u, &r);
	assert_int_equal(r.fault.class, FAULT_SYSTEM);
	assert_non_null(strstr(r.fault.text, "was killed"));
}

static void child_that_is_not_wanted_is_ended(void **state)
{
	(void)state;
	unpack_stop(start_long());
	unpack_stop(NULL);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(whole_archives_are_good),
	    cmocka_unit_test(cut_archives_are_not),
	    cmocka_unit_test(child_that_dies_is_blamed_on_the_archive),
	    cmocka_unit_test(child_that_is_killed_says_nothing_of_the_archive),
	    cmocka_unit_test(child_that_is_not_wanted_is_ended),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
