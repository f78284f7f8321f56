/* Where events go. A sink is told batches of rendered events in order, and gives a verdict for each; what it
 * does not settle comes again. Cursors, filters, back-off and dead letters are the caller's (flow/ship). A
 * sink is used by one thread. sink/console.c is the smallest one and shows the interface. */
#ifndef FIMD_SINK_SINK_H
#define FIMD_SINK_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "baseline/fault.h"
#include "fimd/model/event.h"
#include "fimd/model/settings.h"
#include "fimd/sink/document.h"

enum sink_verdict { SINK_RETRY = 0, SINK_DELIVERED, SINK_DEAD };

struct sink_item {
    const struct event *event;
    const char *id;      /* event.id */
    const char *json;    /* the document, one line without a newline; NULL when the sink does not want it */
    size_t json_len;
    enum sink_verdict verdict; /* filled by deliver() */
    char reason[200];          /* of what was not delivered: the server's words; "" none */
};

struct sink; /* opaque, each class its own */

/* What a sink needs of its surroundings; must outlive the sink, as must its output_settings. */
struct sink_context {
    const struct document_host *host;
    const char *sender_user;    /* whom the network process becomes; NULL, "" or unknown here: nobody */
    const char *sender_program; /* its program, called as "PROGRAM --sender"; NULL: /proc/self/exe */
};

struct sink_class {
    const char *name;    /* type in the configuration */
    bool wants_json;
    /* Opens; may do with less than everything at hand (a server that is down is no error). */
    int (*open)(const struct output_settings *settings, const struct sink_context *context, struct sink **ret,
                struct fault *why);
    void (*close)(struct sink *s);
    /* The sink's own memory of the last sequence it holds (a file knows its last line), or -1: the caller's
     * cursor counts. May be NULL. */
    int64_t (*last)(struct sink *s);
    /* 0: verdicts are filled (some may be SINK_RETRY). -EMSGSIZE: too much at once, try with fewer.
     * Any other -errno: nothing was settled, `why` tells, try again after at least *retry_after ns. */
    int (*deliver)(struct sink *s, struct sink_item *items, size_t count, int64_t *retry_after,
                   struct fault *why);
    /* The pid of the sink's own process, whose events are to be ignored; 0 none. Changes when that process is
     * restarted. May be NULL; any thread. */
    pid_t (*process)(struct sink *s);
    /* Who is at the other end, for `status` ("Elasticsearch 8.19.2"): "" while unknown. Any thread. May be
     * NULL. */
    void (*peer)(struct sink *s, char *ret, size_t size);
    /* Makes a deliver() that is waiting for somebody return soon, with an error: for an orderly stop, which
     * must not wait for a server that does not answer. Any thread. May be NULL: deliver() never waits long.
     */
    void (*interrupt)(struct sink *s);
};

const struct sink_class *sink_class_of(enum output_type type);

#endif
