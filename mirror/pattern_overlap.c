/* pattern_overlap: whether two path patterns can match the same path. Pure; see pattern.h.
 *
 * A segment is a chain of steps, each a set of bytes taken once or, for a placeholder, once or more. Two chains have a
 * word in common when their product reaches both ends; as every move goes forward in both, or stays, a table filled row
 * by row decides it. {ref} has three chains: a commit, a version, a version with a pre-release or build. */
#include "pattern.h"

#include <stdint.h>
#include <string.h>

enum { STEPS_MAX = PATTERN_SEGMENT_MAX + 64, REF_FORMS = 3 };

/* A set of ASCII bytes. */
struct bytes {
	uint64_t low, high;
};

struct step {
	struct bytes set;
	bool repeats;
};

struct chain {
	struct step steps[STEPS_MAX];
	size_t count;
};

static struct bytes bytes_of(const char *text)
{
	struct bytes b = {0};
	for (; *text != '\0'; text++) {
		if (*text < 64)
			b.low |= UINT64_C(1) << *text;
		else
			b.high |= UINT64_C(1) << (*text - 64);
	}
	return b;
}

#define DIGITS "0123456789"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

static void add(struct chain *c, const char *set, bool repeats)
{
	if (c->count < STEPS_MAX)
		c->steps[c->count++] = (struct step){.set = bytes_of(set), .repeats = repeats};
}

static void add_ref(struct chain *c, int form)
{
	if (form == 0) {
		for (int i = 0; i < 40; i++)
			add(c, DIGITS "abcdef", false);
		return;
	}
	add(c, "v", false);
	add(c, DIGITS, true);
	add(c, ".", false);
	add(c, DIGITS, true);
	add(c, ".", false);
	add(c, DIGITS, true);
	if (form == 2) {
		add(c, "-+", false);
		add(c, DIGITS LETTERS ".+-", true);
	}
}

/* Makes the chain of the segment [p, end) with the given form of {ref}. */
static void make_chain(const char *p, const char *end, int form, struct chain *out)
{
	out->count = 0;
	while (p < end) {
		if (*p == '{') {
			if (p[1] == 'r' && p[2] == 'e' && p[3] == 'f')
				add_ref(out, form);
			else
				add(out, DIGITS LETTERS "._+-", true);
			p += strcspn(p, "}") + 1;
		} else {
			const char one[2] = {*p++, '\0'};
			add(out, one, false);
		}
	}
}

static bool chains_meet(const struct chain *a, const struct chain *b)
{
	bool rows[2][STEPS_MAX + 1] = {{true}};
	for (size_t i = 0; i <= a->count; i++) {
		bool *now = rows[i % 2], *next = rows[(i + 1) % 2];
		if (i == a->count)
			return now[b->count];
		memset(next, 0, sizeof rows[0]);
		for (size_t j = 0; j < b->count; j++) {
			const struct step *x = &a->steps[i], *y = &b->steps[j];
			if (!now[j] || ((x->set.low & y->set.low) == 0 && (x->set.high & y->set.high) == 0))
				continue;
			next[j + 1] = true;
			if (x->repeats)
				now[j + 1] = true;
			if (y->repeats)
				next[j] = true;
		}
	}
	return false;
}

static int ref_forms(const char *p, const char *end)
{
	const char *ref = strstr(p, "{ref}");
	return ref != NULL && ref < end ? REF_FORMS : 1;
}

static bool segments_meet(const char *a, const char *a_end, const char *b, const char *b_end)
{
	struct chain x, y;
	for (int i = 0; i < ref_forms(a, a_end); i++) {
		make_chain(a, a_end, i, &x);
		for (int j = 0; j < ref_forms(b, b_end); j++) {
			make_chain(b, b_end, j, &y);
			if (chains_meet(&x, &y))
				return true;
		}
	}
	return false;
}

enum pattern_overlap pattern_overlap(const char *a, const char *b)
{
	while (*a == '/' && *b == '/') {
		a++;
		b++;
		const char *a_end = a + strcspn(a, "/"), *b_end = b + strcspn(b, "/");
		if (!segments_meet(a, a_end, b, b_end))
			return PATTERN_NO_OVERLAP;
		a = a_end;
		b = b_end;
	}
	if (*a == '\0' && *b == '\0')
		return PATTERN_SAME_PATH;
	return *a == '\0' ? PATTERN_FIRST_FOLDER : PATTERN_SECOND_FOLDER;
}
