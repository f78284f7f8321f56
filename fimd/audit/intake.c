/* Records into the table: reading, assembling, sorting by kind.
 *
 *   netlink_read (32 at once) ─► coalescer ─► operations, sessions: into the table (one lock a batch)
 *                                        ├► LOGIN: kept aside, told after the batch without the lock
 *                                        └► CONFIG_CHANGE, DAEMON_…: the rules were touched */
#include "fimd/audit/intake.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fimd/audit/coalesce.h"
#include "fimd/audit/netlink.h"
#include "fimd/rt/clock.h"
#include "fimd/rt/loss.h"

enum { BATCHES_MAX = 64 }; /* read in a row before the thread's other duties get their turn */

static bool ignored(const struct intake *in, uint32_t pid)
{
    for (size_t i = 0; i < sizeof(in->ignore) / sizeof(in->ignore[0]) && in->ignore[i]; i++) {
        if ((uint32_t)in->ignore[i] == pid) {
            return true;
        }
    }
    return false;
}

/* A call's stamp is in realtime; the offset of now is that of then, unless the clock was set in between: a
 * stamp that would lie in the future is one of now. */
static int64_t act_began(const struct intake *in, const struct act *act)
{
    int64_t at = act->time - in->offset;
    return at < in->now ? at : in->now;
}

/* The queue is first in, first out: with the record of a call that began at `at`, all that was logged by
 * then is here. */
static void stream_passed(struct intake *in, int64_t at)
{
    if (at > in->table->passed) {
        in->progressed |= in->table->awaited > in->table->passed && in->table->awaited <= at;
        in->table->passed = at;
    }
}

/* By what it does and not by fimd's key: a rule of somebody else that stands first takes the record under
 * its own key, and the kernel makes no second one. A call that failed changed nothing. */
static bool act_wanted(void *ctx, const struct act *head)
{
    struct intake *in = ctx;
    bool opening;
    stream_passed(in, act_began(in, head));
    if (!head->success || ignored(in, head->pid)) {
        return false;
    }
    return head->type == RECORD_URINGOP ||
           rule_calls_want(in->calls, head->arch, head->call, head->args, &opening);
}

static bool has_item(const struct act *act, enum act_item item)
{
    for (size_t i = 0; i < act->paths_count; i++) {
        if (act->paths[i].item & item) {
            return true;
        }
    }
    return false;
}

static void take_operation(struct intake *in, const struct act *act)
{
    bool opening = false;
    if (act->type == RECORD_SYSCALL) {
        rule_calls_want(in->calls, act->arch, act->call, act->args, &opening);
    } else if (act->type == RECORD_URINGOP) {
        opening = act->call == 18 || act->call == 28; /* openat, openat2: their flags are not told */
    }
    int64_t at = act_began(in, act);
    /* Out of memory: the finding falls back to the process tree. */
    (void)match_add(in->table->match, act, opening && has_item(act, ITEM_NORMAL | ITEM_CREATE), at);
    in->table->acts++;
    in->progressed = true;
}

static void logins_tell(struct intake *in)
{
    for (size_t i = 0; i < in->logins_count; i++) {
        const struct intake_login *l = &in->logins[i];
        if (in->callbacks.login) {
            in->callbacks.login(in->callbacks.ctx, l->pid, l->auid, l->ses, l->tty[0] ? l->tty : NULL,
                                l->time);
        }
    }
    in->logins_count = 0;
}

static void take_login(struct intake *in, const struct act *act)
{
    if (!act->success) {
        return;
    }
    (void)sessions_push(in->table->sessions, act);
    struct intake_login *l = &in->logins[in->logins_count++];
    *l = (struct intake_login){.pid = (pid_t)act->pid, .auid = act->auid, .ses = act->ses, .time = act->time};
    l->tty[text_copy(act->tty, l->tty, sizeof(l->tty) - 1)] = '\0';
    terminal_slash(l->tty, sizeof(l->tty));
}

static void act_take(void *ctx, const struct act *act)
{
    struct intake *in = ctx;
    if (act->type == RECORD_SYSCALL || act->type == RECORD_URINGOP) {
        take_operation(in, act);
    } else if (act->type == RECORD_LOGIN) {
        take_login(in, act);
    } else if (act->type == RECORD_CONFIG_CHANGE ||
               (act->type >= RECORD_DAEMON_FIRST && act->type <= RECORD_DAEMON_LAST)) {
        in->rules_touched = true;
    } else if (record_of_program(act->type)) {
        (void)sessions_push(in->table->sessions, act);
    }
}

static void batch_push(struct intake *in, int count)
{
    struct netlink_message m;
    struct record r;
    for (int i = 0; i < count; i++) {
        if (netlink_message(in->batch, i, &m) && !record_parse(m.type, m.text, m.len, &r)) {
            (void)coalesce_push(in->coalescer, &r);
        }
        if (in->logins_count == INTAKE_LOGINS) {
            pthread_mutex_unlock(&in->table->lock);
            logins_tell(in);
            pthread_mutex_lock(&in->table->lock);
        }
    }
}

static void count_incomplete(struct intake *in)
{
    uint64_t seen = coalesce_incomplete(in->coalescer);
    if (seen != in->incomplete_seen) {
        loss_count(LOSS_AUDIT_INCOMPLETE, seen - in->incomplete_seen);
        in->incomplete_seen = seen;
        atomic_store(&in->incomplete, seen);
    }
}

static void batch_take(struct intake *in, int count)
{
    in->now = clock_mono();
    in->offset = clock_real() - in->now;
    atomic_fetch_add(&in->records, (uint64_t)count);
    pthread_mutex_lock(&in->table->lock);
    batch_push(in, count);
    pthread_mutex_unlock(&in->table->lock);
    logins_tell(in);
    count_incomplete(in);
}

static void socket_lost(struct intake *in)
{
    loss_count(LOSS_AUDIT_RECORDS, 1);
    atomic_fetch_add(&in->lost_socket, 1);
    in->lost_unsaid++;
    in->rules_touched = true; /* the record that told of it may be among the lost */
}

/* Reads what is there; how many records. */
int intake_drain(struct intake *in)
{
    int total = 0;
    for (int i = 0; i < BATCHES_MAX; i++) {
        int n = netlink_read(in->fd, in->batch);
        if (n == -ENOBUFS) {
            socket_lost(in);
            continue;
        }
        if (n <= 0) {
            break;
        }
        batch_take(in, n);
        total += n;
        if (n < NETLINK_BATCH) {
            break;
        }
    }
    if (in->progressed && in->callbacks.progress) {
        in->callbacks.progress(in->callbacks.ctx);
    }
    in->progressed = false;
    return total;
}

void intake_expire(struct intake *in)
{
    int64_t real = clock_real();
    pthread_mutex_lock(&in->table->lock);
    in->now = clock_mono();
    in->offset = real - in->now;
    coalesce_expire(in->coalescer, real);
    match_expire(in->table->match, in->now);
    pthread_mutex_unlock(&in->table->lock);
    logins_tell(in);
    count_incomplete(in);
}

int intake_open(struct intake *in, struct table *table, const struct audit_callbacks *callbacks,
                const pid_t *ignore, struct fault *why)
{
    struct coalesce_options assembling = {.ctx = in, .wants = act_wanted, .act = act_take};
    struct rule_machine machine;
    netlink_machine(&machine);
    *in = (struct intake){.table = table, .callbacks = *callbacks, .fd = -1};
    memcpy(in->ignore, ignore, sizeof(in->ignore));
    in->coalescer = coalesce_new(&assembling);
    in->calls = rule_calls_new(&machine);
    in->batch = malloc(sizeof(*in->batch));
    if (!in->coalescer || !in->calls || !in->batch) {
        return fault_set(why, ENOMEM, "audit: out of memory");
    }
    in->fd = netlink_listen(false, why);
    return in->fd < 0 ? in->fd : 0;
}

void intake_close(struct intake *in)
{
    if (in->fd >= 0) {
        close(in->fd);
    }
    coalesce_free(in->coalescer);
    rule_calls_free(in->calls);
    free(in->batch);
}
