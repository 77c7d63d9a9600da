/* template: see template.h. */
#include "template.h"

#include "cgi/escape.h"

#include <string.h>

enum { MARK_MAX = 64 };

static const struct {
	const char *name;
	void (*escape)(struct buffer *out, const char *value);
} CONTEXTS[] = {
    {"text", escape_text}, {"attribute", escape_attribute}, {"path", escape_url_path}, {"query", escape_url_query}};

static bool is_word(const char *text, size_t len, const char *word)
{
	return strlen(word) == len && memcmp(text, word, len) == 0;
}

/* Adds what `mark` (len bytes between the braces: "CONTEXT NAME") stands for. */
static bool put_value(
    struct buffer *out, const char *mark, size_t len, const struct template_value *values, size_t count)
{
	const char *space = memchr(mark, ' ', len);
	if (space == NULL)
		return false;
	size_t context_len = (size_t)(space - mark), name_len = len - context_len - 1;
	for (size_t c = 0; c < sizeof CONTEXTS / sizeof CONTEXTS[0]; c++) {
		if (!is_word(mark, context_len, CONTEXTS[c].name))
			continue;
		for (size_t v = 0; v < count; v++) {
			if (!is_word(space + 1, name_len, values[v].name))
				continue;
			CONTEXTS[c].escape(out, values[v].value);
			return true;
		}
	}
	return false;
}

bool template_render(
    struct buffer *out, const char *page, size_t len, const struct template_value *values, size_t count)
{
	const char *end = page + len;
	while (page < end) {
		const char *mark = memmem(page, (size_t)(end - page), "{{", 2);
		buffer_add(out, page, (size_t)((mark ? mark : end) - page));
		if (mark == NULL)
			break;
		mark += 2;
		const char *close = memmem(mark, (size_t)(end - mark), "}}", 2);
		if (close == NULL || close - mark > MARK_MAX ||
		    !put_value(out, mark, (size_t)(close - mark), values, count))
			return false;
		page = close + 2;
	}
	return !out->failed;
}
