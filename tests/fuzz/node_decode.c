/* A stored node's bytes, as a damaged disk may give them: decoded or refused, and what was decoded encodes to
 * something that decodes to the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "baseline/store_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void encode(const struct node *n, struct buf *to)
{
    struct node_head head = {
        .id = n->id, .last = n->last, .marks = n->marks, .present = n->entry.type != ENTRY_ABSENT};

    node_encode_head(to, &head);
    if (head.present)
        entry_encode(&n->entry, to);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct node first, second;
    struct buf once = {0}, twice = {0};

    if (node_decode(data, size, &first))
        return 0;
    encode(&first, &once);
    if (node_decode(once.data, once.len, &second))
        abort();
    encode(&second, &twice);
    if (once.len != twice.len || memcmp(once.data, twice.data, once.len))
        abort();
    node_fini(&first);
    node_fini(&second);
    buf_fini(&once);
    buf_fini(&twice);
    return 0;
}
