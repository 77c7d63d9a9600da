/* platform: which Zig target a visitor's browser runs on, as far as it tells. Pure. Called by page_landing. */
#ifndef PKGMIRROR_CGI_PLATFORM_H
#define PKGMIRROR_CGI_PLATFORM_H

/* The target for a User-Agent ("x86_64-linux"); "" when it is NULL, no desktop, or says nothing of it. Browsers on a
 * Mac do not tell its processor: the newer kind is assumed. */
const char *platform_of(const char *user_agent);

#endif
