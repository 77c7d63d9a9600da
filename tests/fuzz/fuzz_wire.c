/* Arbitrary bytes as lines of the wire, whole and in pieces: each line has one meaning and one spelling, and where a
 * read ends makes no difference. */
#include "mirror/wire.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_MAX = 32 * 1024 };

static void require(bool holds)
{
	if (!holds)
		abort();
}

static void check_line(const char *line, size_t len)
{
	struct wire_message m;
	char again[WIRE_LINE_CAP + 1];
	/* A copy of exactly this size: a read behind it is seen. */
	char *copy = malloc(len > 0 ? len : 1);
	require(copy != NULL);
	memcpy(copy, line, len);
	if (wire_parse(copy, len, &m)) {
		require(wire_format(&m, again) == len + 1);
		require(memcmp(again, copy, len) == 0 && again[len] == '\n');
	}
	free(copy);
}

/* What a connection gives: how many lines, and how it ended. */
struct outcome {
	size_t lines;
	enum wire_status end;
};

static struct outcome read_all(const char *text, size_t len, size_t piece)
{
	struct outcome o = {0, WIRE_MORE};
	struct wire_buffer b = {.len = 0};
	struct wire_message m;
	int ends[2];
	require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
	for (size_t at = 0; o.end == WIRE_MORE; at += piece) {
		size_t n = at >= len ? 0 : len - at < piece ? len - at : piece;
		if (n > 0)
			require(send(ends[1], text + at, n, MSG_NOSIGNAL) == (ssize_t)n);
		else
			shutdown(ends[1], SHUT_WR);
		while ((o.end = wire_read(ends[0], &b, &m)) == WIRE_LINE)
			o.lines++;
	}
	close(ends[0]);
	close(ends[1]);
	return o;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data, *end = text + size;
	if (size == 0 || size > INPUT_MAX)
		return 0;
	for (const char *p = text; p < end;) {
		const char *lf = memchr(p, '\n', (size_t)(end - p));
		const char *stop = lf != NULL ? lf : end;
		check_line(p, (size_t)(stop - p));
		p = stop + 1;
	}
	struct outcome whole = read_all(text, size, 2048), pieces = read_all(text, size, 1 + data[0] % 64);
	require(whole.lines == pieces.lines && whole.end == pieces.end);
	return 0;
}
