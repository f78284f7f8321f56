/* What the parts of the store share among themselves; nobody else includes it but their tests.
 *
 *   store.c         open, close, transactions        store_tree.c   nodes by path: get, put, remove
 *   store_place.c   the directory and its lock       store_move.c   a node with all below it to another path
 *   store_format.c  version, migration, the state    store_list.c   children, subtree
 *   store_fault.c   errno → a line for a person      store_dirs.c   path of a directory → id, remembered
 *   store_meta.c    named values, counts             store_node.c   a node's bytes
 *                                                    journal*.c     the journal's table */
#ifndef BASELINE_STORE_INTERNAL_H
#define BASELINE_STORE_INTERNAL_H

#include <pthread.h>

#include "baseline/lmdb_env.h"
#include "baseline/store.h"

enum {
    STORE_FORMAT = 1,
    STORE_ROOT_ID = 1, /* of "/", whose own node is the nameless child of 0 */
    STORE_DIRS = 256,  /* directories remembered by a transaction */
};

/* Kept in meta as one value, read at each beginning and written at each commit that changed it. */
struct store_state {
    uint64_t next_id; /* of the next new directory */
    uint64_t entries; /* nodes that are there */
    uint64_t shape;   /* counts what makes a remembered directory's id wrong: moves and final removals */
    uint64_t journal_first; /* oldest kept; journal_next when there is none */
    uint64_t journal_next;
    uint64_t journal_bytes;
    uint8_t head[STORE_DIGEST_SIZE];   /* chain(journal_next - 1) */
    uint8_t anchor[STORE_DIGEST_SIZE]; /* chain(journal_first - 1) */
};

/* Path of a directory → id. Only what is there is remembered, so that new directories need no forgetting. */
struct store_dirs {
    uint64_t shape;
    struct store_dir_slot {
        uint64_t hash, id; /* id 0: empty */
        char *path;        /* owned */
        size_t len;
    } slots[STORE_DIRS];
};

struct store_txn {
    struct store *store;
    struct MDB_txn *lmdb;
    struct MDB_cursor *tree;    /* of every get and put: near keys are found without a search from the root */
    struct MDB_cursor *journal; /* of appends; opened by the first */
    struct store_state state;
    bool writes;
    bool state_changed;
    int trouble;       /* what LMDB refused first: the transaction cannot be committed, whatever fn says */
    struct fault *why; /* may be NULL */
    struct store_dirs dirs;
    struct buf node; /* the node being written */
};

/* A read transaction kept for the next reader. */
struct store_reader {
    struct store_txn txn;
    struct store_reader *next;
};

struct store {
    char *dir;
    bool read_only, no_sync;
    struct lmdb lmdb;
    size_t map_size;
    int lock_fd; /* -1: not locked */
    /* Held for reading by every transaction, for writing while the map moves. */
    pthread_rwlock_t map;
    pthread_mutex_t writing; /* this process's writers, before LMDB's own lock */
    struct store_txn writer; /* under `writing` */
    unsigned commits;        /* under `writing` */
    pthread_mutex_t pool;
    struct store_reader *readers; /* idle ones, under `pool` */
};

/* store_fault.c */
int store_fault(const char *dir, struct fault *why, int error);
int store_damaged(struct store_txn *t, const char *what); /* -EBADMSG, and says what */
/* Passes rc on; anything but -ENOENT is remembered as the transaction's trouble. */
int store_note(struct store_txn *t, int rc);

/* store_place.c */
int store_place_open(const struct store_options *options, int *ret_lock_fd, struct fault *why);

/* store_format.c */
struct store_migration {
    uint32_t from; /* leads from this version to the next */
    int (*run)(struct store_txn *t, void *ctx);
};
/* Brings a store up to STORE_FORMAT, each step with its new version in a transaction of its own. */
int store_format_open(struct store *s, struct fault *why);
int store_format_migrate(struct store *s, const struct store_migration *steps, size_t count, uint32_t to,
                         struct fault *why);
int store_state_load(struct store_txn *t);
int store_state_save(struct store_txn *t);

/* store_node.c */
struct node_head {
    uint64_t id, last;
    uint32_t marks;
    bool present;            /* has an entry */
    struct lmdb_bytes entry; /* encoded; belongs to whom the node's bytes belong */
};
int node_peek(const void *data, size_t len, struct node_head *ret); /* 0 or -EBADMSG */
int node_decode(const void *data, size_t len, struct node *ret);    /* 0, -EBADMSG, -ENOMEM */
void node_encode_head(struct buf *to, const struct node_head *head);

/* store_dirs.c */
uint64_t store_dirs_hash(uint64_t hash, const char *name,
                         size_t len); /* of a path, a name at a time, from 0 */
uint64_t store_dirs_find(const struct store_dirs *d, uint64_t hash, const char *path, size_t len);
void store_dirs_add(struct store_dirs *d, uint64_t hash, const char *path, size_t len, uint64_t id);
void store_dirs_clear(struct store_dirs *d);

/* store_tree.c */
_Static_assert(8 + STORE_NAME_MAX == LMDB_KEY_MAX, "a name and its directory's id fill a key");

struct store_key {
    uint8_t bytes[LMDB_KEY_MAX];
    size_t len;
};
void store_key_make(struct store_key *key, uint64_t dir, const char *name, size_t len);
uint64_t store_key_dir(struct lmdb_bytes key);
struct lmdb_bytes store_key_bytes(const struct store_key *key);
/* Puts the cursor on the node; head->entry belongs to the transaction until its next write. */
int store_node_load(struct store_txn *t, const struct store_key *key, struct node_head *ret);
/* `here`: store_node_load() has just found this key. entry: NULL takes the encoded one of head. */
int store_node_save(struct store_txn *t, const struct store_key *key, bool here, const struct node_head *head,
                    const struct entry *entry);
void store_node_count(struct store_txn *t, bool before, bool after); /* a node that was there, is there */
void store_shape_changed(struct store_txn *t);                       /* a remembered id may be wrong now */
/* The key of a path's node. */
int store_locate(struct store_txn *t, const char *path, size_t len, bool make, struct store_key *ret);
/* The id of a directory; with `make`, it is made where it is missing. -ENOENT, -EINVAL, -ENAMETOOLONG. */
int store_dir_id(struct store_txn *t, const char *path, size_t len, bool make, uint64_t *ret);

#endif
