/* What statx(2) and the file handle say of a file, as an entry. Opens nothing, reads no content. */
#include "baseline/measure_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

static const struct {
    uint32_t format;
    enum entry_type type;
} types[] = {
    {S_IFREG, ENTRY_FILE}, {S_IFDIR, ENTRY_DIR}, {S_IFLNK, ENTRY_SYMLINK}, {S_IFIFO, ENTRY_FIFO},
    {S_IFSOCK, ENTRY_SOCKET}, {S_IFCHR, ENTRY_CHAR}, {S_IFBLK, ENTRY_BLOCK},
};

static enum entry_type type_of(uint32_t mode)
{
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (types[i].format == (mode & S_IFMT))
            return types[i].type;
    return ENTRY_ABSENT;
}

static int64_t nanoseconds(const struct statx_timestamp *t)
{
    /* By wrapping arithmetic: a file system may claim any second that 64 bits hold. */
    return (int64_t)((uint64_t)t->tv_sec * 1000000000u + t->tv_nsec);
}

static int fill(const struct statx *st, struct entry *ret)
{
    struct entry e = {
        .type = type_of(st->stx_mode),
        .mode = st->stx_mode & 07777,
        .uid = st->stx_uid,
        .gid = st->stx_gid,
        .nlink = st->stx_nlink,
        .inode = st->stx_ino,
        .device = makedev(st->stx_dev_major, st->stx_dev_minor),
        .size = st->stx_size,
        .mtime = nanoseconds(&st->stx_mtime),
        .ctime = nanoseconds(&st->stx_ctime),
        .flags = st->stx_attributes & st->stx_attributes_mask & ENTRY_FLAGS_MASK,
    };
    if (e.type == ENTRY_ABSENT)
        return -EPROTO; /* a seventh kind of file: this program is too old for the kernel */
    if (e.type == ENTRY_CHAR || e.type == ENTRY_BLOCK)
        e.rdev = makedev(st->stx_rdev_major, st->stx_rdev_minor);
    *ret = e;
    return 0;
}

int measure_error(int error)
{
    static const int nothing[] = {ENOENT, ENOTDIR, ELOOP, ENAMETOOLONG, ESTALE};
    for (size_t i = 0; i < sizeof(nothing) / sizeof(nothing[0]); i++)
        if (nothing[i] == error)
            return -ENOENT;
    return -error;
}

int measure_stat(int dirfd, const char *name, struct entry *ret)
{
    struct statx st;
    if (statx(dirfd, name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, STATX_BASIC_STATS, &st) < 0)
        return measure_error(errno);
    int r = fill(&st, ret);
    if (r == 0)
        ret->notes = ENTRY_NOTE_NO_CONTENT | ENTRY_NOTE_NO_XATTRS;
    return r;
}

int measure_stat_fd(int fd, struct entry *ret, uint64_t *ret_blocks)
{
    struct statx st;
    if (statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &st) < 0)
        return measure_error(errno);
    int r = fill(&st, ret);
    if (r == 0)
        *ret_blocks = st.stx_blocks;
    return r;
}

/* ctime moves with every change of the inode, the others are for file systems that are lax about it. Kernels
 * from 6.13 give a ctime that was asked for a fine-grained successor; before, a second write inside the same
 * clock tick (1 to 10 ms) cannot be seen here, but it is an event of its own for whoever watches. */
bool measure_moved(int fd, const struct entry *e)
{
    struct entry now;
    uint64_t blocks;
    return measure_stat_fd(fd, &now, &blocks) < 0 || now.ctime != e->ctime || now.mtime != e->mtime ||
           now.size != e->size || now.nlink != e->nlink;
}

/* The words of a handle, in the host's byte order, as the file systems of these handle types write them.
 * Others use the same type numbers for something else (FUSE has xfs's): so the handle must name the inode
 * that statx named. */
static const struct handle_form {
    int type;
    unsigned bytes;
    unsigned inode_word;
    unsigned inode_words;
    unsigned generation_word;
} handle_forms[] = {
    {0x01, 8, 0, 1, 1},  /* ext4 and most others: u32 inode, u32 generation */
    {0x01, 12, 1, 2, 0}, /* tmpfs: u32 generation, u64 inode */
    {0x81, 12, 0, 2, 2}, /* xfs: u64 inode, u32 generation */
    {0x4d, 20, 0, 2, 4}, /* btrfs: u64 object, u64 subvolume, u32 generation */
};

enum { HANDLE_BYTES = 128, HANDLE_WORDS = HANDLE_BYTES / 4 }; /* MAX_HANDLE_SZ of the kernel */

static uint32_t generation_of(const struct handle_form *form, const uint32_t *words, uint64_t inode)
{
    uint64_t named = words[form->inode_word];
    if (form->inode_words == 2) /* as if it were a u64 in memory, whichever end comes first */
        memcpy(&named, &words[form->inode_word], sizeof(named));
    return named == inode ? words[form->generation_word] : 0;
}

uint32_t measure_generation(int fd, uint64_t inode)
{
    union {
        struct file_handle head;
        uint8_t room[sizeof(struct file_handle) + HANDLE_BYTES];
    } handle = {.head = {.handle_bytes = HANDLE_BYTES}};
    uint32_t words[HANDLE_WORDS];
    int mount;
    if (name_to_handle_at(fd, "", &handle.head, &mount, AT_EMPTY_PATH) < 0)
        return 0;
    memcpy(words, handle.room + offsetof(struct file_handle, f_handle), sizeof(words));
    for (size_t i = 0; i < sizeof(handle_forms) / sizeof(handle_forms[0]); i++) {
        const struct handle_form *form = &handle_forms[i];
        if (form->type == handle.head.handle_type && form->bytes == handle.head.handle_bytes)
            return generation_of(form, words, inode);
    }
    return 0;
}
