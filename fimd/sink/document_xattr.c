/* Extended attributes for readers: an ACL as getfacl's short form, capabilities by name, SELinux's context,
 * and any other as NAME=VALUE. The values are bytes that users of the host may choose: nothing is assumed of
 * them. */
#include "baseline/attr.h"
#include "baseline/path.h"
#include "fimd/sink/caps.h"
#include "fimd/sink/document_parts.h"
#include "fimd/sink/text.h"

#include <stdio.h>
#include <string.h>

enum {
    VALUE_MOST = 256, /* bytes of another attribute's value that are shown */
    OTHERS_MOST = 32, /* attributes shown */
    ACL_VERSION = 2,  /* the layouts of <linux/posix_acl_xattr.h> and <linux/capability.h> */
    CAP_EFFECTIVE = 1,
    CAP_REVISION_SHIFT = 24,
};

/* --- POSIX ACLs: u32 version, then entries of u16 tag, u16 permissions, u32 id -------------------------- */

static const struct {
    unsigned tag;
    const char *name;
    bool group, named;
} acl_tags[] = {
    {0x01, "user", false, false}, {0x02, "user", false, true}, {0x04, "group", false, false},
    {0x08, "group", true, true},  {0x10, "mask", false, false}, {0x20, "other", false, false},
};

static void put_acl_entry(struct render *r, unsigned tag, unsigned bits, uint32_t id)
{
    char name[ACCOUNT_NAME_SIZE];

    for (size_t i = 0; i < sizeof(acl_tags) / sizeof(acl_tags[0]); i++) {
        if (acl_tags[i].tag != tag)
            continue;
        buf_printf(&r->scratch, "%s%s:", r->scratch.len ? "," : "", acl_tags[i].name);
        if (acl_tags[i].named &&
            (acl_tags[i].group ? accounts_group : accounts_user)(r->host->accounts, id, name))
            buf_put_str(&r->scratch, name);
        else if (acl_tags[i].named)
            buf_printf(&r->scratch, "%u", id);
        buf_printf(&r->scratch, ":%c%c%c", bits & 4 ? 'r' : '-', bits & 2 ? 'w' : '-', bits & 1 ? 'x' : '-');
    }
}

static void put_acl(struct render *r, struct writer *w, const char *key, const uint8_t *value, size_t len)
{
    struct slice s = {.data = value, .len = len};

    if (slice_u32(&s) != ACL_VERSION)
        return;
    while (s.len >= 8) {
        uint32_t both = slice_u32(&s);

        put_acl_entry(r, both & 0xffff, both >> 16, slice_u32(&s));
    }
    put_scratch(r, w, key);
}

/* --- capabilities: u32 revision and flags, then pairs of u32 permitted, inheritable --------------------- */

static void put_caps(struct render *r, struct writer *w, const uint8_t *value, size_t len)
{
    struct slice s = {.data = value, .len = len};
    uint32_t magic = slice_u32(&s);
    uint64_t permitted = slice_u32(&s);

    slice_u32(&s);
    if (magic >> CAP_REVISION_SHIFT > 1)
        permitted |= (uint64_t)slice_u32(&s) << 32;
    if (s.failed)
        return;
    for (unsigned i = 0; i < 64; i++) {
        const char *name = permitted >> i & 1 ? caps_name(i) : NULL;

        if (name)
            buf_printf(&r->scratch, "%scap_%s", r->scratch.len ? "," : "", name);
        else if (permitted >> i & 1)
            buf_printf(&r->scratch, "%s%u", r->scratch.len ? "," : "", i);
    }
    buf_put_str(&r->scratch, magic & CAP_EFFECTIVE ? "=ep" : "=p");
    put_scratch(r, w, "capabilities");
}

/* --- all of them ---------------------------------------------------------------------------------------- */

static uint32_t kind_of(const char *name)
{
    if (!strncmp(name, "system.posix_acl_", strlen("system.posix_acl_")))
        return ATTR_ACL;
    if (!strcmp(name, "security.capability"))
        return ATTR_CAPS;
    return strcmp(name, "security.selinux") ? ATTR_XATTR : ATTR_SELINUX;
}

static void put_other(struct render *r, struct writer *w, const char *name, const uint8_t *value, size_t len)
{
    size_t shown = len < VALUE_MOST ? len : VALUE_MOST;

    path_escape(&r->scratch, name, strlen(name));
    buf_put_str(&r->scratch, "=");
    path_escape(&r->scratch, (const char *)value, shown);
    if (shown < len)
        buf_printf(&r->scratch, "… (%zu bytes)", len);
    put_scratch(r, w, NULL);
}

static void put_known(struct render *r, struct writer *w, const char *name, const uint8_t *value, size_t len)
{
    if (!strcmp(name, "system.posix_acl_access")) {
        put_acl(r, w, "acl", value, len);
    } else if (!strcmp(name, "system.posix_acl_default")) {
        put_acl(r, w, "acl_default", value, len);
    } else if (!strcmp(name, "security.capability")) {
        put_caps(r, w, value, len);
    } else if (!strcmp(name, "security.selinux")) {
        path_escape(&r->scratch, (const char *)value, strnlen((const char *)value, len));
        put_scratch(r, w, "selinux");
    }
}

/* The next attribute; false at the end, or where the bytes make no sense. */
static bool take(struct slice *s, const char **ret_name, const uint8_t **ret_value, size_t *ret_len)
{
    size_t name_len = strnlen((const char *)s->data, s->len);

    if (!s->len)
        return false;
    *ret_name = (const char *)slice_take(s, name_len + 1);
    *ret_len = slice_u32(s);
    *ret_value = slice_take(s, *ret_len);
    return !s->failed;
}

static void put_others(struct render *r, struct writer *w, const struct entry *e)
{
    struct slice s = {.data = e->xattrs, .len = e->xattrs_len};
    const uint8_t *value;
    const char *name;
    size_t len, shown = 0;

    while (take(&s, &name, &value, &len)) {
        if (kind_of(name) != ATTR_XATTR || shown == OTHERS_MOST)
            continue;
        if (!shown++)
            writer_begin_array(w, "xattrs");
        put_other(r, w, name, value, len);
    }
    if (shown)
        writer_end_array(w);
}

void render_xattrs(struct render *r, struct writer *w, const struct entry *e, uint32_t which)
{
    struct slice s = {.data = e->xattrs, .len = e->xattrs_len};
    const uint8_t *value;
    const char *name;
    size_t len;

    if (!e->xattrs_len)
        return;
    while (take(&s, &name, &value, &len))
        if (kind_of(name) & which & ~(uint32_t)ATTR_XATTR)
            put_known(r, w, name, value, len);
    if (which & ATTR_XATTR)
        put_others(r, w, e);
}
