/* Owns: the one limit of a socket's path. */
#include "fimd/control/address.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

int address_make(const char *path, struct sockaddr_un *ret, struct fault *why)
{
    struct sockaddr_un made = {.sun_family = AF_UNIX};
    size_t len = strlen(path);

    if (len == 0 || len >= sizeof(made.sun_path))
        return fault_set(why, ENAMETOOLONG, "%s: a socket's path has 1 to %zu bytes; set a shorter runtime_dir", path,
                         sizeof(made.sun_path) - 1);
    memcpy(made.sun_path, path, len);
    *ret = made;
    return 0;
}
