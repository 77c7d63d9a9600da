/* Arbitrary bytes as a package archive: no crash, no leak; what is no whole archive is an integrity fault, the rest has
 * the digest of its tree, and a hash or a reason why it has none. */
#include "mirror/zighash.h"
#include "packed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct zighash z;
	struct fault f = {0};
	int fd = packed_open(data, size);
	if (!zighash_compute(fd, &z, &f)) {
		if (f.class != FAULT_INTEGRITY && f.class != FAULT_SYSTEM)
			abort();
	} else if (strlen(z.tree) != 64 || (z.reason[0] == '\0') != (z.hash[0] != '\0' || z.multihash[0] != '\0')) {
		abort();
	}
	close(fd);
	return 0;
}
