/* herd: clients that all ask for one file at the same moment: herd PORT PATH CLIENTS. One process, and the content is
 * thrown away in the kernel (MSG_TRUNC of tcp(7)), so that what is measured is the server. Prints a line a client:
 * seconds to the first byte of the content, seconds to its last byte, and bytes. Ends with 1 when a client was not
 * served. For tests/bench only. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CLIENTS_MAX = 1000, HEAD_CAP = 8192, LIMIT_MS = 300 * 1000 };

static const size_t PIECE_BYTES = 4 << 20;

struct client {
	int fd;
	bool body;
	size_t head_len;
	long long size, bytes;
	double first, last;
	char head[HEAD_CAP];
};

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void die(const char *what, const char *detail)
{
	fprintf(stderr, "herd: %s: %s\n", what, detail);
	exit(EXIT_FAILURE);
}

static void die_errno(const char *what)
{
	fputs("herd: ", stderr);
	perror(what);
	exit(EXIT_FAILURE);
}

static void open_client(struct client *c, unsigned short port)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
	c->fd = socket(AF_INET, SOCK_STREAM, 0);
	if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&to, sizeof to) != 0)
		die_errno("cannot connect");
}

/* The head is whole: what it promises, and how much of the content came with it. */
static void take_head(struct client *c, const char *end)
{
	static const char LENGTH[] = "\r\nContent-Length:";
	const char *at = c->head;
	if (strncmp(at, "HTTP/1.1 200", 12) != 0)
		die("no 200", c->head);
	while (at < end && strncasecmp(at, LENGTH, sizeof LENGTH - 1) != 0)
		at++;
	if (at >= end)
		die("no Content-Length", c->head);
	c->size = strtoll(at + sizeof LENGTH - 1, NULL, 10);
	c->bytes = (long long)(c->head_len - (size_t)(end + 4 - c->head));
	c->body = true;
}

static ssize_t receive(struct client *c)
{
	ssize_t n;
	if (c->body)
		return recv(c->fd, NULL, PIECE_BYTES, MSG_TRUNC | MSG_DONTWAIT);
	if (c->head_len == HEAD_CAP - 1)
		die("too long a head", c->head);
	n = recv(c->fd, c->head + c->head_len, HEAD_CAP - 1 - c->head_len, MSG_DONTWAIT);
	if (n > 0)
		c->head_len += (size_t)n;
	return n;
}

/* Takes what is there. True when the client has everything. */
static bool turn(struct client *c, double begun)
{
	const bool had_head = c->body;
	const ssize_t n = receive(c);
	const char *end;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n < 0)
		die_errno("cut off");
	if (n == 0)
		die("cut off", "before the last byte");
	if (had_head)
		c->bytes += n;
	else if ((end = strstr(c->head, "\r\n\r\n")) != NULL)
		take_head(c, end);
	if (c->bytes > 0 && c->first <= 0)
		c->first = now() - begun;
	if (!c->body || c->bytes < c->size)
		return false;
	c->last = now() - begun;
	close(c->fd);
	return true;
}

static void run(struct client *clients, int count, const char *request, int epoll)
{
	struct epoll_event ready[64];
	const double begun = now();
	int left = count;
	for (int i = 0; i < count; i++)
		if (write(clients[i].fd, request, strlen(request)) != (ssize_t)strlen(request))
			die_errno("cannot ask");
	while (left > 0) {
		const int n = epoll_wait(epoll, ready, 64, LIMIT_MS);
		if (n == 0)
			die("no answer", "in time");
		if (n < 0 && errno != EINTR)
			die_errno("cannot wait");
		for (int i = 0; i < n; i++)
			left -= turn(ready[i].data.ptr, begun);
	}
}

int main(int argc, char **argv)
{
	char request[2048];
	const int count = argc == 4 ? (int)strtol(argv[3], NULL, 10) : 0;
	struct client *clients;
	int epoll;
	if (count < 1 || count > CLIENTS_MAX)
		die("usage", "herd PORT PATH CLIENTS");
	if (snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n", argv[2]) >=
	    (int)sizeof request)
		die("too long", argv[2]);
	clients = calloc((size_t)count, sizeof *clients);
	epoll = epoll_create1(EPOLL_CLOEXEC);
	if (clients == NULL || epoll < 0)
		die_errno("cannot begin");
	for (int i = 0; i < count; i++) {
		struct epoll_event e = {.events = EPOLLIN, .data = {.ptr = &clients[i]}};
		open_client(&clients[i], (unsigned short)strtol(argv[1], NULL, 10));
		if (epoll_ctl(epoll, EPOLL_CTL_ADD, clients[i].fd, &e) != 0)
			die_errno("cannot wait");
	}
	run(clients, count, request, epoll);
	for (int i = 0; i < count; i++)
		printf("%.6f %.6f %lld\n", clients[i].first, clients[i].last, clients[i].bytes);
	free(clients);
	return EXIT_SUCCESS;
}
