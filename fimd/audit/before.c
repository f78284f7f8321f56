/* utmp has pid, terminal and address of every login, but not audit's session id: that of the pid has
 * /proc. */
#include "fimd/audit/before.h"

#include "fimd/audit/before_ssh.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <utmpx.h>

enum { UTMP_MOST = 4096 }; /* entries read */

static void address_of(const struct utmpx *u, char *to, size_t size)
{
    const int32_t *a = u->ut_addr_v6;
    if (!a[0] && !a[1] && !a[2] && !a[3]) {
        return;
    }
    bool four = !a[1] && !a[2] && !a[3];
    if (!inet_ntop(four ? AF_INET : AF_INET6, a, to, (socklen_t)size)) {
        to[0] = '\0';
    }
}

/* utmp's strings fill their fields without a NUL when they are long. */
static void copy_field(const char *from, size_t from_size, char *to, size_t size)
{
    size_t len = strnlen(from, from_size);
    len = len < size - 1 ? len : size - 1;
    memcpy(to, from, len);
    to[len] = '\0';
}

int sessions_from_utmp(struct sessions *s, const void *bytes, size_t len,
                       bool (*of_pid)(pid_t pid, uint32_t *ret_session, char *ret_program, size_t size))
{
    struct utmpx u;
    int rc = 0;
    for (size_t at = 0; !rc && len - at >= sizeof(u); at += sizeof(u)) {
        struct audit_session session = {.address = ""};
        uint32_t id;
        memcpy(&u, (const char *)bytes + at, sizeof(u));
        if (u.ut_type != USER_PROCESS || !of_pid(u.ut_pid, &id, session.method, sizeof(session.method)) ||
            id == UINT32_MAX) {
            continue;
        }
        address_of(&u, session.address, sizeof(session.address));
        copy_field(u.ut_line, sizeof(u.ut_line), session.tty, sizeof(session.tty));
        rc = sessions_put(s, id, &session);
    }
    return rc;
}

static ssize_t read_file(const char *path, char *to, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        return -1;
    }
    size_t got = 0;
    ssize_t n = 0;
    while (got < size && (n = read(fd, to + got, size - got)) > 0) {
        got += (size_t)n;
    }
    close(fd);
    return n < 0 ? -1 : (ssize_t)got;
}

static bool of_proc(pid_t pid, uint32_t *ret_session, char *ret_program, size_t size)
{
    char path[64], text[32] = "";
    snprintf(path, sizeof(path), "/proc/%d/sessionid", (int)pid);
    if (read_file(path, text, sizeof(text) - 1) <= 0) {
        return false;
    }
    *ret_session = (uint32_t)strtoul(text, NULL, 10);
    snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
    ssize_t n = read_file(path, ret_program, size - 1);
    ret_program[n > 0 ? n : 0] = '\0';
    ret_program[strcspn(ret_program, "\n:")] = '\0'; /* sshd names itself "sshd: alice [priv]" to ps */
    return true;
}

int sessions_read_before(struct sessions *s)
{
    size_t size = UTMP_MOST * sizeof(struct utmpx);
    char *bytes = malloc(size);
    if (!bytes) {
        return -ENOMEM;
    }
    ssize_t n = read_file("/run/utmp", bytes, size);
    int rc = n > 0 ? sessions_from_utmp(s, bytes, (size_t)n, of_proc) : 0;
    free(bytes);
    return rc ? rc : sessions_read_ssh(s); /* utmp knows the terminal too, so what it told stays */
}
