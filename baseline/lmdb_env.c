/* The one file that knows <lmdb.h>: see lmdb_env.h.
 *
 * Flags, and those left out: NOTLS, so that a read transaction can be kept and used by another thread. Not
 * NOMEMINIT: the zeroing is within noise, and without it what the daemon's heap held before (an API key)
 * could reach the disk in the slack of a page. Not NORDAHEAD: a check reads the tree in nearly the order it
 * was filled in, and the store is small beside memory. Not WRITEMAP: on a full disk a store into a sparse
 * mapping is SIGBUS, where pwrite(2) says ENOSPC. */
#include "baseline/lmdb_env.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <lmdb.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const names[LMDB_TABLES] = {"tree", "journal", "meta"};

static int from_lmdb(int code)
{
    static const struct {
        int code, error;
    } map[] = {
        {MDB_NOTFOUND, ENOENT},       {MDB_KEYEXIST, EEXIST},     {MDB_MAP_FULL, EXFULL},
        {MDB_MAP_RESIZED, ERESTART},  {MDB_READERS_FULL, EUSERS}, {MDB_CORRUPTED, EBADMSG},
        {MDB_PAGE_NOTFOUND, EBADMSG}, {MDB_INVALID, EBADMSG},     {MDB_VERSION_MISMATCH, EPROTO},
        {MDB_INCOMPATIBLE, EBADMSG},  {MDB_TXN_FULL, EOVERFLOW},  {MDB_PANIC, ENOTRECOVERABLE},
        {MDB_BAD_VALSIZE, EINVAL},    {MDB_BAD_TXN, EIO},         {MDB_DBS_FULL, EINVAL},
        {MDB_PAGE_FULL, EBADMSG},     {MDB_CURSOR_FULL, EBADMSG}, {MDB_BAD_RSLOT, EIO},
    };

    if (code >= 0)
        return -code;
    for (size_t i = 0; i < sizeof(map) / sizeof(map[0]); i++)
        if (map[i].code == code)
            return -map[i].error;
    return -EIO;
}

static MDB_val to_val(struct lmdb_bytes b)
{
    return (MDB_val){.mv_size = b.len, .mv_data = (void *)b.data};
}

static struct lmdb_bytes to_bytes(MDB_val v)
{
    return (struct lmdb_bytes){.data = v.mv_data, .len = v.mv_size};
}

/* LMDB makes its lock file sparse and writes to it through a mapping: on a full disk that is SIGBUS. With its
 * blocks allocated before, it is ENOSPC. Must come before LMDB opens the file: closing any descriptor of it
 * later would drop LMDB's own POSIX locks. */
static int allocate_lock_file(const char *dir)
{
    enum { LOCK_FILE_SIZE = 8192 };
    char path[PATH_MAX];

    if (snprintf(path, sizeof(path), "%s/lock.mdb", dir) >= (int)sizeof(path))
        return -ENAMETOOLONG;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return -errno;
    int rc = posix_fallocate(fd, 0, LOCK_FILE_SIZE);
    close(fd);
    return rc == EOPNOTSUPP || rc == EINVAL ? 0 : -rc;
}

/* LMDB trusts the file to have all pages that its header names; one that is cut off would be SIGBUS. */
static int whole(MDB_env *env)
{
    MDB_envinfo info;
    MDB_stat stat;
    struct stat st;
    int fd;

    int rc = mdb_env_info(env, &info);
    if (!rc)
        rc = mdb_env_stat(env, &stat);
    if (!rc)
        rc = mdb_env_get_fd(env, &fd);
    if (rc)
        return from_lmdb(rc);
    if (fstat(fd, &st))
        return -errno;
    return (uint64_t)st.st_size / stat.ms_psize <= info.me_last_pgno ? -EBADMSG : 0;
}

static int open_tables(struct lmdb *db, bool read_only)
{
    MDB_txn *txn;

    int rc = mdb_txn_begin(db->env, NULL, read_only ? MDB_RDONLY : 0, &txn);
    if (rc)
        return from_lmdb(rc);
    for (int i = 0; !rc && i < LMDB_TABLES; i++)
        rc = mdb_dbi_open(txn, names[i], read_only ? 0 : MDB_CREATE, &db->tables[i]);
    /* A read transaction is committed as well: its table handles would close again at an abort. */
    if (!rc)
        return from_lmdb(mdb_txn_commit(txn));
    mdb_txn_abort(txn);
    return from_lmdb(rc);
}

static int open_env(struct lmdb *db, const struct lmdb_options *options)
{
    unsigned flags = MDB_NOTLS | (options->read_only ? MDB_RDONLY : 0) | (options->no_sync ? MDB_NOSYNC : 0);

    int rc = mdb_env_set_maxdbs(db->env, LMDB_TABLES);
    if (!rc)
        rc = mdb_env_set_mapsize(db->env, options->map_size);
    if (!rc)
        rc = mdb_env_open(db->env, options->dir, flags, 0600);
    if (rc)
        return from_lmdb(rc);
    rc = whole(db->env);
    if (rc)
        return rc;
    lmdb_clear_dead_readers(db);
    return open_tables(db, options->read_only);
}

int lmdb_open(struct lmdb *db, const struct lmdb_options *options)
{
    int rc = options->read_only ? 0 : allocate_lock_file(options->dir);
    if (rc)
        return rc;
    rc = from_lmdb(mdb_env_create(&db->env));
    if (rc)
        return rc;
    rc = open_env(db, options);
    if (rc == -ERESTART) {
        /* Another process has grown the map since the header was read. */
        rc = lmdb_resize(db, 0);
        if (!rc)
            rc = open_tables(db, options->read_only);
    }
    if (rc)
        lmdb_close(db);
    return rc;
}

void lmdb_close(struct lmdb *db)
{
    if (db->env)
        mdb_env_close(db->env);
    db->env = NULL;
}

size_t lmdb_map_size(const struct lmdb *db)
{
    MDB_envinfo info;

    return mdb_env_info(db->env, &info) ? 0 : info.me_mapsize;
}

int lmdb_resize(struct lmdb *db, size_t size)
{
    return from_lmdb(mdb_env_set_mapsize(db->env, size));
}

void lmdb_clear_dead_readers(struct lmdb *db)
{
    int dead;

    mdb_reader_check(db->env, &dead);
}

uint64_t lmdb_bytes_used(const struct lmdb *db)
{
    MDB_envinfo info;
    MDB_stat stat;

    if (mdb_env_info(db->env, &info) || mdb_env_stat(db->env, &stat))
        return 0;
    return (uint64_t)(info.me_last_pgno + 1) * stat.ms_psize;
}

int lmdb_begin(struct lmdb *db, bool writes, struct MDB_txn **ret)
{
    return from_lmdb(mdb_txn_begin(db->env, NULL, writes ? 0 : MDB_RDONLY, ret));
}

void lmdb_reset(struct MDB_txn *txn)
{
    mdb_txn_reset(txn);
}

int lmdb_renew(struct MDB_txn *txn)
{
    return from_lmdb(mdb_txn_renew(txn));
}

/* LMDB calls a write that was cut short EIO. On a full disk that is how the first one ends; the next would
 * say why, so ask for a little more room. */
static int why_short(MDB_env *env)
{
    enum { ROOM = 65536 };
    struct stat st;
    int fd;

    if (mdb_env_get_fd(env, &fd) || fstat(fd, &st))
        return -EIO;
    if (fallocate(fd, FALLOC_FL_KEEP_SIZE, st.st_size, ROOM) && (errno == ENOSPC || errno == EDQUOT))
        return -errno;
    return -EIO;
}

int lmdb_commit(struct MDB_txn *txn)
{
    MDB_env *env = mdb_txn_env(txn);
    int rc = mdb_txn_commit(txn);

    return rc == EIO ? why_short(env) : from_lmdb(rc);
}

void lmdb_abort(struct MDB_txn *txn)
{
    mdb_txn_abort(txn);
}

int lmdb_get(struct lmdb *db, struct MDB_txn *txn, enum lmdb_table table, struct lmdb_bytes key,
             struct lmdb_bytes *ret)
{
    MDB_val k = to_val(key), v;

    int rc = mdb_get(txn, db->tables[table], &k, &v);
    if (!rc)
        *ret = to_bytes(v);
    return from_lmdb(rc);
}

int lmdb_put(struct lmdb *db, struct MDB_txn *txn, enum lmdb_table table, struct lmdb_bytes key,
             struct lmdb_bytes value)
{
    MDB_val k = to_val(key), v = to_val(value);

    return from_lmdb(mdb_put(txn, db->tables[table], &k, &v, 0));
}

int lmdb_cursor_open(struct lmdb *db, struct MDB_txn *txn, enum lmdb_table table, struct MDB_cursor **ret)
{
    return from_lmdb(mdb_cursor_open(txn, db->tables[table], ret));
}

int lmdb_cursor_renew(struct MDB_txn *txn, struct MDB_cursor *cursor)
{
    return from_lmdb(mdb_cursor_renew(txn, cursor));
}

void lmdb_cursor_close(struct MDB_cursor *cursor)
{
    if (cursor)
        mdb_cursor_close(cursor);
}

int lmdb_cursor_seek(struct MDB_cursor *cursor, enum lmdb_seek how, struct lmdb_bytes *key,
                     struct lmdb_bytes *ret)
{
    static const MDB_cursor_op ops[] = {
        [LMDB_EXACT] = MDB_SET_KEY, [LMDB_FROM] = MDB_SET_RANGE, [LMDB_NEXT] = MDB_NEXT,
        [LMDB_FIRST] = MDB_FIRST,   [LMDB_LAST] = MDB_LAST,
    };
    MDB_val k = to_val(*key), v;

    int rc = mdb_cursor_get(cursor, &k, &v, ops[how]);
    if (!rc) {
        *key = to_bytes(k);
        *ret = to_bytes(v);
    }
    return from_lmdb(rc);
}

int lmdb_cursor_put(struct MDB_cursor *cursor, bool here, struct lmdb_bytes key, struct lmdb_bytes value)
{
    MDB_val k = to_val(key), v = to_val(value);

    return from_lmdb(mdb_cursor_put(cursor, &k, &v, here ? MDB_CURRENT : 0));
}

int lmdb_cursor_append(struct MDB_cursor *cursor, struct lmdb_bytes key, size_t len, uint8_t **ret)
{
    MDB_val k = to_val(key), v = {.mv_size = len};

    int rc = mdb_cursor_put(cursor, &k, &v, MDB_APPEND | MDB_RESERVE);
    if (!rc)
        *ret = v.mv_data;
    return from_lmdb(rc);
}

int lmdb_cursor_delete(struct MDB_cursor *cursor)
{
    return from_lmdb(mdb_cursor_del(cursor, 0));
}
