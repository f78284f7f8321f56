/* errno → the line for a person: the place, what is wrong with it, and what to do. */
#include <errno.h>
#include <string.h>

#include "baseline/store_internal.h"

/* The text goes behind "DIR: ". */
static const struct {
    int error;
    const char *text;
} texts[] = {
    {ENOSPC, "no space left on device; free some, nothing was changed and the write can be tried again"},
    {EDQUOT, "disk quota exceeded; raise it or free some space, nothing was changed"},
    {EROFS, "read-only file system or a store opened for reading; remount it, or run as the daemon"},
    {EACCES, "permission denied; run as root or as the owner of the directory"},
    {EPERM, "operation not permitted; run as root or as the owner of the directory"},
    {ENOENT, "there is no store; start fimd or run `fimctl init`, or mend state_dir"},
    {ENOTDIR, "is no directory; mend state_dir"},
    {EIO, "input/output error; look at the kernel's log for the disk, nothing of the failed write counts"},
    {EBADMSG,
     "data.mdb is damaged; keep a copy of it, put a backup back, or move it away and run `fimctl init`"},
    {EPROTO,
     "data.mdb was written by another version of LMDB; use that one, or move it away and run `fimctl init`"},
    {EUSERS, "too many readers at once; end some fimctl commands"},
    {EMFILE, "too many open files; raise LimitNOFILE"},
    {ENFILE, "too many open files on this host; raise fs.file-max"},
    {ENOMEM, "out of memory or address space; raise the limit (ulimit -v, MemoryMax)"},
    {EOVERFLOW, "too many changes in one transaction; this is a bug of the caller"},
};

int store_fault(const char *dir, struct fault *why, int error)
{
    int number = error < 0 ? -error : error;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (texts[i].error == number)
            return fault_set(why, number, "%s: %s", dir, texts[i].text);
    return fault_set(why, number, "%s: %s", dir, strerror(number));
}

int store_damaged(struct store_txn *t, const char *what)
{
    return fault_set(t->why, EBADMSG,
                     "%s: data.mdb: %s; put a backup back, or move it away and run `fimctl init`",
                     t->store->dir, what);
}

int store_note(struct store_txn *t, int rc)
{
    if (rc && rc != -ENOENT && !t->trouble)
        t->trouble = rc;
    return rc;
}
