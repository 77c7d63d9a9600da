/* What a process of ours that was taken over could still do. Each test is a child that seals itself in by the policy of
 * a program and then tries; what it did is its exit status. Files are only tried where the kernel has Landlock. */
#include "mirror/sandbox_policy.h"
#include "mirror/catalog.h"
#include "mirror/sanitized.h"
#include "mirror/store.h"
#include "tests/unit/scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
	char dir[SCRATCH_CAP], other[SCRATCH_CAP]; /* state_dir, and a folder beside it */
	char logo[SCRATCH_CAP + 16], secret[SCRATCH_CAP + 16];
	struct config config;
	struct sockaddr_in listener; /* somebody listens there */
	int listener_fd;
	bool landlock;
};

static char nothing[] = "";

static bool write_file(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	bool ok = fd >= 0 && write(fd, "x", 1) == 1;
	if (fd >= 0)
		close(fd);
	return ok;
}

static int setup(void **state)
{
	struct fixture *x = calloc(1, sizeof *x);
	socklen_t len = sizeof x->listener;
	assert_non_null(x);
	assert_true(scratch_make(x->dir) && scratch_make(x->other));
	snprintf(x->logo, sizeof x->logo, "%s/logo.svg", x->other);
	snprintf(x->secret, sizeof x->secret, "%s/secret", x->other);
	assert_true(write_file(x->logo) && write_file(x->secret));
	x->config = (struct config){.state_dir = x->dir, .file = nothing, .ca_file = nothing, .signing_key = nothing};
	x->config.site.logo = x->logo;
	x->config.site.templates = nothing;
	store_close(store_open(x->dir, true, NULL));
	x->listener_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	x->listener = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	assert_int_equal(bind(x->listener_fd, (struct sockaddr *)&x->listener, len), 0);
	assert_int_equal(listen(x->listener_fd, 5), 0);
	assert_int_equal(getsockname(x->listener_fd, (struct sockaddr *)&x->listener, &len), 0);
	x->landlock = syscall(444, NULL, 0UL, 1) >= 2;
	*state = x;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *x = *state;
	close(x->listener_fd);
	scratch_remove(x->dir);
	scratch_remove(x->other);
	free(x);
	return 0;
}

/* ---- what is tried: each tells whether it could be done
 * --------------------------------------------------------------- */

static bool can_open(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC, 0644);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static bool can_open_below(const char *folder, const char *name, int flags)
{
	char path[256];
	snprintf(path, sizeof path, "%s/%s", folder, name);
	return can_open(path, flags);
}

static bool can_run(const char *program)
{
	char name[] = "sh", option[] = "-c", command[] = "exit 0";
	char *argv[] = {name, option, command, NULL}, *envp[] = {NULL};
	int status = 1;
	pid_t child = fork();
	if (child == 0) {
		execve(program, argv, envp);
		_exit(1);
	}
	return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

static bool can_connect(const struct fixture *x)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool ok = fd >= 0 && connect(fd, (const struct sockaddr *)&x->listener, sizeof x->listener) == 0;
	if (fd >= 0)
		close(fd);
	return ok;
}

static bool can_trace_parent(void)
{
	return ptrace(PTRACE_ATTACH, getppid(), NULL, NULL) == 0;
}

static bool can_dump(void)
{
	struct rlimit core = {.rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY};
	if (prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0 || setrlimit(RLIMIT_CORE, &core) == 0)
		return true;
	if (!SANITIZED && prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0) /* the search for leaks traces its own process */
		return true;
	return getrlimit(RLIMIT_CORE, &core) != 0 || core.rlim_max != 0;
}

/* The number of the first of a dozen ways to the rest of the machine that is open, 0 for none. */
static int open_way(void)
{
	char buffer[256] = "";
	int way = 0;
#define TRY(call)                                                                                                      \
	way++;                                                                                                         \
	if ((call) >= 0)                                                                                               \
	return way
	TRY(unshare(CLONE_NEWUSER));
	TRY(unshare(CLONE_NEWNET));
	TRY(syscall(SYS_mount, "none", "/mnt", "tmpfs", 0UL, NULL));
	TRY(chroot("/"));
	TRY(setuid(0));
	TRY(setgid(0));
	TRY(setresuid(0, 0, 0));
	TRY(chmod("/tmp", 01777));
	TRY(chown("/tmp", 0, 0));
	TRY(syscall(SYS_bpf, 0, buffer, sizeof buffer));
	TRY(syscall(SYS_io_uring_setup, 4, buffer));
	TRY(syscall(SYS_userfaultfd, 0));
	TRY(syscall(SYS_perf_event_open, buffer, 0, -1, -1, 0));
	TRY(syscall(SYS_keyctl, 0, 0, 0, 0, 0));
	TRY(syscall(SYS_process_vm_readv, getppid(), NULL, 0UL, NULL, 0UL, 0UL));
	TRY(syscall(SYS_pidfd_getfd, -1, 0, 0));
	TRY(socket(AF_PACKET, SOCK_RAW, 0));
	TRY(socket(AF_INET, SOCK_RAW, 1));
	TRY(syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, NULL));
#undef TRY
	return 0;
}

static void *work(void *arg)
{
	return arg;
}

static bool can_thread(void)
{
	static char given;
	pthread_t thread;
	void *result = NULL;
	return pthread_create(&thread, NULL, work, &given) == 0 && pthread_join(thread, &result) == 0 &&
	       result == &given;
}

static bool is_sealed(void)
{
	char line[256];
	int seen = 0;
	FILE *in = fopen("/proc/self/status", "r");
	while (in != NULL && fgets(line, sizeof line, in) != NULL)
		seen += strcmp(line, "NoNewPrivs:\t1\n") == 0 || strcmp(line, "Seccomp:\t2\n") == 0;
	if (in != NULL)
		fclose(in);
	return in == NULL || seen == 2; /* /proc is only open to a build with sanitizers */
}

/* ---- each program
 * ---------------------------------------------------------------------------------------------------- */

/* Leaves with the line of the first thing that is not as it should be. */
#define MUST(condition)                                                                                                \
	do {                                                                                                           \
		if (!(condition)) {                                                                                    \
			dprintf(STDERR_FILENO, "%s:%d: %s (errno %d)\n", __FILE__, __LINE__, #condition, errno);       \
			return 1;                                                                                      \
		}                                                                                                      \
	} while (0)

static int nobody_gets_out(const struct fixture *x)
{
	MUST(is_sealed());
	MUST(open_way() == 0);
	MUST(!can_trace_parent());
	MUST(!can_dump());
	if (!x->landlock)
		return 0;
	MUST(!can_open("/etc/shadow", O_RDONLY));
	MUST(!can_open(x->secret, O_RDONLY));
	MUST(!can_open_below(x->other, "new", O_WRONLY | O_CREAT));
	MUST(!can_open("/tmp/pkgmirror-escaped", O_WRONLY | O_CREAT));
	return 0;
}

static int as_responder(struct fixture *x)
{
	sandbox_responder(&x->config, NULL, LOG_INFO_LEVEL);
	MUST(nobody_gets_out(x) == 0);
	MUST(!can_run("/bin/sh"));
	MUST(!can_connect(x));
	MUST(kill(getppid(), 0) != 0);
	MUST(can_thread());
	MUST(can_open_below(x->dir, "run/hits.log", O_WRONLY | O_APPEND | O_CREAT));
	MUST(can_open(x->logo, O_RDONLY));
	if (!x->landlock)
		return 0;
	MUST(!can_open_below(x->dir, "public/forged", O_WRONLY | O_CREAT));
	MUST(!can_open_below(x->dir, "store/forged", O_WRONLY | O_CREAT));
	MUST(!can_open_below(x->dir, "catalog.db", O_WRONLY | O_CREAT));
	return 0;
}

static bool can_publish(const struct fixture *x)
{
	struct fault f = {0};
	struct store *s = store_open(x->dir, true, &f);
	bool ok = s != NULL && mkdirat(store_fd(s), "part/a", 0755) == 0 &&
	          mkdirat(store_fd(s), "store/b", 0755) == 0 &&
	          can_open_below(x->dir, "part/a/f", O_WRONLY | O_CREAT) &&
	          renameat(store_fd(s), "part/a/f", store_fd(s), "store/b/f") == 0 &&
	          symlinkat("../store/b/f", store_fd(s), "public/f") == 0 && unlinkat(store_fd(s), "store/b/f", 0) == 0;
	store_close(s);
	return ok;
}

static int as_service(struct fixture *x)
{
	sandbox_service(&x->config);
	MUST(nobody_gets_out(x) == 0);
	MUST(!can_run("/bin/sh"));
	MUST(can_connect(x));
	MUST(can_thread());
	MUST(can_publish(x));
	MUST(access("/etc/hosts", F_OK) != 0 || can_open("/etc/hosts", O_RDONLY));
	MUST(access("/etc/ssl/certs", F_OK) != 0 || can_open("/etc/ssl/certs", O_RDONLY | O_DIRECTORY));
	return 0;
}

static int as_warmer(struct fixture *x)
{
	char *const none[] = {NULL};
	sandbox_warmer(&x->config, none);
	MUST(nobody_gets_out(x) == 0);
	MUST(!can_run("/bin/sh"));
	MUST(!can_connect(x));
	MUST(can_publish(x));
	return 0;
}

static int as_warmer_with_files(struct fixture *x)
{
	char option[] = "--how", way[] = "link", made[SCRATCH_CAP + 16], from[SCRATCH_CAP + 16], to[SCRATCH_CAP + 16];
	char *const arguments[] = {option, way, x->other, made, NULL};
	snprintf(made, sizeof made, "%s/made", x->other);
	snprintf(from, sizeof from, "%s/secret", x->other);
	snprintf(to, sizeof to, "%s/part/secret", x->dir);
	sandbox_warmer(&x->config, arguments);
	MUST(mkdir(made, 0755) == 0);
	MUST(can_open(from, O_RDONLY));
	MUST(link(from, to) == 0);
	MUST(!x->landlock || !can_open("/etc/shadow", O_RDONLY));
	return 0;
}

static int as_check(struct fixture *x)
{
	setenv("TMPDIR", x->dir, 1);
	sandbox_check(&x->config);
	MUST(nobody_gets_out(x) == 0);
	MUST(can_run("/bin/sh"));
	MUST(can_connect(x));
	MUST(can_open_below(x->dir, "body", O_WRONLY | O_CREAT));
	return 0;
}

static int as_unpack(struct fixture *x)
{
	const struct rlimit core = {0};
	int file = open(x->secret, O_RDONLY | O_CLOEXEC);
	char byte = 0;
	sandbox_unpack();
	void *memory = malloc(1 << 20);
	MUST(memory != NULL && pread(file, &byte, 1, 0) == 1 && byte == 'x');
	free(memory);
	MUST(socket(AF_UNIX, SOCK_STREAM, 0) < 0);
	MUST(!can_open(x->secret, O_RDONLY) || !x->landlock);
	MUST(!can_open_below(x->dir, "part/new", O_WRONLY | O_CREAT) || !x->landlock);
	MUST(fork() < 0);
	MUST(kill(getppid(), 0) < 0);
	MUST(execl("/bin/sh", "sh", (char *)NULL) < 0);
	MUST(setrlimit(RLIMIT_CORE, &core) < 0);
	return 0;
}

/* The catalogue came to be, was written and left by others after the responder was sealed in. */
static int as_reader(struct fixture *x)
{
	struct fault f = {0};
	pid_t writer;
	int go[2], status = 1;
	char byte;
	if (pipe(go) != 0 || (writer = fork()) < 0)
		return 1;
	if (writer == 0) {
		close(go[1]);
		(void)!read(go[0], &byte, 1);
		struct catalog *c = catalog_open(x->dir, CATALOG_WRITE, false, &f);
		catalog_close(c);
		_exit(c != NULL ? 0 : 1);
	}
	catalog_prepare(x->dir, false);
	sandbox_responder(&x->config, NULL, LOG_INFO_LEVEL);
	close(go[0]);
	close(go[1]);
	MUST(waitpid(writer, &status, 0) == writer && status == 0);
	MUST(can_open_below(x->dir, "catalog.db-shm", O_RDWR));
	for (int i = 0; i < 2; i++) {
		struct catalog *c = catalog_open(x->dir, CATALOG_READ, false, &f);
		if (c == NULL)
			dprintf(STDERR_FILENO, "%s\n", f.text);
		MUST(c != NULL);
		catalog_close(c);
	}
	return 0;
}

static int as_somebody_unconfined(struct fixture *x)
{
	sandbox_switch_off();
	sandbox_responder(&x->config, NULL, LOG_INFO_LEVEL);
	MUST(can_open(x->secret, O_RDONLY));
	MUST(can_connect(x));
	MUST(can_run("/bin/sh"));
	return 0;
}

/* A kernel that has neither: its answers are those of a filter that came first. */
static int on_an_old_kernel(struct fixture *x)
{
	static const struct sock_filter OLD[] = {
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 444, 1, 0),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_seccomp, 0, 1),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_filter copy[sizeof OLD / sizeof OLD[0]];
	const struct sock_fprog program = {.len = sizeof OLD / sizeof OLD[0], .filter = copy};
	memcpy(copy, OLD, sizeof copy);
	MUST(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	MUST(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
	sandbox_service(&x->config);
	MUST(can_open(x->secret, O_RDONLY));
	MUST(can_publish(x));
	return 0;
}

/* ---- the tests
 * ------------------------------------------------------------------------------------------------------- */

/* What a child said on its standard error is in `said`. */
static int in_child(struct fixture *x, int (*program)(struct fixture *x), char *said, size_t cap)
{
	int status = -1, ends[2];
	assert_int_equal(pipe(ends), 0);
	pid_t child = fork();
	if (child == 0) {
		close(ends[0]);
		dup2(ends[1], STDERR_FILENO);
		log_open("test_sandbox", STDERR_FILENO, LOG_INFO_LEVEL);
		_exit(program(x));
	}
	close(ends[1]);
	size_t len = 0;
	for (ssize_t n = 1; n > 0 && len<cap - 1; len += n> 0 ? (size_t)n : 0)
		n = read(ends[0], said + len, cap - 1 - len);
	close(ends[0]);
	waitpid(child, &status, 0);
	fputs(said, stderr);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static size_t lines_with(const char *said, const char *word)
{
	size_t count = 0;
	for (const char *at = strstr(said, word); at != NULL; at = strstr(at + 1, word))
		count++;
	return count;
}

static void must_do(void **state, int (*program)(struct fixture *x))
{
	char said[4096] = "";
	assert_int_equal(in_child(*state, program, said, sizeof said), 0);
}

#define PROGRAM(name, program)                                                                                         \
	static void name(void **state)                                                                                 \
	{                                                                                                              \
		must_do(state, program);                                                                               \
	}
PROGRAM(responder_reads_and_no_more, as_responder)
PROGRAM(service_writes_its_state_and_connects, as_service)
PROGRAM(warmer_writes_its_state, as_warmer)
PROGRAM(warmer_uses_what_is_named, as_warmer_with_files)
PROGRAM(check_runs_programs_and_no_more, as_check)
PROGRAM(unpacking_computes_and_no_more, as_unpack)
PROGRAM(catalogue_is_read_that_came_later, as_reader)

static void switched_off_is_told(void **state)
{
	char said[4096] = "";
	assert_int_equal(in_child(*state, as_somebody_unconfined, said, sizeof said), 0);
	assert_int_equal(lines_with(said, "level=warn event=sandbox state=off"), 1);
}

static void what_a_kernel_lacks_is_told_once(void **state)
{
	char said[4096] = "";
	assert_int_equal(in_child(*state, on_an_old_kernel, said, sizeof said), 0);
	assert_int_equal(lines_with(said, "level=info event=sandbox state=partly"), 2);
	assert_int_equal(lines_with(said, "Landlock"), 1);
	assert_int_equal(lines_with(said, "seccomp"), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(responder_reads_and_no_more, setup, teardown),
	    cmocka_unit_test_setup_teardown(service_writes_its_state_and_connects, setup, teardown),
	    cmocka_unit_test_setup_teardown(warmer_writes_its_state, setup, teardown),
	    cmocka_unit_test_setup_teardown(warmer_uses_what_is_named, setup, teardown),
	    cmocka_unit_test_setup_teardown(check_runs_programs_and_no_more, setup, teardown),
	    cmocka_unit_test_setup_teardown(unpacking_computes_and_no_more, setup, teardown),
	    cmocka_unit_test_setup_teardown(catalogue_is_read_that_came_later, setup, teardown),
	    cmocka_unit_test_setup_teardown(switched_off_is_told, setup, teardown),
	    cmocka_unit_test_setup_teardown(what_a_kernel_lacks_is_told_once, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
