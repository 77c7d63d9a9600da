/* pattern: the path patterns and URL templates of package and artifact rules. Pure.
 *
 * A path pattern is a path of literal characters [A-Za-z0-9._~+@-] and the placeholders {owner} {repo} {ref} {version}
 * {file}, each at most once, at most two in a segment and never side by side. A placeholder stays within its segment.
 * {ref} is a commit of 40 lower-case hex digits or `v` and a semantic version; the others are [A-Za-z0-9._+-]+, and
 * neither "." nor "..". A URL template uses the same placeholders in its path or query. Called by config, which checks
 * them, and route, which matches and expands them. */
#ifndef PKGMIRROR_PATTERN_H
#define PKGMIRROR_PATTERN_H

#include <stdbool.h>
#include <stddef.h>

enum pattern_field { PATTERN_OWNER, PATTERN_REPO, PATTERN_REF, PATTERN_VERSION, PATTERN_FILE, PATTERN_FIELDS };

/* A segment of a path is a file name on our disk, and quarantine adds to it. */
enum { PATTERN_CAP = 512, PATTERN_SEGMENT_MAX = 199, PATTERN_REASON_CAP = 120 };

struct pattern_values {
	char text[PATTERN_FIELDS][256]; /* "" when the pattern has none */
};

/* The name of a placeholder without its braces. */
const char *pattern_field_name(enum pattern_field field);

/* True when the len bytes at `text` may stand for `field`. */
bool pattern_value_ok(enum pattern_field field, const char *text, size_t len) __attribute__((warn_unused_result));

/* Checks a path pattern. *fields gets a bit for each placeholder. False with a reason otherwise. */
bool pattern_check_path(const char *pattern, unsigned *fields, char reason[PATTERN_REASON_CAP])
    __attribute__((warn_unused_result));

/* Checks the braces of a URL template; its other characters are url's business. *fields as above. */
bool pattern_check_template(const char *url, unsigned *fields, char reason[PATTERN_REASON_CAP])
    __attribute__((warn_unused_result));

enum pattern_verdict {
	PATTERN_MATCH,
	PATTERN_NEAR, /* the literal parts fit, but *failed is not what its placeholder allows */
	PATTERN_APART
};

/* Matches the len bytes at `path` (from its first slash on) against a checked pattern. Within a segment a placeholder
 * takes as much as it can, so the literal behind {ref} is the last one. */
enum pattern_verdict pattern_match(const char *pattern, const char *path, size_t len, struct pattern_values *values,
    enum pattern_field *failed) __attribute__((warn_unused_result));

enum pattern_overlap {
	PATTERN_NO_OVERLAP,
	PATTERN_SAME_PATH,    /* a path that both match */
	PATTERN_FIRST_FOLDER, /* a path of the first that is a folder of a path of the second */
	PATTERN_SECOND_FOLDER /* the other way round */
};

/* Decides whether two checked patterns can get into each other's way: by the product of the automata of their segments,
 * {ref} taken as its two forms, where the version's own fine print (leading zeros) is left out. */
enum pattern_overlap pattern_overlap(const char *a, const char *b) __attribute__((warn_unused_result));

/* Writes the template with its placeholders replaced, percent-encoded where a URL needs it: '+' stays as it is in the
 * path and becomes %2B in the query. False when it does not fit. */
bool pattern_expand(const char *pattern, const struct pattern_values *values, char *out, size_t cap)
    __attribute__((warn_unused_result));

#endif
