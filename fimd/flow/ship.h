/* One output: reads the journal from its cursor on, filters, renders, delivers, and moves its cursor when the sink
 * has settled. Owns its thread; knows what to do with refusals (smaller batches, dead letters, patience). */
#ifndef FIMD_FLOW_SHIP_H
#define FIMD_FLOW_SHIP_H

#include "baseline/store.h"
#include "fimd/model/settings.h"
#include "fimd/sink/sink.h"

struct ship;

struct ship_options {
    struct store *store;
    const struct output_settings *settings; /* must outlive the ship */
    const struct sink_context *context;     /* likewise */
    void *ctx;
    /* The sink's own process came or went (0: none); the ship's thread. */
    void (*process)(void *ctx, pid_t old_pid, pid_t new_pid);
    /* An event for the journal: an output fails for long, works again, or gave up on a document. The ship's thread. */
    void (*state)(void *ctx, const char *action, const char *text, const char *output);
    bool patient; /* also a mistake in what it is given (no regular file …) is for its status, not for us to fail */
};

/* An output that cannot be opened now (its disk is read-only or full, its directory not mounted) is tried again for
 * ever and says so in its status: it must not keep fimd from watching. -EINVAL unless patient, -ENOMEM. */
int ship_open(const struct ship_options *options, struct ship **ret, struct fault *why);
/* Delivers what can be delivered within a second, then ends the thread; the rest works on. For another ship of the
 * same name to go on from its cursor, save that (ship_save) in between. */
void ship_stop(struct ship *s);
void ship_close(struct ship *s); /* stops it, when that was not done before */
/* The journal has grown. Any thread. */
void ship_wake(struct ship *s, uint64_t last);
/* Writes the cursor when it has moved since the last time. In a write transaction, any thread. */
int ship_save(struct ship *s, struct store_txn *txn);
/* Waits until everything up to `sequence` is settled: 0, -ETIMEDOUT. */
int ship_sync(struct ship *s, uint64_t sequence, int64_t timeout);

struct ship_status {
    const char *name, *type; /* belong to the settings and the sink */
    uint64_t cursor, delivered, dead;
    bool failing;
    char last_error[400];    /* "" none */
    char peer[80];           /* who is at the other end; "" unknown */
};
void ship_status(struct ship *s, struct ship_status *ret);

#endif
