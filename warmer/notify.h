/* notify: tells a supervisor how it goes, as sd_notify(3) does, without its library. */
#ifndef PKGMIRROR_WARMER_NOTIFY_H
#define PKGMIRROR_WARMER_NOTIFY_H

/* Sends lines such as "READY=1" to the socket that NOTIFY_SOCKET of the environment names (a path, or an abstract name
 * after '@'). Nothing happens without one. Does not block. */
void notify_send(const char *lines);

#endif
