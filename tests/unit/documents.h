/* documents: a catalogue of its own, the real documents, and a log that can be read, for the tests of index. */
#ifndef PKGMIRROR_TEST_DOCUMENTS_H
#define PKGMIRROR_TEST_DOCUMENTS_H

#include "mirror/index.h"
#include "mirror/log.h"

#include "scratch.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#define UPSTREAM_URL "https://ziglang.org/download/index.json"
#define NOMINATED_URL "https://pkg.machengine.org/zig/index.json"
#define SHA "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

struct bench {
	char dir[SCRATCH_CAP];
	struct catalog *catalog;
	struct config *config;
	FILE *log;
};

static inline int open_bench(void **state)
{
	static const char TEXT[] = "base_url = \"https://pkg.example.org\"\n";
	struct bench *b = calloc(1, sizeof *b);
	struct fault f = {0};
	assert_non_null(b);
	assert_true(scratch_make(b->dir));
	b->catalog = catalog_open(b->dir, CATALOG_WRITE, false, &f);
	b->config = config_parse(TEXT, sizeof TEXT - 1, "t.conf", &f);
	b->log = tmpfile();
	if (b->catalog == NULL || b->config == NULL || b->log == NULL)
		fail_msg("%s", f.text);
	log_open("test", fileno(b->log), LOG_INFO_LEVEL);
	*state = b;
	return 0;
}

static inline int close_bench(void **state)
{
	struct bench *b = *state;
	log_open("test", STDERR_FILENO, LOG_INFO_LEVEL);
	fclose(b->log);
	catalog_close(b->catalog);
	config_free(b->config);
	scratch_remove(b->dir);
	free(b);
	return 0;
}

/* All of a file. The caller frees it. */
static inline char *read_all(int fd)
{
	struct stat st;
	assert_int_equal(fstat(fd, &st), 0);
	char *text = calloc(1, (size_t)st.st_size + 1);
	assert_non_null(text);
	assert_int_equal(pread(fd, text, (size_t)st.st_size, 0), st.st_size);
	return text;
}

/* Whether a line of the log holds all of these words. */
static inline bool logged(struct bench *b, const char *event, const char *word, const char *reason)
{
	char *text = read_all(fileno(b->log)), *rest = NULL;
	bool found = false;
	for (char *line = strtok_r(text, "\n", &rest); line != NULL && !found; line = strtok_r(NULL, "\n", &rest))
		found = strstr(line, event) != NULL && strstr(line, word) != NULL && strstr(line, reason) != NULL;
	free(text);
	return found;
}

static inline bool import_bytes(
    struct bench *b, const char *name, const char *url, const char *body, size_t len, struct fault *f)
{
	const struct index_document d = {.name = name, .url = url, .body = body, .len = len};
	*f = (struct fault){0};
	return index_import(b->catalog, b->config, &d, 1000, f);
}

static inline bool import_text(struct bench *b, const char *body, struct fault *f)
{
	return import_bytes(b, "index", UPSTREAM_URL, body, strlen(body), f);
}

/* Imports a real document. */
static inline void import_file(struct bench *b, const char *name, const char *url, const char *file)
{
	char path[512];
	struct fault f;
	snprintf(path, sizeof path, "%s/upstream/%s", TEST_DATA_DIR, file);
	int in = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(in >= 0);
	char *text = read_all(in);
	if (!import_bytes(b, name, url, text, strlen(text), &f))
		fail_msg("%s", f.text);
	free(text);
	close(in);
}

/* This mirror's index. The caller frees it. */
static inline char *build(struct bench *b)
{
	struct fault f = {0};
	char *text = NULL;
	size_t len = 0;
	if (!index_build(b->catalog, b->config, &text, &len, &f))
		fail_msg("%s", f.text);
	assert_int_equal(strlen(text), len);
	return text;
}

static inline void assert_built(struct bench *b, const char *expected)
{
	char *text = build(b);
	assert_string_equal(text, expected);
	free(text);
}

/* One file of a document. */
#define ITEM(url) "{\"tarball\":\"" url "\",\"shasum\":\"" SHA "\",\"size\":\"17\"}"
#define OURS(name, url)                                                                                                \
	"{\"tarball\":\"https://pkg.example.org/zig/" name "\",\"shasum\":\"" SHA                                      \
	"\",\"size\":\"17\",\"zigTarball\":\"" url "\"}"
#define ZIG_141 "https://ziglang.org/download/0.14.1/zig-x86_64-linux-0.14.1.tar.xz"
#define ZIG_DEV "https://ziglang.org/builds/zig-x86_64-linux-0.15.0-dev.9+abcdef012.tar.xz"
#define RELEASE_141 "\"0.14.1\":{\"x86_64-linux\":" ITEM(ZIG_141) "}"
#define OUR_141 "\"0.14.1\":{\"x86_64-linux\":" OURS("zig-x86_64-linux-0.14.1.tar.xz", ZIG_141) "}"

#endif
