/* fanotify bytes → events. An event is a fixed head and information records behind it:
 *
 *   head (24) │ record: type 1, pad 1, len 2 │ fsid 8 │ handle: bytes 4, type 4, … │ name NUL │ record │ …
 *
 * Numbers are in the machine's byte order and records lie at multiples of 4, so 8-byte fields are copied out. */
#include "fimd/watch/decode.h"

#include <errno.h>
#include <string.h>

enum {
    HEAD_SIZE = 24,
    HEAD_VERSION = 3, /* the only one there ever was for these events */
    RECORD_HEAD = 4,
    FID_HEAD = RECORD_HEAD + 8 + 8, /* record, fsid, the handle's length and type */
};

enum record_type {
    RECORD_FID = 1,
    RECORD_DFID_NAME = 2,
    RECORD_DFID = 3,
    RECORD_OLD_DFID_NAME = 10,
    RECORD_NEW_DFID_NAME = 12,
};

struct fid {
    uint64_t fsid;
    struct handle_view handle;
    struct name_view name;
};

static uint16_t get_u16(const uint8_t *p)
{
    uint16_t v;
    memcpy(&v, p, sizeof(v));
    return v;
}

static uint32_t get_u32(const uint8_t *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof(v));
    return v;
}

static uint64_t get_u64(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof(v));
    return v;
}

/* An empty handle is how the kernel says "could not be told": no handle. */
static int decode_fid(const uint8_t *record, size_t len, struct fid *ret)
{
    if (len < FID_HEAD)
        return -EBADMSG;
    *ret = (struct fid){ .fsid = get_u64(record + RECORD_HEAD) };
    uint32_t bytes = get_u32(record + RECORD_HEAD + 8);
    if (bytes > len - FID_HEAD)
        return -EBADMSG;
    if (bytes > 0) {
        int32_t type;
        memcpy(&type, record + RECORD_HEAD + 12, sizeof(type));
        ret->handle = (struct handle_view){ .type = type, .len = bytes, .bytes = record + FID_HEAD };
    }
    const char *name = (const char *)record + FID_HEAD + bytes;
    size_t room = len - FID_HEAD - bytes;
    size_t name_len = strnlen(name, room);
    if (name_len > 0 && name_len < room)
        ret->name = (struct name_view){ .text = name, .len = name_len };
    return 0;
}

/* A name with a slash is no name: it would lead a path out of its directory. */
static int check_name(const struct fid *fid)
{
    if (!fid->name.text)
        return -EBADMSG;
    return memchr(fid->name.text, '/', fid->name.len) ? -EBADMSG : 0;
}

static int decode_record(const uint8_t *record, size_t len, struct decode_event *ret)
{
    uint8_t type = record[0];
    if (type != RECORD_FID && type != RECORD_DFID && type != RECORD_DFID_NAME && type != RECORD_OLD_DFID_NAME &&
        type != RECORD_NEW_DFID_NAME)
        return 0; /* of no use here, or newer than this program */
    struct fid fid;
    int r = decode_fid(record, len, &fid);
    if (r == 0 && type != RECORD_FID && type != RECORD_DFID)
        r = check_name(&fid);
    if (r < 0)
        return r;
    ret->fsid = fid.fsid;
    if (type == RECORD_FID) {
        ret->target = fid.handle;
    } else if (type == RECORD_OLD_DFID_NAME) {
        ret->old_dir = fid.handle;
        ret->old_name = fid.name;
    } else {
        ret->dir = fid.handle;
        ret->name = type == RECORD_DFID ? (struct name_view){ .text = ".", .len = 1 } : fid.name;
    }
    return 0;
}

static int decode_records(const uint8_t *data, size_t len, struct decode_event *ret)
{
    for (size_t at = 0; at < len;) {
        if (len - at < RECORD_HEAD)
            return -EBADMSG;
        size_t record = get_u16(data + at + 2);
        if (record < RECORD_HEAD || record > len - at)
            return -EBADMSG;
        int r = decode_record(data + at, record, ret);
        if (r < 0)
            return r;
        at += record;
    }
    return 0;
}

int decode_next(const uint8_t *data, size_t len, size_t *at, struct decode_event *ret)
{
    if (*at >= len)
        return 0;
    const uint8_t *head = data + *at;
    if (len - *at < HEAD_SIZE)
        return -EBADMSG;
    size_t size = get_u32(head);
    size_t head_size = get_u16(head + 6);
    if (head[4] != HEAD_VERSION || size < HEAD_SIZE || size > len - *at || head_size < HEAD_SIZE || head_size > size)
        return -EBADMSG;
    struct decode_event event = { .mask = get_u64(head + 8), .pid = (pid_t)get_u32(head + 20) };
    int r = decode_records(head + head_size, size - head_size, &event);
    if (r < 0)
        return r;
    *at += size;
    *ret = event;
    return 1;
}
