/* The network process's loop. The first frame must be a CONFIG, which says whom to become; until then nothing
 * is looked at that comes from outside.
 *
 *   CONFIG ─► confine (the first time) ─► http_open
 *   POST   ─► http_ask ─► bulk_judge ─► REPLY
 */
#include "fimd/sink/sender.h"

#include "fimd/sink/confine.h"
#include "fimd/sink/http.h"
#include "fimd/sink/probe.h"
#include "fimd/sink/sender_frame.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct sender {
    int fd;
    pid_t parent;
    struct http *http; /* NULL before the first CONFIG, or when it was a bad one */
    struct fault fault; /* why it was bad */
    bool confined, probed;
    char peer[SENDER_PEER_SIZE];
    struct buf in, out;
};

/* --- frames over the socket ----------------------------------------------------------------------------- */

static int read_exactly(int fd, uint8_t *to, size_t len)
{
    while (len) {
        ssize_t n = read(fd, to, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -EPIPE;
        to += n;
        len -= (size_t)n;
    }
    return 0;
}

static int read_frame(struct sender *s)
{
    uint8_t header[FRAME_HEADER_SIZE];
    int error = read_exactly(s->fd, header, sizeof(header));
    long len = error ? error : frame_length(header, FRAME_MOST);

    if (len < 0)
        return (int)len;
    buf_reset(&s->in);
    if (!buf_reserve(&s->in, (size_t)len))
        return -ENOMEM;
    s->in.len = (size_t)len;
    return read_exactly(s->fd, s->in.data, s->in.len);
}

static int write_out(struct sender *s)
{
    const uint8_t *from = s->out.data;
    size_t len = s->out.len;

    if (s->out.failed)
        return -ENOMEM;
    while (len) {
        ssize_t n = write(s->fd, from, len);

        if (n < 0 && errno != EINTR)
            return -errno;
        if (n > 0) {
            from += n;
            len -= (size_t)n;
        }
    }
    return 0;
}

/* --- CONFIG --------------------------------------------------------------------------------------------- */

static int take_config(struct sender *s)
{
    struct sender_config config;
    int error = frame_get_config(s->in.data, s->in.len, &config);

    if (!error && !s->confined)
        error = confine(config.uid, config.gid, s->parent);
    if (error)
        return error;
    s->confined = true;
    http_close(s->http);
    s->http = NULL;
    s->probed = false;
    s->fault = (struct fault){0};
    http_open(&config, &s->http, &s->fault); /* what is wrong with it is told in the next reply */
    explicit_bzero(s->in.data, s->in.len);
    return 0;
}

/* --- POST ----------------------------------------------------------------------------------------------- */

static void put_text(struct sender_reply *reply, const char *host, const char *text)
{
    if (*text)
        snprintf(reply->text, sizeof(reply->text), "%s: %s", host, text);
}

/* Once a server has taken something, it may say who it is. */
static void learn_peer(struct sender *s)
{
    struct server server;
    struct fault ignored;

    if (s->probed)
        return;
    s->probed = true;
    if (!probe_server(s->http, &server, &ignored))
        server_describe(&server, s->peer, sizeof(s->peer));
}

static void judge(struct sender *s, const struct sender_post *post, const struct http_reply *http,
                  struct sender_reply *reply, struct bulk_item *items)
{
    const char *body = http->body.data ? (const char *)http->body.data : "";
    char text[BULK_REASON_SIZE];

    reply->status = http->status;
    reply->retry_after_ms = http->retry_after > 0 ? (uint64_t)http->retry_after * 1000 : 0;
    reply->outcome = bulk_judge(http->status, body, http->body.len, items, post->count, text);
    put_text(reply, http_host(s->http), text);
    if (reply->outcome == BULK_ITEMS)
        learn_peer(s);
    else if (reply->outcome != BULK_TOO_LARGE && reply->outcome != BULK_REFUSED)
        http_rotate(s->http); /* perhaps another host is better off */
}

static void post(struct sender *s, const struct sender_post *what, const char *path,
                 struct sender_reply *reply, struct bulk_item *items)
{
    struct http_request request = {
        .method = "POST", .path = path, .content_type = "application/x-ndjson", .body = what->body};
    struct http_reply http = {0};

    *reply = (struct sender_reply){.outcome = SENDER_UNREACHABLE};
    if (!s->http || http_ask(s->http, &request, &http, &s->fault)) {
        snprintf(reply->text, sizeof(reply->text), "%.*s", SENDER_TEXT_SIZE - 1, s->fault.text);
        return;
    }
    judge(s, what, &http, reply, items);
    http_reply_fini(&http);
}

static int take_post(struct sender *s)
{
    struct sender_reply reply;
    struct sender_post what;
    struct bulk_item *items = NULL;
    char *path = NULL;
    int error = frame_get_post(s->in.data, s->in.len, &what);

    if (!error) {
        path = strndup(what.path.data, what.path.len);
        items = calloc(what.count, sizeof(*items));
        error = path && items ? 0 : -ENOMEM;
    }
    if (!error) {
        post(s, &what, path, &reply, items);
        memcpy(reply.peer, s->peer, sizeof(reply.peer));
        buf_reset(&s->out);
        frame_put_reply(&s->out, &reply, items, what.count);
        error = write_out(s);
    }
    free(path);
    free(items);
    return error;
}

/* --- the process ---------------------------------------------------------------------------------------- */

static int serve_one(struct sender *s)
{
    int error = read_frame(s);

    if (error)
        return error;
    switch (s->in.data[0]) {
    case FRAME_CONFIG:
        return take_config(s);
    case FRAME_POST:
        return s->confined ? take_post(s) : -EPROTO;
    default:
        return -EBADMSG;
    }
}

int sender_main(int fd)
{
    struct sender s = {.fd = fd, .parent = getppid()};
    int error = http_init();

    while (!error)
        error = serve_one(&s);
    http_close(s.http);
    buf_fini(&s.in);
    buf_fini(&s.out);
    return error == -EPIPE ? EXIT_SUCCESS : EXIT_FAILURE;
}
