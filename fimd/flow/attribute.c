/* See attribute.h.
 *
 *   touch ─► process tree ─► actor ─┬─► audit record of this operation? ─► a copy with its proof (grade audit)
 *                                   └─► login session's address and method ─► a copy, remembered: a tar's 20,000
 *                                       files share one actor, and they shall share the one with the address too */
#include "fimd/flow/attribute.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "baseline/path.h"
#include "fimd/rt/clock.h"
#include "fimd/watch/watch.h"

enum { REMEMBERED = 64 };

struct remembered {
    struct actor *plain, *enriched; /* a reference each */
};

struct attribute {
    struct processes *people;
    struct audit *audit;
    int64_t grace;
    struct remembered remembered[REMEMBERED]; /* by the plain one's address */
};

int attribute_new(struct processes *people, int64_t grace, struct attribute **ret)
{
    struct attribute *a = calloc(1, sizeof(*a));
    if (!a)
        return -ENOMEM;
    a->people = people;
    a->grace = grace;
    *ret = a;
    return 0;
}

static void remembered_clear(struct remembered *r)
{
    actor_unref(r->plain);
    actor_unref(r->enriched);
    *r = (struct remembered){0};
}

void attribute_free(struct attribute *a)
{
    if (!a)
        return;
    for (size_t i = 0; i < REMEMBERED; i++)
        remembered_clear(&a->remembered[i]);
    free(a);
}

void attribute_set_audit(struct attribute *a, struct audit *audit)
{
    a->audit = audit;
}

/* Whoever only dropped the last reference (CLOSE_WRITE alone) has written nothing when somebody else has: it is
 * the shell that opened the file for its command. */
static bool only_closed(const struct touch *t)
{
    return (t->ops & ~(uint32_t)WATCH_DIR) == WATCH_CLOSE_WRITE;
}

static bool anyone_wrote(const struct finding *f)
{
    for (size_t i = 0; i < f->touches_count; i++) {
        if (f->touches[i].ops & (WATCH_MODIFY | WATCH_CREATE))
            return true;
    }
    return false;
}

/* The touches that are actors, the last one first; returns how many. */
static size_t actors_of(const struct finding *f, const struct touch *ret[FINDING_TOUCHES])
{
    bool wrote = anyone_wrote(f);
    size_t count = 0;
    for (size_t i = 0; i < f->touches_count; i++) {
        const struct touch *t = &f->touches[i];
        if (wrote && only_closed(t))
            continue;
        size_t at = count++;
        /* Touches stand in the order of their first events; those of one read have the same time. */
        for (; at > 0 && ret[at - 1]->at <= t->at; at--)
            ret[at] = ret[at - 1];
        ret[at] = t;
    }
    return count;
}

static int text_copy(char **to, const char *from)
{
    if (!from || !*from)
        return 0;
    char *copy = strdup(from);
    if (!copy)
        return -ENOMEM;
    free(*to);
    *to = copy;
    return 0;
}

static int add_session(struct attribute *a, struct actor *actor)
{
    struct audit_session session;
    if (!a->audit || actor->session == ACTOR_UNSET || !audit_session_get(a->audit, actor->session, &session))
        return 0;
    int r = text_copy(&actor->address, session.address);
    if (r == 0)
        r = text_copy(&actor->method, session.method);
    if (r == 0 && !actor->tty)
        r = text_copy(&actor->tty, session.tty);
    return r;
}

/* Takes over `actor`'s reference; gives one to what it returns. */
static struct actor *with_session(struct attribute *a, struct actor *actor)
{
    struct audit_session session;
    if (!a->audit || actor->session == ACTOR_UNSET || actor->address ||
        !audit_session_get(a->audit, actor->session, &session))
        return actor;
    struct remembered *r = &a->remembered[((uintptr_t)actor >> 6) % REMEMBERED];
    if (r->plain == actor) {
        actor_unref(actor);
        return actor_ref(r->enriched);
    }
    struct actor *enriched = actor_copy(actor);
    if (!enriched || add_session(a, enriched) < 0) {
        actor_unref(enriched);
        return actor; /* without its address rather than not at all */
    }
    remembered_clear(r);
    r->plain = actor;
    r->enriched = enriched;
    return actor_ref(enriched);
}

static void set_if(uint32_t *to, uint32_t from)
{
    if (from != ACTOR_UNSET)
        *to = from;
}

/* What the record says of the operation wins over what the tree says of the process. */
static int prove(struct actor *actor, const struct audit_proof *proof)
{
    actor->grade = GRADE_AUDIT;
    if (proof->login_known) {
        actor->login = proof->login;
        actor->login_known = true;
        actor->session = proof->session;
    }
    set_if(&actor->uid, proof->uid);
    set_if(&actor->gid, proof->gid);
    set_if(&actor->euid, proof->euid);
    set_if(&actor->egid, proof->egid);
    actor->program.pid = proof->pid;
    actor->ppid = proof->ppid;
    int r = text_copy(&actor->program.name, proof->comm);
    if (r == 0)
        r = text_copy(&actor->program.exe, proof->exe);
    if (r == 0)
        r = text_copy(&actor->cwd, proof->cwd);
    if (r == 0)
        r = text_copy(&actor->tty, proof->tty);
    if (r == 0)
        r = text_copy(&actor->audit_id, proof->id);
    if (r == 0)
        r = text_copy(&actor->syscall, proof->syscall);
    return r;
}

static int with_proof(struct attribute *a, struct actor **actor, const struct audit_proof *proof)
{
    struct actor *proved = *actor ? actor_copy(*actor) : actor_new();
    if (!proved)
        return -ENOMEM;
    int r = prove(proved, proof);
    if (r == 0)
        r = add_session(a, proved);
    if (r < 0) {
        actor_unref(proved);
        return r;
    }
    actor_unref(*actor);
    *actor = proved;
    return 0;
}

struct asker { /* of a write through a descriptor that somebody else may have opened */
    struct attribute *attribute;
    struct process *process;
};

static bool may_have_handed_down(void *ctx, pid_t opener)
{
    const struct asker *asker = ctx;
    return asker->process && process_descends(asker->attribute->people, asker->process, opener);
}

/* The inode of the directory that holds the path, where a handle does not tell it (overlayfs); 0 unknown. */
static uint64_t directory_inode(const char *path, size_t len)
{
    const char *name;
    size_t name_len;
    struct stat st;
    int fd = path_open_dir(path, path_parent(path, len, &name, &name_len));
    if (fd < 0)
        return 0;
    uint64_t inode = fstat(fd, &st) == 0 ? st.st_ino : 0;
    close(fd);
    return inode;
}

/* Of a rename the record names both paths; the one that a rule covers is due. */
static int find_proof(struct attribute *a, const struct finding *f, const struct touch *t, struct audit_proof *ret)
{
    if (!a->audit)
        return -ENOENT;
    bool old = f->old_path && !audit_covers(a->audit, f->path, f->path_len);
    struct asker asker = {a, t->process};
    struct audit_query query = {
        .pid = t->pid,
        .inode = t->inode ? t->inode : f->after.inode,
        .dir_inode = old ? 0 : t->dir_inode,
        .path = old ? f->old_path : f->path,
        .path_len = old ? f->old_path_len : f->path_len,
        .write = (t->ops & (WATCH_MODIFY | WATCH_CLOSE_WRITE)) != 0,
        .read_at = t->at,
        .opener = may_have_handed_down,
        .ctx = &asker,
    };
    if (!query.dir_inode && !query.inode)
        query.dir_inode = directory_inode(query.path, query.path_len);
    return audit_find(a->audit, &query, ret);
}

/* What the process tree knows of a touch; *ret stays NULL when it knows nothing. Where the record tells the person,
 * only the programs are asked for, and no LOGIN is waited for. */
static int tree_actor(struct attribute *a, struct finding *f, const struct touch *t, const struct audit_proof *proof,
                      int64_t now, struct actor **ret)
{
    int64_t retry = now;
    if (!t->process)
        return 0;
    if (proof && proof->login_known)
        return process_actor_told(a->people, t->process, t->at, now, proof->login, proof->session, ret);
    int r = process_actor(a->people, t->process, t->at, now, ret, &retry);
    if (r == -EAGAIN)
        f->retry = retry;
    return r;
}

/* One touch's actor; *ret NULL when nothing at all is known of it. */
static int actor_of(struct attribute *a, struct finding *f, const struct touch *t, int64_t now, struct actor **ret)
{
    struct audit_proof proof;
    int proved = find_proof(a, f, t, &proof);
    if (proved == -EAGAIN && now < f->grace_ends) {
        f->retry = f->grace_ends;
        return -EAGAIN;
    }
    struct actor *actor = NULL;
    int r = tree_actor(a, f, t, proved == 0 ? &proof : NULL, now, &actor);
    if (r == 0 && proved == 0)
        r = with_proof(a, &actor, &proof);
    else if (actor)
        actor = with_session(a, actor);
    if (proved == 0)
        audit_proof_fini(&proof);
    if (r < 0) {
        actor_unref(actor);
        return r;
    }
    *ret = actor;
    return 0;
}

int attribute(struct attribute *a, struct finding *f, int64_t now)
{
    const struct touch *touches[FINDING_TOUCHES];
    size_t count = actors_of(f, touches);
    if (!f->grace_ends)
        f->grace_ends = f->last + a->grace;
    struct actor *actors[FINDING_TOUCHES];
    size_t known = 0;
    int r = 0;
    for (size_t i = 0; i < count && r == 0; i++) {
        struct actor *actor = NULL;
        r = actor_of(a, f, touches[i], now, &actor);
        if (actor)
            actors[known++] = actor;
    }
    if (r < 0) {
        while (known)
            actor_unref(actors[--known]);
        return r;
    }
    memcpy(f->actors, actors, known * sizeof(actors[0]));
    f->actors_count = known;
    return 0;
}

enum grade attribute_grade(const struct finding *f)
{
    enum grade best = GRADE_NONE;
    for (size_t i = 0; i < f->actors_count; i++) {
        if (f->actors[i]->grade > best)
            best = f->actors[i]->grade;
    }
    return best;
}
