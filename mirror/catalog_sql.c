/* catalog_sql: the handle, its hardening and migrations, and how statements run. SQLite's only file; see catalog.h and
 * catalog_sql.h. */
#include "catalog_sql.h"

#include "chain.h"
#include "human.h"
#include "utf8.h"

#include <sqlite3.h>

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Who found it busy for long does not wait long again for a while: a fetch service would stand still meanwhile. */
enum { BUSY_MS = 5000, BUSY_AGAIN_MS = 50, BUSY_PAUSE_SEC = 10, APPLICATION_ID = 0x706b676d /* "pkgm" */ };

struct catalog_query {
	struct catalog *catalog;
	sqlite3_stmt *statement;
};

struct catalog {
	sqlite3 *db;
	char file[512];
	bool writes;
	time_t impatient_until; /* 0: waits as long as it should */
	bool lasting;           /* the transaction is on the disk when it ends */
	struct catalog_query queries[STATEMENTS];
};

static time_t now_sec(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

/* Where it is the file beside the database that has no room, SQLite tells of an I/O error. */
static bool is_full(sqlite3 *db)
{
	int code = sqlite3_errcode(db) & 0xff, error = sqlite3_system_errno(db);
	return code == SQLITE_FULL || (code == SQLITE_IOERR && (error == ENOSPC || error == EDQUOT || error == EFBIG));
}

static bool fail(struct catalog *c, const char *what, struct fault *f)
{
	int code = sqlite3_errcode(c->db);
	if ((code & 0xff) == SQLITE_BUSY && c->impatient_until == 0) {
		c->impatient_until = now_sec() + BUSY_PAUSE_SEC;
		sqlite3_busy_timeout(c->db, BUSY_AGAIN_MS);
	}
	return fault_set(
	    f, is_full(c->db) ? FAULT_FULL : FAULT_SYSTEM, "%s: %s: %s", c->file, what, sqlite3_errmsg(c->db));
}

/* chain_hash(previous, row): the hash of a ledger row. */
static void sql_chain_hash(sqlite3_context *context, int count, sqlite3_value **values)
{
	char hash[CHAIN_HASH_CAP];
	(void)count;
	const char *previous = (const char *)sqlite3_value_text(values[0]);
	const char *row = (const char *)sqlite3_value_text(values[1]);
	if (previous == NULL || row == NULL)
		return;
	chain_hash(previous, row, hash);
	sqlite3_result_text(context, hash, -1, SQLITE_TRANSIENT);
}

/* A number for people. NULL stays NULL. */
static void human(sqlite3_context *context, sqlite3_value *value, void (*write)(int64_t, char *))
{
	char text[HUMAN_CAP];
	if (sqlite3_value_type(value) == SQLITE_NULL)
		return;
	write(sqlite3_value_int64(value), text);
	sqlite3_result_text(context, text, -1, SQLITE_TRANSIENT);
}

/* size_text(bytes) */
static void sql_size_text(sqlite3_context *context, int count, sqlite3_value **values)
{
	(void)count;
	human(context, values[0], human_size);
}

/* duration_text(seconds) */
static void sql_duration_text(sqlite3_context *context, int count, sqlite3_value **values)
{
	(void)count;
	human(context, values[0], human_duration);
}

/* utf8_text(text): with question marks for what is no UTF-8. */
static void sql_utf8_text(sqlite3_context *context, int count, sqlite3_value **values)
{
	(void)count;
	const char *text = (const char *)sqlite3_value_text(values[0]);
	char *mended = text != NULL ? sqlite3_mprintf("%s", text) : NULL;
	if (mended != NULL) {
		utf8_mend(mended);
		sqlite3_result_text(context, mended, -1, sqlite3_free);
	} else if (text != NULL) {
		sqlite3_result_error_nomem(context);
	}
}

/* The functions that our statements call. */
static bool add_functions(struct catalog *c)
{
	static const struct {
		const char *name;
		int arguments;
		void (*call)(sqlite3_context *, int, sqlite3_value **);
	} FUNCTIONS[] = {{"chain_hash", 2, sql_chain_hash}, {"size_text", 1, sql_size_text},
	    {"duration_text", 1, sql_duration_text}, {"utf8_text", 1, sql_utf8_text}};
	for (size_t i = 0; i < sizeof FUNCTIONS / sizeof FUNCTIONS[0]; i++)
		if (sqlite3_create_function_v2(c->db, FUNCTIONS[i].name, FUNCTIONS[i].arguments,
		        SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS, NULL, FUNCTIONS[i].call, NULL, NULL,
		        NULL) != SQLITE_OK)
			return false;
	return true;
}

static bool exec(struct catalog *c, const char *sql, struct fault *f)
{
	return sqlite3_exec(c->db, sql, NULL, NULL, NULL) == SQLITE_OK || fail(c, "setting up", f);
}

/* Runs a statement before the handle is ready, when none may be kept prepared. */
static bool set_up(struct catalog *c, enum sql_statement statement, struct fault *f)
{
	return exec(c, sql_statements[statement], f);
}

/* The journal mode is changed while nobody else has the file open; SQLite does not wait for that by itself. */
static bool set_journal(struct catalog *c, enum sql_statement statement, struct fault *f)
{
	for (int waited_ms = 0; waited_ms < BUSY_MS; waited_ms += BUSY_AGAIN_MS) {
		if (sqlite3_exec(c->db, sql_statements[statement], NULL, NULL, NULL) == SQLITE_OK)
			return true;
		if ((sqlite3_errcode(c->db) & 0xff) != SQLITE_BUSY)
			break;
		sqlite3_sleep(BUSY_AGAIN_MS);
	}
	return fail(c, "setting up", f);
}

/* What a damaged or hostile file could make SQLite do is switched off. */
static bool harden(struct catalog *c, enum catalog_mode mode, bool network_fs, struct fault *f)
{
	sqlite3_busy_timeout(c->db, BUSY_MS);
	sqlite3_db_config(c->db, SQLITE_DBCONFIG_DEFENSIVE, 1, (int *)NULL);
	sqlite3_db_config(c->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, (int *)NULL);
	sqlite3_db_config(c->db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 1, (int *)NULL);
	sqlite3_limit(c->db, SQLITE_LIMIT_LENGTH, 64 * 1024 * 1024);
	sqlite3_limit(c->db, SQLITE_LIMIT_ATTACHED, 0);
	if (!add_functions(c))
		return fail(c, "setting up", f);
	if (!set_up(c, STATEMENT_SETUP_CHECKS, f) || !set_up(c, STATEMENT_SETUP_TEMPORARY, f))
		return false;
	if (mode == CATALOG_READ)
		return set_up(c, STATEMENT_SETUP_READER, f);
	/* Who may read the catalogue but make no file beside it needs these two to be there. */
	if (!network_fs)
		sqlite3_file_control(c->db, "main", SQLITE_FCNTL_PERSIST_WAL, &(int){1});
	c->writes = true;
	return set_journal(c, network_fs ? STATEMENT_SETUP_TRUNCATE : STATEMENT_SETUP_WAL, f) &&
	       set_up(c, STATEMENT_SETUP_WRITER, f);
}

static bool read_int(struct catalog *c, enum sql_statement statement, int64_t *out, struct fault *f)
{
	sqlite3_stmt *s = NULL;
	bool ok = sqlite3_prepare_v2(c->db, sql_statements[statement], -1, &s, NULL) == SQLITE_OK &&
	          sqlite3_step(s) == SQLITE_ROW;
	if (ok)
		*out = sqlite3_column_int64(s, 0);
	else
		fail(c, "cannot be read", f);
	sqlite3_finalize(s);
	return ok;
}

/* What the file is, as far as three looks at one and the same state of it tell. */
static bool check(struct catalog *c, int64_t *version, struct fault *f)
{
	int64_t id = 0, tables = 0;
	if (!read_int(c, STATEMENT_APPLICATION_ID, &id, f) || !read_int(c, STATEMENT_USER_VERSION, version, f) ||
	    !read_int(c, STATEMENT_SCHEMA_COUNT, &tables, f))
		return false;
	if (tables > 0 && id != APPLICATION_ID)
		return fault_set(f, FAULT_SYSTEM, "%s is not a catalogue of pkgmirror", c->file);
	if (*version > SQL_MIGRATIONS)
		return fault_set(f, FAULT_SYSTEM, "%s has version %lld, this program knows %d", c->file,
		    (long long)*version, SQL_MIGRATIONS);
	return true;
}

/* Looks before anything is written: a file that is not ours, or from a newer program, is not touched. Another process
 * may be making the schema meanwhile. */
static bool look(struct catalog *c, int64_t *version, struct fault *f)
{
	if (!set_up(c, STATEMENT_BEGIN_READ, f))
		return false;
	bool ok = check(c, version, f);
	sqlite3_exec(c->db, sql_statements[STATEMENT_ROLLBACK], NULL, NULL, NULL);
	return ok;
}

/* SQLite does not sync the folder of its file: a power cut could lose the name, and what was synced with it. */
static bool sync_folder(struct catalog *c, struct fault *f)
{
	char folder[sizeof c->file];
	snprintf(folder, sizeof folder, "%.*s", (int)(strrchr(c->file, '/') - c->file), c->file);
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool ok = fd >= 0 && fsync(fd) == 0;
	if (!ok)
		fault_errno(f, FAULT_SYSTEM, errno, "cannot sync %s", folder);
	if (fd >= 0)
		close(fd);
	return ok;
}

/* Brings the schema up to date, all or nothing; another process may be doing the same. */
static bool migrate(struct catalog *c, struct fault *f)
{
	int64_t version = 0;
	if (!set_up(c, STATEMENT_BEGIN, f))
		return false;
	if (!check(c, &version, f))
		goto failed;
	for (int64_t i = version; i < SQL_MIGRATIONS; i++)
		if (!exec(c, sql_migrations[i], f))
			goto failed;
	if (set_up(c, STATEMENT_COMMIT, f) && sync_folder(c, f))
		return true;
failed:
	sqlite3_exec(c->db, sql_statements[STATEMENT_ROLLBACK], NULL, NULL, NULL);
	return false;
}

struct catalog *catalog_open(const char *state_dir, enum catalog_mode mode, bool network_fs, struct fault *f)
{
	struct catalog *c = calloc(1, sizeof *c);
	int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
	int64_t version = 0;

	if (c == NULL) {
		fault_errno(f, FAULT_SYSTEM, ENOMEM, "%s/catalog.db", state_dir);
		return NULL;
	}
	snprintf(c->file, sizeof c->file, "%s/catalog.db", state_dir);
	if (mode == CATALOG_READ && access(c->file, F_OK) != 0) {
		if (errno == ENOENT)
			fault_set(f, FAULT_ABSENT, "%s: there is no catalogue yet", c->file);
		else
			fault_errno(f, FAULT_SYSTEM, errno, "%s", c->file);
		goto failed;
	}
	flags |= mode == CATALOG_READ ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
	if (sqlite3_open_v2(c->file, &c->db, flags, NULL) != SQLITE_OK) {
		fail(c, "cannot be opened", f);
		goto failed;
	}
	/* When it cannot open a file for writing SQLite opens it for reading, and tells at the first write. */
	if (mode == CATALOG_WRITE && sqlite3_db_readonly(c->db, "main") == 1) {
		fault_set(
		    f, FAULT_SYSTEM, "%s: cannot be opened for writing (permission, or too many open files)", c->file);
		goto failed;
	}
	sqlite3_busy_timeout(c->db, BUSY_MS);
	if (!look(c, &version, f) || !harden(c, mode, network_fs, f))
		goto failed;
	if (mode == CATALOG_WRITE && version < SQL_MIGRATIONS && !migrate(c, f))
		goto failed;
	if (mode == CATALOG_READ && version < SQL_MIGRATIONS) {
		fault_set(f, FAULT_SYSTEM, "%s has version %lld, this program needs %d: start the fetch service once",
		    c->file, (long long)version, SQL_MIGRATIONS);
		goto failed;
	}
	return c;
failed:
	catalog_close(c);
	return NULL;
}

void catalog_prepare(const char *state_dir, bool network_fs)
{
	char file[sizeof((struct catalog *)0)->file];
	struct fault f;
	snprintf(file, sizeof file, "%s/catalog.db-shm", state_dir);
	if (!network_fs && access(file, F_OK) != 0) {
		catalog_close(catalog_open(state_dir, CATALOG_READ, false, &f));
		(void)!mknod(file, S_IFREG | 0644, 0); /* when there is no catalogue yet; SQLite takes what it finds */
	}
}

bool catalog_is_gone(struct catalog *c)
{
	int moved = 0;
	return sqlite3_file_control(c->db, "main", SQLITE_FCNTL_HAS_MOVED, &moved) == SQLITE_OK && moved != 0;
}

void catalog_close(struct catalog *c)
{
	if (c == NULL)
		return;
	for (int i = 0; i < STATEMENTS; i++)
		sqlite3_finalize(c->queries[i].statement);
	/* The log that stays is empty: else it would be taken for that of a catalogue that somebody puts back here. */
	if (c->writes)
		sqlite3_exec(c->db, sql_statements[STATEMENT_SETUP_LEAVING], NULL, NULL, NULL);
	sqlite3_close(c->db);
	free(c);
}

static bool bind(sqlite3_stmt *s, const char *types, va_list values)
{
	for (int i = 1; types[i - 1] != '\0'; i++) {
		const char *text;
		int code = SQLITE_OK;
		switch (types[i - 1]) {
		case 't':
			text = va_arg(values, const char *);
			code =
			    text != NULL ? sqlite3_bind_text(s, i, text, -1, SQLITE_STATIC) : sqlite3_bind_null(s, i);
			break;
		case 'b':
			text = va_arg(values, const char *);
			code = sqlite3_bind_text64(s, i, text, va_arg(values, size_t), SQLITE_STATIC, SQLITE_UTF8);
			break;
		case 'n':
			(void)va_arg(values, int64_t);
			code = sqlite3_bind_null(s, i);
			break;
		default:
			code = sqlite3_bind_int64(s, i, va_arg(values, int64_t));
		}
		if (code != SQLITE_OK)
			return false;
	}
	return true;
}

/* The statement, compiled once a handle and ready for its values. */
static struct catalog_query *compile(struct catalog *c, enum sql_statement statement, struct fault *f)
{
	struct catalog_query *q = &c->queries[statement];
	q->catalog = c;
	if (c->impatient_until != 0 && now_sec() >= c->impatient_until) {
		c->impatient_until = 0;
		sqlite3_busy_timeout(c->db, BUSY_MS);
	}
	if (q->statement == NULL && sqlite3_prepare_v3(c->db, sql_statements[statement], -1, SQLITE_PREPARE_PERSISTENT,
	                                &q->statement, NULL) != SQLITE_OK) {
		fail(c, sql_statement_names[statement], f);
		return NULL;
	}
	sqlite3_reset(q->statement);
	return q;
}

static struct catalog_query *prepare(
    struct catalog *c, enum sql_statement statement, struct fault *f, const char *types, va_list values)
{
	struct catalog_query *q = compile(c, statement, f);
	if (q != NULL && !bind(q->statement, types, values)) {
		fail(c, sql_statement_names[statement], f);
		catalog_end(q);
		return NULL;
	}
	return q;
}

struct catalog_query *catalog_query(
    struct catalog *c, enum sql_statement statement, struct fault *f, const char *types, ...)
{
	va_list values;
	va_start(values, types);
	struct catalog_query *q = prepare(c, statement, f, types, values);
	va_end(values);
	return q;
}

struct catalog_query *catalog_query_texts(
    struct catalog *c, enum sql_statement statement, const char *const *texts, size_t count, struct fault *f)
{
	struct catalog_query *q = compile(c, statement, f);
	for (size_t i = 0; q != NULL && i < count; i++) {
		if (sqlite3_bind_text(q->statement, (int)i + 1, texts[i], -1, SQLITE_STATIC) == SQLITE_OK)
			continue;
		fail(c, sql_statement_names[statement], f);
		catalog_end(q);
		return NULL;
	}
	return q;
}

int catalog_column(struct catalog_query *q, const char *name)
{
	for (int i = 0; i < sqlite3_column_count(q->statement); i++)
		if (strcmp(sqlite3_column_name(q->statement, i), name) == 0)
			return i;
	return -1;
}

/* Whether the texts of the row can be had. SQLite may need memory for them, and has no other way to tell of its lack
 * than a NULL that looks like one of the table's. */
static bool has_texts(struct catalog_query *q)
{
	for (int i = 0; i < sqlite3_data_count(q->statement); i++)
		if (sqlite3_column_type(q->statement, i) == SQLITE_TEXT && sqlite3_column_text(q->statement, i) == NULL)
			return false;
	return true;
}

int catalog_next(struct catalog_query *q, struct fault *f)
{
	int code = sqlite3_step(q->statement);
	if (code == SQLITE_ROW && has_texts(q))
		return 1;
	if (code == SQLITE_DONE)
		return 0;
	fail(q->catalog, sql_statement_names[q - q->catalog->queries], f);
	return -1;
}

const char *catalog_text(struct catalog_query *q, int column)
{
	return (const char *)sqlite3_column_text(q->statement, column);
}

size_t catalog_text_len(struct catalog_query *q, int column)
{
	return (size_t)sqlite3_column_bytes(q->statement, column);
}

int64_t catalog_int(struct catalog_query *q, int column)
{
	return sqlite3_column_int64(q->statement, column);
}

bool catalog_is_null(struct catalog_query *q, int column)
{
	return sqlite3_column_type(q->statement, column) == SQLITE_NULL;
}

void catalog_end(struct catalog_query *q)
{
	if (q == NULL)
		return;
	sqlite3_reset(q->statement);
	sqlite3_clear_bindings(q->statement);
}

bool catalog_run(struct catalog *c, enum sql_statement statement, struct fault *f, const char *types, ...)
{
	va_list values;
	va_start(values, types);
	struct catalog_query *q = prepare(c, statement, f, types, values);
	va_end(values);
	int row = q != NULL ? 1 : -1;
	while (row > 0)
		row = catalog_next(q, f);
	catalog_end(q);
	return row == 0;
}

bool catalog_begin(struct catalog *c, struct fault *f)
{
	return catalog_run(c, STATEMENT_BEGIN, f, "");
}

bool catalog_begin_lasting(struct catalog *c, struct fault *f)
{
	/* It takes effect when it is compiled: it cannot be kept prepared. */
	if (!exec(c, sql_statements[STATEMENT_SETUP_LASTING], f))
		return false;
	c->lasting = true;
	return catalog_begin(c, f) || catalog_finish(c, false, NULL);
}

bool catalog_finish(struct catalog *c, bool ok, struct fault *f)
{
	ok = ok && catalog_run(c, STATEMENT_COMMIT, f, "");
	/* SQLite may have rolled back by itself, on a full disk for one. */
	if (!ok && sqlite3_get_autocommit(c->db) == 0)
		(void)!catalog_run(c, STATEMENT_ROLLBACK, NULL, "");
	if (c->lasting)
		sqlite3_exec(c->db, sql_statements[STATEMENT_SETUP_WRITER], NULL, NULL, NULL);
	c->lasting = false;
	return ok;
}
