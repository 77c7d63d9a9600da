/* zighash: prints, for each archive named, what the room zighash says of it:
 * NAME<TAB>HASH<TAB>MULTIHASH<TAB>REASON. For the tests that compare with the real zig. */
#include "mirror/zighash.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		struct zighash z = {0};
		struct fault f = {0};
		int fd = open(argv[i], O_RDONLY);
		if (fd < 0 || !zighash_compute(fd, &z, &f))
			snprintf(z.reason, sizeof z.reason, "refused: %.140s", f.text);
		printf("%s\t%s\t%s\t%s\n", argv[i], z.hash, z.multihash, z.reason);
		if (fd >= 0)
			close(fd);
	}
	return 0;
}
