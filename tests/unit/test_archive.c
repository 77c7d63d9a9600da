/* Tests of mirror/archive: what is whole, what was cut, what is a bomb. */
#include "mirror/archive.h"

#include "archives.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static const struct archives_member MEMBERS[] = {{.path = "demo/"},
    {"demo/build.zig", "pub fn build() void {}\n", NULL, NULL}, {"demo/src/root.zig", "const x = 1;\n", NULL, NULL},
    {"demo/link", NULL, "build.zig", NULL}};

static const char *const NAMES[FORMS] = {"tar", "gzip", "xz", "zstd", "zip"};

static struct archives_file file, other;

static void make(enum archives_form form)
{
	archives_make(form, MEMBERS, sizeof MEMBERS / sizeof MEMBERS[0], &file);
}

static enum fault_class check(const void *bytes, size_t len, bool *joined, struct fault *f)
{
	int fd = archives_open(bytes, len);
	*f = (struct fault){0};
	bool ok = archive_check(fd, joined, f);
	assert_int_equal(ok, f->class == FAULT_NONE);
	close(fd);
	return f->class;
}

static void check_takes_what_is_whole(void **state)
{
	(void)state;
	for (int form = 0; form < FORMS; form++) {
		struct fault f;
		bool joined = true;
		make((enum archives_form)form);
		if (check(file.bytes, file.len, &joined, &f) != FAULT_NONE)
			fail_msg("%s: %s", NAMES[form], f.text);
		assert_false(joined);
	}
}

/* A transfer that ends politely can end anywhere. The blocks of zeros at the end of a tar are two at least. */
static void check_refuses_every_cut(void **state)
{
	(void)state;
	for (int form = 0; form < FORMS; form++) {
		struct fault f;
		make((enum archives_form)form);
		size_t whole = file.len, step = 1;
		if (form == FORM_TAR) {
			while (whole > 1024 && file.bytes[whole - 1025] == 0)
				whole--;
			step = 100;
		}
		for (size_t len = 0; len < whole; len += step)
			if (check(file.bytes, len, NULL, &f) != FAULT_INTEGRITY)
				fail_msg("%s of %zu bytes, cut at %zu: %s", NAMES[form], file.len, len, f.text);
	}
}

static void check_refuses_a_changed_checksum(void **state)
{
	(void)state;
	struct fault f;
	make(FORM_GZIP);
	for (size_t back = 1; back <= 8; back++) {
		file.bytes[file.len - back] ^= 1;
		assert_int_equal(check(file.bytes, file.len, NULL, &f), FAULT_INTEGRITY);
		file.bytes[file.len - back] ^= 1;
	}
	make(FORM_XZ);
	file.bytes[file.len - 9] ^= 1;
	assert_int_equal(check(file.bytes, file.len, NULL, &f), FAULT_INTEGRITY);
	make(FORM_ZIP);
	/* The content of a stored or deflated member: libarchive checks its CRC. */
	file.bytes[70] ^= 1;
	assert_int_equal(check(file.bytes, file.len, NULL, &f), FAULT_INTEGRITY);
}

static void check_refuses_what_is_no_archive(void **state)
{
	(void)state;
	static const char PAGE[] = "<!DOCTYPE html><title>Sign in</title>";
	struct fault f;
	assert_int_equal(check(PAGE, sizeof PAGE - 1, NULL, &f), FAULT_INTEGRITY);
	assert_int_equal(check("", 0, NULL, &f), FAULT_INTEGRITY);
	assert_int_equal(check("PK\5\6", 4, NULL, &f), FAULT_INTEGRITY);
	/* Something behind a zip, and an end record whose comment is longer than the file. */
	make(FORM_ZIP);
	memcpy(file.bytes + file.len, "more", 4);
	assert_int_equal(check(file.bytes, file.len + 4, NULL, &f), FAULT_INTEGRITY);
}

/* Two streams behind each other: whole, but Zig reads the first only. */
static void check_tells_joined_streams(void **state)
{
	static const enum archives_form JOINED[] = {FORM_GZIP, FORM_XZ};
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct fault f;
		bool joined = false;
		make(JOINED[i]);
		memcpy(other.bytes, file.bytes, file.len);
		memcpy(other.bytes + file.len, file.bytes, file.len);
		if (check(other.bytes, 2 * file.len, &joined, &f) != FAULT_NONE)
			fail_msg("%s: %s", NAMES[JOINED[i]], f.text);
		assert_true(joined);
		assert_int_equal(check(other.bytes, 2 * file.len - 1, &joined, &f), FAULT_INTEGRITY);
	}
}

/* 300 MiB of zeros: within a second, and without 300 MiB of memory. */
static void check_ends_at_a_bomb(void **state)
{
	static const char ZEROS[1024 * 1024];
	struct archive *a = archives_writer(FORM_XZ);
	struct archive_entry *e = archive_entry_new();
	struct fault f;
	(void)state;
	assert_int_equal(archive_write_set_filter_option(a, "xz", "compression-level", "0"), ARCHIVE_OK);
	assert_int_equal(archive_write_open_memory(a, file.bytes, sizeof file.bytes, &file.len), ARCHIVE_OK);
	archive_entry_set_pathname(e, "zeros");
	archive_entry_set_filetype(e, AE_IFREG);
	archive_entry_set_size(e, (la_int64_t)300 * (la_int64_t)sizeof ZEROS);
	assert_int_equal(archive_write_header(a, e), ARCHIVE_OK);
	for (int i = 0; i < 300; i++)
		assert_int_equal(archive_write_data(a, ZEROS, sizeof ZEROS), sizeof ZEROS);
	assert_int_equal(archive_write_close(a), ARCHIVE_OK);
	archive_write_free(a);
	archive_entry_free(e);
	assert_int_equal(check(file.bytes, file.len, NULL, &f), FAULT_INTEGRITY);
	assert_non_null(strstr(f.text, "far more than it is"));
}

static void known_names(void **state)
{
	static const char *const KNOWN[] = {
	    "a/v1.0.0.tar.gz", "b.tgz", "c.tar.xz", "c.txz", "d.tar.zst", "d.tzst", "e.zip", "E.ZIP", "f.tar", "g.gz"};
	static const char *const OTHERS[] = {
	    "a", "tar", "gz", "a.exe", "a.tar.gz.minisig", "a.tar.bz2", "", "a.", "zip.txt"};
	(void)state;
	for (size_t i = 0; i < sizeof KNOWN / sizeof KNOWN[0]; i++)
		if (!archive_is_known(KNOWN[i]))
			fail_msg("%s", KNOWN[i]);
	for (size_t i = 0; i < sizeof OTHERS / sizeof OTHERS[0]; i++)
		if (archive_is_known(OTHERS[i]))
			fail_msg("%s", OTHERS[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(check_takes_what_is_whole),
	    cmocka_unit_test(check_refuses_every_cut),
	    cmocka_unit_test(check_refuses_a_changed_checksum),
	    cmocka_unit_test(check_refuses_what_is_no_archive),
	    cmocka_unit_test(check_tells_joined_streams),
	    cmocka_unit_test(check_ends_at_a_bomb),
	    cmocka_unit_test(known_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
