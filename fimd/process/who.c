/* Owns nothing but the actors it makes. See who.h.
 *
 *   process, at ─► its logins ─► else its parent's, at the fork ─► … ─► user and session
 *               ─► its state at that time, its parents' at the forks ─► actor (cached in the process)
 *
 * The login is asked for upwards when an answer is wanted, never copied at a fork: LOGIN records come by
 * another thread of the kernel, later than the forks they are meant for. */
#include "fimd/process/who.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { ANCESTORS_MAX = 16 };

static enum login_answer ask(const struct process *n, int64_t at, struct login_span *ret,
                             const struct process **ret_origin)
{
    for (const struct process *p = n; p; at = p->born, p = p->parent) {
        if (p->doubt && at > p->doubt)
            return LOGIN_UNKNOWN;
        enum login_answer answer = logins_at(&p->logins, at, ret);
        *ret_origin = p;
        if (answer != LOGIN_INHERITED)
            return answer;
    }
    return LOGIN_UNKNOWN;
}

/* Can p have set another login up to `at` of which no record has come yet? To change a login that is set
 * needs CAP_AUDIT_CONTROL, so only root does; programs that log people in begin
 * without a login, and live on. */
static bool is_settled(const struct process *p, int64_t at, const struct login_span *span, bool origin)
{
    const struct state *s = state_at(p->state, at);
    if (origin && (span->seen >= at || span->set))
        return true;
    if (span->user == ACTOR_UNSET || !s)
        return false;
    if (s->euid != 0 && s->euid != ACTOR_UNSET)
        return true;
    bool read_after_exec = s->exec >= p->born && span->seen >= s->exec;
    return origin && (read_after_exec || span->seen + TREE_LOGIN_DELAY >= at);
}

static int64_t due(const struct tree *t, const struct process *n, int64_t at, int64_t now,
                   const struct login_span *span, const struct process *origin)
{
    if (n->ended && at > n->ended)
        at = n->ended;
    for (const struct process *p = n; p; at = p->born, p = p->parent) {
        if (at + t->login_delay <= now || at <= t->logins_passed)
            return 0; /* and the forks above are older still */
        if (!span || !is_settled(p, at, span, p == origin))
            return at + t->login_delay;
        if (p == origin)
            return 0;
    }
    return 0;
}

/* Can a LOGIN that never came have changed it? Only one of the time in which records were lost. */
static bool is_exposed(const struct tree *t, const struct process *n, int64_t at,
                       const struct login_span *span, const struct process *origin)
{
    for (const struct process *p = n; p && t->lost_until && at >= t->lost_from; at = p->born, p = p->parent) {
        int64_t last = at < t->lost_until ? at : t->lost_until;
        if (p->born <= t->lost_until && !is_settled(p, last, span, p == origin))
            return true;
        if (p == origin)
            break;
    }
    return false;
}

static void ask_one(const struct tree *t, const struct process *n, int64_t at, int64_t now, struct who *ret)
{
    struct login_span span = {.user = ACTOR_UNSET, .session = ACTOR_UNSET};
    const struct process *origin = NULL;
    bool known = ask(n, at, &span, &origin) == LOGIN_KNOWN;
    bool waits = t->logins_come && t->connector && !n->ghost;
    *ret = (struct who){.known = known, .user = ACTOR_UNSET, .session = ACTOR_UNSET};
    if (waits)
        ret->wait = due(t, n, at, now, known ? &span : NULL, origin);
    /* Where no record would tell of a login, "nobody" is only believed of a process that was read itself. */
    else if (known && origin != n && (span.user == ACTOR_UNSET || !t->connector))
        ret->known = false;
    if (known && t->connector && is_exposed(t, n, at, &span, origin))
        ret->known = false;
    if (ret->known) {
        ret->user = span.user;
        ret->session = span.session;
    }
}

void who_ask(const struct tree *t, const struct process *n, int64_t at, int64_t now, struct who *ret)
{
    ask_one(t, n, at, now, ret);
    /* The pid went to another process before the event was read: whoever did it, only what both share is
     * true. */
    for (const struct process *q = n->newer; q && q->born <= at; q = q->newer) {
        struct who other;
        ask_one(t, q, at, now, &other);
        ret->mixed = true;
        if (other.wait > ret->wait)
            ret->wait = other.wait;
        if (!other.known || other.user != ret->user || other.session != ret->session)
            ret->known = false;
    }
    if (!ret->known)
        ret->user = ret->session = ACTOR_UNSET;
}

bool who_is_fresh(const struct process *n, int64_t at)
{
    struct login_span span;
    if (n->doubt || logins_at(&n->logins, at, &span) != LOGIN_KNOWN)
        return false;
    return span.seen >= at || (span.user != ACTOR_UNSET && span.seen + TREE_LOGIN_DELAY >= at);
}

static bool text_copy(const char *from, char **to)
{
    *to = from && *from ? strdup(from) : NULL;
    return !from || !*from || *to;
}

static bool program_fill(struct program *to, const struct process *n, const struct image *image,
                         int64_t to_real)
{
    to->pid = n->pid;
    to->start = n->ghost ? 0 : n->born + to_real;
    if (!image)
        return true;
    if (image->args_len) {
        to->args = malloc(image->args_len);
        if (!to->args)
            return false;
        memcpy(to->args, image->args, image->args_len);
        to->args_len = image->args_len;
    }
    return text_copy(image->name, &to->name) && text_copy(image->exe, &to->exe);
}

/* What p was when it forked `child`: who did that, not what p became later. */
static const struct image *image_at_fork(const struct process *p, const struct process *child)
{
    const struct state *s = child->birth ? child->birth : state_at(p->state, child->born);
    return s ? s->image : NULL;
}

/* A fork without an exec is the same program still. Of two that were found in /proc nobody saw the fork. */
static bool same_program(const struct process *a, const struct image *ia, const struct process *b,
                         const struct image *ib)
{
    if (ia == ib)
        return ia != NULL;
    return a->found && b->found && ia && ib && ia->exe && ib->exe && !strcmp(ia->exe, ib->exe);
}

static bool same_login(const struct process *p, int64_t at, const struct who *w)
{
    struct login_span span;
    const struct process *origin;
    return ask(p, at, &span, &origin) == LOGIN_KNOWN && span.user == w->user && span.session == w->session;
}

/* The parent always, then upwards to the process that logged the person in, or to pid 1. */
static bool ancestors_fill(struct actor *a, const struct process *n, const struct who *w, int64_t to_real)
{
    bool person = w->known && w->user != ACTOR_UNSET;
    const struct process *child = n, *last = NULL;
    const struct image *last_image = NULL;
    a->ancestors = calloc(ANCESTORS_MAX, sizeof(*a->ancestors));
    if (!a->ancestors)
        return false;
    for (const struct process *p = n->parent; p && a->ancestors_count < ANCESTORS_MAX;
         child = p, p = p->parent) {
        const struct image *image = image_at_fork(p, child);
        if (last && person && !same_login(p, child->born, w))
            break;
        if (last && same_program(last, last_image, p, image))
            continue;
        if (!program_fill(&a->ancestors[a->ancestors_count++], p, image, to_real))
            return false;
        last = p;
        last_image = image;
        if (person && !same_login(p, child->born, w))
            break;
    }
    return true;
}

static const char *cwd_of(const struct process *n, const struct state *s)
{
    if (n->cwd && n->cwd_at >= s->exec)
        return n->cwd;
    return s->image && s->exec >= n->born ? s->image->cwd : NULL;
}

static bool actor_fill(struct actor *a, const struct process *n, const struct state *s, const struct who *w,
                       int64_t to_real)
{
    if (!program_fill(&a->program, n, s ? s->image : NULL, to_real))
        return false;
    if (!s)
        return true;
    a->uid = s->uid;
    a->euid = s->euid;
    a->gid = s->gid;
    a->egid = s->egid;
    a->ppid = n->parent ? n->parent->pid : 0;
    return text_copy(s->tty, &a->tty) && text_copy(cwd_of(n, s), &a->cwd) && ancestors_fill(a, n, w, to_real);
}

/* All programs of the chain are read: what is cached now stays true. */
static bool is_complete(const struct process *n, const struct state *s)
{
    if (s && s->image && !s->image->read)
        return false;
    for (int i = 0; n->parent && i < ANCESTORS_MAX; n = n->parent, i++) {
        const struct image *image = image_at_fork(n->parent, n);
        if (image && !image->read)
            return false;
    }
    return true;
}

static bool key_same(const struct actor_key *a, const struct actor_key *b)
{
    return a->state == b->state && a->state_time == b->state_time && a->user == b->user &&
           a->session == b->session && a->known == b->known && a->mixed == b->mixed && a->cwd_at == b->cwd_at;
}

int who_actor(struct tree *t, struct process *n, int64_t at, const struct who *w, int64_t to_real,
              struct actor **ret)
{
    bool blurred = w->mixed || n->ghost || (n->doubt && at > n->doubt);
    const struct state *s = blurred ? NULL : state_at(n->state, at);
    struct actor_key key = {s, s ? s->time : 0, w->user, w->session, w->known, w->mixed, n->cwd_at};
    if (n->actor && key_same(&key, &n->key)) {
        *ret = actor_ref(n->actor);
        return 0;
    }
    struct actor *a = actor_new();
    if (!a || !actor_fill(a, n, s, w, to_real)) {
        actor_unref(a);
        return -ENOMEM;
    }
    a->grade = !w->known ? GRADE_NONE : t->connector ? GRADE_PROCESS : GRADE_PROCFS;
    a->login_known = w->known;
    a->login = w->user;
    a->session = w->session;
    if (is_complete(n, s)) {
        actor_unref(n->actor);
        n->actor = actor_ref(a);
        n->key = key;
    }
    *ret = a;
    return 0;
}
