/* hello_cgi: the price of starting a process for each request: a CGI that answers two words. For tests/bench only. */
#include <stdio.h>

int main(void)
{
	return fputs("Content-Type: text/plain\r\nContent-Length: 12\r\n\r\nhello, world", stdout) < 0;
}
