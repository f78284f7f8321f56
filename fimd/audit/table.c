/* audit_find. A hit that is sure is given at once. One that is not (the same inode under another name, a
 * descriptor opened by an ancestor) might only stand in for a record that is still on its way: it is given
 * when the stream has gone past the event. "Past" is known from a record of a call that began later, or
 * from the kernel's queue having been empty later (audit.c asks it while somebody waits), so nobody waits
 * for a time that was guessed. */
#include "fimd/audit/table.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "baseline/path.h"
#include "fimd/audit/netlink.h"

/* fanotify's event is made inside the call, the record at its end; between them lie microseconds, or a few
 * ms when the writer loses its CPU or waits for the disk's journal. */
#define CALL_ENDS INT64_C(20000000)

_Static_assert((unsigned)AUDIT_DID_CREATE == ITEM_CREATE && (unsigned)AUDIT_DID_DELETE == ITEM_DELETE,
               "one meaning");

int64_t table_margin(void)
{
    return CALL_ENDS;
}

int table_init(struct table *t, int64_t now)
{
    static const struct match_limits limits = {0};
    *t = (struct table){.passed = now, .awaited = now};
    t->match = match_new(&limits);
    t->sessions = sessions_new(0);
    if (!t->match || !t->sessions || pthread_mutex_init(&t->lock, NULL)) {
        match_free(t->match);
        sessions_free(t->sessions);
        return -ENOMEM;
    }
    return 0;
}

void table_fini(struct table *t)
{
    match_free(t->match);
    sessions_free(t->sessions);
    targets_fini(&t->covered);
    pthread_mutex_destroy(&t->lock);
}

void table_cover(struct table *t, struct targets *covered)
{
    pthread_mutex_lock(&t->lock);
    struct targets before = t->covered;
    t->covered = *covered;
    pthread_mutex_unlock(&t->lock);
    *covered = (struct targets){0};
    targets_fini(&before);
}

void terminal_slash(char *tty, size_t size)
{
    size_t len = strlen(tty);
    if (len > 3 && len + 1 < size && !memcmp(tty, "pts", 3) && tty[3] >= '0' && tty[3] <= '9') {
        memmove(tty + 4, tty + 3, len - 3 + 1);
        tty[3] = '/';
    }
}

static char *terminal_copy(const char *tty)
{
    size_t size = strlen(tty) + 2;
    char *copy = malloc(size);
    if (copy) {
        memcpy(copy, tty, size - 1);
        terminal_slash(copy, size);
    }
    return copy;
}

static char *id_of(const struct match_hit *hit)
{
    char *id = NULL;
    if (asprintf(&id, "%lld.%03lld:%llu", (long long)(hit->time / 1000000000),
                 (long long)(hit->time / 1000000 % 1000), (unsigned long long)hit->serial) < 0) {
        return NULL;
    }
    return id;
}

static char *call_of(const struct match_hit *hit)
{
    char number[32];
    const char *name = hit->type == RECORD_URINGOP ? "io_uring" : netlink_call_name(hit->arch, hit->call);
    if (!name) {
        snprintf(number, sizeof(number), "%u", hit->call);
        name = number;
    }
    return strdup(name);
}

static int copy_text(char **to, const char *from)
{
    *to = from ? strdup(from) : NULL;
    return from && !*to ? -ENOMEM : 0;
}

static int proof_texts(struct audit_proof *p, const struct match_hit *hit)
{
    const struct subject *who = hit->who;
    p->tty = who->tty ? terminal_copy(who->tty) : NULL;
    p->id = id_of(hit);
    p->syscall = call_of(hit);
    if ((who->tty && !p->tty) || !p->id || !p->syscall || copy_text(&p->comm, who->comm) ||
        copy_text(&p->exe, who->exe) || copy_text(&p->cwd, who->cwd)) {
        audit_proof_fini(p);
        return -ENOMEM;
    }
    return 0;
}

static int proof_make(const struct match_hit *hit, struct audit_proof *ret)
{
    const struct subject *who = hit->who;
    struct audit_proof p = {
        .pid = (pid_t)who->pid, .ppid = (pid_t)who->ppid, .login_known = who->auid_told, .login = who->auid,
        .session = who->ses, .uid = who->uid, .gid = who->gid, .euid = who->euid, .egid = who->egid,
        .time = hit->time,
    };
    int rc = proof_texts(&p, hit);
    if (!rc) {
        *ret = p;
    }
    return rc;
}

void audit_proof_fini(struct audit_proof *proof)
{
    char **texts[] = {&proof->comm, &proof->exe, &proof->tty, &proof->cwd, &proof->syscall, &proof->id};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        free(*texts[i]);
        *texts[i] = NULL;
    }
}

static void query_make(const struct audit_query *from, struct match_query *to)
{
    *to = (struct match_query){
        .pid = from->pid, .inode = from->inode, .dir_inode = from->dir_inode, .write = from->write,
        .items = from->did, .before = from->read_at ? from->read_at : INT64_MAX, .opener = from->opener,
        .ctx = from->ctx,
    };
    if (from->path) {
        path_parent(from->path, from->path_len, &to->name, &to->name_len);
    }
}

int table_find(struct table *t, const struct audit_query *query, int64_t now, struct audit_proof *ret,
               bool *ret_wake)
{
    struct match_query q;
    struct match_hit hit;
    int64_t over = query->read_at + CALL_ENDS;
    int rc = -ENOENT;
    query_make(query, &q);
    pthread_mutex_lock(&t->lock);
    match_find(t->match, &q, &hit);
    bool due = hit.strength != MATCH_EXACT && t->listening && t->passed < over &&
               now < over + INT64_C(2000000000) && query->path &&
               targets_cover(&t->covered, query->path, query->path_len);
    *ret_wake = due && t->awaited <= t->passed;
    if (due) {
        t->awaited = over > t->awaited ? over : t->awaited;
        rc = -EAGAIN;
    } else if (hit.strength != MATCH_NONE) {
        rc = proof_make(&hit, ret);
    }
    pthread_mutex_unlock(&t->lock);
    return rc;
}
