/* Stored entries: any bytes are refused or become an entry that can be stored again, to the same bytes for
 * ever. */
#include "baseline/entry.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int holds)
{
    if (!holds)
        abort();
}

static void store_again(const struct entry *e)
{
    struct buf first = {0}, second = {0};
    struct entry back;
    entry_encode(e, &first);
    require(entry_decode(first.data, first.len, &back) == 0);
    entry_encode(&back, &second);
    require(first.len == second.len && memcmp(first.data, second.data, first.len) == 0);
    require(entry_diff(e, &back) == 0 && entry_diff(&back, e) == 0);
    entry_fini(&back);
    buf_fini(&first);
    buf_fini(&second);
}

/* Against an entry of its own second half, so that the comparison sees two unlike lists. */
static void compare_halves(const struct entry *e, const uint8_t *data, size_t size)
{
    struct entry other;
    if (size < 2 || entry_decode(data + size / 2, size - size / 2, &other) < 0)
        return;
    entry_diff(e, &other);
    entry_fini(&other);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct entry e;
    size_t len;
    if (entry_decode(data, size, &e) < 0)
        return 0;
    store_again(&e);
    compare_halves(&e, data, size);
    entry_xattr(&e, "security.capability", &len);
    entry_fini(&e);
    return 0;
}
