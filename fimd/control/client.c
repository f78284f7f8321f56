/* fimctl's end of the socket. The daemon is trusted (only root can have made the socket's directory), but may be
 * killed in the middle of a line, or be something else that listens there.
 *
 *   connect ─► request line ─► answer lines ─► callback … ─► {"exit": n} */
#include "fimd/control/control.h"

#include "fimd/control/address.h"
#include "fimd/control/requests.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

enum { ANSWER_MAX = 16 * 1024 * 1024, PIECE = 16 * 1024 };

static int refuse(const char *path, int error, struct fault *why)
{
    switch (error) {
    case ENOENT:
    case ECONNREFUSED:
        return fault_set(why, error, "fimd is not running (nobody answers at %s); start it with: systemctl start fimd",
                         path);
    case EACCES:
    case EPERM:
        return fault_set(why, EACCES, "%s: no permission; ask as root", path);
    default:
        return fault_set(why, error, "%s: %s", path, strerror(error));
    }
}

static int dial(const char *path, struct fault *why)
{
    struct timeval patience = {.tv_sec = 5}; /* for a daemon whose queue is full */
    struct sockaddr_un address;
    int fd, r = address_make(path, &address, why);

    if (r < 0)
        return r;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return refuse(path, errno, why);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
        r = refuse(path, errno, why);
        close(fd);
        return r;
    }
    return fd;
}

/* A server that turns a client away does not wait for its request: its answer can be read all the same. */
static int send_request(int fd, const struct json *request)
{
    struct buf line = {0};
    size_t sent = 0;
    int r = 0;

    if (!json_print(request, &line))
        r = -ENOMEM;
    buf_put(&line, "\n", 1);
    while (r == 0 && sent < line.len) {
        ssize_t n = send(fd, line.data + sent, line.len - sent, MSG_NOSIGNAL);

        if (n >= 0)
            sent += (size_t)n;
        else if (errno == EPIPE || errno == ECONNRESET)
            break;
        else if (errno != EINTR)
            r = -errno;
    }
    buf_fini(&line);
    return r;
}

/* One line: 1 when the call goes on, 0 with the exit code in *ret, -EBADMSG. */
static int take_line(const char *line, size_t len, control_answer_fn fn, void *ctx, int *ret)
{
    struct json *answer = json_parse(line, len);
    bool last = json_get(answer, FIELD_EXIT) != NULL;

    if (!answer)
        return -EBADMSG;
    if (last)
        *ret = (int)json_get_int(answer, FIELD_EXIT, EXIT_INTERNAL) & 0xff;
    else if (fn)
        fn(ctx, answer);
    json_free(answer);
    return !last;
}

/* Every whole line in b, which keeps the rest. As take_line. */
static int take_lines(struct buf *b, control_answer_fn fn, void *ctx, int *ret)
{
    size_t done = 0;
    int r = 1;

    while (r > 0) {
        const uint8_t *end = memchr(b->data + done, '\n', b->len - done);
        size_t len;

        if (!end)
            break;
        len = (size_t)(end - b->data) - done;
        r = take_line((const char *)b->data + done, len, fn, ctx, ret);
        done += len + 1;
    }
    memmove(b->data, b->data + done, b->len - done);
    b->len -= done;
    return r;
}

static int read_answers(int fd, control_answer_fn fn, void *ctx, int *ret)
{
    struct buf b = {0};
    int r = 1;

    while (r > 0) {
        ssize_t n;

        if (b.len > ANSWER_MAX)
            r = -EMSGSIZE;
        else if (!buf_reserve(&b, PIECE))
            r = -ENOMEM;
        if (r < 0)
            break;
        n = recv(fd, b.data + b.len, PIECE, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            r = n < 0 ? -errno : -ECONNRESET;
            break;
        }
        b.len += (size_t)n;
        r = take_lines(&b, fn, ctx, ret);
    }
    buf_fini(&b);
    return r;
}

int control_ask(const char *path, const struct json *request, control_answer_fn fn, void *ctx, struct fault *why)
{
    int code = 0, fd = dial(path, why), r;

    if (fd < 0)
        return fd;
    r = send_request(fd, request);
    if (r == 0)
        r = read_answers(fd, fn, ctx, &code);
    close(fd);
    if (r == -ECONNRESET)
        return fault_set(why, ECONNRESET, "fimd hung up before it had answered; see its log: journalctl -u fimd");
    if (r < 0)
        return fault_set(why, -r, "%s: %s", path, r == -EBADMSG ? "what answers there is no fimd" : strerror(-r));
    return code;
}
