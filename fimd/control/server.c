/* Owns: the listening socket, its file, the accepting thread and up to 16 threads that answer.
 *
 *   accept ─► a free slot ─► thread: call_serve ─► slot is done ─► joined at the next accept or at close
 *               └ none: call_turn_away
 *
 * The stop eventfd is never cleared: every poll in every thread sees it, whenever it looks. */
#include "fimd/control/control.h"

#include "fimd/control/address.h"
#include "fimd/control/call.h"
#include "fimd/rt/wake.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { CALLS_MAX = 16, BACKLOG = 32 };

struct slot {
    pthread_t thread;
    bool used;        /* accepting thread only: thread is to be joined */
    atomic_bool done; /* the thread is about to end */
    int fd;
    struct control_server *server;
};

struct control_server {
    struct call_context context;
    struct sockaddr_un address;
    struct stat file; /* what we have bound: only that is unlinked */
    int fd;
    bool accepting;   /* the thread runs */
    pthread_t thread;
    struct slot slots[CALLS_MAX];
};

/* Signals are for the main thread's loop. */
static int start_thread(pthread_t *ret, void *(*fn)(void *), void *arg)
{
    sigset_t all, before;
    int r;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    r = pthread_create(ret, NULL, fn, arg);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return -r;
}

static void *serve(void *arg)
{
    struct slot *slot = arg;

    call_serve(&slot->server->context, slot->fd);
    close(slot->fd);
    atomic_store(&slot->done, true);
    return NULL;
}

static struct slot *free_slot(struct control_server *s)
{
    struct slot *found = NULL;

    for (size_t i = 0; i < CALLS_MAX; i++) {
        struct slot *slot = &s->slots[i];

        if (slot->used && atomic_load(&slot->done)) {
            pthread_join(slot->thread, NULL);
            slot->used = false;
        }
        if (!slot->used && !found)
            found = slot;
    }
    return found;
}

static void take_in(struct control_server *s, int fd)
{
    struct slot *slot = free_slot(s);

    if (slot) {
        slot->fd = fd;
        slot->server = s;
        atomic_store(&slot->done, false);
        slot->used = start_thread(&slot->thread, serve, slot) == 0;
    }
    if (!slot || !slot->used) {
        call_turn_away(fd);
        close(fd);
    }
}

static void *accept_all(void *arg)
{
    struct control_server *s = arg;
    struct pollfd fds[2] = {{.fd = s->fd, .events = POLLIN}, {.fd = s->context.stop, .events = POLLIN}};

    for (;;) {
        int fd;

        if (poll(fds, 2, -1) < 0 && errno != EINTR)
            return NULL;
        if (fds[1].revents)
            return NULL;
        fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0)
            take_in(s, fd);
        else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
            poll(&fds[1], 1, 100); /* the client stays in the queue: do not spin on it */
    }
}

static bool answers(const struct sockaddr_un *address)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool yes = fd >= 0 && (connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 || errno == EAGAIN);

    if (fd >= 0)
        close(fd);
    return yes;
}

/* What a daemon that was killed has left behind goes; anything else at the path stays. */
static int clear_path(const struct sockaddr_un *address, struct fault *why)
{
    struct stat st;

    if (lstat(address->sun_path, &st) < 0)
        return errno == ENOENT ? 0 : fault_set(why, errno, "%s: %s", address->sun_path, strerror(errno));
    if (!S_ISSOCK(st.st_mode))
        return fault_set(why, EEXIST, "%s: is there and no socket; move it away", address->sun_path);
    if (answers(address))
        return fault_set(why, EADDRINUSE, "%s: another fimd answers there; stop it first", address->sun_path);
    if (unlink(address->sun_path) < 0)
        return fault_set(why, errno, "%s: cannot be removed: %s", address->sun_path, strerror(errno));
    return 0;
}

static void make_directory(const char *path)
{
    char dir[sizeof(((struct sockaddr_un *)0)->sun_path)];
    char *slash;

    memcpy(dir, path, strlen(path) + 1);
    slash = strrchr(dir, '/');
    if (slash && slash != dir) {
        *slash = '\0';
        mkdir(dir, 0755); /* when it fails, bind tells */
    }
}

/* Between bind and listen nobody can connect: the mode is right before anyone could. */
static int listen_on(struct control_server *s, struct fault *why)
{
    const char *path = s->address.sun_path;

    s->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (s->fd < 0)
        return fault_set(why, errno, "control socket: %s", strerror(errno));
    make_directory(path);
    if (bind(s->fd, (const struct sockaddr *)&s->address, sizeof(s->address)) < 0)
        return fault_set(why, errno, "%s: %s", path, strerror(errno));
    if (lstat(path, &s->file) < 0 || chmod(path, 0600) < 0 || listen(s->fd, BACKLOG) < 0)
        return fault_set(why, errno, "%s: %s", path, strerror(errno));
    return 0;
}

static int start(struct control_server *s, struct fault *why)
{
    int r = clear_path(&s->address, why);

    if (r < 0)
        return r;
    s->context.stop = wake_open();
    if (s->context.stop < 0)
        return fault_set(why, -s->context.stop, "control socket: %s", strerror(-s->context.stop));
    r = listen_on(s, why);
    if (r < 0)
        return r;
    r = start_thread(&s->thread, accept_all, s);
    if (r < 0)
        return fault_set(why, -r, "control socket: no thread: %s", strerror(-r));
    s->accepting = true;
    return 0;
}

int control_open(const char *path, const struct control_command *commands, size_t count, void *ctx,
                 struct control_server **ret, struct fault *why)
{
    struct control_server *s = calloc(1, sizeof(*s));
    int r;

    if (!s)
        return fault_set(why, ENOMEM, "control socket: out of memory");
    s->context = (struct call_context){.commands = commands, .count = count, .ctx = ctx, .stop = -1};
    s->fd = -1;
    r = address_make(path, &s->address, why);
    if (r == 0)
        r = start(s, why);
    if (r < 0) {
        control_close(s);
        return r;
    }
    *ret = s;
    return 0;
}

static void remove_file(const struct control_server *s)
{
    struct stat st;

    if (s->file.st_ino && lstat(s->address.sun_path, &st) == 0 && st.st_dev == s->file.st_dev &&
        st.st_ino == s->file.st_ino)
        unlink(s->address.sun_path);
}

void control_close(struct control_server *s)
{
    if (!s)
        return;
    if (s->context.stop >= 0)
        wake_up(s->context.stop);
    if (s->accepting)
        pthread_join(s->thread, NULL);
    for (size_t i = 0; i < CALLS_MAX; i++)
        if (s->slots[i].used)
            pthread_join(s->slots[i].thread, NULL);
    remove_file(s);
    if (s->fd >= 0)
        close(s->fd);
    if (s->context.stop >= 0)
        close(s->context.stop);
    free(s);
}
