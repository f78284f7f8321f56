/* The table of attributes: one row a bit. It knows names only; what a bit means for two entries is
 * entry_diff.c. */
#include "baseline/attr.h"

#include <string.h>

struct attr_row {
    uint32_t bit;
    const char *name;
};

static const struct attr_row rows[] = {
    {ATTR_CONTENT, "content"}, {ATTR_TYPE, "type"},   {ATTR_MODE, "mode"},   {ATTR_OWNER, "owner"},
    {ATTR_GROUP, "group"},     {ATTR_SIZE, "size"},   {ATTR_MTIME, "mtime"}, {ATTR_CTIME, "ctime"},
    {ATTR_INODE, "inode"},     {ATTR_LINKS, "links"}, {ATTR_ACL, "acl"},     {ATTR_XATTR, "xattr"},
    {ATTR_CAPS, "caps"},       {ATTR_SELINUX, "selinux"}, {ATTR_FLAGS, "flags"}, {ATTR_DEVICE, "device"},
    {ATTR_ALL, "all"}, /* a set, not a bit: it can be parsed, but has no name of its own */
};

enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

const char *attr_name(uint32_t bit)
{
    for (size_t i = 0; i < ROWS; i++)
        if (rows[i].bit == bit && bit != ATTR_ALL)
            return rows[i].name;
    return NULL;
}

uint32_t attr_parse(const char *name, size_t len)
{
    for (size_t i = 0; i < ROWS; i++)
        if (strlen(rows[i].name) == len && memcmp(rows[i].name, name, len) == 0)
            return rows[i].bit;
    return 0;
}
