/* The sink `console`: a line an event for people, on stdout. The smallest sink: what a class has to do is
 * here. */
#include "fimd/sink/line.h"
#include "fimd/sink/sink_classes.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct sink {
    struct accounts *accounts; /* the host's */
    unsigned flags;            /* of document_line */
    struct buf text;           /* kept from batch to batch */
};

static int console_open(const struct output_settings *settings, const struct sink_context *context,
                        struct sink **ret, struct fault *why)
{
    struct sink *s = calloc(1, sizeof(*s));
    const char *no_colour = getenv("NO_COLOR");

    (void)settings;
    if (!s)
        return fault_set(why, ENOMEM, "console: %s", strerror(ENOMEM));
    s->accounts = document_host_accounts(context->host);
    if (isatty(STDOUT_FILENO) && !(no_colour && *no_colour))
        s->flags = DOCUMENT_COLOUR;
    *ret = s;
    return 0;
}

static void console_close(struct sink *s)
{
    if (!s)
        return;
    buf_fini(&s->text);
    free(s);
}

static int write_all(const uint8_t *data, size_t len)
{
    while (len) {
        ssize_t n = write(STDOUT_FILENO, data, len);

        if (n < 0 && errno == EAGAIN)
            poll(&(struct pollfd){.fd = STDOUT_FILENO, .events = POLLOUT}, 1, -1);
        else if (n < 0 && errno != EINTR)
            return -errno;
        if (n > 0) {
            data += n;
            len -= (size_t)n;
        }
    }
    return 0;
}

static int console_deliver(struct sink *s, struct sink_item *items, size_t count, int64_t *retry_after,
                           struct fault *why)
{
    int error;

    (void)retry_after;
    buf_reset(&s->text);
    for (size_t i = 0; i < count; i++) {
        line_put(s->accounts, items[i].event, s->flags, &s->text);
        buf_put_u8(&s->text, '\n');
    }
    error = s->text.failed ? -ENOMEM : write_all(s->text.data, s->text.len);
    if (error)
        return fault_set(why, -error, "stdout: %s", strerror(-error));
    for (size_t i = 0; i < count; i++)
        items[i].verdict = SINK_DELIVERED;
    return 0;
}

const struct sink_class sink_console = {
    .name = "console",
    .open = console_open,
    .close = console_close,
    .deliver = console_deliver,
};
