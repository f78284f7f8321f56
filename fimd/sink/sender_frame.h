/* What the daemon and its network process say to each other over their socket pair. Pure.
 *
 *   daemon ─► CONFIG (hosts, credentials, TLS)              no answer
 *          ─► POST (path, body, number of documents)   ─► REPLY (outcome, and a verdict a document)
 *
 * A frame: u32 length of what follows, u8 type, content. The daemon believes nothing of a REPLY: its length,
 * counts and values are checked, and its texts are made harmless. */
#ifndef FIMD_SINK_SENDER_FRAME_H
#define FIMD_SINK_SENDER_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "baseline/buf.h"
#include "fimd/model/settings.h"
#include "fimd/sink/bulk.h"

enum frame_type { FRAME_CONFIG = 1, FRAME_POST = 2, FRAME_REPLY = 3 };

enum {
    FRAME_HEADER_SIZE = 4,
    FRAME_MOST = 256 << 20,      /* a request's body; far above any batch */
    SENDER_TEXT_SIZE = 320,
    SENDER_PEER_SIZE = 80,
    SENDER_HOSTS_MOST = 64,
    SENDER_ITEMS_MOST = 1 << 20,
};

struct blob { /* bytes that belong to somebody else */
    const void *data;
    size_t len;
};

struct sender_config { /* strings and blobs belong to whoever made it, or to the frame it was decoded from */
    uint32_t uid, gid;          /* whom to become; heeded in the first CONFIG only */
    struct blob hosts[SENDER_HOSTS_MOST]; /* base URLs */
    size_t hosts_count;
    struct blob authorization;  /* the header's value; len 0: none */
    struct blob ca, certificate, key, pinned; /* PEM; "sha256//…" */
    enum tls_verify verify;
    bool gzip;
    uint64_t timeout_ms;
};

struct sender_post {
    struct blob path, body;
    size_t count;
};

/* Beyond bulk.h's outcomes: no reply came at all. */
enum { SENDER_UNREACHABLE = BULK_OUTCOMES, SENDER_OUTCOMES };

struct sender_reply {
    unsigned outcome;         /* enum bulk_outcome or SENDER_UNREACHABLE */
    unsigned status;          /* HTTP, 0 none */
    uint64_t retry_after_ms;  /* the server's wish */
    char text[SENDER_TEXT_SIZE];
    char peer[SENDER_PEER_SIZE]; /* "Elasticsearch 8.19.2"; "" unknown */
};

/* Each appends a whole frame. to->failed tells of lacking memory. */
void frame_put_config(struct buf *to, const struct sender_config *config);
void frame_put_post(struct buf *to, const struct sender_post *post);
void frame_put_reply(struct buf *to, const struct sender_reply *reply, const struct bulk_item *items,
                     size_t count);

/* The length after the header; -EBADMSG when over `most` or zero. */
long frame_length(const uint8_t header[FRAME_HEADER_SIZE], size_t most);
/* How long a REPLY to `count` documents can be at most. */
size_t frame_reply_most(size_t count);

/* Take what follows the header. 0 or -EBADMSG. */
int frame_get_config(const uint8_t *data, size_t len, struct sender_config *ret);
int frame_get_post(const uint8_t *data, size_t len, struct sender_post *ret);
/* items: `count`, filled when the outcome is BULK_ITEMS, which must tell of exactly that many. */
int frame_get_reply(const uint8_t *data, size_t len, size_t count, struct sender_reply *ret,
                    struct bulk_item *items);

#endif
