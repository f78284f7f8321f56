/* A node's bytes: varint id, last, marks·2 + present; then the entry's encoding when it is present.
 * Pure: hostile bytes in, a node or -EBADMSG out. */
#include <errno.h>

#include "baseline/store_internal.h"

int node_peek(const void *data, size_t len, struct node_head *ret)
{
    struct slice s = {.data = data, .len = len};
    struct node_head head = {.id = slice_varint(&s), .last = slice_varint(&s)};
    uint64_t marks = slice_varint(&s);

    head.present = marks & 1;
    head.marks = (uint32_t)(marks >> 1);
    if (s.failed || marks >> 33 || (!head.present && s.len))
        return -EBADMSG;
    head.entry = (struct lmdb_bytes){s.data, s.len};
    *ret = head;
    return 0;
}

int node_decode(const void *data, size_t len, struct node *ret)
{
    struct node_head head;
    int rc = node_peek(data, len, &head);

    if (rc)
        return rc;
    if (!head.present) {
        *ret = (struct node){.id = head.id, .last = head.last, .marks = head.marks};
        return 0;
    }
    rc = entry_decode(head.entry.data, head.entry.len, &ret->entry);
    if (rc)
        return rc;
    if (ret->entry.type == ENTRY_ABSENT) {
        entry_fini(&ret->entry);
        return -EBADMSG;
    }
    ret->id = head.id;
    ret->last = head.last;
    ret->marks = head.marks;
    return 0;
}

void node_encode_head(struct buf *to, const struct node_head *head)
{
    buf_put_varint(to, head->id);
    buf_put_varint(to, head->last);
    buf_put_varint(to, (uint64_t)head->marks << 1 | head->present);
}

void node_fini(struct node *n)
{
    entry_fini(&n->entry);
    *n = (struct node){0};
}
