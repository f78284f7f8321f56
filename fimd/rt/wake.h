/* A wake-up between threads: an eventfd with poll. Pushing from many threads is cheap while the other is awake. */
#ifndef FIMD_RT_WAKE_H
#define FIMD_RT_WAKE_H

int wake_open(void);      /* an eventfd, non-blocking, CLOEXEC; or -errno */
void wake_up(int fd);     /* any thread */
void wake_clear(int fd);  /* the receiver, before it looks at its work */

#endif
