/* archive_end: see archive_end.h. */
#include "archive_end.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { GZIP_LEAST = 18, ZIP_END = 22, ZIP_COMMENT_MAX = 65535, XZ_HEADER = 12, XZ_INDEX_MAX = 16 * 1024 * 1024 };

/* Four bits a step: this is a check, not the hot path. */
uint32_t archive_end_crc32(uint32_t crc, const unsigned char *data, size_t len)
{
	static const uint32_t NIBBLE[16] = {0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4,
	    0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278,
	    0xbdbdf21c};
	crc = ~crc;
	for (size_t i = 0; i < len; i++) {
		crc = NIBBLE[(crc ^ data[i]) & 15] ^ (crc >> 4);
		crc = NIBBLE[(crc ^ (data[i] >> 4)) & 15] ^ (crc >> 4);
	}
	return ~crc;
}

static uint32_t little32(const unsigned char *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

bool archive_end_gzip(int fd, int64_t size, uint32_t *crc, uint32_t *len)
{
	unsigned char end[8];
	if (size < GZIP_LEAST || pread(fd, end, sizeof end, size - 8) != sizeof end)
		return false;
	*crc = little32(end);
	*len = little32(end + 4);
	return true;
}

/* A variable-length integer of the xz format (its section 1.2). */
static bool take_number(const unsigned char **p, const unsigned char *end, uint64_t *out)
{
	*out = 0;
	for (int shift = 0; shift < 63 && *p < end; shift += 7) {
		unsigned char c = *(*p)++;
		*out |= (uint64_t)(c & 127) << shift;
		if (c < 128)
			return true;
	}
	return false;
}

/* The length of all blocks that an index lists; -1 when it is none. */
static int64_t blocks_len(const unsigned char *index, size_t len)
{
	const unsigned char *p = index + 1, *end = index + len;
	uint64_t count, packed, unpacked, sum = 0;
	if (index[0] != 0 || !take_number(&p, end, &count))
		return -1;
	for (; count > 0; count--) {
		if (!take_number(&p, end, &packed) || !take_number(&p, end, &unpacked) || packed > INT64_MAX / 2 - sum)
			return -1;
		sum += (packed + 3) & ~UINT64_C(3);
	}
	return (int64_t)sum;
}

/* Where the last stream ends: padding is zeros, in fours. */
static int64_t without_padding(int fd, int64_t size)
{
	unsigned char four[4];
	while (size >= 4 && pread(fd, four, sizeof four, size - 4) == sizeof four && little32(four) == 0)
		size -= 4;
	return size;
}

bool archive_end_xz_is_single(int fd, int64_t size)
{
	unsigned char footer[XZ_HEADER], *index = NULL;
	int64_t end = without_padding(fd, size), sum = -1;
	if (end < 2 * XZ_HEADER || pread(fd, footer, sizeof footer, end - XZ_HEADER) != sizeof footer)
		return false;
	int64_t index_len = ((int64_t)little32(footer + 4) + 1) * 4;
	if (index_len <= XZ_INDEX_MAX && index_len <= end - 2 * XZ_HEADER)
		index = malloc((size_t)index_len);
	if (index != NULL && pread(fd, index, (size_t)index_len, end - XZ_HEADER - index_len) == index_len)
		sum = blocks_len(index, (size_t)index_len);
	free(index);
	return sum >= 0 && sum + index_len + 2 * XZ_HEADER == end;
}

bool archive_end_zip(int fd, int64_t size)
{
	int64_t len = size < ZIP_END + ZIP_COMMENT_MAX ? size : ZIP_END + ZIP_COMMENT_MAX;
	unsigned char *tail = malloc((size_t)len + 1);
	bool found = false;
	if (tail == NULL)
		return false;
	if (pread(fd, tail, (size_t)len, size - len) == len) {
		for (int64_t i = len - ZIP_END; i >= 0 && !found; i--)
			found = memcmp(tail + i, "PK\5\6", 4) == 0 &&
			        i + ZIP_END + (tail[i + 20] | tail[i + 21] << 8) == len;
	}
	free(tail);
	return found;
}
