/* Reaching and starting the service. This program is its own service: started with --config STATE_DIR it claims,
 * listens, notes that it started, answers a while and leaves. */
#include "mirror/sandbox_policy.h"
#include "mirror/service.h"
#include "mirror/starter.h"
#include "tests/unit/scratch.h"

#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { CLIENTS = 50, SERVICE_IDLE_MS = 3000 };

static int serve(char *state_dir)
{
	struct config c = {.state_dir = state_dir};
	struct fault f;
	struct store *store = store_open(state_dir, true, &f);
	int claim = store != NULL ? service_claim(store, &f) : -1;
	int listener = claim >= 0 ? service_listen(&c, &f) : -1;
	if (listener < 0)
		return 75;
	store_journal(store, "s\n", 2);
	char *leak = getenv("HTTP_PROXY");
	if (leak != NULL || getenv("PKGMIRROR_TEST_LEAK") != NULL || fcntl(200, F_GETFD) >= 0)
		store_journal(store, "leak\n", 5);
	service_ready();
	struct pollfd p = {.fd = listener, .events = POLLIN};
	while (poll(&p, 1, SERVICE_IDLE_MS) > 0)
		close(accept(listener, NULL, NULL));
	store_close(store);
	close(listener);
	close(claim);
	return 0;
}

struct fixture {
	char dir[SCRATCH_CAP];
	struct config config;
	struct store *store;
	int talk[2]; /* with a child */
};

static int setup(void **state)
{
	struct fixture *x = calloc(1, sizeof *x);
	assert_true(scratch_make(x->dir));
	x->config.state_dir = x->config.file = x->dir;
	x->store = store_open(x->dir, true, NULL);
	assert_non_null(x->store);
	*state = x;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *x = *state;
	store_close(x->store);
	scratch_remove(x->dir);
	free(x);
	return 0;
}

static int64_t journal_size(const struct fixture *x)
{
	struct store_info info = {0};
	int fd = store_open_file(x->store, "run/hits.log", &info, NULL);
	if (fd >= 0)
		close(fd);
	return info.size;
}

static void use_program(const char *program)
{
	char self[1024] = "";
	if (program == NULL) {
		assert_true(readlink("/proc/self/exe", self, sizeof self - 1) > 0);
		program = self;
	}
	setenv("PKGMIRROR_FETCH", program, 1);
}

static void fifty_starters_start_one_service(void **state)
{
	struct fixture *x = *state;
	pid_t children[CLIENTS];
	int status;
	use_program(NULL);
	setenv("HTTP_PROXY", "http://attacker.invalid", 1);
	setenv("PKGMIRROR_TEST_LEAK", "1", 1);
	int leaked = dup2(STDERR_FILENO, 200);
	for (int i = 0; i < CLIENTS; i++) {
		children[i] = fork();
		if (children[i] == 0)
			_exit(service_connect(&x->config, x->store, NULL) >= 0 ? 0 : 1);
	}
	for (int i = 0; i < CLIENTS; i++) {
		waitpid(children[i], &status, 0);
		assert_int_equal(status, 0);
	}
	/* One line of one start, and no line about an inherited variable or descriptor. */
	assert_int_equal(journal_size(x), 2);
	close(leaked);
	unsetenv("HTTP_PROXY");
}

/* A signal takes effect in its own time. */
static void wait_until_gone(const struct config *c)
{
	for (int fd = service_connect_running(c), tries = 0; fd >= 0; fd = service_connect_running(c)) {
		close(fd);
		assert_true(++tries < 100000);
	}
}

static void kill_service(const struct config *c)
{
	struct ucred peer;
	socklen_t len = sizeof peer;
	int fd = service_connect_running(c);
	assert_true(fd >= 0);
	assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len), 0);
	close(fd);
	assert_int_equal(kill(peer.pid, SIGKILL), 0);
	wait_until_gone(c);
}

static void dead_service_is_replaced(void **state)
{
	struct fixture *x = *state;
	struct fault f;
	use_program(NULL);
	int fd = service_connect(&x->config, x->store, &f);
	assert_true(fd >= 0);
	close(fd);
	kill_service(&x->config);
	fd = service_connect(&x->config, x->store, &f);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(journal_size(x), 4);
}

static void missing_program_is_named(void **state)
{
	struct fixture *x = *state;
	struct fault f;
	use_program("/nonexistent/pkgmirror-fetch");
	assert_int_equal(service_connect(&x->config, x->store, &f), -1);
	assert_int_equal(f.class, FAULT_SYSTEM);
	assert_non_null(strstr(f.text, "/nonexistent/pkgmirror-fetch"));
	assert_int_equal(service_connect_running(&x->config), -1);
}

static void failing_program_is_an_error(void **state)
{
	struct fixture *x = *state;
	struct fault f;
	use_program("/bin/false");
	assert_int_equal(service_connect(&x->config, x->store, &f), -1);
	assert_int_equal(f.class, FAULT_SYSTEM);
	assert_non_null(strstr(f.text, "fetch.log"));
}

static void second_claim_is_refused(void **state)
{
	struct fixture *x = *state;
	struct fault f;
	int fd = service_claim(x->store, &f);
	assert_true(fd >= 0);
	assert_int_equal(service_claim(x->store, &f), -1);
	assert_int_equal(f.class, FAULT_BUSY);
	close(fd);
}

static void claim_of_a_file_that_is_gone_does_not_hold(void **state)
{
	struct fixture *x = *state;
	struct fault f;
	int fd = service_claim(x->store, &f);
	assert_true(fd >= 0);
	assert_true(service_claim_holds(x->store, fd));
	assert_int_equal(unlinkat(store_fd(x->store), "run/fetch.lock", 0), 0);
	assert_false(service_claim_holds(x->store, fd));
	int other = service_claim(x->store, &f);
	assert_true(other >= 0);
	assert_false(service_claim_holds(x->store, fd));
	assert_true(service_claim_holds(x->store, other));
	close(fd);
	close(other);
}

/* Begins a child that is sealed in as a responder, and does `work`. */
static pid_t begin_confined(struct fixture *x, int (*work)(struct fixture *x, int starter_fd))
{
	pid_t child = fork();
	if (child == 0) {
		int starter_fd = starter_make(&x->config, NULL);
		sandbox_responder(&x->config, NULL, LOG_INFO_LEVEL);
		_exit(starter_fd >= 0 ? work(x, starter_fd) : 99);
	}
	return child;
}

static int end_of(pid_t child)
{
	int status = -1;
	waitpid(child, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Has a service started, twice; between them its parent, who may, kills the first. */
static int start_twice(struct fixture *x, int starter_fd)
{
	struct fault f = {0};
	char byte = 0;
	int fd = service_connect_by(starter_fd, -1, &x->config, x->store, &f);
	if (fd < 0 || write(x->talk[1], "", 1) != 1 || read(x->talk[1], &byte, 1) != 1)
		return 1;
	close(fd);
	fd = service_connect_by(starter_fd, -1, &x->config, x->store, &f);
	return fd >= 0 && starter_lives(starter_fd) ? 0 : 2;
}

static void a_confined_program_has_services_started(void **state)
{
	struct fixture *x = *state;
	char byte;
	use_program(NULL);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, x->talk), 0);
	pid_t child = begin_confined(x, start_twice);
	close(x->talk[1]);
	assert_int_equal(read(x->talk[0], &byte, 1), 1);
	kill_service(&x->config);
	assert_int_equal(write(x->talk[0], "", 1), 1);
	assert_int_equal(end_of(child), 0);
	assert_int_equal(journal_size(x), 4);
	close(x->talk[0]);
}

static int meet_a_failure(struct fixture *x, int starter_fd)
{
	struct fault f = {0};
	int fd = service_connect_by(starter_fd, -1, &x->config, x->store, &f);
	return fd < 0 && f.class == FAULT_SYSTEM && strstr(f.text, "run/fetch.log") != NULL ? 0 : 1;
}

static void a_confined_program_learns_why_none_was_started(void **state)
{
	struct fixture *x = *state;
	use_program("/bin/false");
	assert_int_equal(end_of(begin_confined(x, meet_a_failure)), 0);
}

static void an_end_of_the_starter_shows(void **state)
{
	struct fixture *x = *state;
	struct fault f = {0};
	int starter_fd = starter_make(&x->config, &f);
	assert_true(starter_lives(starter_fd));
	/* Who asks for nothing that can be answered ends nothing. */
	assert_int_equal(send(starter_fd, "x", 1, 0), 1);
	assert_true(starter_lives(starter_fd));
	/* A request of no bytes is an end, as that of its maker would be. */
	assert_int_equal(shutdown(starter_fd, SHUT_WR), 0);
	struct pollfd p = {.fd = starter_fd};
	assert_int_equal(poll(&p, 1, 30000), 1);
	assert_false(starter_lives(starter_fd));
	assert_int_equal(service_connect_by(starter_fd, -1, &x->config, x->store, &f), -1);
	assert_int_equal(f.class, FAULT_SYSTEM);
	close(starter_fd);
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "--config") == 0)
		return serve(argv[2]);
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(fifty_starters_start_one_service, setup, teardown),
	    cmocka_unit_test_setup_teardown(dead_service_is_replaced, setup, teardown),
	    cmocka_unit_test_setup_teardown(missing_program_is_named, setup, teardown),
	    cmocka_unit_test_setup_teardown(failing_program_is_an_error, setup, teardown),
	    cmocka_unit_test_setup_teardown(second_claim_is_refused, setup, teardown),
	    cmocka_unit_test_setup_teardown(claim_of_a_file_that_is_gone_does_not_hold, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_confined_program_has_services_started, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_confined_program_learns_why_none_was_started, setup, teardown),
	    cmocka_unit_test_setup_teardown(an_end_of_the_starter_shows, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
