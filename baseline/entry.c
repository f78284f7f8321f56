/* The entry as a value: its memory, its names, its extended attributes. How it is stored is entry_codec.c,
 * what differs between two is entry_diff.c, where one comes from is measure.c. */
#include "baseline/entry.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ECS file.type for the first three; for the others the words of Auditbeat, whose dashboards are in use. */
static const char *const type_names[] = {
    [ENTRY_ABSENT] = "absent", [ENTRY_FILE] = "file",        [ENTRY_DIR] = "dir",
    [ENTRY_SYMLINK] = "symlink", [ENTRY_FIFO] = "fifo",      [ENTRY_SOCKET] = "socket",
    [ENTRY_CHAR] = "char_device", [ENTRY_BLOCK] = "block_device",
};

void entry_fini(struct entry *e)
{
    free(e->target);
    free(e->xattrs);
    *e = (struct entry){.type = ENTRY_ABSENT};
}

int entry_copy(struct entry *to, const struct entry *from)
{
    struct entry copy = *from;
    copy.target = from->target ? strdup(from->target) : NULL;
    copy.xattrs = from->xattrs ? malloc(from->xattrs_len) : NULL;
    if ((from->target && !copy.target) || (from->xattrs && !copy.xattrs)) {
        entry_fini(&copy);
        return -ENOMEM;
    }
    if (from->xattrs)
        memcpy(copy.xattrs, from->xattrs, from->xattrs_len);
    *to = copy;
    return 0;
}

const char *entry_type_name(enum entry_type type)
{
    size_t index = (size_t)type;
    return index < sizeof(type_names) / sizeof(type_names[0]) ? type_names[index] : "unknown";
}

bool entry_xattr_next(struct slice *s, struct entry_xattr *ret)
{
    if (s->failed || s->len == 0)
        return false;
    size_t name_len = strnlen((const char *)s->data, s->len);
    const char *name = (const char *)slice_take(s, name_len + 1); /* fails when there is no NUL */
    uint32_t stored = slice_u32(s);
    size_t len = stored & ~ENTRY_XATTR_DIGESTED;
    const uint8_t *value = slice_take(s, len);
    if (s->failed || name_len == 0) {
        s->failed = true;
        return false;
    }
    *ret = (struct entry_xattr){
        .name = name, .value = value, .len = len, .digested = (stored & ENTRY_XATTR_DIGESTED) != 0};
    return true;
}

const uint8_t *entry_xattr(const struct entry *e, const char *name, size_t *ret_len)
{
    struct slice rest = {.data = e->xattrs, .len = e->xattrs_len};
    struct entry_xattr x;
    while (entry_xattr_next(&rest, &x))
        if (strcmp(x.name, name) == 0 && !x.digested) {
            *ret_len = x.len;
            return x.value;
        }
    return NULL;
}
