/* config_values: one value of a section as text, a number, a time, a list or a word. Pure. A value that is wrong
 * becomes a fault with file, line and key. */
#include "config_internal.h"

#include "url.h"

#include <stdlib.h>
#include <string.h>

bool value_wrong(const struct reader *r, const char *key, const struct reason *why)
{
	return fault_set(r->fault, FAULT_CONFIG, "%s:%d: %s: %s", r->name, reader_line(r, key), key, why->text);
}

bool value_wrong_text(const struct reader *r, const char *key, const char *why)
{
	struct reason reason = {0};
	reason_set(&reason, "%s", why);
	return value_wrong(r, key, &reason);
}

bool value_out_of_memory(const struct reader *r)
{
	fault_set(r->fault, FAULT_SYSTEM, "%s: out of memory", r->name);
	return false;
}

static bool has_control(const char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			return true;
	return false;
}

/* The text of a key, borrowed. NULL with the fault set when it cannot be a value of anything. */
static const char *get_text(const struct reader *r, const char *key)
{
	const char *text = reader_text(r, key);
	if (has_control(text)) {
		value_wrong_text(r, key, "has a control character");
		return NULL;
	}
	return text;
}

bool value_string(const struct reader *r, const char *key, char **out)
{
	const char *text = get_text(r, key);
	if (text == NULL)
		return false;
	*out = strdup(text);
	if (*out == NULL)
		value_out_of_memory(r);
	return *out != NULL;
}

bool value_bool(const struct reader *r, const char *key, bool *out)
{
	const char *text = get_text(r, key);
	return text != NULL && (config_parse_bool(text, out) || value_wrong_text(r, key, "neither true nor false"));
}

bool value_int(const struct reader *r, const char *key, int least, int most, int *out)
{
	struct reason why = {0};
	const char *text = get_text(r, key);
	if (text == NULL)
		return false;
	if (config_parse_int(text, out) && *out >= least && *out <= most)
		return true;
	reason_set(&why, "not a number from %d to %d", least, most);
	return value_wrong(r, key, &why);
}

bool value_time(const struct reader *r, const char *key, int64_t least, int64_t most, int64_t *out)
{
	struct reason why = {0};
	const char *text = get_text(r, key);
	if (text == NULL)
		return false;
	if (config_parse_time(text, out) && *out >= least && *out <= most)
		return true;
	reason_set(&why, "not a time from %llds to %llds, such as \"30s\", \"15m\", \"2h\" or \"1d\"", (long long)least,
	    (long long)most);
	return value_wrong(r, key, &why);
}

bool value_size(const struct reader *r, const char *key, int64_t least, int64_t *out)
{
	const char *text = get_text(r, key);
	if (text == NULL)
		return false;
	if (config_parse_size(text, out) && *out >= least)
		return true;
	return value_wrong_text(r, key,
	    least > 0 ? "not a size above 0, such as \"500M\" or \"2G\""
	              : "not a size, such as \"500M\" or \"2G\", or 0 for no limit");
}

bool value_list(const struct reader *r, const char *key, const char *const *standard, struct config_list *out)
{
	bool given = reader_given(r, key);
	size_t count = 0;
	while (given ? reader_item(r, key, count) != NULL : standard != NULL && standard[count] != NULL)
		count++;
	out->items = calloc(count + 1, sizeof out->items[0]);
	if (out->items == NULL)
		return value_out_of_memory(r);
	for (; out->count < count; out->count++) {
		const char *text = given ? reader_item(r, key, out->count) : standard[out->count];
		if (has_control(text))
			return value_wrong_text(r, key, "has a control character");
		out->items[out->count] = strdup(text);
		if (out->items[out->count] == NULL)
			return value_out_of_memory(r);
	}
	return true;
}

bool value_word(const struct reader *r, const char *key, const char *const *words, int *out)
{
	struct reason why = {0};
	const char *text = get_text(r, key);
	size_t n = 0;
	if (text == NULL)
		return false;
	for (int i = 0; words[i] != NULL; i++) {
		if (strcmp(text, words[i]) == 0) {
			*out = i;
			return true;
		}
	}
	reason_set(&why, "\"%.40s\" is none of", text);
	for (int i = 0; words[i] != NULL && n < sizeof why.text; i++) {
		n = strlen(why.text);
		snprintf(why.text + n, sizeof why.text - n, "%s %s", i > 0 ? "," : "", words[i]);
	}
	return value_wrong(r, key, &why);
}

bool value_require(const struct reader *r, enum config_require *out)
{
	static const char *const words[] = {"tls", "digest", "signed", NULL};
	int word = 0;
	if (!value_word(r, "require", words, &word))
		return false;
	*out = (enum config_require)word;
	return true;
}

static bool parse_key(const struct reader *r, const char *key, const char *text, struct minisign_key *out)
{
	struct fault why = {0};
	return minisign_key_parse(text, strlen(text), out, &why) || value_wrong_text(r, key, why.text);
}

bool value_keys(const struct reader *r, struct minisign_keys *out)
{
	static const char old[] = "old_public_keys";
	const char *text = get_text(r, "public_key"), *item;
	if (text == NULL || !parse_key(r, "public_key", text, &out->now))
		return false;
	for (size_t i = 0; reader_given(r, old) && (item = reader_item(r, old, i)) != NULL; i++) {
		if (i == MINISIGN_OLD_KEYS_MAX)
			return value_wrong_text(r, old, "more than seven");
		if (!parse_key(r, old, item, &out->old[i]))
			return false;
		out->old_count++;
	}
	return true;
}

bool value_upstream(const struct reader *r, const char *key, char **out)
{
	struct reason why = {0};
	if (!value_string(r, key, out))
		return false;
	if (!config_check_upstream(*out, r->config->allow_http_upstreams, &why))
		return value_wrong(r, key, &why);
	if (url_is_below(*out, r->config->base_url))
		return value_wrong_text(r, key, "this mirror itself");
	return true;
}
