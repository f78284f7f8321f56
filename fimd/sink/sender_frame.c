/* Frames between the daemon and its network process: made and taken apart here and nowhere else. */
#include "fimd/sink/sender_frame.h"

#include "baseline/path.h"

#include <errno.h>
#include <string.h>

enum {
    ITEM_MOST = 1 + 10 + 10 + BULK_REASON_SIZE,          /* verdict, status, length and bytes of the reason */
    REPLY_MOST = 1 + 4 * 10 + 2 * 10 + SENDER_TEXT_SIZE + SENDER_PEER_SIZE,
};

/* --- making --------------------------------------------------------------------------------------------- */

static size_t begin(struct buf *to, enum frame_type type)
{
    size_t at = to->len;

    buf_put_u32(to, 0);
    buf_put_u8(to, (uint8_t)type);
    return at;
}

static void end(struct buf *to, size_t at)
{
    uint32_t len;

    if (to->failed)
        return;
    len = (uint32_t)(to->len - at - FRAME_HEADER_SIZE);
    for (size_t i = 0; i < FRAME_HEADER_SIZE; i++)
        to->data[at + i] = (uint8_t)(len >> 8 * i);
}

static void put_blob(struct buf *to, const struct blob *b)
{
    buf_put_bytes(to, b->data ? b->data : "", b->len);
}

void frame_put_config(struct buf *to, const struct sender_config *c)
{
    const struct blob *blobs[] = {&c->authorization, &c->ca, &c->certificate, &c->key, &c->pinned};
    size_t at = begin(to, FRAME_CONFIG);

    buf_put_u32(to, c->uid);
    buf_put_u32(to, c->gid);
    buf_put_varint(to, c->hosts_count);
    for (size_t i = 0; i < c->hosts_count; i++)
        put_blob(to, &c->hosts[i]);
    for (size_t i = 0; i < sizeof(blobs) / sizeof(blobs[0]); i++)
        put_blob(to, blobs[i]);
    buf_put_u8(to, (uint8_t)c->verify);
    buf_put_u8(to, c->gzip);
    buf_put_varint(to, c->timeout_ms);
    end(to, at);
}

void frame_put_post(struct buf *to, const struct sender_post *post)
{
    size_t at = begin(to, FRAME_POST);

    buf_put_varint(to, post->count);
    put_blob(to, &post->path);
    put_blob(to, &post->body);
    end(to, at);
}

static void put_text(struct buf *to, const char *text, size_t size)
{
    buf_put_bytes(to, text, strnlen(text, size - 1));
}

void frame_put_reply(struct buf *to, const struct sender_reply *reply, const struct bulk_item *items,
                     size_t count)
{
    size_t at = begin(to, FRAME_REPLY);

    if (reply->outcome != BULK_ITEMS)
        count = 0;
    buf_put_u8(to, (uint8_t)reply->outcome);
    buf_put_varint(to, reply->status);
    buf_put_varint(to, reply->retry_after_ms);
    put_text(to, reply->text, sizeof(reply->text));
    put_text(to, reply->peer, sizeof(reply->peer));
    buf_put_varint(to, count);
    for (size_t i = 0; i < count; i++) {
        buf_put_u8(to, (uint8_t)items[i].verdict);
        buf_put_varint(to, items[i].status);
        put_text(to, items[i].reason, sizeof(items[i].reason));
    }
    end(to, at);
}

/* --- taking apart --------------------------------------------------------------------------------------- */

long frame_length(const uint8_t header[FRAME_HEADER_SIZE], size_t most)
{
    struct slice s = {.data = header, .len = FRAME_HEADER_SIZE};
    uint32_t len = slice_u32(&s);

    return len && len <= most ? (long)len : -EBADMSG;
}

size_t frame_reply_most(size_t count)
{
    return 1 + REPLY_MOST + count * ITEM_MOST;
}

static void get_blob(struct slice *s, struct blob *ret)
{
    ret->data = slice_bytes(s, &ret->len);
}

/* A string of ours: without a NUL in it, so that it may be used as one. */
static bool is_string(const struct blob *b)
{
    return !b->len || !memchr(b->data, '\0', b->len);
}

static bool starts(struct slice *s, const uint8_t *data, size_t len, enum frame_type type)
{
    *s = (struct slice){.data = data, .len = len};
    return slice_u8(s) == (uint8_t)type && !s->failed;
}

static int config_hosts(struct slice *s, struct sender_config *ret)
{
    uint64_t count = slice_varint(s);

    if (s->failed || !count || count > SENDER_HOSTS_MOST)
        return -EBADMSG;
    ret->hosts_count = count;
    for (size_t i = 0; i < count; i++) {
        get_blob(s, &ret->hosts[i]);
        if (!is_string(&ret->hosts[i]))
            return -EBADMSG;
    }
    return 0;
}

int frame_get_config(const uint8_t *data, size_t len, struct sender_config *ret)
{
    struct sender_config c = {0};
    struct blob *blobs[] = {&c.authorization, &c.ca, &c.certificate, &c.key, &c.pinned};
    struct slice s;

    if (!starts(&s, data, len, FRAME_CONFIG))
        return -EBADMSG;
    c.uid = slice_u32(&s);
    c.gid = slice_u32(&s);
    if (config_hosts(&s, &c))
        return -EBADMSG;
    for (size_t i = 0; i < sizeof(blobs) / sizeof(blobs[0]); i++)
        get_blob(&s, blobs[i]);
    c.verify = slice_u8(&s);
    c.gzip = slice_u8(&s) != 0;
    c.timeout_ms = slice_varint(&s);
    if (s.failed || s.len || c.verify > TLS_VERIFY_NONE || !is_string(&c.authorization) ||
        !is_string(&c.pinned))
        return -EBADMSG;
    *ret = c;
    return 0;
}

int frame_get_post(const uint8_t *data, size_t len, struct sender_post *ret)
{
    struct sender_post p = {0};
    struct slice s;

    if (!starts(&s, data, len, FRAME_POST))
        return -EBADMSG;
    p.count = slice_varint(&s);
    get_blob(&s, &p.path);
    get_blob(&s, &p.body);
    if (s.failed || s.len || !p.count || p.count > SENDER_ITEMS_MOST || !is_string(&p.path))
        return -EBADMSG;
    *ret = p;
    return 0;
}

/* A server's words for a person's terminal: escaped, and cut where they do not fit. */
static int get_text(struct slice *s, char *ret, size_t size)
{
    struct buf text = {0};
    struct blob b;
    const char *clean;

    get_blob(s, &b);
    if (s->failed || b.len >= size)
        return -EBADMSG;
    if (b.len)
        path_escape(&text, b.data, b.len);
    clean = buf_cstr(&text);
    if (clean) {
        size_t n = text.len < size - 1 ? text.len : size - 1;

        while (n && n < text.len && ((uint8_t)clean[n] & 0xc0) == 0x80) /* not within a character */
            n--;
        memcpy(ret, clean, n);
        ret[n] = '\0';
    }
    buf_fini(&text);
    return clean ? 0 : -ENOMEM;
}

static int get_item(struct slice *s, struct bulk_item *ret)
{
    uint8_t verdict = slice_u8(s);
    uint64_t status = slice_varint(s);

    if (s->failed || verdict >= BULK_VERDICTS || status > 999)
        return -EBADMSG;
    ret->verdict = verdict;
    ret->status = (unsigned)status;
    return get_text(s, ret->reason, sizeof(ret->reason));
}

static int get_items(struct slice *s, unsigned outcome, size_t count, struct bulk_item *items)
{
    uint64_t told = slice_varint(s);
    int error = 0;

    if (s->failed || told != (outcome == BULK_ITEMS ? count : 0))
        return -EBADMSG;
    for (size_t i = 0; i < told && !error; i++)
        error = get_item(s, &items[i]);
    return error;
}

int frame_get_reply(const uint8_t *data, size_t len, size_t count, struct sender_reply *ret,
                    struct bulk_item *items)
{
    struct sender_reply r = {0};
    struct slice s;
    uint64_t status;
    int error;

    if (!starts(&s, data, len, FRAME_REPLY))
        return -EBADMSG;
    r.outcome = slice_u8(&s);
    status = slice_varint(&s);
    r.retry_after_ms = slice_varint(&s);
    if (s.failed || r.outcome >= SENDER_OUTCOMES || status > 999)
        return -EBADMSG;
    r.status = (unsigned)status;
    error = get_text(&s, r.text, sizeof(r.text));
    if (!error)
        error = get_text(&s, r.peer, sizeof(r.peer));
    if (!error)
        error = get_items(&s, r.outcome, count, items);
    if (error || s.failed || s.len)
        return error ? error : -EBADMSG;
    *ret = r;
    return 0;
}
