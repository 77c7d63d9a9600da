/* Arbitrary bytes as an index.json: what is refused changes nothing; what is imported comes out as JSON whose tarballs
 * are all on this mirror, and its files are on hosts that may be asked. The catalogue is in memory as far as the system
 * has such a place. */
#include "mirror/index.h"
#include "mirror/log.h"
#include "tests/unit/scratch.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define UPSTREAM "https://ziglang.org/download/index.json"
#define NOMINATED "https://pkg.machengine.org/zig/index.json"
#define BASE "https://pkg.example.org/m/zig/"

static const char CONFIG[] = "base_url = \"https://pkg.example.org/m\"\n"
                             "toolchains {\n nominated_index = \"" NOMINATED "\"\n}\n";

enum { IMPORTS_MAX = 500 }; /* what is listed no more is kept: begin anew before that is much */

/* Made once. */
static struct config *config;
static sqlite3 *judge;

static char dir[] = "/dev/shm/pkgmirror.XXXXXX";
static struct catalog *catalog;
static int imports;

static void require(bool holds)
{
	if (!holds)
		abort();
}

static void end(void)
{
	catalog_close(catalog);
	catalog = NULL;
	scratch_remove(dir);
}

static void begin_anew(void)
{
	struct fault f = {0};
	end();
	memcpy(dir, access("/dev/shm", W_OK) == 0 ? "/dev/shm/pkgmirror.XXXXXX" : "/tmp/pkgmirror.XXXXXX\0\0\0",
	    sizeof dir);
	require(mkdtemp(dir) != NULL);
	catalog = catalog_open(dir, CATALOG_WRITE, false, &f);
	require(catalog != NULL);
	imports = 0;
}

/* What SQLite says of a document. */
static int ask(const char *sql, const char *text, size_t len)
{
	sqlite3_stmt *s = NULL;
	require(sqlite3_prepare_v2(judge, sql, -1, &s, NULL) == SQLITE_OK);
	sqlite3_bind_text(s, 1, text, (int)len, SQLITE_STATIC);
	require(sqlite3_step(s) == SQLITE_ROW);
	int answer = sqlite3_column_int(s, 0);
	sqlite3_finalize(s);
	return answer;
}

static void check_built(void)
{
	char *text = NULL;
	size_t len = 0;
	struct fault f = {0};
	if (!index_build(catalog, config, &text, &len, &f)) {
		require(f.class == FAULT_ABSENT);
		return;
	}
	require(strlen(text) == len);
	require(ask("SELECT json_valid(?1) AND json_type(?1) = 'object'", text, len) == 1);
	require(ask("SELECT count(*) FROM json_each(?1) v, json_each(v.value) p WHERE p.type = 'object' AND "
	            "json_type(p.value, '$.tarball') IS NOT NULL AND p.value ->> '$.tarball' NOT LIKE '" BASE "zig-%'",
	            text, len) == 0);
	free(text);
}

static bool import(const char *name, const char *url, const char *body, size_t len)
{
	struct fault f = {0};
	const struct index_document d = {.name = name, .url = url, .body = body, .len = len};
	if (index_import(catalog, config, &d, 1000, &f)) {
		imports++;
		require(ask("SELECT json_valid(?1) AND json_type(?1) = 'object'", d.body, d.len) == 1);
		check_built();
		return true;
	}
	require(f.class == FAULT_INTEGRITY && strncmp(f.text, url, strlen(url)) == 0);
	return false;
}

/* The real documents hold what is required too. They are no corpus: it would be of nothing else, and slow. The corpus
 * has parts of them. */
static void import_real(const char *name, const char *url, const char *file)
{
	char path[512], *text = calloc(1, INDEX_BYTES_MAX);
	snprintf(path, sizeof path, TEST_DATA_DIR "/upstream/%s", file);
	FILE *in = fopen(path, "r");
	require(text != NULL && in != NULL);
	require(import(name, url, text, fread(text, 1, INDEX_BYTES_MAX, in)));
	fclose(in);
	free(text);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct fault f = {0};
	(void)argc, (void)argv;
	config = config_parse(CONFIG, sizeof CONFIG - 1, "fuzz", &f);
	require(config != NULL && sqlite3_open(":memory:", &judge) == SQLITE_OK);
	log_open("fuzz", open("/dev/null", O_WRONLY | O_CLOEXEC), LOG_INFO_LEVEL);
	dir[0] = '\0';
	begin_anew();
	import_real("nominated", NOMINATED, "machengine-index.json");
	import_real("index", UPSTREAM, "ziglang-index-2025-05-20.json");
	import_real("index", UPSTREAM, "ziglang-index-2025-05-21.json");
	import_real("index", UPSTREAM, "ziglang-index-2025-10-11.json");
	begin_anew();
	return atexit(end);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (imports >= IMPORTS_MAX)
		begin_anew();
	import("nominated", NOMINATED, (const char *)data, size);
	import("index", UPSTREAM, (const char *)data, size);
	return 0;
}
