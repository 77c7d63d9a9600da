/* platform: see platform.h. */
#include "platform.h"

#include <stddef.h>
#include <string.h>

/* The first row whose two words both stand in the User-Agent decides. */
static const struct {
	const char *system, *machine, *target;
} ROWS[] = {
    {"Android", "", ""},
    {"iPhone", "", ""},
    {"iPad", "", ""},
    {"Windows", "ARM64", "aarch64-windows"},
    {"Windows", "", "x86_64-windows"},
    {"Macintosh", "", "aarch64-macos"},
    {"FreeBSD", "arm64", "aarch64-freebsd"},
    {"FreeBSD", "", "x86_64-freebsd"},
    {"NetBSD", "", "x86_64-netbsd"},
    {"OpenBSD", "", ""},
    {"CrOS", "aarch64", "aarch64-linux"},
    {"CrOS", "", "x86_64-linux"},
    {"Linux", "aarch64", "aarch64-linux"},
    {"Linux", "armv7", "arm-linux"},
    {"Linux", "riscv64", "riscv64-linux"},
    {"Linux", "ppc64le", "powerpc64le-linux"},
    {"Linux", "i686", "x86-linux"},
    {"Linux", "", "x86_64-linux"},
};

const char *platform_of(const char *user_agent)
{
	for (size_t i = 0; user_agent != NULL && i < sizeof ROWS / sizeof ROWS[0]; i++)
		if (strstr(user_agent, ROWS[i].system) != NULL && strstr(user_agent, ROWS[i].machine) != NULL)
			return ROWS[i].target;
	return "";
}
