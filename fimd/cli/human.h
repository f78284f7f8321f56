/* Numbers and times as people write and read them. Pure but for the time zone. */
#ifndef FIMD_CLI_HUMAN_H
#define FIMD_CLI_HUMAN_H

#include <stdint.h>

#include "baseline/buf.h"

void human_count(struct buf *to, uint64_t n);         /* 4,812 */
void human_size(struct buf *to, uint64_t bytes);      /* 31.2 MiB */
void human_duration(struct buf *to, int64_t ns);      /* 0.31 s, 2 minutes, 3 days */
void human_ago(struct buf *to, int64_t then, int64_t now); /* "2 minutes ago", "just now", "in 3 hours" */
void human_time(struct buf *to, int64_t ns);          /* 2026-11-21 10:15:30, local time */

/* "250ms", "30s", "5m", "2h", "7d", "1h30m": ns. 0 or -EINVAL. */
int human_parse_duration(const char *text, int64_t *ret);
/* A moment in the past: a duration before now ("2h"), or a local date "2026-11-21", "2026-11-21 10:15[:30]" (or with
 * a T), or with a Z at the end, UTC; or "@seconds"; "today", "yesterday". ns realtime. 0 or -EINVAL. */
int human_parse_moment(const char *text, int64_t now, int64_t *ret);

#endif
