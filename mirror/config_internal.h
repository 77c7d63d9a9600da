/* config_internal: what the files of config share among themselves; for nobody else.
 *
 * config.c reads with libConfuse; config_text.c prepares its input and parses single values; config_values.c and
 * config_fill.c make struct config of what was found; config_check.c judges values and combinations; config_print.c
 * prints. All but config.c are pure, but for the look at ca_file. */
#ifndef PKGMIRROR_CONFIG_INTERNAL_H
#define PKGMIRROR_CONFIG_INTERNAL_H

#include "config.h"

enum { CONFIG_BYTES_MAX = 1024 * 1024, CONFIG_RULES_MAX = 256, CONFIG_STATE_DIR_MAX = 90 };

/* Why a value is refused: a line without key and place. */
struct reason {
	char text[200];
};

/* Sets it. Always returns false. */
bool reason_set(struct reason *r, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Replaces the comments of a configuration by spaces, in place, and refuses what libConfuse would take silently: NUL
 * bytes, ${…} of the environment, numeric escapes, stray characters. len bytes at `text`. False with the line in *line
 * otherwise. */
bool config_text_clean(char *text, size_t len, int *line, struct reason *why) __attribute__((warn_unused_result));

/* A section as libConfuse found it, and what a fault about it needs. Made by config.c. */
struct cfg_t;
struct reader {
	const char *name; /* the file */
	struct cfg_t *section;
	struct config *config; /* what is being filled */
	struct fault *fault;
};

/* The text of a key: as given, or the default; "" when there is neither. Borrowed. */
const char *reader_text(const struct reader *r, const char *key);

/* Value i of a list, NULL past the last. Borrowed. */
const char *reader_item(const struct reader *r, const char *key, size_t i);

/* True when the file has the key. */
bool reader_given(const struct reader *r, const char *key);

/* The line of a key's value; where its section begins when it was not given. */
int reader_line(const struct reader *r, const char *key);

/* How many sections of this name there are below, the i-th of them, its title and its first line. */
size_t reader_count(const struct reader *r, const char *name);
struct reader reader_enter(const struct reader *r, const char *name, size_t i);
const char *reader_title(const struct reader *r);
int reader_section_line(const struct reader *r);

/* Faults about a key, with its file and line; always false. */
bool value_wrong(const struct reader *r, const char *key, const struct reason *why);
bool value_wrong_text(const struct reader *r, const char *key, const char *why);
bool value_out_of_memory(const struct reader *r);

/* Each reads the value of a key to *out, or sets the fault and returns false. What is allocated is the configuration's.
 */
bool value_string(const struct reader *r, const char *key, char **out) __attribute__((warn_unused_result));
bool value_bool(const struct reader *r, const char *key, bool *out) __attribute__((warn_unused_result));
bool value_int(const struct reader *r, const char *key, int least, int most, int *out)
    __attribute__((warn_unused_result));
bool value_time(const struct reader *r, const char *key, int64_t least, int64_t most, int64_t *out)
    __attribute__((warn_unused_result));
bool value_size(const struct reader *r, const char *key, int64_t least, int64_t *out)
    __attribute__((warn_unused_result));

/* A list; `standard`, which ends with NULL (NULL itself: nothing), when the key was not given. */
bool value_list(const struct reader *r, const char *key, const char *const *standard, struct config_list *out)
    __attribute__((warn_unused_result));

/* The place of the value in `words`, which end with NULL. */
bool value_word(const struct reader *r, const char *key, const char *const *words, int *out)
    __attribute__((warn_unused_result));

/* The keys `require`, and `public_key` with `old_public_keys`, and any that is the URL of an upstream. */
bool value_require(const struct reader *r, enum config_require *out) __attribute__((warn_unused_result));
bool value_keys(const struct reader *r, struct minisign_keys *out) __attribute__((warn_unused_result));
bool value_upstream(const struct reader *r, const char *key, char **out) __attribute__((warn_unused_result));

/* Fills root->config, which is all zero. False with FAULT_CONFIG or FAULT_SYSTEM otherwise; the caller frees what was
 * filled so far. */
bool config_fill(const struct reader *root) __attribute__((warn_unused_result));

/* Frees the strings and empties the list. */
void config_list_free(struct config_list *list);

bool config_parse_bool(const char *text, bool *out) __attribute__((warn_unused_result));
bool config_parse_int(const char *text, int *out) __attribute__((warn_unused_result));

/* Each judges one value, which it may shorten by trailing slashes. */
bool config_check_base_url(char *url, struct reason *why) __attribute__((warn_unused_result));
bool config_check_upstream(char *url, bool allow_http, struct reason *why) __attribute__((warn_unused_result));
bool config_check_prefix(char *prefix, struct reason *why) __attribute__((warn_unused_result));
bool config_check_state_dir(char *path, struct reason *why) __attribute__((warn_unused_result));
bool config_check_file(const char *path, bool readable, struct reason *why) __attribute__((warn_unused_result));
bool config_check_rule_name(const char *name, struct reason *why) __attribute__((warn_unused_result));
bool config_check_redirect(const char *host, struct reason *why) __attribute__((warn_unused_result));

/* Judges parts of a rule whose values are read: its upstream's URL and placeholders, its allow list, its path against
 * the mirror's own URL space, and against another rule. */
bool config_check_rule_upstream(const struct config *c, const struct config_rule *rule, struct reason *why)
    __attribute__((warn_unused_result));
bool config_check_rule_allow(const struct config_rule *rule, struct reason *why) __attribute__((warn_unused_result));
bool config_check_rule_path(const struct config *c, const struct config_rule *rule, struct reason *why)
    __attribute__((warn_unused_result));
bool config_check_rule_pair(const struct config_rule *a, const struct config_rule *b, struct reason *why)
    __attribute__((warn_unused_result));

const char *config_kind_name(enum config_rule_kind kind);

#endif
