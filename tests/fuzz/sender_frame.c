/* Frames between the daemon and its network process: a reply is what an intruder there would send. */
#include "baseline/path.h"
#include "fimd/sink/sender_frame.h"

#include <stdlib.h>
#include <string.h>

enum { ITEMS = 16 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What reaches a person is printable. */
static void expect_clean(const char *text, size_t size)
{
    size_t len = strnlen(text, size);

    if (len == size || !path_is_utf8(text, len))
        abort();
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)text[i] < ' ')
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bulk_item items[ITEMS];
    struct sender_config config;
    struct sender_post post;
    struct sender_reply reply;
    size_t count;

    if (size < 1)
        return 0;
    count = 1 + data[0] % ITEMS;
    frame_get_config(data + 1, size - 1, &config);
    frame_get_post(data + 1, size - 1, &post);
    if (size >= FRAME_HEADER_SIZE)
        frame_length(data, frame_reply_most(count));
    if (frame_get_reply(data + 1, size - 1, count, &reply, items))
        return 0;
    expect_clean(reply.text, sizeof(reply.text));
    expect_clean(reply.peer, sizeof(reply.peer));
    for (size_t i = 0; reply.outcome == BULK_ITEMS && i < count; i++) {
        expect_clean(items[i].reason, sizeof(items[i].reason));
        if (items[i].verdict >= BULK_VERDICTS)
            abort();
    }
    return 0;
}
