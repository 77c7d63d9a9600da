/* Arbitrary bytes as a signature file and as a public key: no crash, and what verifies is what the key's owner signed.
 */
#include "mirror/digest.h"
#include "mirror/minisign.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FILE_CAP = 4096 };

struct vector {
	char text[FILE_CAP];
	size_t len;
};

/* Made once: the key, the file that it signed, and its two signatures. */
static struct minisign_key key;
static struct minisign_key known_not;
static struct vector file;
static struct digest_result digest;
static struct minisign_signature known[2];

static void require(bool holds)
{
	if (!holds)
		abort();
}

static struct vector read_vector(const char *name)
{
	struct vector v;
	char path[512];
	snprintf(path, sizeof path, TEST_DATA_DIR "/minisign/%s", name);
	FILE *in = fopen(path, "r");
	require(in != NULL);
	v.len = fread(v.text, 1, sizeof v.text, in);
	fclose(in);
	return v;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const char *const names[] = {"prehashed.minisig", "legacy.minisig"};
	struct vector v = read_vector("key.pub");
	const char *line = memchr(v.text, '\n', v.len);
	struct digest *d = digest_new();
	(void)argc, (void)argv;
	require(line != NULL && minisign_key_parse(line + 1, 56, &key, NULL) && d != NULL);
	known_not = key;
	known_not.id[0] ^= 1;
	file = read_vector("zig-0.14.1.tar.xz");
	digest_add(d, file.text, file.len);
	digest_finish(d, &digest);
	digest_free(d);
	for (size_t i = 0; i < 2; i++) {
		v = read_vector(names[i]);
		require(minisign_parse(v.text, v.len, &known[i], NULL));
	}
	return 0;
}

static void check_key(const char *text, size_t len)
{
	struct minisign_key k;
	char again[MINISIGN_KEY_TEXT_CAP];
	if (!minisign_key_parse(text, len, &k, NULL))
		return;
	minisign_key_text(&k, again);
	require(len == strlen(again) && memcmp(again, text, len) == 0);
}

static void check_signature(const struct minisign_signature *s)
{
	struct fault f = {0};
	const struct minisign_signature *like = &known[s->prehashed ? 0 : 1];
	/* By its id the key is found among those of the past too; who has no id of ours is held to the present one. */
	struct minisign_keys keys = {.now = known_not, .old = {key}, .old_count = 1};
	require(
	    minisign_key_of(&keys, s) == (memcmp(s->key_id, key.id, sizeof key.id) == 0 ? &keys.old[0] : &keys.now));
	require(strlen(s->comment) <= s->comment_len && s->comment_len < MINISIGN_COMMENT_CAP);
	require(strpbrk(s->comment, "\r\n\x1b\x7f") == NULL);
	if (s->prehashed ? minisign_verify_prehashed(s, &key, digest.blake2b, &f)
	                 : minisign_verify_legacy(s, &key, file.text, file.len, &f))
		require(memcmp(s->signature, like->signature, sizeof s->signature) == 0);
	else
		require(f.class == FAULT_INTEGRITY);
	/* The global signature does not cover of which kind the other one is. */
	if (minisign_check_comment(s, &key, "zig-0.14.1.tar.xz", &f))
		require(strcmp(s->comment, known[0].comment) == 0 || strcmp(s->comment, known[1].comment) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct minisign_signature s;
	struct fault f = {0};
	/* A copy of exactly this size: a read behind it is seen. */
	char *text = malloc(size > 0 ? size : 1);
	require(text != NULL);
	if (size > 0)
		memcpy(text, data, size);
	check_key(text, size);
	if (minisign_parse(text, size, &s, &f))
		check_signature(&s);
	else
		require(f.class == FAULT_INTEGRITY && strncmp(f.text, "signature: ", 11) == 0);
	free(text);
	return 0;
}
