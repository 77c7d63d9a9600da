/* hello: the price of the FastCGI hop alone: a responder that answers two words, or with an argument, the path of a
 * file for X-Sendfile: the price of the hop and of what lighttpd then does itself. For tests/bench only. */
#include <fcgiapp.h>

#include <pthread.h>
#include <stdlib.h>

enum { THREADS = 32 };

static const char *file;

static void answer(FCGX_Stream *out)
{
	if (file != NULL)
		FCGX_FPrintF(out, "Content-Type: application/octet-stream\r\nX-Sendfile: %s\r\n\r\n", file);
	else
		FCGX_PutS("Content-Type: text/plain\r\nContent-Length: 12\r\n\r\nhello, world", out);
}

static void *serve(void *unused)
{
	FCGX_Request r;
	(void)unused;
	FCGX_InitRequest(&r, 0, FCGI_FAIL_ACCEPT_ON_INTR);
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
	for (int i = 1; i < THREADS; i++)
		if (pthread_create(&thread, NULL, serve, NULL) != 0)
			return EXIT_FAILURE;
	serve(NULL);
	return EXIT_SUCCESS;
}
