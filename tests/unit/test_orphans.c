/* Tests of warmer/orphans: what goes and what stays of a store whose links are not all there. */
#include "warmer/orphans.h"

#include "catalogs.h"

#include "mirror/catalog_keep.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { DAYS = 2 * 24 * 3600 };

static const char LINKED[] = "zig-x86_64-linux-0.14.1.tar.xz", ORPHAN[] = "zig-0.14.1.tar.xz", UNKNOWN[] = "note.txt";

static void begin(const struct place *p, struct warmer *w)
{
	char text[SCRATCH_CAP + 128];
	struct fault f = {0};
	int len = snprintf(text, sizeof text, "base_url = \"https://pkg.example.org\"\nstate_dir = \"%s\"\n", p->dir);
	*w = (struct warmer){
	    .config = config_parse(text, (size_t)len, "orphans", &f), .signal_fd = -1, .catalog = p->catalog};
	w->store = store_open(p->dir, true, &f);
	if (w->config == NULL || w->store == NULL)
		fail_msg("%s", f.text);
	mkdirat(store_fd(w->store), "store/zig", 0755);
	mkdirat(store_fd(w->store), "store/zig/stable", 0755);
	mkdirat(store_fd(w->store), "store/zig/stable/0.14.1", 0755);
}

static void end(struct warmer *w)
{
	store_close(w->store);
	config_free(w->config);
}

static void put_file(const struct warmer *w, const char *name)
{
	char place[256];
	snprintf(place, sizeof place, "store/zig/stable/0.14.1/%s", name);
	int fd = openat(store_fd(w->store), place, O_CREAT | O_WRONLY, 0644);
	assert_true(fd >= 0 && write(fd, "four", 4) == 4);
	close(fd);
}

static bool is_there(const struct warmer *w, const char *name)
{
	char place[256];
	struct stat st;
	snprintf(place, sizeof place, "store/zig/stable/0.14.1/%s", name);
	return fstatat(store_fd(w->store), place, &st, 0) == 0;
}

static void orphans_go_when_they_are_old_and_nobody_is_at_work_on_them(void **state)
{
	const struct place *p = *state;
	const struct catalog_entry entry = an_entry("zig/zig-0.14.1.tar.xz");
	const struct catalog_provenance row = a_transfer(entry.path);
	struct catalog_kept kept;
	struct store_lease lease;
	struct orphans o;
	struct warmer w;
	struct fault f = {0};
	begin(p, &w);
	put_file(&w, LINKED);
	put_file(&w, ORPHAN);
	put_file(&w, UNKNOWN);
	assert_true(store_link(w.store, "zig/zig-x86_64-linux-0.14.1.tar.xz",
	    "store/zig/stable/0.14.1/zig-x86_64-linux-0.14.1.tar.xz", &f));
	assert_true(catalog_record(p->catalog, &entry, &row, &f));

	assert_true(orphans_sweep(&w, time(NULL), &o, &f) && o.found == 0 && o.files == 3);
	assert_true(store_lease_take(w.store, entry.path, &lease, &f));
	assert_true(orphans_sweep(&w, time(NULL) + DAYS, &o, &f) && o.found == 0);
	store_lease_drop(&lease);
	w.dry_run = true;
	assert_true(orphans_sweep(&w, time(NULL) + DAYS, &o, &f) && o.found == 1 && o.bytes == 4);
	assert_true(is_there(&w, ORPHAN));
	w.dry_run = false;
	assert_true(orphans_sweep(&w, time(NULL) + DAYS, &o, &f) && o.found == 1 && o.bytes == 4);
	assert_true(!is_there(&w, ORPHAN) && is_there(&w, LINKED) && is_there(&w, UNKNOWN));
	assert_false(catalog_kept_get(p->catalog, entry.path, &kept, &f));
	end(&w);
}

static void store_without_its_links_is_kept(void **state)
{
	struct orphans o;
	struct warmer w;
	struct fault f = {0};
	char name[64];
	begin(*state, &w);
	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof name, "zig-x86_64-os%d-0.14.1.tar.xz", i);
		put_file(&w, name);
	}
	assert_false(orphans_sweep(&w, time(NULL) + DAYS, &o, &f));
	assert_non_null(strstr(f.text, "20 of 20 files of the store have no link"));
	assert_int_equal(o.found, 0);
	assert_true(is_there(&w, name));
	end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
	        orphans_go_when_they_are_old_and_nobody_is_at_work_on_them, make_place, remove_place),
	    cmocka_unit_test_setup_teardown(store_without_its_links_is_kept, make_place, remove_place),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
