/* os-release(5): NAME=VALUE lines, quoted as the shell does. Pure. */
#ifndef FIMD_SINK_OS_RELEASE_H
#define FIMD_SINK_OS_RELEASE_H

#include <stddef.h>

struct os_release { /* "": not told */
    char id[64], id_like[64], name[64], version_id[64], pretty_name[96];
};

void os_release_parse(const char *text, size_t len, struct os_release *ret);
/* ECS os.family, by ID, else by what ID_LIKE says: "debian", "redhat", "suse" …; "" unknown. */
const char *os_release_family(const struct os_release *r);

#endif
