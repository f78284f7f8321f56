/* Poison or a wrong set-up? A batch that has a document taken speaks for the set-up. One refused as a whole,
 * each document for the same reason, speaks against it. A single one says nothing by itself: some may be
 * given up in a row (they are kept as dead letters), if the server has ever taken any. */
#include "fimd/sink/suspicion.h"

#include <string.h>

enum { ALONE_IN_A_ROW = 3 };

static size_t count_of(const struct bulk_item *items, size_t count, enum bulk_verdict verdict)
{
    size_t n = 0;

    for (size_t i = 0; i < count; i++)
        n += items[i].verdict == verdict;
    return n;
}

/* The same status and the same type of error; the words after it name the document. */
static bool alike(const struct bulk_item *a, const struct bulk_item *b)
{
    size_t type = strcspn(a->reason, ":");

    return a->status == b->status && type == strcspn(b->reason, ":") && !memcmp(a->reason, b->reason, type);
}

static bool all_alike(const struct bulk_item *items, size_t count)
{
    for (size_t i = 1; i < count; i++)
        if (!alike(&items[0], &items[i]))
            return false;
    return true;
}

enum suspicion_verdict suspicion_weigh(struct suspicion *s, const struct bulk_item *items, size_t count)
{
    size_t poison = count_of(items, count, BULK_POISON);

    if (count_of(items, count, BULK_TAKEN)) {
        *s = (struct suspicion){.trusted = true};
        return SUSPICION_NONE;
    }
    if (count_of(items, count, BULK_FORBIDDEN) == count)
        return SUSPICION_RIGHTS;
    if (poison != count)
        return SUSPICION_NONE;
    if (count > 1 ? all_alike(items, count) : !s->trusted || s->refused >= ALONE_IN_A_ROW)
        return SUSPICION_SETUP;
    s->refused += (unsigned)count;
    return SUSPICION_NONE;
}
