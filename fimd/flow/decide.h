/* What happened to a file, from what was known and what is there now. Pure: no store, no clock, no system call. */
#ifndef FIMD_FLOW_DECIDE_H
#define FIMD_FLOW_DECIDE_H

#include <stdbool.h>
#include <stdint.h>

#include "baseline/entry.h"
#include "fimd/model/event.h"

struct decide_input {
    const struct entry *before; /* ENTRY_ABSENT: not known */
    const struct entry *after;  /* ENTRY_ABSENT: not there */
    uint32_t attributes;        /* enum attr: what the rules ask for */
    uint32_t ops;               /* enum watch_op */
    bool gone_is_news;          /* its absence was seen by a deletion, a move or a scan: not just a file that went on */
    bool filling;               /* the first baseline is not complete here: an unknown file need not be new */
    bool untold;                /* before is what a fill took in: no record says that it is there */
};

struct decision {
    uint32_t actions; /* enum event_action; 0: nothing to tell */
    uint32_t changes; /* enum attr, those asked for */
    bool store;       /* the baseline's entry is to be brought up to date, told or not */
};

void decide(const struct decide_input *in, struct decision *ret);

#endif
