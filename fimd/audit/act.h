/* One audit event, put together from its records: who did what to which objects. Serves the matching of file
 * changes and any other reader of the stream: `records` has everything that came. Pure; owns nothing. */
#ifndef FIMD_AUDIT_ACT_H
#define FIMD_AUDIT_ACT_H

#include "fimd/audit/record.h"

enum { ACT_PATHS_MAX = 32 };

enum act_item { /* nametype= */
    ITEM_UNKNOWN = 0,
    ITEM_NORMAL = 1u << 0,
    ITEM_PARENT = 1u << 1,
    ITEM_CREATE = 1u << 2,
    ITEM_DELETE = 1u << 3,
};

/* One PATH record. The name is as the caller gave it; for the parent of a call relative to a descriptor the
 * kernel writes the working directory, which is wrong: the inode is always right. */
struct act_path {
    struct text name;
    uint64_t inode;        /* 0: none told */
    uint32_t major, minor; /* of the superblock: mountinfo's, on btrfs not stat's */
    uint32_t mode, uid, gid;
    enum act_item item;
};

struct act {
    unsigned type;      /* of the record that says what it is: SYSCALL, URINGOP, or the only one */
    int64_t time;       /* ns realtime: when the call began, by a clock of 4 ms steps */
    uint64_t serial;
    bool complete;      /* its end came */
    bool success;
    uint32_t arch;      /* AUDIT_ARCH_…; 0 for io_uring */
    uint32_t call;      /* system call's number by arch, or the io_uring operation's */
    int64_t exit;
    uint64_t args[4];
    uint32_t pid, ppid; /* 0 not told */
    uint32_t auid, ses; /* UINT32_MAX unset, or (auid_told false) not told */
    bool auid_told;     /* io_uring's record has no auid, comm, exe */
    uint32_t uid, gid, euid, suid, fsuid, egid, sgid, fsgid; /* UINT32_MAX not told */
    struct text tty, comm, exe, key, cwd, proctitle;
    struct act_path paths[ACT_PATHS_MAX];
    size_t paths_count;
    const struct record *records;
    size_t records_count;
};

/* From the main record alone, up to the pid: enough to say whether anybody wants the event. */
void act_head(struct act *ret, const struct record *main);
/* From all its records. Spans point into the records' bytes. */
void act_build(struct act *ret, const struct record *records, size_t count);

#endif
