/* The kernel's audit records: the proof of the very operation (act), the sessions of logins, and fimd's
 * own rules. Owns one multicast netlink socket (beside auditd or without it), one control socket and one
 * thread.
 *
 *   netlink ─► record (parse) ─► coalesce by (time, serial) ─► act ─► match table ◄─ audit_find()
 *                                                           ├► LOGIN ─► callback (process tree)
 *                                                           ├► USER_LOGIN, USER_START … ─► sessions
 *                                                           └► CONFIG_CHANGE, DAEMON_* ─► rules: looked at again */
#ifndef FIMD_AUDIT_AUDIT_H
#define FIMD_AUDIT_AUDIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "baseline/fault.h"
#include "fimd/model/settings.h"

struct audit_callbacks {
    void *ctx;
    /* A LOGIN record, made at `stamp` (ns realtime, by a clock of 4 ms steps). Audit's thread. */
    void (*login)(void *ctx, pid_t pid, uint32_t login, uint32_t session, const char *tty, int64_t stamp);
    /* New acts are in the table, or the stream went on: waiting findings may look again. Audit's thread;
     * once a read. */
    void (*progress)(void *ctx);
    /* A state worth an event: action "rules-wiped", "rules-restored", "rules-locked", "audit-off",
     * "audit-lost", "audit-degraded" …; text says what happened and what was or is to be done. Audit's
     * thread. */
    void (*state)(void *ctx, const char *action, const char *text);
};

struct audit_options {
    enum rules_wanted rules;
    struct policy *policy;  /* for the rules; a reference is taken */
    pid_t ignore[4];        /* fimd's own pids; 0 ends */
    const char *key;        /* of the rules: this, or this and "-…", is ours alone; NULL: "fimd" */
    struct audit_callbacks callbacks;
};

struct audit;
/* Opens, enables audit when it is off (told by a state; put back at close), loads the rules. */
int audit_open(const struct audit_options *options, struct audit **ret, struct fault *why);
void audit_close(struct audit *a); /* takes out its own rules, only those */
/* Loads the rules anew; what both sets have stays loaded. Any thread. Rules that could not be loaded (a
 * directory that is not there yet) are tried again from then on; an error is one of the audit system
 * itself. */
int audit_set_policy(struct audit *a, struct policy *policy, enum rules_wanted rules, struct fault *why);
/* Something came into being that a rule may have waited for (a watched directory made again, a file system
 * mounted below one): the rules are looked at now instead of within the minute. Any thread, cheap. */
void audit_path_appeared(struct audit *a, const char *path, size_t len);

/* Which operation is asked for. Unknown fields 0/NULL. */
struct audit_query {
    pid_t pid;
    uint64_t inode;        /* of the object */
    uint64_t dir_inode;    /* of its directory */
    const char *path;      /* whole; its last component is compared with PATH names */
    size_t path_len;
    bool write;            /* a content change: the act may be an earlier open for writing */
    int64_t read_at;       /* ns monotonic: when fanotify's event was read */
    unsigned did;          /* enum audit_did: what must have happened to the path; 0: anything */
    /* For writes through a descriptor that another process opened: may that one have handed it down (an
     * ancestor)? Asked from the calling thread, with audit's lock held: must not call audit. NULL: only
     * pid's own acts count. */
    bool (*opener)(void *ctx, pid_t opener);
    void *ctx;
};
enum audit_did {
    AUDIT_DID_CREATE = 1u << 2,
    AUDIT_DID_DELETE = 1u << 3
}; /* a rename is both, each of its path */
/* Plain data of the record that matches; text belongs to the caller (audit_proof_fini). */
struct audit_proof {
    pid_t pid, ppid;       /* of whoever made the call: for a write, the opener's */
    bool login_known; /* false: the record tells no login user nor session (io_uring's does not): ask the tree
                       */
    uint32_t login, session, uid, gid, euid, egid; /* ACTOR_UNSET */
    char *comm, *exe, *tty, *cwd;
    char *syscall;         /* name */
    char *id;              /* "seconds.millis:serial" */
    int64_t time;          /* ns realtime, as precise as audit's clock (4 ms) */
};
void audit_proof_fini(struct audit_proof *proof);
/* 0 with the proof; -EAGAIN: a record is due and not here yet (try again on progress, until grace ends);
 * -ENOENT: none is due (the path is in no rule of ours, or audit is off). Any thread. */
int audit_find(struct audit *a, const struct audit_query *query, struct audit_proof *ret);
/* Is this path covered by rules that are loaded now? */
bool audit_covers(struct audit *a, const char *path, size_t len);

struct audit_session {
    char address[64];  /* "" unknown or local */
    char method[32];   /* "sshd", "login", "cron", "su" */
    char tty[32];
};
bool audit_session_get(struct audit *a, uint32_t session, struct audit_session *ret); /* any thread */

struct audit_status {
    bool enabled, locked;      /* locked: -e 2 */
    bool listening;
    pid_t daemon_pid;          /* auditd's; 0 none */
    bool never_task;           /* a `task,never` rule stands */
    bool boot_audit;           /* audit=1 was given at boot: processes started early are audited too */
    unsigned rules_wanted, rules_loaded, rules_foreign;
    uint64_t records, acts, lost_kernel, lost_socket, incomplete, backlog, backlog_limit;
};
int audit_status_get(struct audit *a, struct audit_status *ret);

#endif
