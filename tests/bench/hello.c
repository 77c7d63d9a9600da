/* hello: the price of the FastCGI hop alone: hello [FILE [SOCKET]]. A responder that answers two words, or with a FILE
 * that is not empty, its path for X-Sendfile and X-Accel-Redirect: the price of the hop and of what the web server then
 * does itself. It accepts on its standard input, or on SOCKET. For tests/bench only. */
#include <fcgiapp.h>

#include <pthread.h>
#include <stdlib.h>

enum { THREADS = 32, BACKLOG = 128 };

static const char *file = "";
static int listener;

static void answer(FCGX_Stream *out)
{
	if (file[0] != '\0')
		FCGX_FPrintF(out,
		    "Content-Type: application/octet-stream\r\nX-Sendfile: %s\r\nX-Accel-Redirect: %s\r\n\r\n", file,
		    file);
	else
		FCGX_PutS("Content-Type: text/plain\r\nContent-Length: 12\r\n\r\nhello, world", out);
}

static void *serve(void *unused)
{
	FCGX_Request r;
	(void)unused;
	FCGX_InitRequest(&r, listener, FCGI_FAIL_ACCEPT_ON_INTR);
	while (FCGX_Accept_r(&r) == 0) {
		answer(r.out);
		r.keepConnection = 0;
		FCGX_Finish_r(&r);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t thread;
	if (argc > 1)
		file = argv[1];
	if (FCGX_Init() != 0)
		return EXIT_FAILURE;
	if (argc > 2)
		listener = FCGX_OpenSocket(argv[2], BACKLOG);
	if (listener < 0)
		return EXIT_FAILURE;
	for (int i = 1; i < THREADS; i++)
		if (pthread_create(&thread, NULL, serve, NULL) != 0)
			return EXIT_FAILURE;
	serve(NULL);
	return EXIT_SUCCESS;
}
