/* What a confined process can and cannot do: tried for real, in a child. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fimd/sink/confine.h"

enum { GOOD = 0, BAD = 1, NOT_CONFINED = 2, NOBODY = 65534 };

static int try_read(void)
{
    return open("/etc/passwd", O_RDONLY | O_CLOEXEC) >= 0 ? GOOD : BAD;
}

static int try_secret(void)
{
    return open("/etc/shadow", O_RDONLY | O_CLOEXEC) < 0 ? GOOD : BAD;
}

static int try_write(void)
{
    return open("/tmp/fimd-confined", O_WRONLY | O_CREAT | O_CLOEXEC, 0600) < 0 && errno == EPERM ? GOOD
                                                                                                  : BAD;
}

static int try_resolve(void)
{
    struct addrinfo *found = NULL;

    return getaddrinfo("localhost", "9200", NULL, &found) ? BAD : GOOD;
}

static void *nothing(void *ctx)
{
    return ctx;
}

static int try_thread(void)
{
    pthread_t thread;

    return pthread_create(&thread, NULL, nothing, NULL) || pthread_join(thread, NULL) ? BAD : GOOD;
}

static int try_fork(void)
{
    return syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0) < 0 && errno == EPERM ? GOOD : BAD;
}

static int try_packet_socket(void)
{
    return socket(AF_PACKET, SOCK_RAW, 0) < 0 ? GOOD : BAD;
}

static int try_kill(void)
{
    return kill(getppid(), 0) < 0 ? GOOD : BAD;
}

static int try_listen(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    return fd >= 0 && listen(fd, 1) < 0 ? GOOD : BAD;
}

static int try_exec(void)
{
    execl("/bin/true", "true", NULL);
    return BAD;
}

static int try_ptrace(void)
{
    ptrace(PTRACE_TRACEME, 0, 0, 0);
    return BAD;
}

static int try_setuid(void)
{
    syscall(SYS_setuid, 0);
    return BAD;
}

static const struct {
    const char *name;
    int (*attempt)(void);
    int signal; /* that ends it; 0: it lives and finds all as it should be */
} attempts[] = {
    {"reads what everybody may", try_read, 0},
    {"does not read secrets", try_secret, 0},
    {"writes no file", try_write, 0},
    {"resolves names", try_resolve, 0},
    {"has threads", try_thread, 0},
    {"does not fork", try_fork, 0},
    {"has no raw sockets", try_packet_socket, 0},
    {"kills nobody", try_kill, 0},
    {"does not listen", try_listen, 0},
    {"dies of exec", try_exec, SIGSYS},
    {"dies of ptrace", try_ptrace, SIGSYS},
    {"dies of setuid", try_setuid, SIGSYS},
};

Test(confine, leaves_the_network_and_nothing_else, .timeout = 60)
{
    for (size_t i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++) {
        pid_t parent = getpid(), child = fork();
        int status = 0;

        if (!child)
            _exit(confine(NOBODY, NOBODY, parent) ? NOT_CONFINED : attempts[i].attempt());
        cr_assert_eq(waitpid(child, &status, 0), child);
        if (attempts[i].signal)
            cr_expect(WIFSIGNALED(status) && WTERMSIG(status) == attempts[i].signal, "%s: status %x",
                      attempts[i].name, status);
        else
            cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == GOOD, "%s: status %x", attempts[i].name,
                      status);
    }
}

Test(confine, refuses_to_outlive_its_parent, .timeout = 60)
{
    pid_t child = fork();
    int status = 0;

    if (!child)
        _exit(confine(NOBODY, NOBODY, 1) == -ESRCH ? GOOD : BAD);
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == GOOD);
}
