/* www: the files of www/, made byte arrays by build-aux/embed-www.awk. */
#ifndef PKGMIRROR_CGI_WWW_H
#define PKGMIRROR_CGI_WWW_H

#include <stddef.h>

struct www_file {
	const char *name; /* "landing.html" */
	const char *data; /* len bytes, then a NUL */
	size_t len;
};

extern const struct www_file www_files[];
extern const size_t www_files_count;

#endif
