/* A request is read, a command runs, answers are written. Owns nothing but the time and the size that a client
 * may take; the socket and the thread are the server's.
 *
 *   SO_PEERCRED ─► read a line (64 KiB, 5 s in all) ─► request_parse ─► command ─► {"exit": n}
 *                                                                         └─► control_say (30 s an answer)
 *
 * The deadline for the request is for all of it: a client that sends a byte a second gains nothing. */
#include "fimd/control/call.h"

#include "fimd/control/requests.h"
#include "fimd/rt/clock.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { REQUEST_MAX = 64 * 1024 };
static const int64_t request_time = 5 * NS_PER_S;
static const int64_t answer_time = 30 * NS_PER_S;

struct control_call {
    int fd;
    int stop;
    bool dead; /* the client went, or did not read: no more is written */
};

/* Waits for events on the socket: 0, -ETIMEDOUT, or -EPIPE when the server closes. */
static int wait_for(const struct control_call *call, short events, int64_t deadline)
{
    struct pollfd fds[2] = {{.fd = call->fd, .events = events}, {.fd = call->stop, .events = POLLIN}};

    for (;;) {
        int64_t left = deadline - clock_mono();
        int n;

        if (left <= 0)
            return -ETIMEDOUT;
        n = poll(fds, 2, (int)(left / NS_PER_MS) + 1);
        if (n < 0 && errno != EINTR)
            return -errno;
        if (n > 0 && fds[1].revents)
            return -EPIPE;
        if (n > 0 && fds[0].revents)
            return 0;
    }
}

static int write_all(struct control_call *call, const uint8_t *data, size_t len)
{
    int64_t deadline = clock_mono() + answer_time;

    while (len > 0) {
        ssize_t n = send(call->fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (n >= 0) {
            data += n;
            len -= (size_t)n;
        } else if (errno == EAGAIN) {
            int r = wait_for(call, POLLOUT, deadline);
            if (r < 0)
                return r;
        } else if (errno != EINTR) {
            return -errno;
        }
    }
    return 0;
}

int control_say(struct control_call *call, const struct json *answer)
{
    struct buf line = {0};

    if (call->dead)
        return -EPIPE;
    if (json_print(answer, &line))
        buf_put(&line, "\n", 1);
    else
        line.failed = true;
    /* Half an answer would be taken for another one: after any failure the call is over. */
    if (line.failed || write_all(call, line.data, line.len) < 0)
        call->dead = true;
    buf_fini(&line);
    return call->dead ? -EPIPE : 0;
}

bool control_gone(struct control_call *call)
{
    struct pollfd fds[2] = {{.fd = call->fd, .events = 0}, {.fd = call->stop, .events = POLLIN}};

    /* POLLHUP comes when the client has closed both ways; one that only ended its sending still listens. */
    return call->dead || poll(fds, 2, 0) > 0;
}

static void say_exit(struct control_call *call, int code)
{
    struct json *last = json_object();

    json_put_int(last, FIELD_EXIT, code);
    control_say(call, last);
    json_free(last);
}

int control_fail(struct control_call *call, int code, const char *format, ...)
{
    struct json *answer = json_object();
    char line[512];
    va_list args;

    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    json_put_text(answer, FIELD_ERROR, line);
    control_say(call, answer);
    json_free(answer);
    return code;
}

/* Until the first newline; 0 with the line's length, or a failure that the client has been told. */
static int read_line(struct control_call *call, char *line, size_t size, size_t *ret_len)
{
    int64_t deadline = clock_mono() + request_time;
    size_t len = 0;

    for (;;) {
        int r = wait_for(call, POLLIN, deadline);
        ssize_t n;
        char *end;

        if (r == -ETIMEDOUT)
            return control_fail(call, EXIT_BAD_USAGE, "no whole request within 5 s");
        if (r < 0)
            return EXIT_INTERNAL;
        n = recv(call->fd, line + len, size - len, MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            continue;
        if (n <= 0)
            return control_fail(call, EXIT_BAD_USAGE, "the request ended before its newline");
        end = memchr(line + len, '\n', (size_t)n);
        len += (size_t)n;
        if (end && end + 1 != line + len)
            return control_fail(call, EXIT_BAD_USAGE, "one request a connection");
        if (end) {
            *ret_len = len - 1;
            return 0;
        }
        if (len == size)
            return control_fail(call, EXIT_BAD_USAGE, "a request has at most %d bytes", REQUEST_MAX);
    }
}

static const struct control_command *find(const struct call_context *context, const char *name)
{
    for (size_t i = 0; i < context->count; i++)
        if (strcmp(context->commands[i].name, name) == 0)
            return &context->commands[i];
    return NULL;
}

static int run(const struct call_context *context, struct control_call *call, const char *line, size_t len,
               const struct control_peer *peer)
{
    const char *name = NULL, *why = NULL;
    struct json *request = request_parse(line, len, &name, &why);
    const struct control_command *command = request ? find(context, name) : NULL;
    int code;

    if (command)
        code = command->run(context->ctx, call, request, peer);
    else if (request)
        code = control_fail(call, EXIT_BAD_USAGE, "unknown command \"%.60s\"; is fimctl of another version?", name);
    else
        code = control_fail(call, EXIT_BAD_USAGE, "%s", why);
    json_free(request);
    return code;
}

/* The socket's mode lets in root alone; a mode can be changed by mistake, this cannot. */
static int let_in(struct control_call *call, struct control_peer *ret)
{
    struct ucred who;
    socklen_t len = sizeof(who);

    if (getsockopt(call->fd, SOL_SOCKET, SO_PEERCRED, &who, &len) < 0)
        return EXIT_INTERNAL;
    if (who.uid != 0 && who.uid != geteuid())
        return control_fail(call, EXIT_NO_PERMISSION, "only root may ask");
    ret->pid = who.pid;
    ret->uid = who.uid;
    ret->gid = who.gid;
    return 0;
}

void call_serve(const struct call_context *context, int fd)
{
    struct control_call call = {.fd = fd, .stop = context->stop};
    char *line = malloc(REQUEST_MAX);
    struct control_peer peer;
    size_t len = 0;
    int code = line ? let_in(&call, &peer) : EXIT_INTERNAL;

    if (!code) {
        code = read_line(&call, line, REQUEST_MAX, &len);
        if (!code)
            code = run(context, &call, line, len, &peer);
    }
    say_exit(&call, code);
    free(line);
}

void call_turn_away(int fd)
{
    static const char text[] = "{\"error\":\"too many clients at once; try again\"}\n{\"exit\":70}\n";

    send(fd, text, sizeof(text) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
}
