/* Which events are wanted. Pure. */
#ifndef FIMD_CLI_FILTER_H
#define FIMD_CLI_FILTER_H

#include "fimd/model/event.h"
#include "fimd/model/settings.h"

struct filter { /* what is not set lets everything pass */
    const char *path;       /* this one and all below it; not owned */
    size_t path_len;
    int64_t since, until;   /* ns realtime; 0 */
    struct strings actions; /* any of them */
    struct strings rules;
    struct strings tags;
    enum severity least;    /* 0 */
    bool user_set;
    uint32_t user;          /* the login user: what a service did as root is not root's */
};

void filter_fini(struct filter *f);
/* "a,b" into a list: 0, -EINVAL for an empty name, -ENOMEM. */
int filter_list(struct strings *to, const char *text);
bool filter_match(const struct filter *f, const struct event *e);

#endif
