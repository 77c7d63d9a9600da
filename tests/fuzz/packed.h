/* Bytes as an archive that a fuzzer hands to the code under test. A change in packed bytes breaks their check sum, and
 * what is behind it would never see a changed one: so bytes that are not packed, such as those of a tar, are packed
 * here. */
#ifndef TESTS_FUZZ_PACKED_H
#define TESTS_FUZZ_PACKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static inline void packed_put(int fd, const void *data, size_t size)
{
	if (write(fd, data, size) != (ssize_t)size)
		abort();
}

static inline uint32_t packed_crc32(const uint8_t *data, size_t size)
{
	uint32_t crc = UINT32_MAX;
	for (size_t i = 0; i < size; i++) {
		crc ^= data[i];
		for (int k = 0; k < 8; k++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
	}
	return ~crc;
}

/* gzip (RFC 1952) around stored blocks (RFC 1951 section 3.2.4). */
static inline void packed_gzip(int fd, const uint8_t *data, size_t size)
{
	static const uint8_t START[] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3};
	const uint32_t sum = packed_crc32(data, size), len = (uint32_t)size;
	const size_t block_max = 0xffff;
	packed_put(fd, START, sizeof START);
	for (bool last = false; !last;) {
		size_t n = size < block_max ? size : block_max;
		last = n == size;
		uint8_t head[] = {last, (uint8_t)n, (uint8_t)(n >> 8), (uint8_t)~n, (uint8_t)(~n >> 8)};
		packed_put(fd, head, sizeof head);
		packed_put(fd, data, n);
		data += n;
		size -= n;
	}
	uint8_t end[8];
	for (unsigned i = 0; i < 4; i++) {
		end[i] = (uint8_t)(sum >> 8 * i);
		end[4 + i] = (uint8_t)(len >> 8 * i);
	}
	packed_put(fd, end, sizeof end);
}

/* A descriptor of the bytes, packed unless they begin like something packed. The caller closes it. */
static inline int packed_open(const uint8_t *data, size_t size)
{
	static const char *const STARTS[] = {"\x1f\x8b", "\xfd\x37zXZ", "\x28\xb5\x2f\xfd", "PK"};
	bool raw = true;
	int fd = memfd_create("fuzz", MFD_CLOEXEC);
	if (fd < 0)
		abort();
	for (size_t i = 0; i < sizeof STARTS / sizeof STARTS[0]; i++)
		raw = raw && (size < strlen(STARTS[i]) || memcmp(data, STARTS[i], strlen(STARTS[i])) != 0);
	if (raw)
		packed_gzip(fd, data, size);
	else
		packed_put(fd, data, size);
	return fd;
}

#endif
