/* Any bytes as a fanotify buffer: decoding ends, never reads past the end, and what it points to lies inside. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fimd/watch/decode.h"
#include "fimd/watch/handle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void inside(const uint8_t *data, size_t size, const void *at, size_t len)
{
    const uint8_t *p = at;
    if (p && (p < data || len > size || p > data + size - len))
        abort();
}

static void check_handle(const uint8_t *data, size_t size, struct handle_view h)
{
    static const char *const types[] = { "ext4", "xfs", "btrfs", "tmpfs", "overlay" };
    struct handle copy;
    inside(data, size, h.bytes, h.len);
    handle_copy(&copy, h);
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        (void)handle_inode(types[i], handle_view(&copy));
}

static void check_name(const uint8_t *data, size_t size, struct name_view n)
{
    static const char itself[] = ".";
    if (!n.text || (n.len == 1 && strcmp(n.text, itself) == 0))
        return;
    inside(data, size, n.text, n.len + 1);
    if (strlen(n.text) != n.len || strchr(n.text, '/'))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct decode_event e;
    size_t at = 0, before = 0;
    while (decode_next(data, size, &at, &e) == 1) {
        if (at <= before || at > size)
            abort();
        before = at;
        check_handle(data, size, e.dir);
        check_handle(data, size, e.old_dir);
        check_handle(data, size, e.target);
        check_name(data, size, e.name);
        check_name(data, size, e.old_name);
    }
    return 0;
}
