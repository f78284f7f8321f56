/* The _bulk request and its reply: which document was taken, which comes again, which never will be. Pure;
 * the reply is bytes of a stranger.
 *
 * The reply's HTTP 200 says nothing of the documents: each has a status of its own, by position. */
#ifndef FIMD_SINK_BULK_H
#define FIMD_SINK_BULK_H

#include <stdbool.h>
#include <stddef.h>

#include "baseline/buf.h"

enum { BULK_REASON_SIZE = 200 };

enum bulk_verdict {
    BULK_AGAIN,     /* this one again, later: 429, 5xx, an index that is blocked */
    BULK_TAKEN,     /* 200, 201, and 409: it was there already, by our own id */
    BULK_POISON,    /* will never be taken: a 4xx of this document */
    BULK_FORBIDDEN, /* our account may not write it: never the document's fault */
    BULK_VERDICTS
};

struct bulk_item {
    enum bulk_verdict verdict;
    unsigned status;
    char reason[BULK_REASON_SIZE]; /* "type: words of the server"; "" when taken */
};

enum bulk_outcome {
    BULK_ITEMS,     /* each has its verdict */
    BULK_LATER,     /* the whole batch again, later; also when the reply makes no sense */
    BULK_TOO_LARGE, /* 413: fewer at once */
    BULK_REFUSED,   /* 400: something in it; find it by halving */
    BULK_DENIED,    /* 401, 403: credentials or rights */
    BULK_ELSEWHERE, /* 3xx, 404, 405 …: there is no _bulk of Elasticsearch's at this address */
    BULK_OUTCOMES
};

/* One document of a request's body. index NULL: the request's path names it. -EINVAL: the id or index would
 * break the line; -ENOMEM. */
int bulk_put(struct buf *to, const char *index, const char *id, const char *json, size_t len);
/* "/INDEX/_bulk?filter_path=…&pipeline=…"; index and pipeline may be NULL. 0 or -ENOMEM. */
int bulk_path(struct buf *to, const char *index, const char *pipeline);

/* What the reply means. items: `count`, filled when the outcome is BULK_ITEMS. text: what is wrong with the
 * whole, for people; "" when nothing is. */
enum bulk_outcome bulk_judge(unsigned status, const char *body, size_t len, struct bulk_item *items,
                             size_t count, char text[BULK_REASON_SIZE]);

#endif
