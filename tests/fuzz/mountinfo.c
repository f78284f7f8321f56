/* Any bytes as a mount table: parsing ends, and asking the table for paths does too. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "fimd/watch/mounts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mounts m;
    struct buf shown = { 0 };
    if (mounts_parse((const char *)data, size, &m) < 0)
        return 0;
    for (size_t i = 0; i < m.count; i++) {
        (void)mounts_at(&m, m.list[i].point, m.list[i].point_len);
        (void)mounts_on_child(&m, m.list[i].point, m.list[i].point_len);
        buf_reset(&shown);
        if (mounts_show(&m, &m.list[i], m.list[i].root, m.list[i].root_len, &shown) && shown.len == 0)
            abort();
    }
    buf_fini(&shown);
    mounts_fini(&m);
    return 0;
}
