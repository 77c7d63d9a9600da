/* gateway: see gateway.h.
 *
 * libfcgi is used for its records only. Its accept loop has no way to stop, waits for data while it holds the listener,
 * and gives up when descriptors run out; so listener.c accepts, and the connection is handed to FCGX_Accept_r by
 * setting ipcFd: a request that "has a connection open" is what a kept connection looks like to it. The listener that
 * it is given is -1, so that it never accepts by itself. */
#include "gateway.h"

#include <errno.h>
#include <fcgiapp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
	CGI_BUFFER_CAP = 8192,
	PIECE_MAX = 1 << 20,
	FCGI_HEADER_LEN = 8,
	FCGI_VERSION = 1,
	FCGI_STDOUT = 6,
	RECORD_LEAST_BYTES = 8192,
	RECORD_BYTES = 16376,
	RECORDS_MAX = 8,
	PARAMS_LIMIT_SEC = 10, /* a web server that connects sends its request at once */
	SEND_BUFFER_BYTES = 64 * 1024,
	UNLIMITED_BYTES = 2048 /* what the buffer of a fresh socket takes anyway */
};

struct exchange {
	enum gateway_mode mode;
	int64_t send_limit_sec;
	FCGX_Request fastcgi;
	char *pending; /* CGI: pending_len bytes not yet written */
	size_t pending_len;
	size_t sent; /* FastCGI: bytes of the answer, while they need no time limit */
	bool open;   /* neither ended nor aborted */
	bool gone;
	bool aborted;
	int status;
};

enum gateway_mode gateway_mode(void)
{
	int listens = 0;
	socklen_t len = sizeof listens;
	if (getsockopt(STDIN_FILENO, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) == 0 && listens)
		return GATEWAY_FASTCGI;
	if (getenv("GATEWAY_INTERFACE") != NULL && getenv("REQUEST_METHOD") != NULL)
		return GATEWAY_CGI;
	return GATEWAY_NEITHER;
}

bool gateway_open(struct fault *f)
{
	if (FCGX_Init() != 0)
		return fault_set(f, FAULT_SYSTEM, "libfcgi cannot be used");
	return true;
}

struct exchange *exchange_new(enum gateway_mode mode, int64_t send_limit_sec)
{
	struct exchange *x = calloc(1, sizeof *x);
	if (x == NULL)
		return NULL;
	x->mode = mode;
	x->send_limit_sec = send_limit_sec;
	if (mode == GATEWAY_FASTCGI) {
		FCGX_InitRequest(&x->fastcgi, -1, FCGI_FAIL_ACCEPT_ON_INTR);
		return x;
	}
	x->open = true;
	x->pending = malloc(CGI_BUFFER_CAP);
	if (x->pending == NULL) {
		free(x);
		return NULL;
	}
	return x;
}

void exchange_free(struct exchange *x)
{
	if (x == NULL)
		return;
	if (x->open)
		exchange_abort(x);
	free(x->pending);
	free(x);
}

bool exchange_begin(struct exchange *x, int fd)
{
	const struct timeval limit = {.tv_sec = PARAMS_LIMIT_SEC};
	/* The web server may not hold a thread for ever. */
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	x->gone = x->aborted = false;
	x->status = 0;
	x->sent = 0;
	x->fastcgi.ipcFd = fd;
	x->fastcgi.keepConnection = 1; /* else it would close ipcFd as the last request's */
	x->open = FCGX_Accept_r(&x->fastcgi) == 0;
	return x->open;
}

bool exchange_is_cgi(const struct exchange *x)
{
	return x->mode == GATEWAY_CGI;
}

/* FCGX_GetParam compares each of some thirty parameters as a whole, a dozen times a request. */
static const char *find_param(char *const *envp, const char *name)
{
	const size_t len = strlen(name);
	for (; *envp != NULL; envp++)
		if ((*envp)[0] == name[0] && strncmp(*envp, name, len) == 0 && (*envp)[len] == '=')
			return *envp + len + 1;
	return NULL;
}

const char *exchange_param(const struct exchange *x, const char *name)
{
	if (x->mode == GATEWAY_CGI)
		return getenv(name);
	return x->open ? find_param(x->fastcgi.envp, name) : NULL;
}

static bool write_all(struct exchange *x, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t n = write(STDOUT_FILENO, data, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			x->gone = true;
			return false;
		}
		data += n;
		len -= (size_t)n;
	}
	return true;
}

static bool cgi_flush(struct exchange *x)
{
	size_t len = x->pending_len;
	x->pending_len = 0;
	return write_all(x, x->pending, len);
}

static bool cgi_send(struct exchange *x, const char *data, size_t len)
{
	if (len > CGI_BUFFER_CAP - x->pending_len && !cgi_flush(x))
		return false;
	if (len > CGI_BUFFER_CAP)
		return write_all(x, data, len);
	memcpy(x->pending + x->pending_len, data, len);
	x->pending_len += len;
	return true;
}

/* Prepares the connection for content: a client may not hold a thread for ever either. An answer that is a head alone
 * never waits, and is spared the system calls.
 *
 * lighttpd reads what is there, and what then makes more than 128 KiB in its queue goes through a temporary file: two
 * thirds of its processor time for an answer. From a socket that holds less it never has so much. */
static void prepare_content(struct exchange *x, size_t len)
{
	const struct timeval limit = {.tv_sec = x->send_limit_sec};
	const int half = SEND_BUFFER_BYTES / 2; /* Linux doubles what is asked for */
	if (x->sent > UNLIMITED_BYTES)
		return;
	x->sent += len < UNLIMITED_BYTES ? len : UNLIMITED_BYTES + 1;
	if (x->sent <= UNLIMITED_BYTES)
		return;
	setsockopt(x->fastcgi.ipcFd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
	setsockopt(x->fastcgi.ipcFd, SOL_SOCKET, SO_SNDBUF, &half, sizeof half);
}

static bool send_all(int fd, struct iovec *part, size_t count)
{
	struct msghdr m = {.msg_iov = part, .msg_iovlen = count};
	while (m.msg_iovlen > 0) {
		ssize_t n = sendmsg(fd, &m, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		while (m.msg_iovlen > 0 && (size_t)n >= m.msg_iov->iov_len) {
			n -= (ssize_t)m.msg_iov->iov_len;
			m.msg_iov++;
			m.msg_iovlen--;
		}
		if (m.msg_iovlen > 0) {
			m.msg_iov->iov_base = (char *)m.msg_iov->iov_base + n;
			m.msg_iov->iov_len -= (size_t)n;
		}
	}
	return true;
}

/* Large content as records of our own (FastCGI specification, section 3.3), many a system call: libfcgi would copy it,
 * and write each 8 KiB by itself. What it has buffered goes first. */
static bool send_records(struct exchange *x, const char *data, size_t len)
{
	unsigned char headers[RECORDS_MAX][FCGI_HEADER_LEN];
	struct iovec parts[2 * RECORDS_MAX];
	const int id = x->fastcgi.requestId;
	if (FCGX_FFlush(x->fastcgi.out) != 0)
		return false;
	while (len > 0) {
		size_t count = 0;
		for (; len > 0 && count < RECORDS_MAX; count++) {
			const size_t n = len < RECORD_BYTES ? len : RECORD_BYTES;
			const unsigned char header[FCGI_HEADER_LEN] = {FCGI_VERSION, FCGI_STDOUT,
			    (unsigned char)(id >> 8), (unsigned char)id, (unsigned char)(n >> 8), (unsigned char)n};
			/* Who sends only reads; struct iovec does not say so. */
			const union {
				const char *ours;
				void *theirs;
			} content = {.ours = data};
			memcpy(headers[count], header, sizeof header);
			parts[2 * count] = (struct iovec){.iov_base = headers[count], .iov_len = sizeof header};
			parts[2 * count + 1] = (struct iovec){.iov_base = content.theirs, .iov_len = n};
			data += n;
			len -= n;
		}
		if (!send_all(x->fastcgi.ipcFd, parts, 2 * count))
			return false;
	}
	return true;
}

bool exchange_send(struct exchange *x, const void *data, size_t len)
{
	const char *next = data;
	if (!x->open || x->gone)
		return false;
	if (x->mode == GATEWAY_CGI)
		return cgi_send(x, next, len);
	prepare_content(x, len);
	if (len >= RECORD_LEAST_BYTES) {
		x->gone = !send_records(x, next, len);
		return !x->gone;
	}
	while (len > 0) {
		int piece = len < PIECE_MAX ? (int)len : PIECE_MAX;
		if (FCGX_PutStr(next, piece, x->fastcgi.out) != piece) {
			x->gone = true;
			return false;
		}
		next += piece;
		len -= (size_t)piece;
	}
	return true;
}

bool exchange_flush(struct exchange *x)
{
	if (!x->open || x->gone)
		return false;
	if (x->mode == GATEWAY_CGI)
		return cgi_flush(x);
	x->gone = FCGX_FFlush(x->fastcgi.out) != 0;
	return !x->gone;
}

bool exchange_is_gone(const struct exchange *x)
{
	return x->gone;
}

void exchange_watch(const struct exchange *x, int *fd, short *events)
{
	bool cgi = x->mode == GATEWAY_CGI;
	*fd = cgi ? STDOUT_FILENO : x->fastcgi.ipcFd;
	*events = 0;
#ifdef POLLRDHUP
	/* A CGI's peer may well have closed its other half. */
	if (!cgi)
		*events = POLLRDHUP;
#endif
}

/* A record that is none. nginx takes the end of a connection for the end of an answer, whole or not, unless it was
 * configured with fastcgi_keep_conn; a record of version 0 is an error to every server. libfcgi writes whole records,
 * so this one begins where one may begin. */
static void send_nonsense(int fd)
{
	static const unsigned char NONSENSE[FCGI_HEADER_LEN] = {0};
	ssize_t ignored = send(fd, NONSENSE, sizeof NONSENSE, MSG_DONTWAIT | MSG_NOSIGNAL);
	(void)ignored;
}

/* Tells the web server now that a CGI has said all: the process may have more to do. */
static void close_stdout(void)
{
	close(STDOUT_FILENO);
}

static bool has_content(const struct exchange *x)
{
	const char *length = exchange_param(x, "CONTENT_LENGTH");
	return length != NULL && strtoull(length, NULL, 10) != 0;
}

/* True when all of the request was read: to close before that would break the connection, and the answer with it. Waits
 * for the end of a request that has no content, which most web servers send along with its parameters. */
static bool is_all_read(const struct exchange *x)
{
	return !has_content(x) && FCGX_GetChar(x->fastcgi.in) == EOF && FCGX_GetError(x->fastcgi.in) == 0;
}

/* libfcgi closes a connection by shutdown(2), and waits until the web server has closed its end, lest something that it
 * still sends breaks the answer. That is a hand-over between two processes for each hit. Where nothing is left to be
 * sent the connection is closed here, at once. */
static void end_fastcgi(struct exchange *x)
{
	/* Not the server's wish: a connection that it keeps would hold this thread until it lets go. */
	x->fastcgi.keepConnection = is_all_read(x);
	FCGX_Finish_r(&x->fastcgi);
	if (x->fastcgi.ipcFd >= 0)
		close(x->fastcgi.ipcFd);
	x->fastcgi.ipcFd = -1;
}

void exchange_end(struct exchange *x)
{
	if (!x->open)
		return;
	if (x->mode == GATEWAY_CGI) {
		if (!x->gone)
			cgi_flush(x);
		close_stdout();
	} else {
		end_fastcgi(x);
	}
	x->open = false;
}

void exchange_abort(struct exchange *x)
{
	if (!x->open)
		return;
	if (x->mode == GATEWAY_CGI) {
		close_stdout();
	} else {
		/* A write that failed may have ended within a record: what follows would be content. */
		if (!x->gone)
			send_nonsense(x->fastcgi.ipcFd);
		FCGX_Free(&x->fastcgi, 1);
	}
	x->open = false;
	x->aborted = true;
}

bool exchange_is_aborted(const struct exchange *x)
{
	return x->aborted;
}

void exchange_set_status(struct exchange *x, int status)
{
	x->status = status;
}

int exchange_status(const struct exchange *x)
{
	return x->status;
}
