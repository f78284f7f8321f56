/* Owns: the process-wide counts of what was lost, and their names. Counts only; what follows from a loss is the
 * business of whoever counted it. */
#include "fimd/rt/loss.h"

#include <stdatomic.h>
#include <stddef.h>

static atomic_uint_fast64_t counts[LOSS_KINDS];

static const char *const names[LOSS_KINDS] = {
    [LOSS_FANOTIFY_OVERFLOW] = "fanotify-overflow",
    [LOSS_PATH_UNRESOLVED] = "path-unresolved",
    [LOSS_AUDIT_RECORDS] = "audit-records",
    [LOSS_AUDIT_INCOMPLETE] = "audit-incomplete",
    [LOSS_CONNECTOR] = "process-connector",
    [LOSS_PROCESS_EVICTED] = "process-evicted",
    [LOSS_PENDING_FULL] = "pending-full",
    [LOSS_NOT_RECORDED] = "not-recorded",
    [LOSS_DEAD_LETTER] = "dead-letter",
};

static int known(enum loss kind)
{
    return (unsigned)kind < LOSS_KINDS;
}

void loss_count(enum loss kind, uint64_t n)
{
    if (known(kind))
        atomic_fetch_add_explicit(&counts[kind], n, memory_order_relaxed);
}

uint64_t loss_read(enum loss kind)
{
    return known(kind) ? atomic_load_explicit(&counts[kind], memory_order_relaxed) : 0;
}

const char *loss_name(enum loss kind)
{
    return known(kind) ? names[kind] : NULL;
}
