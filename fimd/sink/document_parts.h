/* Private to the document_*.c files: one rendering, and the parts of a document. */
#ifndef FIMD_SINK_DOCUMENT_PARTS_H
#define FIMD_SINK_DOCUMENT_PARTS_H

#include "fimd/sink/accounts.h"
#include "fimd/sink/document.h"
#include "fimd/sink/writer.h"

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
    struct writer doc;      /* the document itself */
    struct writer fimd;     /* the inside of its fimd: many parts add to it */
    struct writer previous; /* the inside of fimd.previous */
    struct buf fimd_text, previous_text;
    struct buf scratch;     /* for one escaped or encoded text at a time */
    bool failed;            /* memory ran out */
    size_t users_count;
    char users[RELATED_USERS_MAX][ACCOUNT_NAME_SIZE]; /* for related.user */
};

/* Values in the form that documents have them. */
void put_time(struct writer *w, const char *key, int64_t ns, int digits); /* 0: not known, nothing is put */
void put_hex(struct writer *w, const char *key, const uint8_t *data, size_t len); /* at most 64 bytes */
/* Bytes that may be no UTF-8: as they are, or escaped. */
void put_path(struct render *r, struct writer *w, const char *key, const char *path, size_t len);
/* The bytes in base64, only when they are no UTF-8. */
void put_path_bytes(struct render *r, struct writer *w, const char *key, const char *path);
/* Puts what stands in r->scratch, and empties it. */
void put_scratch(struct render *r, struct writer *w, const char *key);
/* "id" and "name" of a user; notes the name for related.user. */
void put_account(struct render *r, struct writer *w, uint32_t uid);
/* The same as an object at key; ACTOR_UNSET puts nothing. */
void put_user(struct render *r, struct writer *w, const char *key, uint32_t uid);
/* Is it an IP address? Fields of that type take nothing else, and login records may hold a host's name. */
bool is_address(const char *text);

/* document_file.c: file.*, and fimd.changes, fimd.previous. */
void render_file(struct render *r);
/* document_xattr.c: extended attributes, those that `which` (enum attr) names. */
void render_xattrs(struct render *r, struct writer *w, const struct entry *e, uint32_t which);
/* document_process.c: process.*, user.*, source.*, fimd.session, fimd.ancestors, fimd.actors. */
void render_actors(struct render *r);
/* document_message.c: the sentence. */
void render_message(struct render *r);

#endif
