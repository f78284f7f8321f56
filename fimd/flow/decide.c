/* See decide.h. The table of it:
 *
 *   before  after   what
 *   ------  ------  ------------------------------------------------------------------------------
 *   -       -       nothing (came and went before anyone could look)
 *   -       there   created; while the first baseline is being made, `updated` unless it was seen to be created
 *   there   -       deleted, when its end was seen; else wait for the event of its end, which must come
 *   there   there   created, when it was seen to be made and only a fill that came first knew of it; updated when content, type or the object itself differ; else attributes_modified;
 *                   nothing when nothing that a rule asks for differs */
#include "fimd/flow/decide.h"

#include "baseline/attr.h"
#include "fimd/watch/watch.h"

/* What makes it another file rather than the same one with other attributes. */
static const uint32_t UPDATING = ATTR_CONTENT | ATTR_TYPE | ATTR_SIZE;

static void decide_unknown(const struct decide_input *in, struct decision *ret)
{
    bool seen_new = in->ops & (WATCH_CREATE | WATCH_RENAME);
    ret->actions = in->filling && !seen_new ? ACTION_UPDATED : ACTION_CREATED;
    ret->store = true;
}

static void decide_both(const struct decide_input *in, struct decision *ret)
{
    if (in->untold && (in->ops & WATCH_CREATE) && !(in->ops & WATCH_DELETE)) {
        ret->actions = ACTION_CREATED;
        ret->store = true;
        return;
    }
    uint32_t changes = entry_diff(in->before, in->after);
    ret->store = changes != 0 || in->before->ctime != in->after->ctime || in->before->mtime != in->after->mtime ||
                 in->before->nlink != in->after->nlink || in->before->size != in->after->size;
    ret->changes = changes & in->attributes;
    /* ctime moves with every other change, and alone it says only that somebody wrote what was there already. */
    if ((ret->changes & ~(uint32_t)ATTR_CTIME) == 0)
        ret->changes = 0;
    if (ret->changes)
        ret->actions = ret->changes & UPDATING ? ACTION_UPDATED : ACTION_ATTRIBUTES_MODIFIED;
}

void decide(const struct decide_input *in, struct decision *ret)
{
    *ret = (struct decision){0};
    bool was = in->before->type != ENTRY_ABSENT, is = in->after->type != ENTRY_ABSENT;
    if (was && is) {
        decide_both(in, ret);
    } else if (is) {
        decide_unknown(in, ret);
    } else if (in->gone_is_news) {
        bool known = was || (in->filling && !(in->ops & WATCH_CREATE));
        ret->actions = known ? ACTION_DELETED : 0;
        /* While filling its absence is kept too: the fill may hold a measurement from before its end. */
        ret->store = was || in->filling;
    }
}
