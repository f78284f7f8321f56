/* Names of users and groups, remembered for a while: the system's look-up reads files, or asks a directory
 * server. */
#ifndef FIMD_SINK_ACCOUNTS_H
#define FIMD_SINK_ACCOUNTS_H

#include <stdbool.h>
#include <stdint.h>

enum { ACCOUNT_NAME_SIZE = 128 }; /* a longer name is cut */

struct accounts; /* any thread */

int accounts_new(struct accounts **ret); /* 0 or -ENOMEM */
void accounts_free(struct accounts *a);

/* The name; false when there is none (ret is then ""). A name that was known once and is gone now stays
 * known: what is told happened while it was somebody's. `a` NULL: asks the system each time. */
bool accounts_user(struct accounts *a, uint32_t uid, char ret[ACCOUNT_NAME_SIZE]);
bool accounts_group(struct accounts *a, uint32_t gid, char ret[ACCOUNT_NAME_SIZE]);

#endif
