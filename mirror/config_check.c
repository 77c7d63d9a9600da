/* config_check: what a value, a rule and two rules may be. Pure, but for access(2) on files that must be readable. */
#include "config_internal.h"

#include "pattern.h"
#include "url.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static bool is_alnum(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

const char *config_kind_name(enum config_rule_kind kind)
{
	return kind == RULE_PACKAGE ? "package" : "artifact";
}

/* A path of literal segments: "" or "/a/b". */
static bool check_segments(const char *path, struct reason *why)
{
	unsigned fields = 0;
	char text[PATTERN_REASON_CAP];
	if (*path == '\0')
		return true;
	if (!pattern_check_path(path, &fields, text))
		return reason_set(why, "%s", text);
	if (fields != 0)
		return reason_set(why, "placeholders have no place here");
	return true;
}

static void strip_slash(char *text)
{
	size_t n = strlen(text);
	if (n > 0 && text[n - 1] == '/')
		text[n - 1] = '\0';
}

bool config_check_base_url(char *url, struct reason *why)
{
	struct url u;
	struct reason path = {0};
	const char *wrong = url_parse(url, &u);
	if (wrong != NULL)
		return reason_set(why, "%s", wrong);
	if (*u.query != '\0')
		return reason_set(why, "a URL with a query");
	strip_slash(url);
	if (strlen(url) > 200)
		return reason_set(why, "longer than 200 bytes");
	if (!check_segments(u.path, &path))
		return reason_set(why, "its path %s", path.text);
	return true;
}

bool config_check_upstream(char *url, bool allow_http, struct reason *why)
{
	struct url u;
	const char *wrong = url_parse(url, &u);
	if (wrong != NULL)
		return reason_set(why, "%s", wrong);
	if (!u.tls && !allow_http)
		return reason_set(why, "an upstream without TLS needs allow_http_upstreams = true");
	if (*u.query != '\0' || strpbrk(url, "{}") != NULL)
		return reason_set(why, "a URL with a query or a placeholder");
	if (strlen(url) > PATTERN_CAP)
		return reason_set(why, "longer than 512 bytes");
	/* All of them: what is printed is read back as the same. */
	while (url[strlen(url) - 1] == '/')
		strip_slash(url);
	return true;
}

bool config_check_prefix(char *prefix, struct reason *why)
{
	if (prefix[0] != '/')
		return reason_set(why, "does not begin with a slash");
	strip_slash(prefix);
	if (strlen(prefix) > 200)
		return reason_set(why, "longer than 200 bytes");
	if (strcmp(prefix, "/-") == 0 || strncmp(prefix, "/-/", 3) == 0)
		return reason_set(why, "/-/ is the mirror's own");
	return check_segments(prefix, why);
}

static bool check_absolute(const char *path, struct reason *why)
{
	if (path[0] != '/')
		return reason_set(why, "not an absolute path");
	for (const char *p = path; *p == '/';) {
		size_t n = strcspn(++p, "/");
		if ((n == 0 && *p != '\0') || (n == 1 && p[0] == '.') || (n == 2 && p[0] == '.' && p[1] == '.'))
			return reason_set(why, "has an empty segment or one of dots");
		p += n;
	}
	return true;
}

bool config_check_state_dir(char *path, struct reason *why)
{
	if (!check_absolute(path, why))
		return false;
	strip_slash(path);
	if (*path == '\0')
		return reason_set(why, "the root folder is no place for it");
	if (strlen(path) > CONFIG_STATE_DIR_MAX)
		return reason_set(why, "longer than %d bytes (a socket's name must fit)", CONFIG_STATE_DIR_MAX);
	if (strpbrk(path, " \"'%\\") != NULL)
		return reason_set(why, "has a space, a quote, a percent sign or a backslash");
	return true;
}

bool config_check_file(const char *path, bool readable, struct reason *why)
{
	if (*path == '\0')
		return true;
	if (!check_absolute(path, why))
		return false;
	struct fault f;
	if (!readable || access(path, R_OK) == 0)
		return true;
	fault_errno(&f, FAULT_CONFIG, errno, "cannot be read");
	return reason_set(why, "%s", f.text);
}

bool config_check_rule_name(const char *name, struct reason *why)
{
	size_t n = strlen(name);
	if (n == 0 || n > 64 || name[0] == '.' || name[0] == '-')
		return reason_set(why, "a rule's name has 1 to 64 characters and begins with a letter or digit");
	for (const char *p = name; *p != '\0'; p++)
		if (!is_alnum(*p) && strchr("._-", *p) == NULL)
			return reason_set(why, "a rule's name is of [A-Za-z0-9._-]");
	return true;
}

bool config_check_redirect(const char *host, struct reason *why)
{
	struct url u;
	char url[300];
	int n = snprintf(url, sizeof url, "https://%s", host);
	if (n < 0 || (size_t)n >= sizeof url || url_parse(url, &u) != NULL || u.authority_len != strlen(host) ||
	    u.host_len + (host[0] == '[' ? 2 : 0) != u.authority_len)
		return reason_set(why, "not a host name (no scheme, no port, no pattern)");
	return true;
}

bool config_check_rule_upstream(const struct config *c, const struct config_rule *rule, struct reason *why)
{
	struct url u;
	unsigned used = 0, given = 0;
	char text[PATTERN_REASON_CAP];
	const char *wrong = url_parse(rule->upstream, &u);
	if (wrong != NULL)
		return reason_set(why, "%s", wrong);
	if (*u.path == '\0')
		return reason_set(why, "a URL without a path");
	if (!u.tls && !c->allow_http_upstreams)
		return reason_set(why, "an upstream without TLS needs allow_http_upstreams = true");
	if (!pattern_check_template(rule->upstream, &used, text) || !pattern_check_path(rule->path, &given, text))
		return reason_set(why, "%s", text);
	for (int i = 0; i < PATTERN_FIELDS; i++)
		if ((used & ~given) & 1U << i)
			return reason_set(why, "{%s} is not in path", pattern_field_name((enum pattern_field)i));
	if (url_is_below(rule->upstream, c->base_url))
		return reason_set(why, "this mirror itself");
	return true;
}

bool config_check_rule_allow(const struct config_rule *rule, struct reason *why)
{
	bool owner = strstr(rule->path, "{owner}") != NULL, repo = strstr(rule->path, "{repo}") != NULL;
	const char *subject = owner && repo ? "owner/repo" : owner ? "owner" : "repo";
	if (!owner && !repo) {
		if (rule->allow.count > 0)
			return reason_set(why, "path has neither {owner} nor {repo}");
		return true;
	}
	if (rule->allow.count == 0)
		return reason_set(why, "a path with {owner} or {repo} needs patterns of what is allowed");
	for (size_t i = 0; i < rule->allow.count; i++) {
		const char *slash = strchr(rule->allow.items[i], '/');
		if (*rule->allow.items[i] == '\0' || (slash != NULL) != (owner && repo) ||
		    (slash != NULL && strchr(slash + 1, '/') != NULL))
			return reason_set(why, "\"%s\" is no pattern on %s", rule->allow.items[i], subject);
	}
	return true;
}

/* The second path of a rule with a key: its signatures. False when it has none. */
static bool signature_path(const struct config_rule *rule, char out[PATTERN_CAP + 16])
{
	snprintf(out, PATTERN_CAP + 16, "%s.minisig", rule->path);
	return rule->has_key;
}

static enum pattern_overlap rule_overlap(const struct config_rule *rule, const char *other)
{
	char signature[PATTERN_CAP + 16];
	enum pattern_overlap o = pattern_overlap(rule->path, other);
	if (o == PATTERN_NO_OVERLAP && signature_path(rule, signature))
		o = pattern_overlap(signature, other);
	return o;
}

bool config_check_rule_path(const struct config *c, const struct config_rule *rule, struct reason *why)
{
	/* "zig-{file}" and "{version}" stand for more than toolchain names and versions, never for less. Where files
	 * are kept under such a path (the others are aliases and documents) a path of the rule must not be their folder
	 * either; that no toolchain file is a folder is route's business. */
	static const struct {
		bool prefixed, kept;
		const char *pattern, *what;
	} own[] = {{true, true, "/zig-{file}", "toolchain files"},
	    {true, false, "/{version}/zig-{file}", "toolchain files"}, {true, false, "/index.json", "the index"},
	    {true, false, "/community-mirrors.txt", "the list of mirrors"},
	    {false, false, "/builds/zig-{file}", "toolchain files"},
	    {false, false, "/download/{version}/zig-{file}", "toolchain files"},
	    {false, false, "/download/index.json", "the index"},
	    {false, false, "/download/community-mirrors.txt", "the list of mirrors"}};
	unsigned fields = 0;
	char text[PATTERN_CAP];
	if (!pattern_check_path(rule->path, &fields, text))
		return reason_set(why, "%s", text);
	if (strncmp(rule->path, "/-/", 3) == 0 || strcmp(rule->path, "/-") == 0)
		return reason_set(why, "/-/ is the mirror's own");
	for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
		snprintf(text, sizeof text, "%s%s", own[i].prefixed ? c->toolchains.prefix : "", own[i].pattern);
		enum pattern_overlap o = rule_overlap(rule, text);
		if (o == PATTERN_SAME_PATH || (o == PATTERN_FIRST_FOLDER && own[i].kept))
			return reason_set(why, "%s \"%s\" can match a path of %s (%s)", config_kind_name(rule->kind),
			    rule->name, own[i].what, text);
	}
	return true;
}

bool config_check_rule_pair(const struct config_rule *a, const struct config_rule *b, struct reason *why)
{
	char signature[PATTERN_CAP + 16];
	enum pattern_overlap o = rule_overlap(a, b->path);
	if (o == PATTERN_NO_OVERLAP && signature_path(b, signature))
		o = rule_overlap(a, signature);
	if (o == PATTERN_NO_OVERLAP)
		return true;
	return reason_set(why, "%s \"%s\" (line %d) and %s \"%s\" (line %d) can match %s", config_kind_name(a->kind),
	    a->name, a->line, config_kind_name(b->kind), b->name, b->line,
	    o == PATTERN_SAME_PATH ? "the same path" : "a file and a folder of the same name");
}

const char *config_logo_type(const char *file)
{
	static const char *const TYPES[][2] = {
	    {".svg", "image/svg+xml"}, {".png", "image/png"}, {".webp", "image/webp"}};
	size_t len = strlen(file);
	for (size_t i = 0; i < sizeof TYPES / sizeof TYPES[0]; i++) {
		size_t n = strlen(TYPES[i][0]);
		if (len > n && strcmp(file + len - n, TYPES[i][0]) == 0)
			return TYPES[i][1];
	}
	return NULL;
}
