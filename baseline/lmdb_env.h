/* LMDB, as thin as can be: the environment with its three tables, transactions and cursors, with LMDB's codes
 * turned into -errno. Private to the store; knows nothing of nodes or records.
 *
 *   -ENOENT           no such key                -EXFULL           the map is too small: lmdb_resize, again
 *   -EBADMSG          damaged                    -ERESTART         another process grew the map:
 * lmdb_resize(0) -EPROTO           another LMDB's format      -EUSERS           every reader slot is taken
 *   -EOVERFLOW        transaction too large      -ENOTRECOVERABLE  a commit was half refused: close and open
 */
#ifndef BASELINE_LMDB_ENV_H
#define BASELINE_LMDB_ENV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct MDB_env;
struct MDB_txn;
struct MDB_cursor;

enum lmdb_table { LMDB_TREE, LMDB_JOURNAL, LMDB_META, LMDB_TABLES };

enum { LMDB_KEY_MAX = 511 };

struct lmdb {
    struct MDB_env *env; /* NULL: closed */
    unsigned tables[LMDB_TABLES];
};

struct lmdb_options {
    const char *dir;
    size_t map_size;
    bool read_only;
    bool no_sync;
};

struct lmdb_bytes {
    const void *data; /* belongs to the transaction, until its next write */
    size_t len;
};

int lmdb_open(struct lmdb *db, const struct lmdb_options *options);
void lmdb_close(struct lmdb *db);
size_t lmdb_map_size(const struct lmdb *db);
/* No transaction may run in this process. size 0: as large as another process made it. */
int lmdb_resize(struct lmdb *db, size_t size);
/* Frees the reader slots of processes that died: each may pin pages that could be used again. */
void lmdb_clear_dead_readers(struct lmdb *db);
/* Bytes of the data file in use, free pages included. */
uint64_t lmdb_bytes_used(const struct lmdb *db);

int lmdb_begin(struct lmdb *db, bool writes, struct MDB_txn **ret);
void lmdb_reset(struct MDB_txn *txn); /* ends a read transaction, keeps its slot */
int lmdb_renew(struct MDB_txn *txn);
int lmdb_commit(struct MDB_txn *txn);
void lmdb_abort(struct MDB_txn *txn);

int lmdb_get(struct lmdb *db, struct MDB_txn *txn, enum lmdb_table table, struct lmdb_bytes key,
             struct lmdb_bytes *ret);
int lmdb_put(struct lmdb *db, struct MDB_txn *txn, enum lmdb_table table, struct lmdb_bytes key,
             struct lmdb_bytes value);

enum lmdb_seek { LMDB_EXACT, LMDB_FROM, LMDB_NEXT, LMDB_FIRST, LMDB_LAST };

int lmdb_cursor_open(struct lmdb *db, struct MDB_txn *txn, enum lmdb_table table, struct MDB_cursor **ret);
int lmdb_cursor_renew(struct MDB_txn *txn, struct MDB_cursor *cursor); /* of a read transaction */
void lmdb_cursor_close(struct MDB_cursor *cursor);
/* key: in for EXACT and FROM, out for all. */
int lmdb_cursor_seek(struct MDB_cursor *cursor, enum lmdb_seek how, struct lmdb_bytes *key,
                     struct lmdb_bytes *ret);
/* `here`: the cursor stands on this very key, no need to search again. */
int lmdb_cursor_put(struct MDB_cursor *cursor, bool here, struct lmdb_bytes key, struct lmdb_bytes value);
/* A key greater than every other; *ret has len bytes to be written at once. */
int lmdb_cursor_append(struct MDB_cursor *cursor, struct lmdb_bytes key, size_t len, uint8_t **ret);
int lmdb_cursor_delete(struct MDB_cursor *cursor);

#endif
