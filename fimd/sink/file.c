/* The sink `file`: one JSON document a line. The file itself is its cursor: its last line's sequence is where
 * to go on, so that nothing is missing or there twice after a crash. */
#include "fimd/rt/json.h"
#include "fimd/sink/logfile.h"
#include "fimd/sink/sink_classes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct sink {
    const struct output_settings *settings;
    const struct document_host *host;
    struct logfile *file; /* owned */
};

static int file_open(const struct output_settings *settings, const struct sink_context *context,
                     struct sink **ret, struct fault *why)
{
    struct logfile_options options = {settings->path, settings->rotate_size, settings->rotate_keep};
    struct sink *s = calloc(1, sizeof(*s));
    int error;

    if (!s)
        return fault_set(why, ENOMEM, "%s: %s", settings->path, strerror(ENOMEM));
    s->settings = settings;
    s->host = context->host;
    error = logfile_open(&options, &s->file, why);
    if (error) {
        free(s);
        return error;
    }
    *ret = s;
    return 0;
}

static void file_close(struct sink *s)
{
    if (!s)
        return;
    logfile_close(s->file);
    free(s);
}

/* The sequence of a line that this fimd's own store has numbered: another agent's line (the state directory
 * was made anew, or the file came from another host) says nothing of our journal. */
static int64_t sequence_of(const struct sink *s, const char *line, size_t len)
{
    struct json *root = json_parse(line, len);
    const char *agent = json_get_text(json_get(root, "agent"), "id");
    int64_t sequence = json_get_int(json_get(root, "event"), "sequence", -1);

    if (!agent || strcmp(agent, document_host_agent(s->host)))
        sequence = -1;
    json_free(root);
    return sequence;
}

static int64_t file_last(struct sink *s)
{
    struct buf line = {0};
    int64_t sequence = -1;

    if (!logfile_last(s->file, &line))
        sequence = sequence_of(s, (const char *)line.data, line.len);
    buf_fini(&line);
    return sequence;
}

static int file_deliver(struct sink *s, struct sink_item *items, size_t count, int64_t *retry_after,
                        struct fault *why)
{
    struct iovec *lines = calloc(count ? count : 1, sizeof(*lines));
    long done;
    int error = 0;

    (void)retry_after;
    if (!lines)
        return fault_set(why, ENOMEM, "%s: %s", s->settings->path, strerror(ENOMEM));
    for (size_t i = 0; i < count; i++)
        lines[i] = (struct iovec){(char *)items[i].json, items[i].json_len};
    done = logfile_append(s->file, lines, count, why);
    free(lines);
    if (done >= 0 && s->settings->fsync)
        error = logfile_sync(s->file, why);
    if (done < 0 || error)
        return done < 0 ? (int)done : error;
    for (size_t i = 0; i < count; i++)
        items[i].verdict = i < (size_t)done ? SINK_DELIVERED : SINK_RETRY;
    return 0;
}

const struct sink_class sink_file = {
    .name = "file",
    .wants_json = true,
    .open = file_open,
    .close = file_close,
    .last = file_last,
    .deliver = file_deliver,
};
