/* sandbox_landlock: see sandbox_landlock.h. */
#include "sandbox_landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The kernel's interface (Documentation/userspace-api/landlock.rst); a call's number is the same on every architecture.
 */
enum { CREATE_RULESET = 444, ADD_RULE = 445, RESTRICT_SELF = 446, RULE_PATH_BENEATH = 1, GET_VERSION = 1 };

#define FS_EXECUTE (UINT64_C(1) << 0)
#define FS_WRITE_FILE (UINT64_C(1) << 1)
#define FS_READ_FILE (UINT64_C(1) << 2)
#define FS_READ_DIR (UINT64_C(1) << 3)
#define FS_REMOVE_DIR (UINT64_C(1) << 4)
#define FS_REMOVE_FILE (UINT64_C(1) << 5)
#define FS_MAKE_DIR (UINT64_C(1) << 7)
#define FS_MAKE_REG (UINT64_C(1) << 8)
#define FS_MAKE_SOCK (UINT64_C(1) << 9)
#define FS_MAKE_SYM (UINT64_C(1) << 12)
#define FS_REFER (UINT64_C(1) << 13)     /* since ABI 2 */
#define FS_TRUNCATE (UINT64_C(1) << 14)  /* since ABI 3 */
#define FS_IOCTL_DEV (UINT64_C(1) << 15) /* since ABI 5 */
#define NET_BIND_TCP (UINT64_C(1) << 0)  /* since ABI 4 */
#define NET_CONNECT_TCP (UINT64_C(1) << 1)
#define SCOPE_ABSTRACT_SOCKET (UINT64_C(1) << 0) /* since ABI 6 */
#define SCOPE_SIGNAL (UINT64_C(1) << 1)

#define FS_OF_ABI_2 ((FS_REFER << 1) - 1)
#define FS_OF_FILES (FS_EXECUTE | FS_WRITE_FILE | FS_READ_FILE | FS_TRUNCATE | FS_IOCTL_DEV)

/* With the first one a file could not be renamed from one folder into another. */
enum { ABI_LEAST = 2, ABI_TRUNCATE = 3, ABI_NET = 4, ABI_IOCTL = 5, ABI_SCOPE = 6 };

struct ruleset {
	uint64_t fs, net, scoped;
};

struct path_beneath {
	uint64_t access;
	int32_t parent_fd;
} __attribute__((packed));

static uint64_t fs_of(int abi)
{
	return FS_OF_ABI_2 | (abi >= ABI_TRUNCATE ? FS_TRUNCATE : 0) | (abi >= ABI_IOCTL ? FS_IOCTL_DEV : 0);
}

/* Nobody listens at a TCP port; only who asks upstreams connects to one. */
static uint64_t net_of(int abi, enum sandbox_role role)
{
	if (abi < ABI_NET || role == SANDBOX_CHECK)
		return 0;
	return role == SANDBOX_SERVICE ? NET_BIND_TCP : NET_BIND_TCP | NET_CONNECT_TCP;
}

/* systemd may listen for the warmer's notes at an abstract socket. */
static uint64_t scope_of(int abi, enum sandbox_role role)
{
	if (abi < ABI_SCOPE)
		return 0;
	return role == SANDBOX_WARMER ? SCOPE_SIGNAL : SCOPE_SIGNAL | SCOPE_ABSTRACT_SOCKET;
}

void landlock_begin(struct sandbox *s)
{
	long abi = syscall(CREATE_RULESET, NULL, (size_t)0, GET_VERSION);
	s->abi = abi < 0 ? -errno : (int)abi;
	if (abi < ABI_LEAST) {
		s->abi = abi < 0 ? s->abi : 0;
		return;
	}
	const struct ruleset all = {
	    .fs = fs_of(s->abi), .net = net_of(s->abi, s->role), .scoped = scope_of(s->abi, s->role)};
	s->ruleset_fd = (int)syscall(CREATE_RULESET, &all, sizeof all, 0);
	if (s->ruleset_fd < 0)
		s->abi = -errno;
}

static uint64_t rights(enum sandbox_access access)
{
	const uint64_t read = FS_READ_FILE | FS_READ_DIR;
	switch (access) {
	case SANDBOX_READ:
		return read;
	case SANDBOX_REMOVE:
		return FS_REMOVE_FILE;
	case SANDBOX_APPEND:
		return read | FS_WRITE_FILE | FS_TRUNCATE | FS_MAKE_REG | FS_REMOVE_FILE;
	case SANDBOX_WRITE:
		return read | FS_WRITE_FILE | FS_TRUNCATE | FS_MAKE_REG | FS_MAKE_DIR | FS_MAKE_SYM | FS_MAKE_SOCK |
		       FS_REMOVE_FILE | FS_REMOVE_DIR | FS_REFER;
	default:
		return read | FS_EXECUTE;
	}
}

/* What cannot be allowed though it is there, for want of descriptors, memory or a sound disk: sealed in without it the
 * program could not work. */
static void give_up(struct sandbox *s, const char *path, int error)
{
	struct fault f;
	fault_errno(&f, FAULT_SYSTEM, error, "cannot allow %s", path);
	log_fault(&f, "sandbox", NULL);
	close(s->ruleset_fd);
	s->ruleset_fd = -1;
	s->abi = -error;
}

static bool is_short(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOMEM || error == EIO;
}

void landlock_allow(struct sandbox *s, const char *path, enum sandbox_access access)
{
	struct stat st;
	int fd = open(path, O_PATH | O_CLOEXEC);
	if (fd < 0) {
		if (is_short(errno))
			give_up(s, path, errno);
		return;
	}
	struct path_beneath rule = {.access = rights(access) & fs_of(s->abi), .parent_fd = fd};
	bool ok = fstat(fd, &st) == 0;
	if (ok && !S_ISDIR(st.st_mode))
		rule.access &= FS_OF_FILES;
	ok = ok && (rule.access == 0 || syscall(ADD_RULE, s->ruleset_fd, RULE_PATH_BENEATH, &rule, 0) == 0);
	if (!ok)
		give_up(s, path, errno);
	close(fd);
}

bool landlock_seal(struct sandbox *s)
{
	bool ok = syscall(RESTRICT_SELF, s->ruleset_fd, 0) == 0;
	int error = errno;
	close(s->ruleset_fd);
	s->ruleset_fd = -1;
	errno = error;
	return ok;
}
