/* Opening the catalogue: made, migrated, refused, left alone; and a disk that is full at any write. */
#include "tests/unit/catalogs.h"

#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PROCESSES = 6 };

/* --- opened --------------------------------------------------------------------------------------------------------
 */

static void catalog_is_made_and_found_again(void **state)
{
	struct place *p = *state;
	struct catalog_fetch row;
	struct fault f = {0};
	struct catalog *c = open_catalog(p->dir);
	assert_true(catalog_fetch_started(c, "a", "https://h/a", NULL, NULL, -1, 1, &f));
	catalog_close(c);
	assert_int_equal(number_beside(p->file, "PRAGMA user_version"), 1);
	assert_int_equal(number_beside(p->file, "PRAGMA application_id"), 0x706b676d);
	c = open_catalog(p->dir);
	assert_true(catalog_fetch_get(c, "a", &row, &f));
	catalog_close(c);
	catalog_close(NULL);
}

static void reader_needs_a_catalog_that_is_there(void **state)
{
	struct place *p = *state;
	struct fault f = {0};
	char text[FAULT_TEXT_CAP];
	assert_null(catalog_open(p->dir, CATALOG_READ, false, &f));
	assert_int_equal(f.class, FAULT_ABSENT);
	assert_int_equal(access(p->file, F_OK), -1);
	/* An empty file is a catalogue of version 0. */
	assert_int_equal(run_beside(p->file, "VACUUM", NULL, 0), SQLITE_OK);
	assert_null(catalog_open(p->dir, CATALOG_READ, false, &f));
	assert_int_equal(f.class, FAULT_SYSTEM);
	snprintf(text, sizeof text, "%s has version 0, this program needs 1: start the fetch service once", p->file);
	assert_string_equal(f.text, text);
	catalog_close(open_catalog(p->dir));
	struct catalog *c = catalog_open(p->dir, CATALOG_READ, false, &f);
	assert_non_null(c);
	/* And writes nothing. */
	assert_false(catalog_want(c, "a", "x", 1, 1, &f));
	assert_int_equal(f.class, FAULT_SYSTEM);
	catalog_close(c);
	assert_int_equal(number_beside(p->file, "SELECT count(*) FROM want"), 0);
}

static void several_programs_make_one_catalog(void **state)
{
	struct place *p = *state;
	int status, failed = 0;
	for (int i = 0; i < PROCESSES; i++) {
		pid_t child = fork();
		assert_true(child >= 0);
		if (child > 0)
			continue;
		struct fault f = {0};
		struct catalog *c = catalog_open(p->dir, CATALOG_WRITE, false, &f);
		char path[16];
		snprintf(path, sizeof path, "a%d", i);
		bool ok = c != NULL && catalog_want(c, path, "x", 1, 1, &f);
		if (!ok)
			fprintf(stderr, "%s\n", f.text);
		catalog_close(c);
		_exit(ok ? 0 : 1);
	}
	for (int i = 0; i < PROCESSES; i++) {
		assert_true(wait(&status) > 0);
		failed += !WIFEXITED(status) || WEXITSTATUS(status) != 0;
	}
	assert_int_equal(failed, 0);
	assert_int_equal(number_beside(p->file, "SELECT count(*) FROM want"), PROCESSES);
	assert_int_equal(number_beside(p->file, "PRAGMA user_version"), 1);
}

static void network_file_system_has_no_wal(void **state)
{
	struct place *p = *state;
	char wal[CATALOGS_PATH_CAP + 8];
	struct fault f = {0};
	snprintf(wal, sizeof wal, "%s-wal", p->file);
	struct catalog *c = catalog_open(p->dir, CATALOG_WRITE, true, &f);
	assert_non_null(c);
	put(c, "zig/a");
	assert_int_equal(access(wal, F_OK), -1);
	catalog_close(c);
	c = open_catalog(p->dir);
	put(c, "zig/b");
	assert_int_equal(access(wal, F_OK), 0);
	catalog_close(c);
}

/* --- refused -------------------------------------------------------------------------------------------------------
 */

struct bytes {
	char text[65536];
	size_t len;
};

static struct bytes read_bytes(const char *file)
{
	static struct bytes b;
	FILE *in = fopen(file, "r");
	assert_non_null(in);
	b.len = fread(b.text, 1, sizeof b.text, in);
	fclose(in);
	return b;
}

/* Neither program takes the file, both say why, and not a byte of it is changed. */
static void assert_left_alone(const struct place *p, const char *reason)
{
	static const enum catalog_mode modes[] = {CATALOG_WRITE, CATALOG_READ};
	static struct bytes before, after;
	before = read_bytes(p->file);
	for (size_t i = 0; i < 2; i++) {
		struct fault f = {0};
		assert_null(catalog_open(p->dir, modes[i], false, &f));
		assert_int_equal(f.class, FAULT_SYSTEM);
		assert_true(strncmp(f.text, p->file, strlen(p->file)) == 0);
		assert_string_equal(f.text + strlen(p->file), reason);
	}
	after = read_bytes(p->file);
	assert_int_equal(before.len, after.len);
	assert_memory_equal(before.text, after.text, before.len);
}

static void newer_version_is_refused(void **state)
{
	struct place *p = *state;
	catalog_close(open_catalog(p->dir));
	assert_int_equal(
	    run_beside(p->file, "PRAGMA journal_mode = DELETE; PRAGMA user_version = 9", NULL, 0), SQLITE_OK);
	assert_left_alone(p, " has version 9, this program knows 1");
}

static void foreign_database_is_refused(void **state)
{
	struct place *p = *state;
	assert_int_equal(run_beside(p->file, "CREATE TABLE letters (a)", NULL, 0), SQLITE_OK);
	assert_left_alone(p, " is not a catalogue of pkgmirror");
}

static void other_file_is_refused(void **state)
{
	struct place *p = *state;
	FILE *out = fopen(p->file, "w");
	assert_non_null(out);
	for (int i = 0; i < 500; i++)
		fputs("no database at all\n", out);
	assert_int_equal(fclose(out), 0);
	assert_left_alone(p, ": cannot be read: file is not a database");
}

static void folder_that_is_not_there_is_named(void **state)
{
	struct place *p = *state;
	char dir[CATALOGS_PATH_CAP];
	struct fault f = {0};
	snprintf(dir, sizeof dir, "%s/nothing", p->dir);
	assert_null(catalog_open(dir, CATALOG_WRITE, false, &f));
	assert_int_equal(f.class, FAULT_SYSTEM);
	assert_non_null(strstr(f.text, "/nothing/catalog.db: cannot be opened: unable to open database file"));
}

/* --- a full disk ---------------------------------------------------------------------------------------------------
 */

/* How many more writes of SQLite the disk has room for; -1: any number. */
static long room = -1;
static sqlite3_syscall_ptr real_write;

static ssize_t write_while_there_is_room(int fd, const void *data, size_t len, off_t at)
{
	if (room == 0) {
		errno = ENOSPC;
		return -1;
	}
	room -= room > 0;
	return ((ssize_t(*)(int, const void *, size_t, off_t))real_write)(fd, data, len, at);
}

/* Puts the disk above under SQLite, by its own hook for that. */
static void take_over_writes(bool on)
{
	static const char *const names[] = {"pwrite", "pwrite64"};
	sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
	for (size_t i = 0; i < 2; i++) {
		sqlite3_syscall_ptr present = vfs->xGetSystemCall(vfs, names[i]);
		if (present == NULL)
			continue;
		if (on)
			real_write = present;
		assert_int_equal(
		    vfs->xSetSystemCall(vfs, names[i], on ? (sqlite3_syscall_ptr)write_while_there_is_room : NULL),
		    SQLITE_OK);
	}
	assert_true(!on || real_write != NULL);
}

static int close_full_place(void **state)
{
	take_over_writes(false);
	return remove_place(state);
}

/* One write after the other fails. */
static void fill_at_each_write(struct place *p, const char *path, int64_t before)
{
	struct fault f = {0};
	int full = 0;
	for (long writes = 0;; writes++) {
		const struct catalog_entry e = an_entry(path);
		const struct catalog_provenance t = a_transfer(path);
		room = writes;
		bool ok = catalog_record(p->catalog, &e, &t, &f);
		room = -1;
		assert_int_equal(number_beside(p->file, "SELECT count(*) FROM entry"), before + ok);
		assert_int_equal(number_beside(p->file, "SELECT count(*) FROM provenance"), before + ok);
		if (ok)
			break;
		assert_int_equal(f.class, FAULT_FULL);
		assert_non_null(strstr(f.text, "catalog.db: "));
		full++;
	}
	assert_true(full > 0);
}

static void full_disk_loses_nothing_and_writes_no_half(void **state)
{
	struct place *p = *state;
	take_over_writes(true);
	p->catalog = open_catalog(p->dir);
	put(p->catalog, "zig/first");
	fill_at_each_write(p, "zig/second", 1);
	/* The handle is as good as before. */
	put(p->catalog, "zig/third");
	assert_int_equal(number_beside(p->file, "SELECT count(*) FROM provenance"), 3);
}

static void full_disk_makes_no_half_catalog(void **state)
{
	struct place *p = *state;
	struct fault f = {0};
	int full = 0;
	take_over_writes(true);
	for (long writes = 0; p->catalog == NULL; writes++) {
		room = writes;
		p->catalog = catalog_open(p->dir, CATALOG_WRITE, false, &f);
		room = -1;
		if (p->catalog != NULL)
			break;
		if (f.class != FAULT_FULL)
			fail_msg("after %ld writes: %s", writes, f.text);
		full++;
	}
	assert_true(full > 0);
	put(p->catalog, "zig/first");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(catalog_is_made_and_found_again, make_bare_place, remove_place),
	    cmocka_unit_test_setup_teardown(reader_needs_a_catalog_that_is_there, make_bare_place, remove_place),
	    cmocka_unit_test_setup_teardown(several_programs_make_one_catalog, make_bare_place, remove_place),
	    cmocka_unit_test_setup_teardown(network_file_system_has_no_wal, make_bare_place, remove_place),
	    cmocka_unit_test_setup_teardown(newer_version_is_refused, make_bare_place, remove_place),
	    cmocka_unit_test_setup_teardown(foreign_database_is_refused, make_bare_place, remove_place),
	    cmocka_unit_test_setup_teardown(other_file_is_refused, make_bare_place, remove_place),
	    cmocka_unit_test_setup_teardown(folder_that_is_not_there_is_named, make_bare_place, remove_place),
	    cmocka_unit_test_setup_teardown(
	        full_disk_loses_nothing_and_writes_no_half, make_bare_place, close_full_place),
	    cmocka_unit_test_setup_teardown(full_disk_makes_no_half_catalog, make_bare_place, close_full_place),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
