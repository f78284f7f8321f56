/* The small texts that documents are made of: times, hexadecimal, base64. Pure. */
#ifndef FIMD_SINK_TEXT_H
#define FIMD_SINK_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include "baseline/buf.h"

enum { TEXT_TIME_SIZE = 32, TEXT_MS = 3, TEXT_NS = 9 };

/* A time as calendar fields, UTC. */
struct text_date {
    int year, month, day; /* month and day from 1 */
    int hour, minute, second;
    int nanosecond;
};
void text_date_of(int64_t ns, struct text_date *ret);

/* ns since the epoch as "2026-09-04T09:15:30.123Z", with TEXT_MS or TEXT_NS digits of a second. */
void text_time(int64_t ns, int digits, char ret[TEXT_TIME_SIZE]);
/* ret: 2 * len + 1 bytes. */
void text_hex(const uint8_t *data, size_t len, char *ret);
/* Appends, with padding. */
void text_base64(struct buf *to, const void *data, size_t len);
/* Appends the bytes; white space is skipped. 0, -EINVAL, -ENOMEM. */
int text_base64_decode(const char *text, size_t len, struct buf *to);

#endif
