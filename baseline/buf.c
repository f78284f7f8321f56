/* Bytes in and out of memory: a growable buffer and a bounded reader.
 *
 *   encoder ─► buf_put_* ─► data,len        bytes ─► slice_* ─► decoder
 *
 * Knows nothing of what the bytes mean. Integers are little-endian whatever the host is. */
#include "baseline/buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_CAP = 64, VARINT_MAX = 10 };

void buf_fini(struct buf *b)
{
    free(b->data);
    *b = (struct buf){0};
}

void buf_reset(struct buf *b)
{
    b->len = 0;
    b->failed = false;
}

static size_t grown(size_t cap, size_t need)
{
    size_t to = cap ? cap : FIRST_CAP;

    while (to < need)
        to = to > SIZE_MAX / 2 ? need : to * 2;
    return to;
}

bool buf_reserve(struct buf *b, size_t more)
{
    if (b->failed)
        return false;
    if (more <= b->cap - b->len)
        return true;

    uint8_t *data = NULL;
    size_t cap = 0;
    if (more <= SIZE_MAX - b->len) {
        cap = grown(b->cap, b->len + more);
        data = realloc(b->data, cap);
    }
    if (!data) {
        b->failed = true;
        return false;
    }
    b->data = data;
    b->cap = cap;
    return true;
}

void buf_put(struct buf *b, const void *data, size_t len)
{
    if (!len || !buf_reserve(b, len))
        return;
    memcpy(b->data + b->len, data, len);
    b->len += len;
}

void buf_put_str(struct buf *b, const char *text)
{
    buf_put(b, text, strlen(text));
}

void buf_put_u8(struct buf *b, uint8_t v)
{
    buf_put(b, &v, 1);
}

static void put_fixed(struct buf *b, uint64_t v, size_t size)
{
    uint8_t bytes[8];

    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(v >> (8 * i));
    buf_put(b, bytes, size);
}

void buf_put_u32(struct buf *b, uint32_t v)
{
    put_fixed(b, v, 4);
}

void buf_put_u64(struct buf *b, uint64_t v)
{
    put_fixed(b, v, 8);
}

void buf_put_varint(struct buf *b, uint64_t v)
{
    uint8_t bytes[VARINT_MAX];
    size_t len = 0;

    for (; v >= 0x80; v >>= 7)
        bytes[len++] = (uint8_t)(v | 0x80);
    bytes[len++] = (uint8_t)v;
    buf_put(b, bytes, len);
}

void buf_put_bytes(struct buf *b, const void *data, size_t len)
{
    buf_put_varint(b, len);
    buf_put(b, data, len);
}

void buf_printf(struct buf *b, const char *format, ...)
{
    va_list args, again;

    va_start(args, format);
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);
    if (len < 0)
        b->failed = true;
    else if (buf_reserve(b, (size_t)len + 1)) {
        vsnprintf((char *)b->data + b->len, (size_t)len + 1, format, again);
        b->len += (size_t)len;
    }
    va_end(again);
    va_end(args);
}

const char *buf_cstr(struct buf *b)
{
    if (!buf_reserve(b, 1))
        return NULL;
    b->data[b->len] = '\0';
    return (const char *)b->data;
}

const uint8_t *slice_take(struct slice *s, size_t len)
{
    if (s->failed || len > s->len) {
        s->failed = true;
        return NULL;
    }
    const uint8_t *at = s->data;
    s->len -= len;
    if (len)
        s->data += len;
    return at;
}

static uint64_t take_fixed(struct slice *s, size_t size)
{
    const uint8_t *at = slice_take(s, size);
    uint64_t v = 0;

    for (size_t i = 0; at && i < size; i++)
        v |= (uint64_t)at[i] << (8 * i);
    return v;
}

uint8_t slice_u8(struct slice *s)
{
    return (uint8_t)take_fixed(s, 1);
}

uint32_t slice_u32(struct slice *s)
{
    return (uint32_t)take_fixed(s, 4);
}

uint64_t slice_u64(struct slice *s)
{
    return take_fixed(s, 8);
}

uint64_t slice_varint(struct slice *s)
{
    uint64_t v = 0;

    for (unsigned shift = 0; shift < 7 * VARINT_MAX; shift += 7) {
        uint8_t byte = slice_u8(s);
        if (s->failed)
            return 0;
        /* The tenth byte has room for one bit of the 64. */
        if (shift == 63 && byte > 1)
            break;
        v |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            return v;
    }
    s->failed = true;
    return 0;
}

const uint8_t *slice_bytes(struct slice *s, size_t *ret_len)
{
    *ret_len = 0;
    uint64_t len = slice_varint(s);
    if (s->failed || len > s->len) {
        s->failed = true;
        return NULL;
    }
    *ret_len = (size_t)len;
    return slice_take(s, (size_t)len);
}
