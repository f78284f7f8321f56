/* A journal record of any bytes. What decodes must encode, and decode again to the same bytes. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fimd/model/event.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct event first = {0}, second = {0};
    struct buf a = {0}, b = {0};
    char id[2 * EVENT_ID_SIZE + 1];

    if (event_decode(data, size, &first))
        return 0;
    event_id(&first, id);
    event_encode(&first, &a);
    if (event_decode(a.data, a.len, &second))
        abort();
    event_encode(&second, &b);
    if (a.len != b.len || memcmp(a.data, b.data, a.len))
        abort();
    event_fini(&first);
    event_fini(&second);
    buf_fini(&a);
    buf_fini(&b);
    return 0;
}
