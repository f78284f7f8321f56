/* Owns: the child process and our end of the socket pair.
 *
 * The child is this very program (by /proc/self/exe, so that an upgrade on disk cannot mix two versions),
 * with nothing of ours but its end of the pair: no other descriptor, and of the environment only what says
 * how to reach the network. */
#include "fimd/sink/sender_process.h"

#include "fimd/rt/clock.h"
#include "fimd/sink/sender.h"
#include "fimd/sink/sender_frame.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { EXEC_FAILED = 127, UNPRIVILEGED = 65534, NAME_BUFFER = 4096 };

/* Proxies and resolver options; nothing that a library could be led astray by. */
static const char *const kept_variables[] = {
    "http_proxy=", "https_proxy=", "HTTPS_PROXY=", "all_proxy=", "ALL_PROXY=", "no_proxy=", "NO_PROXY=",
    "RES_OPTIONS=", "LOCALDOMAIN=", "SSL_CERT_FILE=", "SSL_CERT_DIR=",
};

enum { KEPT = sizeof(kept_variables) / sizeof(kept_variables[0]) };

static void keep_variables(char *ret[KEPT + 1])
{
    size_t count = 0;

    for (char **variable = environ; variable && *variable && count < KEPT; variable++)
        for (size_t i = 0; i < KEPT && count < KEPT; i++)
            if (!strncmp(*variable, kept_variables[i], strlen(kept_variables[i])))
                ret[count++] = *variable;
    ret[count] = NULL;
}

/* Between fork and exec, where other threads' locks may be held for ever: system calls only. */
static void become_sender(const char *program, int fd, char **environment)
{
    char *arguments[] = {(char *)"fimd-sender", (char *)SENDER_ARGUMENT, NULL};
    int null = open("/dev/null", O_RDWR);
    sigset_t none;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (fd < SENDER_FD) /* a daemon without its standard descriptors */
        fd = fcntl(fd, F_DUPFD, SENDER_FD + 1);
    for (int i = 0; i < SENDER_FD; i++)
        dup2(null, i);
    if (fd == SENDER_FD ? fcntl(fd, F_SETFD, 0) < 0 : dup2(fd, SENDER_FD) < 0)
        _exit(EXEC_FAILED);
    close_range(SENDER_FD + 1, ~0u, 0);
    execve(program, arguments, environment);
    _exit(EXEC_FAILED);
}

int sender_start(struct sender_process *p, const char *program, struct fault *why)
{
    char *environment[KEPT + 1];
    int pair[2];
    pid_t pid;

    keep_variables(environment);
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return fault_set(why, errno, "network process: %s", strerror(errno));
    pid = fork();
    if (!pid)
        become_sender(program ? program : "/proc/self/exe", pair[1], environment);
    close(pair[1]);
    if (pid < 0) {
        close(pair[0]);
        return fault_set(why, errno, "network process: %s", strerror(errno));
    }
    p->pid = pid;
    p->fd = pair[0];
    return 0;
}

void sender_init(struct sender_process *p)
{
    p->pid = 0;
    p->fd = -1;
    pthread_mutex_init(&p->lock, NULL);
}

static int reap(struct sender_process *p)
{
    int status = 0;

    if (p->fd >= 0)
        close(p->fd);
    p->fd = -1;
    pthread_mutex_lock(&p->lock);
    if (p->pid) {
        kill(p->pid, SIGKILL); /* does nothing to one that has ended */
        while (waitpid(p->pid, &status, 0) < 0 && errno == EINTR)
            ;
    }
    p->pid = 0;
    pthread_mutex_unlock(&p->lock);
    return status;
}

void sender_interrupt(struct sender_process *p)
{
    pthread_mutex_lock(&p->lock);
    if (p->pid)
        kill(p->pid, SIGKILL);
    pthread_mutex_unlock(&p->lock);
}

void sender_fini(struct sender_process *p)
{
    reap(p);
    pthread_mutex_destroy(&p->lock);
}

void sender_end(struct sender_process *p)
{
    reap(p);
}

/* Hung up and about to end by itself: its own way of ending tells more than our SIGKILL. */
static void wait_a_moment(pid_t pid)
{
    const struct timespec moment = {.tv_nsec = 10 * NS_PER_MS};
    siginfo_t info = {0};

    for (int i = 0; i < 20 && pid; i++) {
        if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0 || info.si_pid)
            return;
        nanosleep(&moment, NULL);
    }
}

int sender_lost(struct sender_process *p, struct fault *why)
{
    int status;

    wait_a_moment(p->pid);
    status = reap(p);
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
        return fault_set(why, EPIPE,
                         "the network process did what it must not do and was killed; it is started again");
    if (WIFSIGNALED(status))
        return fault_set(why, EPIPE, "the network process was ended by signal %d; it is started again",
                         WTERMSIG(status));
    if (WIFEXITED(status) && WEXITSTATUS(status) == EXEC_FAILED)
        return fault_set(why, EPIPE, "the network process could not be executed");
    return fault_set(why, EPIPE, "the network process ended; it is started again");
}

/* --- talking -------------------------------------------------------------------------------------------- */

static int wait_for(int fd, short events, int64_t until)
{
    struct pollfd pollfd = {.fd = fd, .events = events};

    for (;;) {
        int64_t left = until - clock_mono();
        int n = poll(&pollfd, 1, left > 0 ? (int)(left / NS_PER_MS) + 1 : 0);

        if (n > 0)
            return 0;
        if (n < 0 && errno != EINTR)
            return -errno;
        if (!n && clock_mono() >= until)
            return -ETIMEDOUT;
    }
}

int sender_write(struct sender_process *p, const struct buf *frame, int64_t until)
{
    size_t done = 0;

    while (done < frame->len) {
        ssize_t n = send(p->fd, frame->data + done, frame->len - done, MSG_NOSIGNAL | MSG_DONTWAIT);
        int error = 0;

        if (n >= 0)
            done += (size_t)n;
        else if (errno == EAGAIN)
            error = wait_for(p->fd, POLLOUT, until);
        else if (errno != EINTR)
            error = -errno;
        if (error)
            return error;
    }
    return 0;
}

static int read_exactly(struct sender_process *p, uint8_t *to, size_t len, int64_t until)
{
    while (len) {
        ssize_t n = recv(p->fd, to, len, MSG_DONTWAIT);
        int error = 0;

        if (n > 0) {
            to += n;
            len -= (size_t)n;
        } else if (!n) {
            error = -EPIPE;
        } else if (errno == EAGAIN) {
            error = wait_for(p->fd, POLLIN, until);
        } else if (errno != EINTR) {
            error = -errno;
        }
        if (error)
            return error;
    }
    return 0;
}

int sender_read(struct sender_process *p, struct buf *ret, size_t most, int64_t until)
{
    uint8_t header[FRAME_HEADER_SIZE];
    int error = read_exactly(p, header, sizeof(header), until);
    long len = error ? error : frame_length(header, most);

    if (len < 0)
        return (int)len;
    buf_reset(ret);
    if (!buf_reserve(ret, (size_t)len))
        return -ENOMEM;
    ret->len = (size_t)len;
    return read_exactly(p, ret->data, ret->len, until);
}

/* --- the account ---------------------------------------------------------------------------------------- */

static bool look_up(const char *user, uid_t *ret_uid, gid_t *ret_gid)
{
    struct passwd entry, *found = NULL;
    char buffer[NAME_BUFFER];

    if (!user || !*user || getpwnam_r(user, &entry, buffer, sizeof(buffer), &found) || !found ||
        !found->pw_uid)
        return false;
    *ret_uid = found->pw_uid;
    *ret_gid = found->pw_gid;
    return true;
}

void sender_account(const char *user, uid_t *ret_uid, gid_t *ret_gid)
{
    if (look_up(user, ret_uid, ret_gid) || look_up("nobody", ret_uid, ret_gid))
        return;
    *ret_uid = UNPRIVILEGED;
    *ret_gid = UNPRIVILEGED;
}
