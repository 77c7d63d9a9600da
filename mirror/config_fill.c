/* config_fill: struct config from what libConfuse found, value by value. The first thing that is wrong ends it. */
#include "config_internal.h"

#include "url.h"
#include "zigfile.h"

#include <stdlib.h>
#include <string.h>

/* --- the sections --------------------------------------------------------------------------------------------------
 */

static bool fill_base(const struct reader *r, struct config *c)
{
	struct reason why = {0};
	if (!value_string(r, "base_url", &c->base_url))
		return false;
	if (*c->base_url == '\0')
		return value_wrong_text(r, "base_url", "is required, such as \"https://pkg.example.org\"");
	if (!config_check_base_url(c->base_url, &why))
		return value_wrong(r, "base_url", &why);
	const char *path = strchr(strstr(c->base_url, "://") + 3, '/');
	c->mount = strdup(path != NULL ? path : "");
	return c->mount != NULL || value_out_of_memory(r);
}

static bool fill_root(const struct reader *r, struct config *c)
{
	static const char *const offloads[] = {"none", "x-sendfile", "x-accel-redirect", "local-redirect", NULL};
	static const char *const access[] = {"local", "open", NULL};
	struct reason why = {0};
	int offload = 0, open = 0, provenance = 0;
	if (!fill_base(r, c) || !value_string(r, "state_dir", &c->state_dir))
		return false;
	if (!config_check_state_dir(c->state_dir, &why))
		return value_wrong(r, "state_dir", &why);
	if (!value_word(r, "offload", offloads, &offload))
		return false;
	c->offload = (enum config_offload)offload;
	if (!value_int(r, "max_fetches", 1, 256, &c->max_fetches) ||
	    !value_time(r, "fetch_linger", 0, 86400, &c->fetch_linger_sec) ||
	    !value_time(r, "stall_timeout", 1, 3600, &c->stall_timeout_sec) ||
	    !value_int(r, "miss_limit", 0, 1000000, &c->miss_limit) || !value_bool(r, "maintenance", &c->maintenance) ||
	    !value_bool(r, "offline", &c->offline) || !value_bool(r, "verify_before_send", &c->verify_before_send) ||
	    !value_size(r, "max_file_size", 1, &c->max_file_bytes) || !value_string(r, "ca_file", &c->ca_file) ||
	    !value_bool(r, "allow_private_upstreams", &c->allow_private_upstreams) ||
	    !value_bool(r, "allow_http_upstreams", &c->allow_http_upstreams) ||
	    !value_word(r, "status_access", access, &open) ||
	    !value_word(r, "provenance_access", access, &provenance) ||
	    !value_string(r, "signing_key", &c->signing_key))
		return false;
	c->status_open = open != 0;
	c->provenance_open = provenance != 0;
	/* Only the responder reads it, and programs of other users must not fail for that. */
	if (!config_check_file(c->signing_key, false, &why))
		return value_wrong(r, "signing_key", &why);
	return config_check_file(c->ca_file, true, &why) || value_wrong(r, "ca_file", &why);
}

static bool fill_toolchains(const struct reader *r, struct config_toolchains *t)
{
	static const char *const standard[] = {"https://pkg.hexops.org/zig", NULL};
	struct reason why = {0};
	if (!value_string(r, "prefix", &t->prefix))
		return false;
	if (!config_check_prefix(t->prefix, &why))
		return value_wrong(r, "prefix", &why);
	if (!value_upstream(r, "upstream", &t->upstream) || !value_list(r, "fallbacks", standard, &t->fallbacks))
		return false;
	for (size_t i = 0; i < t->fallbacks.count; i++) {
		char *url = t->fallbacks.items[i];
		if (strcmp(url, "community") == 0)
			continue;
		if (!config_check_upstream(url, r->config->allow_http_upstreams, &why))
			return value_wrong(r, "fallbacks", &why);
		if (url_is_below(url, r->config->base_url))
			return value_wrong_text(r, "fallbacks", "this mirror itself");
	}
	if (!value_keys(r, &t->keys))
		return false;
	if (*reader_text(r, "nominated_index") == '\0') {
		t->nominated_index = strdup("");
		if (t->nominated_index == NULL)
			return value_out_of_memory(r);
	} else if (!value_upstream(r, "nominated_index", &t->nominated_index)) {
		return false;
	}
	return value_time(r, "index_ttl", 1, 30 * 86400, &t->index_ttl_sec) && value_require(r, &t->require);
}

static bool fill_warmer(const struct reader *r, struct config_warmer *w)
{
	static const char *const standard[] = {"stable", "nominated", NULL};
	static const char *const names[] = {"stable", "nominated", "dev"};
	struct zigfile_version since;
	struct config_list classes = {0};
	bool ok = value_list(r, "classes", standard, &classes);
	for (size_t i = 0; ok && i < classes.count; i++) {
		unsigned bit = 0;
		for (unsigned k = 0; k < 3; k++)
			if (strcmp(classes.items[i], names[k]) == 0)
				bit = 1U << k;
		w->classes |= bit;
		ok = bit != 0 || value_wrong_text(r, "classes", "not of stable, nominated, dev");
	}
	config_list_free(&classes);
	if (!ok || !value_string(r, "since", &w->since))
		return false;
	if (*w->since != '\0' && !zigfile_version_parse(w->since, strlen(w->since), &since))
		return value_wrong_text(r, "since", "not a Zig version, such as \"0.11.0\"");
	if (!value_list(r, "access_logs", NULL, &w->access_logs))
		return false;
	for (size_t i = 0; i < w->access_logs.count; i++)
		if (*w->access_logs.items[i] != '/')
			return value_wrong_text(r, "access_logs", "not an absolute path");
	return value_int(r, "connections", 1, 64, &w->connections) &&
	       value_size(r, "bandwidth", 0, &w->bandwidth_bytes) &&
	       value_bool(r, "complete_versions", &w->complete_versions) &&
	       value_int(r, "dev_keep_days", 0, 36500, &w->dev_keep_days) &&
	       value_size(r, "max_bytes", 0, &w->max_bytes);
}

static bool fill_site(const struct reader *r, struct config_site *s)
{
	struct reason why = {0};
	if (!value_string(r, "name", &s->name) || !value_string(r, "text", &s->text) ||
	    !value_string(r, "contact", &s->contact) || !value_string(r, "logo", &s->logo) ||
	    !value_string(r, "templates", &s->templates))
		return false;
	if (*s->contact != '\0' && strncmp(s->contact, "https://", 8) != 0 && strncmp(s->contact, "mailto:", 7) != 0)
		return value_wrong_text(r, "contact", "is neither an https nor a mailto URL");
	if (*s->logo != '\0' && config_logo_type(s->logo) == NULL)
		return value_wrong_text(r, "logo", "is no .svg, .png or .webp file");
	if (!config_check_file(s->logo, true, &why))
		return value_wrong(r, "logo", &why);
	return config_check_file(s->templates, true, &why) || value_wrong(r, "templates", &why);
}

/* The key of a rule and what it asks for. */
static bool fill_rule_trust(const struct reader *r, struct config_rule *rule)
{
	rule->has_key = *reader_text(r, "public_key") != '\0';
	rule->require = rule->has_key ? REQUIRE_SIGNED : REQUIRE_TLS;
	if (rule->has_key && !value_keys(r, &rule->keys))
		return false;
	if (!rule->has_key && reader_item(r, "old_public_keys", 0) != NULL)
		return value_wrong_text(r, "old_public_keys", "needs a public_key");
	if (*reader_text(r, "require") != '\0' && !value_require(r, &rule->require))
		return false;
	if (rule->require != REQUIRE_TLS && !rule->has_key)
		return value_wrong_text(r, "require",
		    rule->require == REQUIRE_SIGNED ? "signed needs a public_key"
		                                    : "digest needs a public_key (no index lists these files)");
	return true;
}

static bool fill_rule(const struct reader *r, struct config_rule *rule)
{
	const struct config *c = r->config;
	struct reason why = {0};
	rule->line = reader_section_line(r);
	rule->name = strdup(reader_title(r));
	if (rule->name == NULL)
		return value_out_of_memory(r);
	if (!config_check_rule_name(rule->name, &why))
		return fault_set(r->fault, FAULT_CONFIG, "%s:%d: %s: %s", r->name, rule->line,
		    config_kind_name(rule->kind), why.text);
	if (!value_string(r, "path", &rule->path) || !value_string(r, "upstream", &rule->upstream) ||
	    !value_list(r, "redirects", NULL, &rule->redirects) || !value_list(r, "allow", NULL, &rule->allow) ||
	    !fill_rule_trust(r, rule) || !value_string(r, "token_file", &rule->token_file))
		return false;
	if (*rule->path == '\0' || *rule->upstream == '\0')
		return value_wrong_text(r, *rule->path == '\0' ? "path" : "upstream", "is required in a rule");
	if (!config_check_rule_path(c, rule, &why))
		return value_wrong(r, "path", &why);
	if (!config_check_rule_upstream(c, rule, &why))
		return value_wrong(r, "upstream", &why);
	if (!config_check_rule_allow(rule, &why))
		return value_wrong(r, "allow", &why);
	for (size_t i = 0; i < rule->redirects.count; i++)
		if (!config_check_redirect(rule->redirects.items[i], &why))
			return value_wrong(r, "redirects", &why);
	return config_check_file(rule->token_file, false, &why) || value_wrong(r, "token_file", &why);
}

/* The rules in the order of the file: a rule is compared with those above it. */
static int by_line(const void *a, const void *b)
{
	const struct config_rule *x = a, *y = b;
	return (x->line > y->line) - (x->line < y->line);
}

static bool check_pairs(const struct reader *r, const struct config *c)
{
	struct reason why = {0};
	for (size_t i = 1; i < c->rule_count; i++) {
		const struct config_rule *rule = &c->rules[i];
		for (size_t k = 0; k < i; k++) {
			if (strcmp(c->rules[k].name, rule->name) == 0)
				return fault_set(r->fault, FAULT_CONFIG, "%s:%d: %s: line %d has a rule of this name",
				    r->name, rule->line, rule->name, c->rules[k].line);
			if (!config_check_rule_pair(&c->rules[k], rule, &why))
				return fault_set(
				    r->fault, FAULT_CONFIG, "%s:%d: path: %s", r->name, rule->line, why.text);
		}
	}
	return true;
}

static bool fill_rules(const struct reader *r, struct config *c)
{
	const size_t packages = reader_count(r, "package"), count = packages + reader_count(r, "artifact");
	if (count > CONFIG_RULES_MAX)
		return fault_set(r->fault, FAULT_CONFIG, "%s: more than %d rules", r->name, CONFIG_RULES_MAX);
	c->rules = calloc(count + 1, sizeof c->rules[0]);
	if (c->rules == NULL)
		return value_out_of_memory(r);
	for (size_t i = 0; i < count; i++) {
		bool package = i < packages;
		const struct reader below =
		    reader_enter(r, package ? "package" : "artifact", package ? i : i - packages);
		c->rules[i].kind = package ? RULE_PACKAGE : RULE_ARTIFACT;
		c->rule_count++;
		if (!fill_rule(&below, &c->rules[i]))
			return false;
	}
	qsort(c->rules, count, sizeof c->rules[0], by_line);
	return check_pairs(r, c);
}

bool config_fill(const struct reader *root)
{
	const struct reader toolchains = reader_enter(root, "toolchains", 0), warmer = reader_enter(root, "warmer", 0);
	const struct reader site = reader_enter(root, "site", 0);
	struct config *c = root->config;
	return fill_root(root, c) && fill_toolchains(&toolchains, &c->toolchains) && fill_rules(root, c) &&
	       fill_warmer(&warmer, &c->warmer) && fill_site(&site, &c->site);
}

/* --- the end -------------------------------------------------------------------------------------------------------
 */

void config_list_free(struct config_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->items[i]);
	free(list->items);
	*list = (struct config_list){0};
}

static void free_rule(struct config_rule *rule)
{
	free(rule->name);
	free(rule->path);
	free(rule->upstream);
	free(rule->token_file);
	config_list_free(&rule->redirects);
	config_list_free(&rule->allow);
}

void config_free(struct config *c)
{
	if (c == NULL)
		return;
	for (size_t i = 0; i < c->rule_count; i++)
		free_rule(&c->rules[i]);
	free(c->rules);
	free(c->toolchains.prefix);
	free(c->toolchains.upstream);
	config_list_free(&c->toolchains.fallbacks);
	config_list_free(&c->warmer.access_logs);
	free(c->toolchains.nominated_index);
	free(c->warmer.since);
	free(c->site.name);
	free(c->site.text);
	free(c->site.contact);
	free(c->site.logo);
	free(c->site.templates);
	free(c->file);
	free(c->base_url);
	free(c->mount);
	free(c->state_dir);
	free(c->ca_file);
	free(c->signing_key);
	free(c);
}
