/* Writes JSON straight into a buffer: a document an event is made tens of thousands of times a second, and a
 * tree of a hundred nodes costs five times what its text does. Knows how to quote and where commas go; that
 * brackets match and no key comes twice is the caller's part (and its tests'). Errors are the buffer's
 * `failed`. Pure. */
#ifndef FIMD_SINK_WRITER_H
#define FIMD_SINK_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "baseline/buf.h"

struct writer {
    struct buf *to;
    bool comma; /* a value stands before the next one */
};

/* key: plain ASCII without quotes; NULL in an array. */
void writer_begin_object(struct writer *w, const char *key);
void writer_end_object(struct writer *w);
void writer_begin_array(struct writer *w, const char *key);
void writer_end_array(struct writer *w);

/* Any bytes: quoted, and what is no UTF-8 becomes U+FFFD, a byte each. */
void writer_bytes(struct writer *w, const char *key, const void *bytes, size_t len);
void writer_text(struct writer *w, const char *key, const char *text); /* NULL: nothing is put */
/* Trusted: ASCII with nothing to be quoted. */
void writer_plain(struct writer *w, const char *key, const char *text);
void writer_uint(struct writer *w, const char *key, uint64_t value);
void writer_int(struct writer *w, const char *key, int64_t value);
void writer_bool(struct writer *w, const char *key, bool value);
/* A number as a string. */
void writer_id(struct writer *w, const char *key, uint64_t value);
/* A key of anybody's, quoted; a value must follow at once, with key NULL. */
void writer_foreign_key(struct writer *w, const char *key);
/* Members that another writer has made: an object's inside, or ready elements. */
void writer_members(struct writer *w, const struct buf *members);

#endif
