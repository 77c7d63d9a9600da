/* config: see config.h. This file reads the text with libConfuse; config_fill.c makes struct config of what it found.
 *
 * libConfuse gets every value as text, so that our own parsers say what is wrong. Its callbacks have no argument of
 * ours and nothing here is global: the line of a value is kept in the value's `comment`, which libConfuse frees, and
 * the first message of libConfuse itself in the section's. */
#include "config.h"
#include "config_internal.h"

#include <confuse.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef PKGMIRROR_SYSCONFDIR
#define PKGMIRROR_SYSCONFDIR "/etc"
#endif

/* A key and the text of its default value; NULL: a list. */
struct key {
	const char *name, *value;
};

static const struct key ROOT_KEYS[] = {{"base_url", ""}, {"state_dir", "/var/lib/pkgmirror"}, {"offload", "x-sendfile"},
    {"max_fetches", "8"}, {"fetch_linger", "60s"}, {"stall_timeout", "30s"}, {"miss_limit", "60"},
    {"maintenance", "false"}, {"offline", "false"}, {"verify_before_send", "false"}, {"max_file_size", "2G"},
    {"ca_file", ""}, {"allow_private_upstreams", "false"}, {"allow_http_upstreams", "false"}, {"signing_key", ""},
    {"provenance_access", "local"}, {"status_access", "local"}};

static const struct key TOOLCHAINS_KEYS[] = {{"prefix", "/zig"}, {"upstream", "https://ziglang.org"},
    {"fallbacks", NULL}, {"public_key", "RWSGOq2NVecA2UPNdBUZykf1CCb147pkmdtYxgb3Ti+JO/wCYvhbAb/U"},
    {"old_public_keys", NULL}, {"nominated_index", "https://pkg.hexops.org/zig/index.json"}, {"index_ttl", "15m"},
    {"require", "digest"}};

static const struct key RULE_KEYS[] = {{"path", ""}, {"upstream", ""}, {"redirects", NULL}, {"allow", NULL},
    {"public_key", ""}, {"old_public_keys", NULL}, {"require", ""}, {"token_file", ""}};

static const struct key WARMER_KEYS[] = {{"connections", "4"}, {"bandwidth", "0"}, {"classes", NULL},
    {"since", "0.6.0"}, {"complete_versions", "true"}, {"dev_keep_days", "90"}, {"max_bytes", "0"},
    {"access_logs", NULL}};

static const struct key SITE_KEYS[] = {{"name", ""}, {"text", ""}, {"contact", ""}, {"logo", ""}, {"templates", ""}};

#define KEYS(array) array, sizeof(array) / sizeof(array)[0]
enum { OPTIONS_MAX = 32 };

/* --- what libConfuse calls while it parses -------------------------------------------------------------------------
 */

/* Keeps the first message of libConfuse, with its line, in the section: "!LINE TEXT". */
__attribute__((format(printf, 2, 0))) static void keep_error(cfg_t *cfg, const char *format, va_list ap)
{
	char text[200], line[240];
	if (cfg->comment != NULL && cfg->comment[0] == '!')
		return;
	if (strcmp(format, "no such option '%s'") == 0) {
		snprintf(text, sizeof text, "%.100s: unknown key", va_arg(ap, const char *));
	} else if (strcmp(format, "found duplicate title '%s'") == 0) {
		snprintf(text, sizeof text, "%.100s: a rule has this name already", va_arg(ap, const char *));
	} else if (strcmp(format, "missing equal sign after option '%s'") == 0) {
		snprintf(text, sizeof text, "%.100s: the = is missing", va_arg(ap, const char *));
	} else {
		int n = snprintf(text, sizeof text, "syntax: ");
		vsnprintf(text + n, sizeof text - (size_t)n, format, ap);
	}
	snprintf(line, sizeof line, "!%d %s", cfg->line, text);
	free(cfg->comment);
	cfg->comment = strdup(line);
}

/* Keeps the line of a value: "LINE CALLS". A list calls once a value and once at its end, so that more calls than that
 * are a second assignment, which libConfuse would take silently. */
static int remember_line(cfg_t *cfg, cfg_opt_t *opt)
{
	char text[40], *calls_text = NULL;
	unsigned long calls = 0;
	long line = cfg->line;
	if (opt->comment != NULL) {
		line = strtol(opt->comment, &calls_text, 10);
		calls = strtoul(calls_text, NULL, 10);
	}
	if (calls > ((opt->flags & CFGF_LIST) ? opt->nvalues : 0)) {
		cfg_error(cfg, "%s is given twice", opt->name);
		return -1;
	}
	snprintf(text, sizeof text, "%ld %lu", line, calls + 1);
	free(opt->comment);
	opt->comment = strdup(text);
	return opt->comment != NULL ? 0 : -1;
}

/* The key `path` of a rule has a default that libConfuse must parse: that happens when the section begins, and is the
 * only moment at which its first line is known. */
static int remember_rule_line(cfg_t *cfg, cfg_opt_t *opt)
{
	char text[24];
	if (cfg->comment != NULL)
		return remember_line(cfg, opt);
	snprintf(text, sizeof text, "%d", cfg->line);
	cfg->comment = strdup(text);
	return cfg->comment != NULL ? 0 : -1;
}

/* --- parsing -------------------------------------------------------------------------------------------------------
 */

static size_t add_keys(cfg_opt_t *out, const struct key *keys, size_t count)
{
	for (size_t i = 0; i < count; i++)
		out[i] = (cfg_opt_t){.name = keys[i].name,
		    .type = CFGT_STR,
		    .flags = keys[i].value == NULL ? CFGF_LIST : CFGF_NONE,
		    .def = {.string = keys[i].value},
		    .validcb = remember_line};
	return count;
}

/* Parses clean text. NULL when memory is short; errors are in the sections' comments, *ok tells. libConfuse goes on
 * without what it had no memory for, and tells only by errno; what is left of it then is not safe to walk over, to free
 * it neither. */
static cfg_t *parse(char *text, size_t len, bool *ok)
{
	cfg_opt_t root[OPTIONS_MAX] = {0}, toolchains[OPTIONS_MAX] = {0}, rule[OPTIONS_MAX] = {0};
	cfg_opt_t warmer[OPTIONS_MAX] = {0}, site[OPTIONS_MAX] = {0};
	char empty[] = "''";
	size_t n = add_keys(root, KEYS(ROOT_KEYS));
	add_keys(toolchains, KEYS(TOOLCHAINS_KEYS));
	add_keys(rule, KEYS(RULE_KEYS));
	add_keys(warmer, KEYS(WARMER_KEYS));
	add_keys(site, KEYS(SITE_KEYS));
	rule[0].def = (cfg_defvalue_t){.parsed = empty};
	rule[0].validcb = remember_rule_line;
	const int many = CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES;
	root[n++] =
	    (cfg_opt_t){.name = "toolchains", .type = CFGT_SEC, .subopts = toolchains, .validcb = remember_line};
	root[n++] = (cfg_opt_t){.name = "warmer", .type = CFGT_SEC, .subopts = warmer, .validcb = remember_line};
	root[n++] = (cfg_opt_t){.name = "site", .type = CFGT_SEC, .subopts = site, .validcb = remember_line};
	root[n++] = (cfg_opt_t){.name = "package", .type = CFGT_SEC, .flags = many, .subopts = rule};
	root[n++] = (cfg_opt_t){.name = "artifact", .type = CFGT_SEC, .flags = many, .subopts = rule};

	errno = 0;
	cfg_t *cfg = cfg_init(root, CFGF_NONE);
	if (errno == ENOMEM)
		return NULL;
	FILE *in = fmemopen(text, len, "r");
	if (cfg != NULL && in != NULL) {
		cfg_set_error_function(cfg, keep_error);
		*ok = cfg_parse_fp(cfg, in) == CFG_SUCCESS;
	} else if (cfg != NULL) {
		cfg_free(cfg);
		cfg = NULL;
	}
	if (in != NULL)
		fclose(in);
	return errno == ENOMEM ? NULL : cfg;
}

/* The message that keep_error left in this section or those below it, NULL when there is none. */
static const char *find_error(const cfg_t *cfg)
{
	if (cfg->comment != NULL && cfg->comment[0] == '!')
		return cfg->comment + 1;
	for (const cfg_opt_t *o = cfg->opts; o->name != NULL; o++) {
		for (unsigned i = 0; o->type == CFGT_SEC && i < o->nvalues; i++) {
			const char *found = find_error(o->values[i]->section);
			if (found != NULL)
				return found;
		}
	}
	return NULL;
}

/* --- what was found ------------------------------------------------------------------------------------------------
 */

static cfg_opt_t *option(const struct reader *r, const char *key)
{
	return cfg_getopt(r->section, key);
}

int reader_line(const struct reader *r, const char *key)
{
	const char *at = option(r, key)->comment != NULL ? option(r, key)->comment : r->section->comment;
	return at != NULL ? (int)strtol(at, NULL, 10) : 1;
}

const char *reader_text(const struct reader *r, const char *key)
{
	const char *text = cfg_opt_getnstr(option(r, key), 0);
	return text != NULL ? text : "";
}

bool reader_given(const struct reader *r, const char *key)
{
	return (option(r, key)->flags & CFGF_MODIFIED) != 0;
}

const char *reader_item(const struct reader *r, const char *key, size_t i)
{
	const cfg_opt_t *o = option(r, key);
	return i < o->nvalues ? o->values[i]->string : NULL;
}

size_t reader_count(const struct reader *r, const char *name)
{
	return cfg_opt_size(option(r, name));
}

struct reader reader_enter(const struct reader *r, const char *name, size_t i)
{
	struct reader below = *r;
	below.section = cfg_opt_getnsec(option(r, name), (unsigned)i);
	return below;
}

const char *reader_title(const struct reader *r)
{
	return cfg_title(r->section);
}

int reader_section_line(const struct reader *r)
{
	return r->section->comment != NULL ? (int)strtol(r->section->comment, NULL, 10) : 1;
}

/* --- the doors -----------------------------------------------------------------------------------------------------
 */

const char *config_path(const char *option)
{
	const char *named = getenv("PKGMIRROR_CONFIG");
	if (option != NULL)
		return option;
	return named != NULL && *named != '\0' ? named : PKGMIRROR_SYSCONFDIR "/pkgmirror.conf";
}

/* Fills *c from clean text. */
static bool parse_into(struct config *c, char *text, size_t len, const char *name, struct fault *f)
{
	bool parsed = false, ok = false;
	cfg_t *cfg = parse(text, len, &parsed);
	if (cfg == NULL)
		return fault_set(f, FAULT_SYSTEM, "%s: out of memory", name);
	if (parsed) {
		const struct reader root = {.name = name, .section = cfg, .config = c, .fault = f};
		ok = config_fill(&root);
	} else {
		const char *error = find_error(cfg);
		char *message = NULL;
		int line = error != NULL ? (int)strtol(error, &message, 10) : cfg->line;
		fault_set(f, FAULT_CONFIG, "%s:%d: %s", name, line, message != NULL ? message + 1 : "syntax: error");
	}
	cfg_free(cfg);
	return ok;
}

struct config *config_parse(const char *text, size_t len, const char *name, struct fault *f)
{
	struct config *c = NULL;
	struct reason why = {0};
	int line = 0;
	bool ok = false;
	char *copy = NULL;

	if (len > CONFIG_BYTES_MAX) {
		fault_set(f, FAULT_CONFIG, "%s: larger than 1 MiB", name);
		return NULL;
	}
	copy = malloc(len + 2);
	c = calloc(1, sizeof *c);
	if (copy == NULL || c == NULL || (c->file = strdup(name)) == NULL) {
		fault_set(f, FAULT_SYSTEM, "%s: out of memory", name);
		goto out;
	}
	memcpy(copy, text, len);
	/* The lexer echoes a lone backslash at the end of its input; none is there behind a line feed. */
	memcpy(copy + len, "\n", 2);
	if (!config_text_clean(copy, len + 1, &line, &why)) {
		fault_set(f, FAULT_CONFIG, "%s:%d: %s", name, line, why.text);
		goto out;
	}
	ok = parse_into(c, copy, len + 1, name, f);
out:
	free(copy);
	if (!ok) {
		config_free(c);
		c = NULL;
	}
	return c;
}

struct config *config_load(const char *path, struct fault *f)
{
	struct config *c = NULL;
	size_t len = 0;
	ssize_t n = 0;
	char *text = malloc(CONFIG_BYTES_MAX + 1);
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (text == NULL) {
		fault_set(f, FAULT_SYSTEM, "%s: out of memory", path);
		goto out;
	}
	while (fd >= 0 && len <= CONFIG_BYTES_MAX) {
		n = read(fd, text + len, CONFIG_BYTES_MAX + 1 - len);
		if (n == 0 || (n < 0 && errno != EINTR))
			break;
		len += n > 0 ? (size_t)n : 0;
	}
	if (fd < 0 || n < 0)
		fault_errno(f, FAULT_CONFIG, errno, "%s: cannot be read", path);
	else
		c = config_parse(text, len, path, f);
out:
	free(text);
	if (fd >= 0)
		close(fd);
	return c;
}
