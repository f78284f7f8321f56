/* The process tree: who every process is, also of those that lived for a millisecond. Fed by the kernel's
 * process connector (FORK, EXEC, UID, GID, SID, COMM, EXIT, in order, a FORK before the child runs), by /proc
 * at the start and at EXEC, and by audit's LOGIN records. Owns the connector's socket and one thread, which
 * does nothing but drain it and read /proc at EXEC.
 *
 * Login user of a process = the LOGIN (or the value at the start) of its nearest ancestor-or-self that is not
 * later than the fork that leads down to it. Where the process still lives, /proc/PID/loginuid is asked at
 * once and is exact; else the answer waits until the LOGIN records have gone past
 * (process_actor: -EAGAIN). */
#ifndef FIMD_PROCESS_PROCESS_H
#define FIMD_PROCESS_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "baseline/fault.h"
#include "fimd/model/actor.h"

struct processes;
struct process; /* one incarnation of a pid; a reference keeps it and its ancestors */

struct process_options {
    bool connector;       /* false: as if the kernel had none (grade procfs) */
    unsigned keep_exited; /* at most so many processes that have exited are kept (some 400 bytes each) */
};

/* Without a connector (asked for, or not to be had: then why says so, with 0
 * returned) /proc alone is read. */
int processes_open(const struct process_options *options, struct processes **ret, struct fault *why);
void processes_close(struct processes *p);
enum grade processes_grade(const struct processes *p); /* GRADE_PROCESS with a connector, else GRADE_PROCFS */

/* The process that has (or last had) this pid, as of now: drains the connector first. Reads
 * /proc/PID/loginuid when it still lives and was not asked in the last 50 ms. A reference, or NULL (out of
 * memory, pid 0). Called by the watch's reading thread for every event: the second call for the same pid is a
 * hash look-up. */
struct process *process_take(struct processes *p, pid_t pid, int64_t now);
/* One more reference to the same incarnation; NULL is fine. */
struct process *process_ref(struct processes *p, struct process *process);
void process_drop(struct processes *p, struct process *process); /* NULL is fine */
pid_t process_pid(const struct process *process);

/* The actor as it was at `at` (ns monotonic): a reference to an immutable, cached actor. -EAGAIN: the LOGIN
 * records up to `at` may still be on their way; *ret_retry is the monotonic time at which it will be told at
 * the latest. `now`: ns monotonic. -ENOMEM. */
int process_actor(struct processes *p, struct process *process, int64_t at, int64_t now, struct actor **ret,
                  int64_t *ret_retry);

/* The same where an audit record tells the login user and session: nothing is waited for. 0, -ENOMEM. */
int process_actor_told(struct processes *p, struct process *process, int64_t at, int64_t now, uint32_t login,
                       uint32_t session, struct actor **ret);

/* Audit's LOGIN record (thread-safe): applied after the connector has been drained. tty may be NULL.
 * A process that is gone keeps it for its children. */
void process_login(struct processes *p, pid_t pid, uint32_t login, uint32_t session, const char *tty);
/* The same with the record's stamp, ns realtime; 0: it is one second old at most. Children that were forked
 * before the stamp do not have this login. */
void process_login_stamped(struct processes *p, pid_t pid, uint32_t login, uint32_t session, const char *tty,
                           int64_t stamp);
/* All LOGIN records made before `until` (ns monotonic) have been given: whoever waits for them need not.
 * Optional. */
void process_logins_passed(struct processes *p, int64_t until);
/* LOGIN records since `since` (ns monotonic) may be missing (audit lost some, or was switched off unseen):
 * who lived then and was not read from /proc is not known. */
void process_logins_lost(struct processes *p, int64_t since);
/* LOGIN records are delivered at all (audit is enabled and read); false: /proc alone decides, nothing is
 * waited for. */
void process_logins_come(struct processes *p, bool yes);
/* Everything that happened before `now` has been read from fanotify: exited processes older than that may go.
 * To be called at least once a second, also when there are no events: what lies between is the time in which
 * a reused pid is ambiguous. */
void process_forget_before(struct processes *p, int64_t now);
/* Is `child` a descendant of `ancestor` (or itself)? For joining a write with an earlier open. */
bool process_descends(struct processes *p, struct process *child, pid_t ancestor);

struct process_status {
    enum grade grade;
    uint64_t messages, gaps, alive, exited_kept;
    uint64_t exec_missed; /* gone before /proc could be read */
};
void processes_status(struct processes *p, struct process_status *ret);

#endif
