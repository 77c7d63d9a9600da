/* www: the files of www/, made byte arrays by build-aux/embed-www.awk. */
#ifndef PKGMIRROR_CGI_WWW_H
#define PKGMIRROR_CGI_WWW_H

#include <stddef.h>

extern const char www_landing_html[];
extern const size_t www_landing_html_len;

#endif
