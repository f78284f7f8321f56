/* Owns: every use of libcap-ng. Keeps nothing. */
#include "fimd/sink/caps.h"

#include <cap-ng.h>
#include <errno.h>
#include <unistd.h>

static int give_up(void)
{
    capng_clear(CAPNG_SELECT_ALL);
    /* The bounding set may be lowered by CAP_SETPCAP only; who never had it can gain nothing by it either,
     * with no_new_privs set. */
    if (capng_apply(CAPNG_SELECT_CAPS))
        return -EPERM;
    return capng_have_capabilities(CAPNG_SELECT_CAPS) == CAPNG_NONE ? 0 : -EPERM;
}

int caps_become(uid_t uid, gid_t gid)
{
    if (capng_get_caps_process())
        return -EPERM;
    if (geteuid() != 0)
        return give_up();
    capng_clear(CAPNG_SELECT_ALL);
    if (capng_change_id((int)uid, (int)gid, CAPNG_DROP_SUPP_GRP | CAPNG_CLEAR_BOUNDING | CAPNG_CLEAR_AMBIENT))
        return -EPERM;
    return capng_have_capabilities(CAPNG_SELECT_ALL) == CAPNG_NONE ? 0 : -EPERM;
}

const char *caps_name(unsigned capability)
{
    return capng_capability_to_name(capability);
}
