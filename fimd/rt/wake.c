/* Owns: the eventfd between two threads. A counter that is full still reads as "there is work", so a writer
 * never has to wait and EAGAIN is no loss. */
#include "fimd/rt/wake.h"

#include <errno.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

int wake_open(void)
{
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

    return fd < 0 ? -errno : fd;
}

void wake_up(int fd)
{
    uint64_t one = 1;
    int saved = errno;

    while (write(fd, &one, sizeof(one)) < 0 && errno == EINTR)
        ;
    errno = saved; /* also called from signal handlers */
}

void wake_clear(int fd)
{
    uint64_t count;

    while (read(fd, &count, sizeof(count)) < 0 && errno == EINTR)
        ;
}
