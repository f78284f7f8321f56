/* An event's bytes in the journal. Pure; decoding trusts nothing.
 *
 *   u8 version · u8 kind · u8 severity · u8 source · u64 time · varint zigzag(created - time)
 *   · varint previous · varint actions · varint changes · varint present
 *   · the texts, entries and lists whose bits `present` has, in the order of the bits
 *
 * Most events are of the same few shapes, so that what is missing costs a bit. The entry after the change is
 * whole, the one before is its difference to it: what both begin with and end with stands there once. */
#include "fimd/model/event.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { VERSION = 1 };

/* Rows are only added at the end, with a new version. */
static const size_t texts[] = {
    offsetof(struct event, path),    offsetof(struct event, path_old), offsetof(struct event, path_new),
    offsetof(struct event, rule),    offsetof(struct event, policy),   offsetof(struct event, action),
    offsetof(struct event, message),
};

enum {
    TEXTS = sizeof(texts) / sizeof(*texts),
    HAS_AFTER = 1u << TEXTS,
    HAS_BEFORE = 1u << (TEXTS + 1),
    HAS_TAGS = 1u << (TEXTS + 2),
    HAS_ACTORS = 1u << (TEXTS + 3),
    HAS_MORE_ACTORS = 1u << (TEXTS + 4),
    HAS_DETAILS = 1u << (TEXTS + 5),
    HAS_ALL = (1u << (TEXTS + 6)) - 1,
};

static char **text_at(const struct event *e, size_t i)
{
    return (char **)((const char *)e + texts[i]);
}

static uint64_t zigzag(uint64_t distance)
{
    return (distance << 1) ^ (distance >> 63 ? UINT64_MAX : 0);
}

static uint64_t unzigzag(uint64_t v)
{
    return (v >> 1) ^ (v & 1 ? UINT64_MAX : 0);
}

static uint32_t present(const struct event *e)
{
    uint32_t bits = 0;
    for (size_t i = 0; i < TEXTS; i++)
        bits |= *text_at(e, i) ? 1u << i : 0;
    return bits | (e->after.type != ENTRY_ABSENT ? HAS_AFTER : 0u) |
           (e->before.type != ENTRY_ABSENT ? HAS_BEFORE : 0u) | (e->tags_count ? HAS_TAGS : 0u) |
           (e->actors_count ? HAS_ACTORS : 0u) | (e->actors_more ? HAS_MORE_ACTORS : 0u) |
           (e->details_count ? HAS_DETAILS : 0u);
}

static void text_encode(const char *text, struct buf *to)
{
    buf_put_bytes(to, text, strlen(text));
}

static size_t common_prefix(const struct buf *a, const struct buf *b)
{
    size_t n = 0;
    while (n < a->len && n < b->len && a->data[n] == b->data[n])
        n++;
    return n;
}

static size_t common_suffix(const struct buf *a, const struct buf *b, size_t prefix)
{
    size_t n = 0;
    while (n < a->len - prefix && n < b->len - prefix && a->data[a->len - 1 - n] == b->data[b->len - 1 - n])
        n++;
    return n;
}

static void entries_encode(const struct event *e, uint32_t bits, struct buf *to)
{
    struct buf after = {0}, before = {0};

    if (bits & HAS_AFTER) {
        entry_encode(&e->after, &after);
        buf_put_bytes(to, after.data, after.len);
    }
    if (bits & HAS_BEFORE) {
        entry_encode(&e->before, &before);
        size_t prefix = common_prefix(&before, &after), suffix = common_suffix(&before, &after, prefix);
        buf_put_varint(to, prefix);
        buf_put_varint(to, suffix);
        if (before.data)
            buf_put_bytes(to, before.data + prefix, before.len - prefix - suffix);
    }
    to->failed |= after.failed || before.failed;
    buf_fini(&after);
    buf_fini(&before);
}

static void lists_encode(const struct event *e, uint32_t bits, struct buf *to)
{
    if (bits & HAS_TAGS)
        buf_put_varint(to, e->tags_count);
    for (size_t i = 0; i < e->tags_count; i++)
        text_encode(e->tags[i], to);
    if (bits & HAS_ACTORS)
        buf_put_u8(to, (uint8_t)e->actors_count);
    for (size_t i = 0; i < e->actors_count; i++)
        actor_encode(e->actors[i], to);
    if (bits & HAS_DETAILS)
        buf_put_varint(to, e->details_count);
    for (size_t i = 0; i < e->details_count; i++) {
        text_encode(e->details[i].key, to);
        text_encode(e->details[i].value, to);
    }
}

void event_encode(const struct event *e, struct buf *to)
{
    uint32_t bits = present(e);

    buf_put_u8(to, VERSION);
    buf_put_u8(to, (uint8_t)e->kind);
    buf_put_u8(to, (uint8_t)e->severity);
    buf_put_u8(to, (uint8_t)e->source);
    buf_put_u64(to, (uint64_t)e->time);
    buf_put_varint(to, zigzag((uint64_t)e->created - (uint64_t)e->time));
    buf_put_varint(to, e->previous);
    buf_put_varint(to, e->actions);
    buf_put_varint(to, e->changes);
    buf_put_varint(to, bits);
    for (size_t i = 0; i < TEXTS; i++) {
        if (*text_at(e, i))
            text_encode(*text_at(e, i), to);
    }
    entries_encode(e, bits, to);
    lists_encode(e, bits, to);
}

/* A text has no NUL in it: one that has is no text of ours. */
static int text_decode(struct slice *s, char **ret)
{
    size_t len;
    const char *text = (const char *)slice_bytes(s, &len);
    if (s->failed || (len && memchr(text, '\0', len)))
        return -EBADMSG;
    *ret = len ? strndup(text, len) : strdup("");
    return *ret ? 0 : -ENOMEM;
}

static int before_decode(struct slice *s, const uint8_t *after, size_t after_len, struct entry *ret)
{
    uint64_t prefix = slice_varint(s), suffix = slice_varint(s);
    size_t len;
    const uint8_t *middle = slice_bytes(s, &len);
    struct buf whole = {0};

    if (s->failed || prefix > after_len || suffix > after_len - prefix)
        return -EBADMSG;
    buf_put(&whole, after, prefix);
    buf_put(&whole, middle, len);
    buf_put(&whole, after ? after + after_len - suffix : NULL, suffix);
    int r = whole.failed ? -ENOMEM : entry_decode(whole.data, whole.len, ret);
    buf_fini(&whole);
    return r;
}

static int entries_decode(struct slice *s, uint32_t bits, struct event *e)
{
    const uint8_t *after = NULL;
    size_t after_len = 0;
    int r = 0;

    if (bits & HAS_AFTER) {
        after = slice_bytes(s, &after_len);
        r = s->failed ? -EBADMSG : entry_decode(after, after_len, &e->after);
    }
    if (r == 0 && bits & HAS_BEFORE)
        r = before_decode(s, after, after_len, &e->before);
    return r;
}

/* Each element takes at least `least` bytes, so that a count cannot ask for more memory than bytes came. */
static int list_decode(struct slice *s, size_t least, size_t size, size_t *ret_count, void *ret_list)
{
    uint64_t count = slice_varint(s);
    if (s->failed || !count || count > s->len / least)
        return -EBADMSG;
    void *list = calloc(count, size);
    if (!list)
        return -ENOMEM;
    memcpy(ret_list, &list, sizeof(list));
    *ret_count = count;
    return 0;
}

static int tags_decode(struct slice *s, struct event *e)
{
    int r = list_decode(s, 1, sizeof(*e->tags), &e->tags_count, &e->tags);
    for (size_t i = 0; r == 0 && i < e->tags_count; i++)
        r = text_decode(s, &e->tags[i]);
    return r;
}

static int details_decode(struct slice *s, struct event *e)
{
    int r = list_decode(s, 2, sizeof(*e->details), &e->details_count, &e->details);
    for (size_t i = 0; r == 0 && i < e->details_count; i++) {
        r = text_decode(s, &e->details[i].key);
        if (r == 0)
            r = text_decode(s, &e->details[i].value);
    }
    return r;
}

static int actors_decode(struct slice *s, struct event *e)
{
    size_t count = slice_u8(s);
    if (s->failed || !count || count > EVENT_ACTORS_MAX)
        return -EBADMSG;
    while (e->actors_count < count) {
        int r = actor_decode(s, &e->actors[e->actors_count]);
        if (r < 0)
            return r;
        e->actors_count++;
    }
    return 0;
}

static bool numbers_decode(struct slice *s, struct event *e, uint32_t *ret_bits)
{
    uint8_t version = slice_u8(s), kind = slice_u8(s), severity = slice_u8(s), source = slice_u8(s);
    uint64_t time = slice_u64(s);
    uint64_t created = time + unzigzag(slice_varint(s));
    e->previous = slice_varint(s);
    uint64_t actions = slice_varint(s), changes = slice_varint(s), bits = slice_varint(s);

    if (s->failed || version != VERSION || kind < EVENT_CHANGE || kind > EVENT_STATE ||
        source > SOURCE_START || actions > UINT32_MAX || changes > UINT32_MAX || bits & ~(uint64_t)HAS_ALL)
        return false;
    e->kind = (enum event_kind)kind;
    e->severity = (enum severity)severity;
    e->source = (enum event_source)source;
    e->time = (int64_t)time;
    e->created = (int64_t)created;
    e->actions = (uint32_t)actions;
    e->changes = (uint32_t)changes;
    *ret_bits = (uint32_t)bits;
    return true;
}

static int body_decode(struct slice *s, struct event *e)
{
    uint32_t bits;
    int r = numbers_decode(s, e, &bits) ? 0 : -EBADMSG;

    for (size_t i = 0; r == 0 && i < TEXTS; i++) {
        if (bits & 1u << i)
            r = text_decode(s, text_at(e, i));
    }
    if (r == 0 && e->kind == EVENT_CHANGE && !e->path)
        r = -EBADMSG; /* whoever reads a change relies on it */
    if (r == 0)
        r = entries_decode(s, bits, e);
    if (r == 0 && bits & HAS_TAGS)
        r = tags_decode(s, e);
    if (r == 0 && bits & HAS_ACTORS)
        r = actors_decode(s, e);
    if (r == 0 && bits & HAS_DETAILS)
        r = details_decode(s, e);
    if (r < 0)
        return r;
    e->actors_more = bits & HAS_MORE_ACTORS;
    return s->failed || s->len ? -EBADMSG : 0;
}

int event_decode(const uint8_t *data, size_t len, struct event *ret)
{
    struct slice s = {.data = data, .len = len};
    struct event e = {0};
    int r = body_decode(&s, &e);
    if (r < 0)
        event_fini(&e);
    else
        *ret = e;
    return r;
}
