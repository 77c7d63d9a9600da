/* config_print: the effective configuration in its own syntax, so that what is printed can be read back. Pure. */
#include "config_internal.h"

#include "pattern.h"

#include <inttypes.h>
#include <string.h>

static void print_quoted(FILE *out, const char *text)
{
	fputc('"', out);
	for (; *text != '\0'; text++) {
		if (*text == '"' || *text == '\\' || *text == '$')
			fputc('\\', out);
		fputc(*text, out);
	}
	fputc('"', out);
}

static void print_text(FILE *out, const char *indent, const char *key, const char *value)
{
	fprintf(out, "%s%s = ", indent, key);
	print_quoted(out, value);
	fputc('\n', out);
}

static void print_bool(FILE *out, const char *indent, const char *key, bool value)
{
	fprintf(out, "%s%s = %s\n", indent, key, value ? "true" : "false");
}

static void print_number(FILE *out, const char *indent, const char *key, int64_t value, const char *unit)
{
	if (*unit != '\0')
		fprintf(out, "%s%s = \"%" PRId64 "%s\"\n", indent, key, value, unit);
	else
		fprintf(out, "%s%s = %" PRId64 "\n", indent, key, value);
}

static void print_list(FILE *out, const char *indent, const char *key, const struct config_list *list)
{
	fprintf(out, "%s%s = {", indent, key);
	for (size_t i = 0; i < list->count; i++) {
		fputs(i > 0 ? ", " : "", out);
		print_quoted(out, list->items[i]);
	}
	fputs("}\n", out);
}

static void print_keys(FILE *out, const struct minisign_keys *keys)
{
	char text[MINISIGN_KEY_TEXT_CAP];
	minisign_key_text(&keys->now, text);
	print_text(out, "  ", "public_key", text);
	fputs("  old_public_keys = {", out);
	for (size_t i = 0; i < keys->old_count; i++) {
		minisign_key_text(&keys->old[i], text);
		fprintf(out, "%s\"%s\"", i > 0 ? ", " : "", text);
	}
	fputs("}\n", out);
}

static const char *require_name(enum config_require require)
{
	static const char *const names[] = {"tls", "digest", "signed"};
	return names[require];
}

static void print_root(const struct config *c, FILE *out)
{
	static const char *const offloads[] = {"none", "x-sendfile", "x-accel-redirect", "local-redirect"};
	print_text(out, "", "base_url", c->base_url);
	print_text(out, "", "state_dir", c->state_dir);
	print_text(out, "", "offload", offloads[c->offload]);
	print_number(out, "", "max_fetches", c->max_fetches, "");
	print_number(out, "", "fetch_linger", c->fetch_linger_sec, "s");
	print_number(out, "", "stall_timeout", c->stall_timeout_sec, "s");
	print_number(out, "", "miss_limit", c->miss_limit, "");
	print_bool(out, "", "maintenance", c->maintenance);
	print_bool(out, "", "offline", c->offline);
	print_bool(out, "", "verify_before_send", c->verify_before_send);
	print_number(out, "", "max_file_size", c->max_file_bytes, "");
	print_text(out, "", "ca_file", c->ca_file);
	print_bool(out, "", "allow_private_upstreams", c->allow_private_upstreams);
	print_bool(out, "", "allow_http_upstreams", c->allow_http_upstreams);
	print_text(out, "", "signing_key", c->signing_key);
	print_text(out, "", "provenance_access", c->provenance_open ? "open" : "local");
	print_text(out, "", "status_access", c->status_open ? "open" : "local");
}

static void print_toolchains(const struct config_toolchains *t, FILE *out)
{
	fputs("\ntoolchains {\n", out);
	print_text(out, "  ", "prefix", *t->prefix != '\0' ? t->prefix : "/");
	print_text(out, "  ", "upstream", t->upstream);
	print_list(out, "  ", "fallbacks", &t->fallbacks);
	print_keys(out, &t->keys);
	print_text(out, "  ", "nominated_index", t->nominated_index);
	print_number(out, "  ", "index_ttl", t->index_ttl_sec, "s");
	print_text(out, "  ", "require", require_name(t->require));
	fputs("}\n", out);
}

static void print_warmer(const struct config_warmer *w, FILE *out)
{
	static const char *const names[] = {"stable", "nominated", "dev"};
	const char *comma = "";
	fputs("\nwarmer {\n", out);
	print_number(out, "  ", "connections", w->connections, "");
	print_number(out, "  ", "bandwidth", w->bandwidth_bytes, "");
	fputs("  classes = {", out);
	for (unsigned i = 0; i < 3; i++) {
		if (!(w->classes & 1U << i))
			continue;
		fprintf(out, "%s\"%s\"", comma, names[i]);
		comma = ", ";
	}
	fputs("}\n", out);
	print_text(out, "  ", "since", w->since);
	print_bool(out, "  ", "complete_versions", w->complete_versions);
	print_number(out, "  ", "dev_keep_days", w->dev_keep_days, "");
	print_number(out, "  ", "max_bytes", w->max_bytes, "");
	print_list(out, "  ", "access_logs", &w->access_logs);
	fputs("}\n", out);
}

static void print_site(const struct config_site *s, FILE *out)
{
	fputs("\nsite {\n", out);
	print_text(out, "  ", "name", s->name);
	print_text(out, "  ", "text", s->text);
	print_text(out, "  ", "contact", s->contact);
	print_text(out, "  ", "logo", s->logo);
	print_text(out, "  ", "templates", s->templates);
	fputs("}\n", out);
}

/* Values that a path of the rule could have; owner and repo are made of the first pattern that allows any. */
static void sample(const struct config_rule *rule, struct pattern_values *v)
{
	static const char *const standard[PATTERN_FIELDS] = {
	    "owner", "repo", "0123456789abcdef0123456789abcdef01234567", "1.0.0", "file.tar.gz"};
	for (int i = 0; i < PATTERN_FIELDS; i++)
		snprintf(v->text[i], sizeof v->text[i], "%s", standard[i]);
	if (rule->allow.count == 0)
		return;
	bool owner = strstr(rule->path, "{owner}") != NULL;
	const char *allow = rule->allow.items[0], *slash = strchr(allow, '/');
	const char *repo = slash != NULL ? slash + 1 : allow;
	size_t len = slash != NULL ? (size_t)(slash - allow) : strlen(allow);
	if (owner && pattern_value_ok(PATTERN_OWNER, allow, len))
		snprintf(v->text[PATTERN_OWNER], sizeof v->text[0], "%.*s", (int)len, allow);
	if ((slash != NULL || !owner) && pattern_value_ok(PATTERN_REPO, repo, strlen(repo)))
		snprintf(v->text[PATTERN_REPO], sizeof v->text[0], "%s", repo);
}

bool config_rule_example(const struct config_rule *rule, char *out, size_t cap)
{
	struct pattern_values values;
	sample(rule, &values);
	return pattern_expand(rule->path, &values, out, cap);
}

static void print_rule(const struct config *c, const struct config_rule *rule, FILE *out)
{
	struct pattern_values values;
	char path[2048], url[2048];
	fprintf(out, "\n%s ", config_kind_name(rule->kind));
	print_quoted(out, rule->name);
	fputs(" {\n", out);
	sample(rule, &values);
	if (pattern_expand(rule->path, &values, path, sizeof path) &&
	    pattern_expand(rule->upstream, &values, url, sizeof url))
		fprintf(out, "  # %s%s\n  #   is %s\n", c->base_url, path, url);
	print_text(out, "  ", "path", rule->path);
	print_text(out, "  ", "upstream", rule->upstream);
	print_list(out, "  ", "redirects", &rule->redirects);
	print_list(out, "  ", "allow", &rule->allow);
	if (rule->has_key)
		print_keys(out, &rule->keys);
	else
		print_text(out, "  ", "public_key", "");
	print_text(out, "  ", "require", require_name(rule->require));
	print_text(out, "  ", "token_file", rule->token_file);
	fputs("}\n", out);
}

bool config_print(const struct config *c, FILE *out)
{
	print_root(c, out);
	print_toolchains(&c->toolchains, out);
	for (size_t i = 0; i < c->rule_count; i++)
		print_rule(c, &c->rules[i], out);
	print_warmer(&c->warmer, out);
	print_site(&c->site, out);
	return fflush(out) == 0 && !ferror(out);
}
