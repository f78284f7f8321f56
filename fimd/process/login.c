/* Owns the list of one process's login spans. See login.h. */
#include "fimd/process/login.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fimd/model/actor.h"

enum { SPANS_MAX = 16 }; /* more logins of one process than any program makes */

void logins_fini(struct logins *l)
{
    free(l->spans);
    *l = (struct logins){0};
}

static int span_insert(struct logins *l, unsigned index, struct login_span span)
{
    if (l->count == SPANS_MAX) {
        memmove(l->spans, l->spans + 1, (l->count - 1) * sizeof(*l->spans));
        l->count--;
        l->cut = true;
        if (index)
            index--;
    } else {
        struct login_span *spans = realloc(l->spans, (l->count + 1) * sizeof(*spans));
        if (!spans)
            return -ENOMEM;
        l->spans = spans;
    }
    memmove(l->spans + index + 1, l->spans + index, (l->count - index) * sizeof(*l->spans));
    l->spans[index] = span;
    l->count++;
    return 0;
}

int logins_confirm(struct logins *l, int64_t now, uint32_t user, uint32_t session)
{
    struct login_span *last = l->count ? &l->spans[l->count - 1] : NULL;
    if (last && last->user == user && last->session == session) {
        if (now > last->seen)
            last->seen = now;
        last->doubtful = false;
        return 0;
    }
    int64_t from = last && last->seen >= now ? last->seen + 1 : now;
    return span_insert(l, l->count, (struct login_span){from, from, user, session, false, false});
}

bool logins_session(const struct logins *l, uint32_t user, uint32_t *ret_session)
{
    const struct login_span *last = l->count ? &l->spans[l->count - 1] : NULL;
    if (!last || last->user != user)
        return false;
    *ret_session = last->session;
    return true;
}

/* Sessions are numbered upwards over the whole host, so they order what clocks cannot: a LOGIN goes behind
 * every older session and every "nobody", and before each newer session. */
static unsigned place(const struct logins *l, uint32_t session)
{
    unsigned i = l->count;
    while (i && l->spans[i - 1].session != ACTOR_UNSET && session != ACTOR_UNSET &&
           l->spans[i - 1].session > session)
        i--;
    return i;
}

int logins_set(struct logins *l, int64_t from, uint32_t user, uint32_t session, bool doubtful)
{
    unsigned i = place(l, session);
    struct login_span *before = i ? &l->spans[i - 1] : NULL;
    bool same = before && session != ACTOR_UNSET && before->session == session && before->user == user;
    struct login_span *prior = same ? (i > 1 ? before - 1 : NULL) : before;
    /* Whatever was still read of the login before it was read before this one was set. */
    if (prior && from <= prior->seen)
        from = prior->seen + 1;
    if (i < l->count && from > l->spans[i].from)
        from = l->spans[i].from;
    if (!same)
        return span_insert(l, i, (struct login_span){from, from, user, session, true, doubtful});
    if (from < before->from || !before->set)
        before->from = from < before->from ? from : before->from;
    before->set = true;
    return 0;
}

enum login_answer logins_at(const struct logins *l, int64_t at, struct login_span *ret)
{
    unsigned i = l->count;
    while (i && l->spans[i - 1].from > at)
        i--;
    if (!i) {
        if (l->cut)
            return LOGIN_UNKNOWN;
        if (!l->count || l->spans[0].set)
            return LOGIN_INHERITED;
        *ret = l->spans[0]; /* the first reading, with no setting before it: so it was from the beginning */
        return l->spans[0].doubtful ? LOGIN_UNKNOWN : LOGIN_KNOWN;
    }
    const struct login_span *s = &l->spans[i - 1];
    /* Between two readings that differ, with no LOGIN that tells when it changed. */
    if (s->doubtful || (i < l->count && !l->spans[i].set && at > s->seen))
        return LOGIN_UNKNOWN;
    *ret = *s;
    return LOGIN_KNOWN;
}
