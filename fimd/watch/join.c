/* A short array, oldest first: halves come within microseconds of each other, so few ever wait. */
#include "fimd/watch/join.h"

#include <string.h>

static bool mates(const struct half *a, const struct half *b)
{
    if (a->from == b->from || a->is_dir != b->is_dir || a->volume != b->volume || a->pid != b->pid)
        return false;
    if (a->name_len == b->name_len && memcmp(a->name, b->name, a->name_len) == 0 &&
        handle_equal(handle_view(&a->dir), handle_view(&b->dir)))
        return false; /* went and came back: merged into one event, each half belongs to another rename */
    if (a->target.len && b->target.len)
        return handle_equal(handle_view(&a->target), handle_view(&b->target));
    return !a->target.len && !b->target.len;
}

static void take(struct join *j, unsigned at, struct half *ret)
{
    *ret = j->halves[at];
    j->count--;
    memmove(&j->halves[at], &j->halves[at + 1], (j->count - at) * sizeof(j->halves[0]));
}

bool join_match(struct join *j, const struct half *h, struct half *ret)
{
    for (unsigned i = 0; i < j->count; i++) {
        if (!mates(&j->halves[i], h))
            continue;
        take(j, i, ret);
        return true;
    }
    return false;
}

bool join_keep(struct join *j, const struct half *h, struct half *ret_oldest)
{
    bool full = j->count == JOIN_HALVES;
    if (full)
        take(j, 0, ret_oldest);
    j->halves[j->count++] = *h;
    return full;
}

bool join_expire(struct join *j, int64_t before, struct half *ret)
{
    if (j->count == 0 || j->halves[0].at >= before)
        return false;
    take(j, 0, ret);
    return true;
}
