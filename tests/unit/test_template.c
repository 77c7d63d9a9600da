/* The template language: values by context, lists, conditions, parts, and what is refused. */
#include "cgi/template.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { NESTED_MAX = 4, OUT_MAX = 1000 };

/* Values a, b and empty; the list `two` has rows n = 1, 2; `times` repeats its first parameter that often; `none` has
 * no row. */
struct fake {
	struct {
		int row, rows;
		char n[16];
	} lists[NESTED_MAX];
	int depth, most;
};

static const char *fake_value(void *arg, const char *name)
{
	struct fake *f = arg;
	if (strcmp(name, "n") == 0 && f->depth > 0)
		return f->lists[f->depth - 1].n;
	if (strcmp(name, "a") == 0)
		return "<&\">";
	if (strcmp(name, "b") == 0)
		return "x y";
	return strcmp(name, "empty") == 0 ? "" : NULL;
}

static bool fake_begin(void *arg, const char *list, const char *const *parameters, size_t count)
{
	struct fake *f = arg;
	int rows = strcmp(list, "two") == 0 ? 2 : strcmp(list, "none") == 0 ? 0 : -1;
	if (strcmp(list, "times") == 0 && count == 1)
		rows = parameters[0][0] - '0';
	if (rows < 0)
		return false;
	f->lists[f->depth].row = 0;
	f->lists[f->depth].rows = rows;
	f->most += ++f->depth > f->most;
	return true;
}

static bool fake_next(void *arg)
{
	struct fake *f = arg;
	int row = ++f->lists[f->depth - 1].row;
	snprintf(f->lists[f->depth - 1].n, sizeof f->lists[0].n, "%d", row);
	return row <= f->lists[f->depth - 1].rows;
}

static void fake_end(void *arg)
{
	struct fake *f = arg;
	f->depth--;
}

static bool fake_part(void *arg, const char *file, struct buffer *out)
{
	(void)arg;
	buffer_text(out, "{{text a}}");
	return strcmp(file, "style.css") == 0;
}

static bool render(const char *page, struct buffer *out)
{
	struct fake fake = {0};
	const struct template_source source = {&fake, fake_value, fake_begin, fake_next, fake_end, fake_part};
	const char *reason = NULL;
	buffer_open(out, OUT_MAX);
	bool ok = template_render(out, page, strlen(page), &source, &reason);
	assert_int_equal(fake.depth, 0);
	assert_true(ok == (reason == NULL));
	return ok;
}

static void page_is_rendered(void **state)
{
	(void)state;
	static const struct {
		const char *page, *text;
	} cases[] = {
	    {"", ""},
	    {"{ } }} {", "{ } }} {"},
	    {"[{{text a}}|{{attribute a}}|{{path b}}|{{query b}}]",
	        "[&lt;&amp;\"&gt;|&lt;&amp;&quot;&gt;|x%20y|x%20y]"},
	    {"{{each two}}<{{text n}}>{{end}}.", "<1><2>."},
	    {"{{each none}}<{{text n}}{{if n}}{{end}}>{{end}}.", "."},
	    {"{{each two}}{{each times n}}{{text n}}{{end}};{{end}}", "1;12;"},
	    {"{{if a}}yes{{end}}{{if empty}}no{{end}}", "yes"},
	    {"{{if a}}yes{{else}}no{{end}}{{if empty}}yes{{else}}no{{end}}", "yesno"},
	    {"{{each two}}{{text n}}{{else}}nothing{{end}}{{each none}}{{text n}}{{else}}nothing{{end}}", "12nothing"},
	    {"{{if empty}}{{if a}}1{{else}}2{{end}}{{else}}{{if a}}3{{else}}4{{end}}{{end}}", "3"},
	    {"{{if empty}}{{text unknown}}{{each unknown}}{{end}}{{end}}.", "."},
	    {"{{part style.css}}", "{{text a}}"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct buffer b;
		assert_true(render(cases[i].page, &b));
		assert_string_equal(b.len > 0 ? b.data : "", cases[i].text);
		buffer_close(&b);
	}
}

static void malformed_page_is_refused(void **state)
{
	(void)state;
	static const char *const pages[] = {"{{a}}", "{{raw a}}", "{{text c}}", "{{text a", "{{text  a}}", "{{}}",
	    "{{ text a}}", "{{text a b}}", "{{end}}", "{{else}}", "{{each two}}", "{{if a}}{{else}}",
	    "{{if a}}{{else}}{{else}}{{end}}", "{{each two}}{{else}}{{else}}{{end}}", "{{if a}}",
	    "{{if a}}{{end}}{{end}}", "{{each three}}{{end}}", "{{each times c}}{{end}}", "{{if c}}{{end}}",
	    "{{if}}{{end}}", "{{part other}}", "{{each two}}{{text c}}{{end}}", "{{if empty}}{{raw a}}{{end}}",
	    "{{text a_name_that_is_longer_than_any_name_of_ours_can_ever_be_at_all}}",
	    "{{if a}}{{if a}}{{if a}}{{if a}}{{if a}}{{if a}}{{end}}{{end}}{{end}}{{end}}{{end}}{{end}}"};
	for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++) {
		struct buffer b;
		assert_false(render(pages[i], &b));
		buffer_close(&b);
	}
}

static void page_over_the_limit_is_refused(void **state)
{
	(void)state;
	char page[OUT_MAX + 2] = "";
	struct buffer b;
	memset(page, 'x', OUT_MAX + 1);
	assert_false(render(page, &b));
	buffer_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(page_is_rendered),
	    cmocka_unit_test(malformed_page_is_refused),
	    cmocka_unit_test(page_over_the_limit_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
