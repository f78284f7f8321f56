/* When every document is refused the same way, it is not the documents: the set-up is wrong, and emptying the
 * journal into the dead letters would help nobody. Pure. */
#ifndef FIMD_SINK_SUSPICION_H
#define FIMD_SINK_SUSPICION_H

#include <stdbool.h>
#include <stddef.h>

#include "fimd/sink/bulk.h"

struct suspicion {
    unsigned refused; /* documents given up one by one since the last that was taken */
    bool trusted;     /* the server has taken a document of ours: the set-up was right once */
};

enum suspicion_verdict {
    SUSPICION_NONE,   /* the items' own verdicts hold */
    SUSPICION_SETUP,  /* all refused alike: settle nothing */
    SUSPICION_RIGHTS, /* all forbidden: settle nothing, look at the credentials */
};

/* Looks at a batch's verdicts; remembers. */
enum suspicion_verdict suspicion_weigh(struct suspicion *s, const struct bulk_item *items, size_t count);

#endif
