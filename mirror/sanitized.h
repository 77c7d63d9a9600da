/* sanitized: whether this build has a sanitizer, which needs what a confined program does not: memory for its shadow,
 * standard error, a look at its own process. One place, because compilers say it by different names. */
#ifndef PKGMIRROR_SANITIZED_H
#define PKGMIRROR_SANITIZED_H

#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__ /* gcc */
#define SANITIZED 1
#elif defined __has_feature /* clang; gcc 14 has both ways */
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define SANITIZED 1
#endif
#endif

#ifndef SANITIZED
#define SANITIZED 0
#endif

#endif
