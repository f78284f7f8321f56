/* The stored form of an entry. Pure: bytes in, value out.
 *
 *   u8 version · u8 type · varint of every row of `fields` · u64 mtime · varint zigzag(ctime - mtime)
 *   · u8 digests × (u8 id, u8 length, value) · bytes target · bytes xattrs
 *
 * An absent entry is its first two bytes. A regular file with md5, sha1 and sha256 takes about 110 bytes:
 * most numbers are small or zero, ctime is most often mtime or soon after it. Rows are only added together
 * with a new version, whose decoder keeps the old one's table. What comes back from disk is not trusted:
 * everything that the rest of the program relies on (terminated strings, known types, lengths inside the
 * arrays) is checked here. */
#include "baseline/entry.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { VERSION = 1 };

struct field {
    size_t offset;
    size_t size; /* 4 or 8 */
    uint64_t max;
};

#define FIELD(member, maximum) {offsetof(struct entry, member), sizeof(((struct entry *)0)->member), maximum}

static const struct field fields[] = {
    FIELD(notes, ENTRY_NOTES_ALL), FIELD(mode, 07777),        FIELD(uid, UINT32_MAX),
    FIELD(gid, UINT32_MAX),        FIELD(nlink, UINT32_MAX),  FIELD(inode, UINT64_MAX),
    FIELD(generation, UINT32_MAX), FIELD(device, UINT64_MAX), FIELD(rdev, UINT64_MAX),
    FIELD(size, UINT64_MAX),       FIELD(flags, UINT64_MAX),
};

enum { FIELDS = sizeof(fields) / sizeof(fields[0]) };

static uint64_t field_get(const struct entry *e, const struct field *f)
{
    const char *at = (const char *)e + f->offset;
    uint64_t wide;
    uint32_t narrow;
    if (f->size == sizeof(wide)) {
        memcpy(&wide, at, sizeof(wide));
        return wide;
    }
    memcpy(&narrow, at, sizeof(narrow));
    return narrow;
}

static void field_set(struct entry *e, const struct field *f, uint64_t value)
{
    char *at = (char *)e + f->offset;
    uint32_t narrow = (uint32_t)value;
    if (f->size == sizeof(value))
        memcpy(at, &value, sizeof(value));
    else
        memcpy(at, &narrow, sizeof(narrow));
}

/* Small for small distances in both directions; wraps, so that any two times make a round trip. */
static uint64_t zigzag(uint64_t distance)
{
    return (distance << 1) ^ (distance >> 63 ? UINT64_MAX : 0);
}

static uint64_t unzigzag(uint64_t v)
{
    return (v >> 1) ^ (v & 1 ? UINT64_MAX : 0);
}

static void encode_digests(const struct digests *set, struct buf *to)
{
    buf_put_u8(to, set->count);
    for (size_t i = 0; i < set->count; i++) {
        buf_put_u8(to, set->list[i].id);
        buf_put_u8(to, set->list[i].len);
        buf_put(to, set->list[i].value, set->list[i].len);
    }
}

void entry_encode(const struct entry *e, struct buf *to)
{
    buf_put_u8(to, VERSION);
    buf_put_u8(to, (uint8_t)e->type);
    if (e->type == ENTRY_ABSENT)
        return;
    for (size_t i = 0; i < FIELDS; i++)
        buf_put_varint(to, field_get(e, &fields[i]));
    buf_put_u64(to, (uint64_t)e->mtime);
    buf_put_varint(to, zigzag((uint64_t)e->ctime - (uint64_t)e->mtime));
    encode_digests(&e->digests, to);
    buf_put_bytes(to, e->target, e->target ? strlen(e->target) : 0);
    buf_put_bytes(to, e->xattrs, e->xattrs_len);
}

static bool decode_fields(struct slice *s, struct entry *e)
{
    for (size_t i = 0; i < FIELDS; i++) {
        uint64_t value = slice_varint(s);
        if (value > fields[i].max)
            return false;
        field_set(e, &fields[i], value);
    }
    uint64_t mtime = slice_u64(s);
    e->mtime = (int64_t)mtime;
    e->ctime = (int64_t)(mtime + unzigzag(slice_varint(s)));
    return !s->failed;
}

/* An id that this program has no name for is kept: a newer one may have written it. */
static bool decode_digest(struct slice *s, struct digests *set)
{
    struct digest *d = &set->list[set->count];
    d->id = slice_u8(s);
    d->len = slice_u8(s);
    if (d->id == 0 || d->len == 0 || d->len > DIGEST_SIZE_MAX || digests_find(set, d->id))
        return false;
    const uint8_t *value = slice_take(s, d->len);
    if (!value)
        return false;
    memcpy(d->value, value, d->len);
    set->count++;
    return true;
}

static bool decode_digests(struct slice *s, struct digests *set)
{
    uint8_t count = slice_u8(s);
    if (count > DIGESTS_MAX)
        return false;
    for (size_t i = 0; i < count; i++)
        if (!decode_digest(s, set))
            return false;
    return !s->failed;
}

static int decode_target(struct slice *s, struct entry *e)
{
    size_t len;
    const char *text = (const char *)slice_bytes(s, &len);
    if (s->failed)
        return -EBADMSG;
    if (len == 0)
        return 0;
    if (e->type != ENTRY_SYMLINK || memchr(text, '\0', len))
        return -EBADMSG;
    e->target = strndup(text, len);
    return e->target ? 0 : -ENOMEM;
}

/* Sorted and each name once: entry_diff merges two of them in one pass. */
static bool xattrs_valid(const uint8_t *data, size_t len)
{
    struct slice rest = {.data = data, .len = len};
    struct entry_xattr x;
    const char *last = NULL;
    while (entry_xattr_next(&rest, &x)) {
        if (last && strcmp(last, x.name) >= 0)
            return false;
        last = x.name;
    }
    return !rest.failed;
}

static int decode_xattrs(struct slice *s, struct entry *e)
{
    size_t len;
    const uint8_t *data = slice_bytes(s, &len);
    if (s->failed || !xattrs_valid(data, len))
        return -EBADMSG;
    if (len == 0)
        return 0;
    e->xattrs = malloc(len);
    if (!e->xattrs)
        return -ENOMEM;
    memcpy(e->xattrs, data, len);
    e->xattrs_len = len;
    return 0;
}

static int decode_present(struct slice *s, struct entry *e)
{
    if (!decode_fields(s, e) || !decode_digests(s, &e->digests))
        return -EBADMSG;
    int r = decode_target(s, e);
    return r < 0 ? r : decode_xattrs(s, e);
}

int entry_decode(const uint8_t *data, size_t len, struct entry *ret)
{
    struct slice s = {.data = data, .len = len};
    if (slice_u8(&s) != VERSION)
        return -EBADMSG;
    uint8_t type = slice_u8(&s);
    if (s.failed || type > ENTRY_BLOCK)
        return -EBADMSG;
    struct entry e = {.type = (enum entry_type)type};
    int r = type == ENTRY_ABSENT ? 0 : decode_present(&s, &e);
    if (r == 0 && s.len != 0)
        r = -EBADMSG;
    if (r < 0) {
        entry_fini(&e);
        return r;
    }
    *ret = e;
    return 0;
}
