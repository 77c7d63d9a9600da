dnl Compiler and linker flags of the project: what it warns about, how its programs are hardened, and the sanitizers.

dnl PKGMIRROR_TRY_CFLAG(VARIABLE, FLAG): adds FLAG to VARIABLE when the compiler takes it.
AC_DEFUN([PKGMIRROR_TRY_CFLAG], [
    AS_VAR_PUSHDEF([cache], [pkgmirror_cv_cflag_$2])
    AC_CACHE_CHECK([whether $CC accepts $2], [cache], [
        pkgmirror_save_cflags=$CFLAGS
        CFLAGS="$CFLAGS -Werror $2"
        AC_LINK_IFELSE([AC_LANG_PROGRAM([], [])], [AS_VAR_SET([cache], [yes])], [AS_VAR_SET([cache], [no])])
        CFLAGS=$pkgmirror_save_cflags
    ])
    AS_VAR_IF([cache], [yes], [$1="$$1 $2"])
    AS_VAR_POPDEF([cache])
])

dnl PKGMIRROR_TRY_LDFLAG(VARIABLE, FLAG): adds FLAG to VARIABLE when the linker takes it.
AC_DEFUN([PKGMIRROR_TRY_LDFLAG], [
    AS_VAR_PUSHDEF([cache], [pkgmirror_cv_ldflag_$2])
    AC_CACHE_CHECK([whether the linker accepts $2], [cache], [
        pkgmirror_save_ldflags=$LDFLAGS
        LDFLAGS="$LDFLAGS $2"
        AC_LINK_IFELSE([AC_LANG_PROGRAM([], [])], [AS_VAR_SET([cache], [yes])], [AS_VAR_SET([cache], [no])])
        LDFLAGS=$pkgmirror_save_ldflags
    ])
    AS_VAR_IF([cache], [yes], [$1="$$1 $2"])
    AS_VAR_POPDEF([cache])
])

AC_DEFUN([PKGMIRROR_WARNINGS], [
    dnl -Wno-sign-conversion: a size that is known to be small meets an int in many places, and a cast in each would hide the
    dnl one that matters; -Wconversion still tells of bits that are lost.
    WARN_CFLAGS="-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion -Wvla -Wwrite-strings"
    WARN_CFLAGS="$WARN_CFLAGS -Wstrict-prototypes -Wmissing-prototypes -Wcast-qual -Wformat=2 -Wundef"
    AS_IF([test "$enable_werror" = yes], [WARN_CFLAGS="$WARN_CFLAGS -Werror"])
    AC_SUBST([WARN_CFLAGS])
])

dnl The sanitizers bring checks of their own that _FORTIFY_SOURCE would hide, so that they exclude each other.
AC_DEFUN([PKGMIRROR_HARDENING], [
    HARDEN_CFLAGS= HARDEN_CPPFLAGS= HARDEN_LDFLAGS= SANITIZE_CFLAGS= FUZZ_LDFLAGS=
    AS_IF([test "$enable_fuzzing" = yes], [enable_sanitizers=yes])
    AS_IF([test "$enable_sanitizers" != no], [
        SANITIZE_CFLAGS="-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer"
        AS_IF([test "$enable_sanitizers" = thread], [SANITIZE_CFLAGS="-fsanitize=thread -fno-omit-frame-pointer"])
        AS_IF([test "$enable_fuzzing" = yes], [
            SANITIZE_CFLAGS="-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined"
            dnl Which lines a run reached, for the table of tests/run.
            SANITIZE_CFLAGS="$SANITIZE_CFLAGS -fprofile-instr-generate -fcoverage-mapping"
            FUZZ_LDFLAGS=-fsanitize=fuzzer
        ])
        AC_MSG_CHECKING([whether $CC $SANITIZE_CFLAGS works])
        pkgmirror_save_cflags=$CFLAGS
        CFLAGS="$CFLAGS $SANITIZE_CFLAGS"
        AC_LINK_IFELSE([AC_LANG_PROGRAM([], [])], [AC_MSG_RESULT([yes])],
            [AC_MSG_RESULT([no]); AC_MSG_ERROR([the sanitizers were asked for, but $CC does not have them])])
        CFLAGS=$pkgmirror_save_cflags
    ], [
        HARDEN_CPPFLAGS="-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2"
    ])
    PKGMIRROR_TRY_CFLAG([HARDEN_CFLAGS], [-fstack-protector-strong])
    PKGMIRROR_TRY_CFLAG([HARDEN_CFLAGS], [-fstack-clash-protection])
    PKGMIRROR_TRY_CFLAG([HARDEN_CFLAGS], [-fcf-protection])
    PKGMIRROR_TRY_CFLAG([HARDEN_CFLAGS], [-fPIE])
    PKGMIRROR_TRY_LDFLAG([HARDEN_LDFLAGS], [-pie])
    PKGMIRROR_TRY_LDFLAG([HARDEN_LDFLAGS], [-Wl,-z,relro])
    PKGMIRROR_TRY_LDFLAG([HARDEN_LDFLAGS], [-Wl,-z,now])
    PKGMIRROR_TRY_LDFLAG([HARDEN_LDFLAGS], [-Wl,-z,noexecstack])
    AC_SUBST([HARDEN_CFLAGS])
    AC_SUBST([HARDEN_CPPFLAGS])
    AC_SUBST([HARDEN_LDFLAGS])
    AC_SUBST([SANITIZE_CFLAGS])
    AC_SUBST([FUZZ_LDFLAGS])
])
