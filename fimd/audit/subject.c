/* A subject is one allocation: the struct, then its strings. The next act of the same pid is put together
 * on the stack and compared as bytes. */
#include "fimd/audit/subject.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum { STRINGS = 4, STRING_MAX = 4096 };

struct draft {
    struct subject head;
    size_t lengths[STRINGS]; /* with the NUL; 0: none */
    size_t used;
    char bytes[STRINGS * (STRING_MAX + 1)];
};

static void draft_text(struct draft *d, int index, struct text t)
{
    d->lengths[index] = 0;
    if (!t.raw.data) {
        return;
    }
    size_t len = text_copy(t, d->bytes + d->used, STRING_MAX);
    d->bytes[d->used + len] = '\0';
    d->lengths[index] = len + 1;
    d->used += len + 1;
}

static void draft_string(struct draft *d, int index, const char *text)
{
    d->lengths[index] = text ? strlen(text) + 1 : 0;
    if (text) {
        memcpy(d->bytes + d->used, text, d->lengths[index]);
        d->used += d->lengths[index];
    }
}

static void draft_act(struct draft *d, const struct act *act)
{
    d->used = 0;
    d->head = (struct subject){
        .references = 1,
        .pid = act->pid,
        .ppid = act->ppid,
        .auid = act->auid,
        .ses = act->ses,
        .uid = act->uid,
        .gid = act->gid,
        .euid = act->euid,
        .egid = act->egid,
        .auid_told = act->auid_told,
    };
    draft_text(d, 0, act->comm);
    draft_text(d, 1, act->exe);
    draft_text(d, 2, act->tty);
    draft_text(d, 3, act->cwd);
}

/* An io_uring record has neither auid, session, comm nor exe: the process's other records have. */
static void draft_complete(struct draft *d, const struct act *act, const struct subject *known)
{
    if (act->auid_told || !known || known->pid != act->pid || !known->auid_told) {
        return;
    }
    d->used = 0;
    d->head.auid = known->auid;
    d->head.ses = known->ses;
    d->head.auid_told = true;
    draft_string(d, 0, known->comm);
    draft_string(d, 1, known->exe);
    draft_string(d, 2, known->tty);
    if (act->cwd.raw.data) {
        draft_text(d, 3, act->cwd);
    } else {
        draft_string(d, 3, known->cwd);
    }
}

static const char *const *subject_strings(const struct subject *s)
{
    return &s->comm; /* comm, exe, tty, cwd stand side by side */
}

static bool draft_same(const struct draft *d, const struct subject *s)
{
    const struct subject *h = &d->head;
    if (s->pid != h->pid || s->ppid != h->ppid || s->auid != h->auid || s->ses != h->ses ||
        s->uid != h->uid || s->gid != h->gid || s->euid != h->euid || s->egid != h->egid ||
        s->auid_told != h->auid_told || s->size != d->used) {
        return false;
    }
    for (int i = 0; i < STRINGS; i++) {
        if (!subject_strings(s)[i] != !d->lengths[i]) {
            return false;
        }
    }
    return !memcmp(s + 1, d->bytes, d->used);
}

static struct subject *draft_keep(const struct draft *d)
{
    struct subject *s = malloc(sizeof(*s) + d->used);
    if (!s) {
        return NULL;
    }
    *s = d->head;
    s->size = d->used;
    memcpy(s + 1, d->bytes, d->used);
    const char **strings = &s->comm, *at = (const char *)(s + 1);
    for (int i = 0; i < STRINGS; i++) {
        strings[i] = d->lengths[i] ? at : NULL;
        at += d->lengths[i];
    }
    return s;
}

struct subject *subjects_take(struct subjects *subjects, const struct act *act)
{
    struct subject **slot = &subjects->recent[act->pid % SUBJECTS_RECENT];
    struct draft d;
    draft_act(&d, act);
    draft_complete(&d, act, *slot);
    if (!*slot || !draft_same(&d, *slot)) {
        struct subject *made = draft_keep(&d);
        if (!made) {
            return NULL;
        }
        subject_unref(*slot);
        *slot = made;
    }
    (*slot)->references++;
    return *slot;
}

void subject_unref(struct subject *s)
{
    if (s && --s->references == 0) {
        free(s);
    }
}

void subjects_fini(struct subjects *s)
{
    for (int i = 0; i < SUBJECTS_RECENT; i++) {
        subject_unref(s->recent[i]);
        s->recent[i] = NULL;
    }
}
