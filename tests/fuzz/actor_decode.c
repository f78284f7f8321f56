/* Stored actors: any bytes either decode to an actor that encodes and decodes to the same, or are refused. */
#include "fimd/model/actor.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice from = {data, size, false};
    struct actor *a = NULL, *again = NULL;
    if (actor_decode(&from, &a))
        return 0;
    struct buf first = {0}, second = {0};
    actor_encode(a, &first);
    struct slice back = {first.data, first.len, false};
    if (actor_decode(&back, &again) || back.len)
        abort();
    actor_encode(again, &second);
    if (first.len != second.len || memcmp(first.data, second.data, first.len) != 0)
        abort();
    actor_chain(again, 4, &second);
    actor_unref(a);
    actor_unref(again);
    buf_fini(&first);
    buf_fini(&second);
    return 0;
}
