/* What fimd says: one journal record, one document. Owns its memory; actors are references. */
#ifndef FIMD_MODEL_EVENT_H
#define FIMD_MODEL_EVENT_H

#include "baseline/entry.h"
#include "baseline/journal.h"
#include "fimd/model/actor.h"

/* Stored: never renumber. */
enum event_kind {
    EVENT_CHANGE = 1, /* of a file */
    EVENT_STATE = 2,  /* of fimd itself: starts, stops, losses, scans, rules wiped … */
};

/* A set: one change can be several (moved over an existing file: moved | updated). Names as Auditbeat's. */
enum event_action {
    ACTION_CREATED = 1u << 0,
    ACTION_UPDATED = 1u << 1,
    ACTION_DELETED = 1u << 2,
    ACTION_ATTRIBUTES_MODIFIED = 1u << 3,
    ACTION_MOVED = 1u << 4,
    ACTION_CONFIG_CHANGE = 1u << 5,
    ACTION_INITIAL_SCAN = 1u << 6,
};
const char *action_name(uint32_t bit); /* "created" …; NULL */
uint32_t action_parse(const char *name);

enum event_source { SOURCE_FANOTIFY = 1, SOURCE_SCAN = 2, SOURCE_START = 3 };
const char *source_name(enum event_source s);

/* ECS numbers; the values are event.severity and risk_score. */
enum severity {
    SEVERITY_INFO = 1,
    SEVERITY_LOW = 21,
    SEVERITY_MEDIUM = 47,
    SEVERITY_HIGH = 73,
    SEVERITY_CRITICAL = 99
};
const char *severity_name(enum severity s);
int severity_parse(const char *name, enum severity *ret); /* 0 or -EINVAL */

enum { EVENT_ACTORS_MAX = 16, EVENT_ID_SIZE = 14 };

struct event_detail { /* of a state event: fimd.details.KEY */
    char *key;
    char *value;
};

struct event {
    uint64_t sequence;                /* from the journal; 0 before */
    uint8_t chain[STORE_DIGEST_SIZE]; /* from the journal */
    enum event_kind kind;
    int64_t time;    /* ns realtime: when it happened, as well as is known */
    int64_t created; /* ns realtime: when fimd made the event */
    enum severity severity;
    uint64_t previous; /* sequence of the path's record before this one; 0 none */

    /* EVENT_CHANGE */
    uint32_t actions;
    enum event_source source;
    char *path;                 /* NUL-terminated bytes */
    char *path_old;             /* moved from (or, deleted by a move out of what is watched, NULL) */
    char *path_new;             /* a deletion that was a move out: where to; NULL */
    uint32_t changes;           /* enum attr bits */
    struct entry before, after; /* ENTRY_ABSENT where there was none */
    char *rule;                 /* id; NULL none */
    char *policy;               /* its policy's name; NULL */
    char **tags;                /* owned array of owned strings */
    size_t tags_count;
    struct actor *actors[EVENT_ACTORS_MAX]; /* the last writer first */
    size_t actors_count;
    bool actors_more; /* there were more than fit */

    /* EVENT_STATE */
    char *action;  /* "queue-overflow" … */
    char *message; /* one line for people */
    struct event_detail *details;
    size_t details_count;
};

void event_fini(struct event *e);
int event_tag(struct event *e, const char *tag);                            /* 0 or -ENOMEM; copies */
int event_detail(struct event *e, const char *key, const char *format, ...) /* 0 or -ENOMEM */
    __attribute__((format(printf, 3, 4)));

/* The record's bytes (everything but sequence and chain). */
void event_encode(const struct event *e, struct buf *to);
/* Hostile bytes: 0 (end with event_fini), -EBADMSG, -ENOMEM. */
int event_decode(const uint8_t *data, size_t len, struct event *ret);
/* Decodes a journal record with its sequence and chain digest. */
int event_from_record(const struct journal_record *record, struct event *ret);
/* event.id: 28 hex digits: 6 bytes of the event's time in ms, 8 of its chain digest: sorted by time, unique,
 * the same at every rendering. ret: 29 bytes. */
void event_id(const struct event *e, char ret[2 * EVENT_ID_SIZE + 1]);

#endif
