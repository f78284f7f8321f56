/* A growable byte buffer, and fixed-width little-endian and varint fields in it: the bytes on disk and on the
 * wire are made here and nowhere else. A failed allocation sets `failed` and makes every later put a no-op,
 * so that an encoder checks once, at its end. Not thread-safe. */
#ifndef BASELINE_BUF_H
#define BASELINE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
    uint8_t *data; /* owned; NULL while cap is 0 */
    size_t len;
    size_t cap;
    bool failed; /* an allocation failed: len and data hold what went in before */
};

void buf_fini(struct buf *b);  /* frees data, leaves b empty and usable */
void buf_reset(struct buf *b); /* len 0, failed false; keeps the memory */
bool buf_reserve(struct buf *b, size_t more);
void buf_put(struct buf *b, const void *data, size_t len);
void buf_put_str(struct buf *b, const char *text); /* without the NUL */
void buf_put_u8(struct buf *b, uint8_t v);
void buf_put_u32(struct buf *b, uint32_t v);
void buf_put_u64(struct buf *b, uint64_t v);
void buf_put_varint(struct buf *b, uint64_t v);                  /* LEB128 */
void buf_put_bytes(struct buf *b, const void *data, size_t len); /* varint length, then the bytes */
void buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Ends the buffer with a NUL that len does not count; NULL when failed. Owned by b. */
const char *buf_cstr(struct buf *b);

/* A reader over bytes it does not own. A read past the end sets `failed`, returns 0 and stays failed. */
struct slice {
    const uint8_t *data;
    size_t len;
    bool failed;
};

uint8_t slice_u8(struct slice *s);
uint32_t slice_u32(struct slice *s);
uint64_t slice_u64(struct slice *s);
uint64_t slice_varint(struct slice *s); /* an encoding of over ten bytes, or that overflows, fails */
/* The next len bytes, or NULL when there are fewer. Points into the slice's bytes. */
const uint8_t *slice_take(struct slice *s, size_t len);
/* varint length + bytes; *ret_len 0 and NULL on failure. */
const uint8_t *slice_bytes(struct slice *s, size_t *ret_len);

#endif
