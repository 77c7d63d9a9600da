/* sandbox: see sandbox.h. Privileges, core dumps and the system call filter; files are sandbox_landlock.c. */
#include "sandbox.h"

#include "sandbox_filters.h"
#include "sandbox_landlock.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/seccomp.h>

static const char VARIABLE[] = "PKGMIRROR_NO_SANDBOX";

void sandbox_switch_off(void)
{
	setenv(VARIABLE, "1", 1);
}

bool sandbox_is_off(void)
{
	const char *value = getenv(VARIABLE);
	return value != NULL && value[0] != '\0' && strcmp(value, "0") != 0;
}

void sandbox_begin(struct sandbox *s, enum sandbox_role role, enum log_level level)
{
	*s = (struct sandbox){.role = role, .level = level, .ruleset_fd = -1};
	if (sandbox_is_off())
		log_event(
		    LOG_WARN_LEVEL, "sandbox", "state", "off", "why", "--no-sandbox or PKGMIRROR_NO_SANDBOX", NULL);
	else
		landlock_begin(s);
}

void sandbox_allow(struct sandbox *s, const char *path, enum sandbox_access access)
{
	if (s->ruleset_fd >= 0 && path != NULL && path[0] != '\0')
		landlock_allow(s, path, access);
}

/* Neither a file nor a pipe to a crash reporter, and nobody else's debugger. */
static void leave_no_core(void)
{
	const struct rlimit none = {0};
	setrlimit(RLIMIT_CORE, &none);
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

/* The kernel lacks it: told at the level that the caller chose. Anything else should not happen. */
static void lacks(const struct sandbox *s, const char *what, int error)
{
	struct fault f;
	fault_errno(&f, FAULT_SYSTEM, error, "%s", what);
	log_event(
	    error == ENOSYS || error == EINVAL || error == EOPNOTSUPP || error == EPERM ? s->level : LOG_WARN_LEVEL,
	    "sandbox", "state", "partly", "lacks", f.text, NULL);
}

static bool filter_calls(enum sandbox_role role)
{
	const struct sandbox_filter *filter = &sandbox_filters[role];
	/* The kernel only reads the instructions; its header does not say so. */
	const union {
		const struct sock_filter *ours;
		struct sock_filter *theirs;
	} instructions = {.ours = filter->instructions};
	const struct sock_fprog program = {.len = filter->len, .filter = instructions.theirs};
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0UL, &program) == 0;
}

void sandbox_seal(struct sandbox *s)
{
	if (sandbox_is_off())
		return;
	leave_no_core();
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		lacks(s, "no_new_privs", errno);
	if (s->ruleset_fd < 0)
		lacks(s, "Landlock", s->abi < 0 ? -s->abi : ENOSYS);
	else if (!landlock_seal(s))
		lacks(s, "Landlock", errno);
	if (!filter_calls(s->role))
		lacks(s, "seccomp", errno);
}
