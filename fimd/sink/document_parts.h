/* Private to the document_*.c files: one rendering, and the parts of a document. */
#ifndef FIMD_SINK_DOCUMENT_PARTS_H
#define FIMD_SINK_DOCUMENT_PARTS_H

#include "fimd/rt/json.h"
#include "fimd/sink/accounts.h"
#include "fimd/sink/document.h"

enum { ENTITY_HOST_SIZE = 6, AGENT_ID_SIZE = 37, RELATED_USERS_MAX = 8 };

struct document_host {
    struct accounts *accounts; /* owned; the only part that changes, with a lock of its own */
    char *hostname;            /* owned */
    struct strings tags;       /* owned: the settings' */
    uint8_t entity[ENTITY_HOST_SIZE]; /* of the machine's id: makes a process unique among hosts */
    char agent_id[AGENT_ID_SIZE];     /* as a UUID */
    struct buf tail;           /* owned: `,"ecs":{…},…,"agent":{…}}`: the constant end of every document */
};

struct render { /* one document in the making */
    const struct document_host *host;
    const struct event *event;
    enum action_vocab vocab;
    struct json *root;
    struct json *fimd;  /* root's fimd: many parts add to it */
    struct buf scratch; /* for one escaped or encoded text at a time */
    char users[RELATED_USERS_MAX][ACCOUNT_NAME_SIZE]; /* for related.user */
    size_t users_count;
    bool failed;        /* memory ran out */
};

/* Values in the form that documents have them. */
void put_time(struct json *parent, const char *key, int64_t ns, int digits); /* 0: not known, nothing is put */
void put_id(struct json *parent, const char *key, uint64_t value);           /* a number as a string */
void put_hex(struct json *parent, const char *key, const uint8_t *data, size_t len); /* at most 64 bytes */
/* Bytes that may be no UTF-8: as they are, or escaped. */
void put_path(struct render *r, struct json *parent, const char *key, const char *path, size_t len);
/* The bytes in base64, only when they are no UTF-8. */
void put_path_bytes(struct render *r, struct json *parent, const char *key, const char *path);
/* Puts what stands in r->scratch, and empties it. */
void put_scratch(struct render *r, struct json *parent, const char *key);
/* {"id":…,"name":…} at key; ACTOR_UNSET puts nothing and gives NULL. Notes the name for related.user. */
struct json *put_user(struct render *r, struct json *parent, const char *key, uint32_t uid);

/* document_file.c: file.*, and fimd.changes, fimd.previous. */
void render_file(struct render *r);
/* The file as it is now, or as it was before it was deleted. */
const struct entry *render_subject(const struct event *e);
/* document_xattr.c: extended attributes, as fimd.* or fimd.previous.*, those that `which` (enum attr) names. */
void render_xattrs(struct render *r, struct json *to, const struct entry *e, uint32_t which);
/* document_process.c: process.*, user.*, source.*, fimd.session, fimd.ancestors, fimd.actors. */
void render_actors(struct render *r);
/* document_message.c: the sentence. */
void render_message(struct render *r);

#endif
