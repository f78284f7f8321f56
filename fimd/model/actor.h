/* Who did it: one process at one moment, and the person behind it. Made once, then read-only and shared by
 * reference by every event it caused (a tar makes one actor and 20,000 events). Counting is thread-safe. */
#ifndef FIMD_MODEL_ACTOR_H
#define FIMD_MODEL_ACTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "baseline/buf.h"

/* How the person is known; stored, and shown as fimd.attribution. Higher is better. */
enum grade { GRADE_NONE = 0, GRADE_PROCFS = 1, GRADE_PROCESS = 2, GRADE_AUDIT = 3 };
const char *grade_name(enum grade g); /* "none", "procfs", "process", "audit" */

#define ACTOR_UNSET UINT32_MAX /* an id that is not known or not set: never shown, never taken for root */

struct program {
    pid_t pid;
    char *name; /* comm or last component of exe; may be NULL when never seen */
    char *exe;  /* absolute; NULL unknown */
    char *args; /* arguments, each ended by NUL; NULL unknown */
    size_t args_len;
    int64_t start; /* ns realtime; 0 unknown */
};

struct actor {
    unsigned references; /* actor_ref/actor_unref only */
    enum grade grade;
    struct program program;
    pid_t ppid;
    uint32_t login;    /* audit uid of the person; ACTOR_UNSET: nobody logged in (a daemon), or unknown */
    bool login_known;  /* login is known, be it set or unset */
    uint32_t session;  /* audit session; ACTOR_UNSET */
    uint32_t uid, gid; /* real; ACTOR_UNSET unknown */
    uint32_t euid, egid;
    char *cwd;         /* NULL unknown */
    char *tty;         /* "pts/0"; NULL none or unknown */
    char *address;     /* remote address of the session, text; NULL */
    char *method;      /* how the session logged in: "sshd", "login", "cron"; NULL */
    char *audit_id;    /* "1718000000.123:4711": the audit record that proves it; NULL unless GRADE_AUDIT */
    char *syscall;     /* its system call's name; NULL */
    struct program *ancestors; /* parent first, up to the login or pid 1; owned */
    size_t ancestors_count;
};

struct actor *actor_new(void); /* all unset, one reference; NULL out of memory */
struct actor *actor_ref(struct actor *a);
void actor_unref(struct actor *a); /* NULL is fine */
struct actor *actor_copy(const struct actor *a); /* a deep copy to be changed by its maker; NULL out of memory */

void actor_encode(const struct actor *a, struct buf *to);
/* Hostile bytes: 0 with one reference in *ret, or -EBADMSG, -ENOMEM. */
int actor_decode(struct slice *from, struct actor **ret);
/* "vim ← sudo ← bash ← sshd": names from the program upwards, at most `most`; shells' noise is kept. */
void actor_chain(const struct actor *a, size_t most, struct buf *to);

#endif
