/* make-filters: writes mirror's system call filters as C, from the lists below. It runs when pkgmirror is built, and is
 * libseccomp's only room.
 *
 * The programs have lists of what is forbidden, not of what is allowed: C library, libcurl, OpenSSL and SQLite call
 * what they like, other calls after each update, and a mirror that dies of an update is worse than one with a call too
 * many. What is forbidden are the ways from a taken-over process to the rest of the machine: running programs, other
 * processes, other users, name spaces, mounts, modules, keys, tracing, and the interfaces that such ways were found in
 * again and again (bpf, io_uring, userfaultfd, perf). Forbidden calls fail, as they do for who lacks the privilege, so
 * that a library can do without. The child that unpacks archives runs little code of few libraries on the most hostile
 * bytes: it has a list of what is allowed.
 *
 * The order of the rules costs nothing: since Linux 5.11 the kernel notes for which calls a filter says yes whatever
 * their arguments, and does not run it for those. A call of a hit took 37 ns more under the responder's filter, and as
 * much under one that is a single instruction. */
#include "mirror/sandbox_filters.h"
#include "mirror/sanitized.h"

#include <seccomp.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/* Newer than the headers of Debian 12, or of no C library. */
#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif
#ifndef CLONE_NEWCGROUP
#define CLONE_NEWCGROUP 0x02000000
#endif
#ifdef __s390__
enum { CLONE_FLAGS = 1 };
#else
enum { CLONE_FLAGS = 0 };
#endif

enum { INSTRUCTIONS_MAX = 4096 };

struct list {
	const char *const *names;
	size_t count;
};
#define LIST(names) ((struct list){names, sizeof names / sizeof names[0]})

static const char *const PROCESSES[] = {"ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "kcmp",
    "pidfd_getfd", "setns", "unshare", "chroot", "pivot_root", "mount", "umount", "umount2", "mount_setattr",
    "move_mount", "open_tree", "fsopen", "fsmount", "fsconfig", "fspick", "open_by_handle_at", "name_to_handle_at",
    "fanotify_init", "personality", "vhangup", "lookup_dcookie"};

static const char *const MACHINE[] = {"acct", "bpf", "clock_adjtime", "clock_settime", "create_module", "delete_module",
    "finit_module", "init_module", "io_uring_enter", "io_uring_register", "io_uring_setup", "ioperm", "iopl",
    "kexec_file_load", "kexec_load", "nfsservctl", "perf_event_open", "quotactl", "quotactl_fd", "reboot",
    "setdomainname", "sethostname", "settimeofday", "stime", "swapoff", "swapon", "sysfs", "_sysctl", "syslog",
    "userfaultfd", "uselib", "ustat", "vm86", "vm86old", "modify_ldt", "adjtimex", "add_key", "keyctl", "request_key"};

static const char *const USERS[] = {"setuid", "setuid32", "setgid", "setgid32", "setreuid", "setreuid32", "setregid",
    "setregid32", "setresuid", "setresuid32", "setresgid", "setresgid32", "setfsuid", "setfsuid32", "setfsgid",
    "setfsgid32", "setgroups", "setgroups32", "capset"};

/* What Landlock does not look at. SQLite gives its files their mode and owner by descriptor, which remains. */
static const char *const FILES[] = {"chmod", "fchmodat", "fchmodat2", "chown", "chown32", "lchown", "lchown32",
    "fchownat", "setxattr", "lsetxattr", "removexattr", "lremovexattr", "mknod", "mknodat"};

static const char *const RUNNING[] = {"execve", "execveat"};

static const char *const SIGNALLING[] = {"kill", "tkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "pidfd_open",
    "pidfd_send_signal", "fork", "vfork", "bind", "listen"};

static const char *const COMPUTING[] = {"brk", "clock_getres", "clock_gettime", "clock_gettime64", "close", "exit",
    "exit_group", "fstat", "fstat64", "futex", "futex_time64", "get_robust_list", "getpid", "getrandom", "getrusage",
    "gettid", "gettimeofday", "lseek", "_llseek", "madvise", "membarrier", "mmap", "mmap2", "mprotect", "mremap",
    "munmap", "nanosleep", "pread64", "read", "readv", "restart_syscall", "rseq", "rt_sigaction", "rt_sigprocmask",
    "rt_sigreturn", "sched_getaffinity", "sched_yield", "set_robust_list", "sigaltstack", "sigreturn", "sysinfo",
    "tgkill", "time", "ugetrlimit", "getrlimit", "uname", "write", "writev"};

/* A sanitizer writes its report by these. */
static const char *const REPORTING[] = {
    "openat", "open", "readlink", "readlinkat", "stat", "prctl", "ioctl", "fcntl", "getppid"};

static void check(int error, const char *what)
{
	if (error == 0)
		return;
	fprintf(stderr, "make-filters: %s: error %d\n", what, -error);
	exit(EXIT_FAILURE);
}

/* A rule for every name that this architecture, and this libseccomp, knows. */
static void add(scmp_filter_ctx filter, uint32_t action, struct list list)
{
	for (size_t i = 0; i < list.count; i++) {
		int number = seccomp_syscall_resolve_name(list.names[i]);
		if (number >= 0)
			check(seccomp_rule_add_exact_array(filter, action, number, 0, NULL), list.names[i]);
	}
}

static void add_if(
    scmp_filter_ctx filter, uint32_t action, const char *name, unsigned count, const struct scmp_arg_cmp *when)
{
	int number = seccomp_syscall_resolve_name(name);
	if (number >= 0)
		check(seccomp_rule_add_exact_array(filter, action, number, count, when), name);
}

static void forbid_name_spaces(scmp_filter_ctx filter)
{
	static const uint64_t NEW[] = {
	    CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC, CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET};
	static const char *const CLONE3[] = {"clone3"};
	for (size_t i = 0; i < sizeof NEW / sizeof NEW[0]; i++) {
		const struct scmp_arg_cmp has = {CLONE_FLAGS, SCMP_CMP_MASKED_EQ, NEW[i], NEW[i]};
		add_if(filter, SCMP_ACT_ERRNO(EPERM), "clone", 1, &has);
	}
	/* Its flags are behind a pointer, where a filter cannot look; C libraries take clone then. */
	add(filter, SCMP_ACT_ERRNO(ENOSYS), LIST(CLONE3));
}

/* What was given up stays given up: core dumps, and that nobody traces us. */
static void forbid_dumps(scmp_filter_ctx filter)
{
	const uint32_t no = SCMP_ACT_ERRNO(EPERM);
	const struct scmp_arg_cmp again[] = {{0, SCMP_CMP_EQ, PR_SET_DUMPABLE, 0}, {1, SCMP_CMP_NE, 0, 0}};
	const struct scmp_arg_cmp tracer[] = {{0, SCMP_CMP_EQ, PR_SET_PTRACER, 0}};
	const struct scmp_arg_cmp limit[] = {{1, SCMP_CMP_EQ, RLIMIT_CORE, 0}, {2, SCMP_CMP_NE, 0, 0}};
	const struct scmp_arg_cmp old_limit[] = {{0, SCMP_CMP_EQ, RLIMIT_CORE, 0}};
	add_if(filter, no, "prlimit64", 2, limit);
	add_if(filter, no, "setrlimit", 1, old_limit);
	if (SANITIZED) /* the search for leaks traces its own process */
		return;
	add_if(filter, no, "prctl", 2, again);
	add_if(filter, no, "prctl", 1, tracer);
}

/* Bytes that its terminal would take as typed. */
static void forbid_typing(scmp_filter_ctx filter)
{
	const struct scmp_arg_cmp type = {1, SCMP_CMP_EQ, TIOCSTI, 0}, paste = {1, SCMP_CMP_EQ, TIOCLINUX, 0};
	add_if(filter, SCMP_ACT_ERRNO(EPERM), "ioctl", 1, &type);
	add_if(filter, SCMP_ACT_ERRNO(EPERM), "ioctl", 1, &paste);
}

static void forbid_sockets(scmp_filter_ctx filter, enum sandbox_role role)
{
	const uint32_t no = SCMP_ACT_ERRNO(EAFNOSUPPORT);
	const struct scmp_arg_cmp not_unix = {0, SCMP_CMP_NE, AF_UNIX, 0}, beyond = {0, SCMP_CMP_GT, AF_NETLINK, 0};
	static const uint64_t INTERNET[] = {AF_INET, AF_INET6};
	if (role == SANDBOX_RESPONDER || role == SANDBOX_WARMER) {
		add_if(filter, no, "socket", 1, &not_unix);
		return;
	}
	/* A resolver asks by netlink which addresses there are. */
	add_if(filter, no, "socket", 1, &beyond);
	for (uint64_t family = 0; family < AF_NETLINK; family++) {
		const struct scmp_arg_cmp is = {0, SCMP_CMP_EQ, family, 0};
		if (family != AF_UNIX && family != AF_INET && family != AF_INET6)
			add_if(filter, no, "socket", 1, &is);
	}
	for (size_t i = 0; i < 2; i++) {
		const struct scmp_arg_cmp raw[] = {
		    {0, SCMP_CMP_EQ, INTERNET[i], 0}, {1, SCMP_CMP_MASKED_EQ, 0xf, SOCK_RAW}};
		add_if(filter, SCMP_ACT_ERRNO(EPERM), "socket", 2, raw);
	}
}

/* Threads remain. */
static void forbid_children(scmp_filter_ctx filter)
{
	const struct scmp_arg_cmp child = {CLONE_FLAGS, SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0};
	add(filter, SCMP_ACT_ERRNO(EPERM), LIST(SIGNALLING));
	if (!SANITIZED) /* the search for leaks is one */
		add_if(filter, SCMP_ACT_ERRNO(EPERM), "clone", 1, &child);
}

static scmp_filter_ctx forbid(enum sandbox_role role)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	const uint32_t no = SCMP_ACT_ERRNO(EPERM);
	for (size_t i = 0; i < sizeof PROCESSES / sizeof PROCESSES[0]; i++)
		if (!SANITIZED || i > 0) /* ptrace, see above */
			add(filter, no, (struct list){&PROCESSES[i], 1});
	add(filter, no, LIST(MACHINE));
	add(filter, no, LIST(USERS));
	add(filter, no, LIST(FILES));
	if (role != SANDBOX_CHECK)
		add(filter, no, LIST(RUNNING));
	forbid_name_spaces(filter);
	forbid_dumps(filter);
	forbid_typing(filter);
	forbid_sockets(filter, role);
	if (role == SANDBOX_RESPONDER)
		forbid_children(filter);
	return filter;
}

static scmp_filter_ctx allow(void)
{
	const struct scmp_arg_cmp by_descriptor = {3, SCMP_CMP_MASKED_EQ, AT_EMPTY_PATH, AT_EMPTY_PATH};
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
	add(filter, SCMP_ACT_ALLOW, LIST(COMPUTING));
	if (SANITIZED)
		add(filter, SCMP_ACT_ALLOW, LIST(REPORTING));
	add_if(filter, SCMP_ACT_ALLOW, "newfstatat", 1, &by_descriptor);
	add_if(filter, SCMP_ACT_ALLOW, "fstatat64", 1, &by_descriptor);
	return filter;
}

static void write_filter(enum sandbox_role role, scmp_filter_ctx filter, size_t *count)
{
	static struct sock_filter program[INSTRUCTIONS_MAX];
	int fd = memfd_create("filter", MFD_CLOEXEC);
	check(seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2), "optimize");
	check(seccomp_export_bpf(filter, fd), "export");
	ssize_t n = pread(fd, program, sizeof program, 0);
	if (n <= 0 || n == sizeof program)
		check(-EFBIG, "program");
	close(fd);
	*count = (size_t)n / sizeof program[0];
	printf("\nstatic const struct sock_filter F%d[] = {\n", (int)role);
	for (size_t i = 0; i < *count; i++)
		printf("    {0x%x, %u, %u, 0x%x},\n", program[i].code, program[i].jt, program[i].jf, program[i].k);
	puts("};");
}

int main(void)
{
	size_t counts[SANDBOX_ROLES];
	puts("/* Made by build-aux/make-filters.c. */\n#include \"mirror/sandbox_filters.h\"");
	for (int role = 0; role < SANDBOX_ROLES; role++) {
		scmp_filter_ctx filter = role == SANDBOX_UNPACK ? allow() : forbid((enum sandbox_role)role);
		if (filter == NULL)
			check(-ENOMEM, "filter");
		write_filter((enum sandbox_role)role, filter, &counts[role]);
		seccomp_release(filter);
	}
	puts("\nconst struct sandbox_filter sandbox_filters[SANDBOX_ROLES] = {");
	for (int role = 0; role < SANDBOX_ROLES; role++)
		printf("    {%zu, F%d},\n", counts[role], role);
	puts("};");
	return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
