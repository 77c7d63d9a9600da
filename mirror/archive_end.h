/* archive_end: the last bytes of compressed files, which say whether there were more. Called by archive. */
#ifndef PKGMIRROR_ARCHIVE_END_H
#define PKGMIRROR_ARCHIVE_END_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The CRC-32 of gzip (RFC 1952 section 8) over what `crc` (0: nothing) covers and len more bytes. */
uint32_t archive_end_crc32(uint32_t crc, const unsigned char *data, size_t len);

/* Reads the trailer of a gzip of `size` bytes: the checksum of the last stream and its unpacked length, modulo 2^32.
 * False when it is too short to have one. */
bool archive_end_gzip(int fd, int64_t size, uint32_t *crc, uint32_t *len) __attribute__((warn_unused_result));

/* True when the xz of `size` bytes, known to be whole, is one stream: that which its last index describes. */
bool archive_end_xz_is_single(int fd, int64_t size) __attribute__((warn_unused_result));

/* True when the file of `size` bytes ends in the end record of a zip, with a comment that reaches exactly to the end.
 */
bool archive_end_zip(int fd, int64_t size) __attribute__((warn_unused_result));

#endif
