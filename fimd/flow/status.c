/* flow.h's status: what every part says of itself, and what of it is not well. */
#include "fimd/flow/private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fimd/rt/loss.h"

static int count_store(struct store_txn *txn, void *ctx)
{
    return store_count(txn, ctx);
}

static int ships_status(struct flow *f, struct flow_status *ret)
{
    pthread_rwlock_rdlock(&f->ships_lock);
    ret->ships = calloc(f->ships_count + 1, sizeof(*ret->ships));
    for (size_t i = 0; ret->ships && i < f->ships_count; i++)
        ship_status(f->ships[i], &ret->ships[i]);
    ret->ships_count = ret->ships ? f->ships_count : 0;
    pthread_rwlock_unlock(&f->ships_lock);
    return ret->ships ? 0 : -ENOMEM;
}

int flow_status(struct flow *f, struct flow_status *ret)
{
    struct fault why = {0};
    *ret = (struct flow_status){.since = f->since, .paths = policy_paths(f->settings->policy)};
    store_read(f->store, count_store, &ret->store, &why);
    processes_status(f->people, &ret->process);
    judge_status(f->judge, &ret->judge);
    scans_status(f->scans, &ret->scan);
    ret->pending = select_count(f->select);
    ret->audit_on = f->audit && audit_status_get(f->audit, &ret->audit) == 0;
    pthread_mutex_lock(&f->lock);
    ret->probe = f->probed;
    snprintf(ret->audit_text, sizeof(ret->audit_text), "%s", f->audit_text);
    pthread_mutex_unlock(&f->lock);
    int r = watch_status(f->watch, &ret->watch);
    return r < 0 ? r : ships_status(f, ret);
}

void flow_status_fini(struct flow_status *s)
{
    watch_status_fini(&s->watch);
    free(s->ships);
    s->ships = NULL;
    s->ships_count = 0;
}

__attribute__((format(printf, 2, 3))) static int add(struct strings *to, const char *format, ...)
{
    char text[600];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    return strings_add(to, text);
}

static int degraded_audit(const struct flow *f, const struct flow_status *s, struct strings *to)
{
    if (!f->settings->audit)
        return 0;
    if (!s->audit_on)
        return add(to, "audit: not to be had: %s", s->audit_text);
    int r = 0;
    if (!s->audit.enabled)
        r = add(to, "audit: it is switched off (auditctl -e 0); login users of new sessions are not known");
    if (r == 0 && s->audit.never_task)
        r = add(to, "audit: a `task,never` rule keeps processes from being audited; take it out of /etc/audit/rules.d");
    if (r == 0 && s->audit.rules_loaded < s->audit.rules_wanted)
        r = add(to, "audit: %u of %u rules are loaded%s", s->audit.rules_loaded, s->audit.rules_wanted,
                s->audit.locked ? ": they are locked (-e 2) until the next boot" : "");
    return r;
}

static int degraded_outputs(const struct flow_status *s, struct strings *to)
{
    int r = 0;
    for (size_t i = 0; i < s->ships_count && r == 0; i++) {
        if (s->ships[i].failing)
            r = add(to, "output %s: %s", s->ships[i].name, s->ships[i].last_error);
        if (r == 0 && s->ships[i].dead)
            r = add(to, "output %s: %llu documents were refused for good and are kept as dead letters",
                    s->ships[i].name, (unsigned long long)s->ships[i].dead);
    }
    return r;
}

int flow_degraded(struct flow *f, struct strings *ret)
{
    struct flow_status s;
    int r = flow_status(f, &s);
    if (r < 0)
        return r;
    if (s.judge.failing)
        r = add(ret, "recording: %s", s.judge.why);
    if (r == 0)
        r = degraded_audit(f, &s, ret);
    if (r == 0 && s.process.grade < GRADE_PROCESS)
        r = add(ret, "process connector: not to be had; people behind short-lived processes are not known");
    if (r == 0 && !s.probe.seen)
        r = add(ret, "self-test: a change of fimd's own did not come back from the kernel");
    if (r == 0)
        r = degraded_outputs(&s, ret);
    flow_status_fini(&s);
    return r;
}
