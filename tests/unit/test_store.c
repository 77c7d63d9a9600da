/* The store on a real file system: what becomes visible when, what is refused, who holds a lease. */
#include "mirror/store.h"
#include "tests/unit/scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
	char dir[SCRATCH_CAP];
	struct store *store;
};

static int setup(void **state)
{
	struct fixture *x = calloc(1, sizeof *x);
	struct fault f;
	assert_true(scratch_make(x->dir));
	x->store = store_open(x->dir, true, &f);
	assert_non_null(x->store);
	*state = x;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *x = *state;
	store_close(x->store);
	scratch_remove(x->dir);
	free(x);
	return 0;
}

static bool exists(const struct fixture *x, const char *relative)
{
	struct stat st;
	return fstatat(store_fd(x->store), relative, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static void write_part(const struct fixture *x, const char *path, const char *text)
{
	int fd = store_part_open(x->store, path, false, NULL, NULL);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void publish(const struct fixture *x, const char *path, const char *relative, const char *text, int64_t mtime)
{
	struct fault f;
	write_part(x, path, text);
	int fd = store_part_open(x->store, path, false, NULL, NULL);
	assert_true(store_settle(x->store, path, fd, relative, mtime, &f));
	close(fd);
	assert_true(store_link(x->store, path, relative, &f));
}

static void part_is_invisible_until_linked(void **state)
{
	struct fixture *x = *state;
	struct store_info info;
	struct fault f;
	char text[8] = "";

	write_part(x, "zig/a.zip", "hello");
	assert_int_equal(store_open_public(x->store, "zig/a.zip", &info, &f), -1);
	assert_int_equal(f.class, FAULT_ABSENT);
	int fd = store_part_open(x->store, "zig/a.zip", false, &info, &f);
	assert_int_equal(info.size, 5);
	assert_true(store_settle(x->store, "zig/a.zip", fd, "store/zig/stable/1.0.0/a.zip", 1234567890, &f));
	assert_false(store_stat_public(x->store, "zig/a.zip", &info));
	assert_true(store_link(x->store, "zig/a.zip", "store/zig/stable/1.0.0/a.zip", &f));
	close(fd);

	fd = store_open_public(x->store, "zig/a.zip", &info, &f);
	assert_true(fd >= 0);
	assert_int_equal(info.size, 5);
	assert_int_equal(info.mtime, 1234567890);
	assert_int_equal(read(fd, text, sizeof text), 5);
	assert_string_equal(text, "hello");
	close(fd);
	assert_false(exists(x, "part/zig"));
}

static void settle_refuses_another_inode(void **state)
{
	struct fixture *x = *state;
	struct fault f;
	int fd = store_part_open(x->store, "zig/a.zip", false, NULL, NULL);
	int other = store_part_open(x->store, "zig/a.zip", true, NULL, NULL);
	assert_false(store_settle(x->store, "zig/a.zip", fd, "store/zig/stable/1.0.0/a.zip", 0, &f));
	assert_int_equal(f.class, FAULT_SYSTEM);
	assert_true(exists(x, "part/zig/a.zip"));
	close(fd);
	close(other);
}

static void fresh_part_is_another_inode(void **state)
{
	struct fixture *x = *state;
	struct store_info a, b, c;
	int one = store_part_open(x->store, "p", false, &a, NULL);
	int two = store_part_open(x->store, "p", false, &b, NULL);
	int three = store_part_open(x->store, "p", true, &c, NULL);
	assert_true(a.inode == b.inode);
	assert_true(a.inode != c.inode);
	close(one);
	close(two);
	close(three);
}

/* adopt by hard link was killed: its part is another mirror's file as well, which nobody may write to. */
static void part_with_another_name_is_not_written_to(void **state)
{
	struct fixture *x = *state;
	struct store_info linked, mine;
	write_part(x, "p", "1");
	int part = store_part_open(x->store, "p", false, &linked, NULL);
	assert_true(part >= 0 && linked.size == 1);
	close(part);
	assert_int_equal(linkat(store_fd(x->store), "part/p", store_fd(x->store), "theirs", 0), 0);
	part = store_part_open(x->store, "p", false, &mine, NULL);
	assert_true(part >= 0 && mine.size == 0 && mine.inode != linked.inode);
	assert_true(exists(x, "theirs"));
	close(part);
}

/* Two writers of a state_dir may have the same process id, each in a container of its own. */
static void link_that_is_being_made_is_left_to_its_maker(void **state)
{
	struct fixture *x = *state;
	char temporary[64], target[64];
	snprintf(temporary, sizeof temporary, "part/.link-%ld", (long)getpid());
	assert_int_equal(symlinkat("of another", store_fd(x->store), temporary), 0);
	publish(x, "zig/a.zip", "store/zig/stable/1.0.0/a.zip", "1", 0);
	ssize_t n = readlinkat(store_fd(x->store), temporary, target, sizeof target);
	assert_true(n == 10 && memcmp(target, "of another", 10) == 0);
	/* One whose maker was killed goes when it is old. */
	assert_int_equal(store_sweep(x->store, time(NULL), 500), 0);
	assert_int_equal(store_sweep(x->store, time(NULL) + 1000, 500), 1);
	assert_false(exists(x, temporary));
}

static void hostile_paths_are_refused(void **state)
{
	static const char *const PATHS[] = {"../x", "/etc/passwd", "a/../../b", "", "a//b", "./a", "a/.", "a/"};
	struct fixture *x = *state;
	struct fault f;
	for (size_t i = 0; i < sizeof PATHS / sizeof PATHS[0]; i++) {
		assert_int_equal(store_open_public(x->store, PATHS[i], NULL, &f), -1);
		assert_int_equal(store_part_open(x->store, PATHS[i], false, NULL, &f), -1);
		assert_false(store_link(x->store, PATHS[i], "store/a", &f));
		assert_false(store_link(x->store, "a", PATHS[i], &f));
		assert_false(store_quarantine(x->store, PATHS[i], "a", 1, NULL, 0, &f));
	}
}

static void dangling_link_and_folder_are_absent(void **state)
{
	struct fixture *x = *state;
	struct fault f;
	publish(x, "zig/a.zip", "store/zig/stable/1.0.0/a.zip", "a", 0);
	assert_int_equal(unlinkat(store_fd(x->store), "store/zig/stable/1.0.0/a.zip", 0), 0);
	assert_int_equal(store_open_public(x->store, "zig/a.zip", NULL, &f), -1);
	assert_int_equal(f.class, FAULT_ABSENT);
	assert_int_equal(store_open_public(x->store, "zig", NULL, &f), -1);
	assert_int_equal(f.class, FAULT_ABSENT);
}

static void quarantine_keeps_every_file(void **state)
{
	struct fixture *x = *state;
	struct fault f;
	char one[256], two[256];
	write_part(x, "zig/a.zip", "1");
	assert_true(store_quarantine(x->store, "part/zig/a.zip", "zig/a.zip", 77, one, sizeof one, &f));
	write_part(x, "zig/a.zip", "2");
	assert_true(store_quarantine(x->store, "part/zig/a.zip", "zig/a.zip", 77, two, sizeof two, &f));
	assert_string_equal(one, "quarantine/zig/a.zip.77.0");
	assert_string_equal(two, "quarantine/zig/a.zip.77.1");
	assert_true(exists(x, one) && exists(x, two));
	assert_false(exists(x, "part/zig/a.zip"));
}

static void move_never_hides_the_file(void **state)
{
	struct fixture *x = *state;
	struct fault f;
	struct store_info before, after;
	publish(x, "zig/a.zip", "store/zig/dev/1.0.0/a.zip", "a", 0);
	assert_true(store_stat_public(x->store, "zig/a.zip", &before));
	assert_true(
	    store_move(x->store, "zig/a.zip", "store/zig/dev/1.0.0/a.zip", "store/zig/nominated/1.0.0/a.zip", &f));
	assert_true(store_stat_public(x->store, "zig/a.zip", &after));
	assert_true(before.inode == after.inode);
	assert_false(exists(x, "store/zig/dev"));
}

/* Whatever a crash left of a move, another call finishes it. */
static void move_goes_on_after_a_crash(void **state)
{
	static const char FROM[] = "store/zig/dev/1.0.0/a.zip", TO[] = "store/zig/nominated/1.0.0/a.zip";
	struct fixture *x = *state;
	const int dir = store_fd(x->store);
	struct store_info before, after;
	struct fault f;
	publish(x, "zig/a.zip", FROM, "a", 0);
	assert_true(store_stat_public(x->store, "zig/a.zip", &before));
	/* The second name was made. */
	publish(x, "zig/b.zip", "store/zig/nominated/1.0.0/b.zip", "b", 0);
	assert_int_equal(linkat(dir, FROM, dir, TO, 0), 0);
	assert_true(store_move(x->store, "zig/a.zip", FROM, TO, &f));
	assert_true(!exists(x, FROM) && exists(x, TO));
	/* The link was repointed: the old name is left over. */
	assert_int_equal(mkdirat(dir, "store/zig/dev", 0755) | mkdirat(dir, "store/zig/dev/1.0.0", 0755), 0);
	assert_int_equal(linkat(dir, TO, dir, FROM, 0), 0);
	assert_true(store_move(x->store, "zig/a.zip", FROM, TO, &f));
	assert_false(exists(x, FROM));
	/* All was done. */
	assert_true(store_move(x->store, "zig/a.zip", FROM, TO, &f));
	assert_true(store_stat_public(x->store, "zig/a.zip", &after));
	assert_true(before.inode == after.inode);
	/* Gone altogether. */
	assert_int_equal(unlinkat(dir, TO, 0), 0);
	assert_false(store_move(x->store, "zig/a.zip", FROM, TO, &f));
	assert_int_equal(f.class, FAULT_ABSENT);
}

static void move_replaces_what_nobody_sees(void **state)
{
	static const char FROM[] = "store/zig/dev/1.0.0/a.zip", TO[] = "store/zig/nominated/1.0.0/a.zip";
	struct fixture *x = *state;
	struct store_info before, after;
	struct fault f;
	publish(x, "zig/a.zip", TO, "old", 0);
	publish(x, "zig/a.zip", FROM, "true", 0);
	assert_true(store_stat_public(x->store, "zig/a.zip", &before));
	assert_true(store_move(x->store, "zig/a.zip", FROM, TO, &f));
	assert_true(store_stat_public(x->store, "zig/a.zip", &after));
	assert_true(before.inode == after.inode);
	assert_false(exists(x, FROM));
}

static void lease_excludes_another_process(void **state)
{
	struct fixture *x = *state;
	struct store_lease mine, other;
	struct fault f;
	int status;
	assert_true(store_lease_take(x->store, "zig/a.zip", &mine, &f));
	assert_false(store_lease_take(x->store, "zig/a.zip", &other, &f));
	assert_int_equal(f.class, FAULT_BUSY);
	assert_true(store_lease_take(x->store, "zig/b.zip", &other, &f));
	store_lease_drop(&other);

	pid_t child = fork();
	if (child == 0) {
		struct store *s = store_open(x->dir, false, NULL);
		_exit(s != NULL && !store_lease_take(s, "zig/a.zip", &other, &f) && f.class == FAULT_BUSY ? 0 : 1);
	}
	waitpid(child, &status, 0);
	assert_int_equal(status, 0);
	store_lease_drop(&mine);
	assert_true(store_lease_take(x->store, "zig/a.zip", &mine, &f));
	store_lease_drop(&mine);
	store_lease_drop(&mine);
}

static void lease_dies_with_its_holder(void **state)
{
	struct fixture *x = *state;
	struct store_lease lease;
	struct fault f;
	int pipe_fds[2];
	char byte;
	assert_int_equal(pipe(pipe_fds), 0);
	pid_t child = fork();
	if (child == 0) {
		bool ok = store_lease_take(x->store, "a", &lease, NULL) && write(pipe_fds[1], "+", 1) == 1;
		if (ok)
			pause();
		_exit(1);
	}
	assert_int_equal(read(pipe_fds[0], &byte, 1), 1);
	assert_false(store_lease_take(x->store, "a", &lease, &f));
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	assert_true(store_lease_take(x->store, "a", &lease, &f));
	store_lease_drop(&lease);
	close(pipe_fds[0]);
	close(pipe_fds[1]);
}

static void sweep_spares_what_is_new_or_leased(void **state)
{
	struct fixture *x = *state;
	struct store_lease lease;
	const struct timespec upstreams[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
	write_part(x, "zig/free.zip", "1");
	write_part(x, "zig/leased.zip", "1");
	utimensat(store_fd(x->store), "part/zig/free.zip", upstreams, 0);
	assert_true(store_lease_take(x->store, "zig/leased.zip", &lease, NULL));
	assert_int_equal(store_sweep(x->store, time(NULL), 500), 0);
	assert_true(exists(x, "part/zig/free.zip"));
	assert_int_equal(store_sweep(x->store, time(NULL) + 1000, 500), 1);
	assert_false(exists(x, "part/zig/free.zip"));
	assert_true(exists(x, "part/zig/leased.zip"));
	store_lease_drop(&lease);
}

static void sweep_takes_what_is_no_document(void **state)
{
	struct fixture *x = *state;
	static const char *const LEFT[] = {"index/.new-4711", "index/0123abcd-index.json"};
	struct store_document d;
	struct fault f;
	assert_true(store_document_write(x->store, "index.json", "aa11", "{1}", 3, 500, &f));
	assert_true(store_document_write(x->store, "community-mirrors.txt", "cc33", "x", 1, 500, &f));
	for (size_t i = 0; i < 2; i++) {
		int fd = openat(store_fd(x->store), LEFT[i], O_CREAT | O_WRONLY, 0644);
		assert_true(fd >= 0);
		close(fd);
	}
	assert_int_equal(store_sweep(x->store, time(NULL), 500), 0);
	assert_true(exists(x, LEFT[0]) && exists(x, LEFT[1]));
	assert_int_equal(store_sweep(x->store, time(NULL) + 1000, 500), 2);
	assert_false(exists(x, LEFT[0]) || exists(x, LEFT[1]));
	int fd = store_document_open(x->store, "index.json", &d, &f);
	assert_true(fd >= 0);
	close(fd);
	assert_true(store_document_age(x->store, "community-mirrors.txt", 600) == 100);
}

static void document_is_replaced_whole(void **state)
{
	struct fixture *x = *state;
	struct store_document d;
	struct fault f;
	char text[16] = "";

	assert_int_equal(store_document_open(x->store, "index.json", &d, &f), -1);
	assert_int_equal(f.class, FAULT_ABSENT);
	assert_true(store_document_write(x->store, "index.json", "aa11", "{1}", 3, 500, &f));
	assert_true(store_document_write(x->store, "index.json", "bb22", "{22}", 4, 600, &f));
	int fd = store_document_open(x->store, "index.json", &d, &f);
	assert_true(fd >= 0);
	assert_string_equal(d.digest, "bb22");
	assert_int_equal(d.checked_at, 600);
	assert_int_equal(read(fd, text, sizeof text), 4);
	assert_string_equal(text, "{22}");
	close(fd);
	assert_false(exists(x, "index/aa11-index.json"));

	assert_true(store_document_write(x->store, "index.json", "bb22", "{22}", 4, 700, &f));
	store_document_touch(x->store, "index.json", 800);
	fd = store_document_open(x->store, "index.json", &d, &f);
	assert_int_equal(d.checked_at, 800);
	close(fd);
}

static void open_names_what_is_wrong(void **state)
{
	struct fixture *x = *state;
	struct fault f;
	char path[128];
	snprintf(path, sizeof path, "%s/file", x->dir);
	close(open(path, O_CREAT | O_WRONLY, 0600));
	assert_null(store_open(path, true, &f));
	assert_int_equal(f.class, FAULT_SYSTEM);
	assert_non_null(strstr(f.text, path));
	snprintf(path, sizeof path, "%s/absent", x->dir);
	assert_null(store_open(path, false, &f));
	assert_non_null(strstr(f.text, path));
}

static void journal_appends_lines(void **state)
{
	struct fixture *x = *state;
	struct store_info info;
	struct fault f;
	store_journal(x->store, "one\n", 4);
	store_journal(x->store, "two\n", 4);
	int fd = store_open_file(x->store, "run/hits.log", &info, &f);
	assert_true(fd >= 0);
	assert_int_equal(info.size, 8);
	close(fd);
}

static void journal_ends_at_its_limit(void **state)
{
	struct fixture *x = *state;
	struct stat st;
	store_journal(x->store, "one\n", 4);
	int fd = openat(store_fd(x->store), "run/hits.log", O_WRONLY);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, STORE_JOURNAL_MAX), 0);
	store_journal(x->store, "two\n", 4);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, STORE_JOURNAL_MAX);
	close(fd);
}

/* Deleted by hand while a program works. */
static void folders_are_made_again(void **state)
{
	struct fixture *x = *state;
	struct store_document d;
	struct fault f;
	assert_int_equal(unlinkat(store_fd(x->store), "part", AT_REMOVEDIR), 0);
	assert_int_equal(unlinkat(store_fd(x->store), "index", AT_REMOVEDIR), 0);
	assert_true(store_document_write(x->store, "index.json", "abc", "{}", 2, 1000, &f));
	int fd = store_document_open(x->store, "index.json", &d, &f);
	assert_true(fd >= 0);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(part_is_invisible_until_linked, setup, teardown),
	    cmocka_unit_test_setup_teardown(settle_refuses_another_inode, setup, teardown),
	    cmocka_unit_test_setup_teardown(fresh_part_is_another_inode, setup, teardown),
	    cmocka_unit_test_setup_teardown(hostile_paths_are_refused, setup, teardown),
	    cmocka_unit_test_setup_teardown(dangling_link_and_folder_are_absent, setup, teardown),
	    cmocka_unit_test_setup_teardown(quarantine_keeps_every_file, setup, teardown),
	    cmocka_unit_test_setup_teardown(move_goes_on_after_a_crash, setup, teardown),
	    cmocka_unit_test_setup_teardown(move_replaces_what_nobody_sees, setup, teardown),
	    cmocka_unit_test_setup_teardown(move_never_hides_the_file, setup, teardown),
	    cmocka_unit_test_setup_teardown(lease_excludes_another_process, setup, teardown),
	    cmocka_unit_test_setup_teardown(lease_dies_with_its_holder, setup, teardown),
	    cmocka_unit_test_setup_teardown(part_with_another_name_is_not_written_to, setup, teardown),
	    cmocka_unit_test_setup_teardown(link_that_is_being_made_is_left_to_its_maker, setup, teardown),
	    cmocka_unit_test_setup_teardown(sweep_spares_what_is_new_or_leased, setup, teardown),
	    cmocka_unit_test_setup_teardown(sweep_takes_what_is_no_document, setup, teardown),
	    cmocka_unit_test_setup_teardown(document_is_replaced_whole, setup, teardown),
	    cmocka_unit_test_setup_teardown(open_names_what_is_wrong, setup, teardown),
	    cmocka_unit_test_setup_teardown(journal_appends_lines, setup, teardown),
	    cmocka_unit_test_setup_teardown(journal_ends_at_its_limit, setup, teardown),
	    cmocka_unit_test_setup_teardown(folders_are_made_again, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
