/* What /proc/PID says of one process. The parsers are pure; the readers go through a descriptor of /proc/PID,
 * which stays with its incarnation: after the process has gone every read fails, whoever has the pid then. */
#ifndef FIMD_PROCESS_PROCFS_H
#define FIMD_PROCESS_PROCFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { PROCFS_NAME_SIZE = 64, PROCFS_TTY_SIZE = 16 };

struct procfs_facts {
    pid_t pid, parent;
    char name[PROCFS_NAME_SIZE]; /* the kernel's comm */
    char tty[PROCFS_TTY_SIZE];   /* "pts/0"; "" none */
    bool kernel;                 /* a kernel thread: no program */
    int threads;                 /* beside the first */
    int64_t start;               /* ns monotonic, rounded down to a clock tick */
    uint32_t uid, euid, gid, egid;
    uint32_t login, session; /* ACTOR_UNSET */
};

struct procfs_program { /* strings owned; any may be NULL */
    char *name, *exe, *args, *cwd;
    size_t args_len;
};
void procfs_program_fini(struct procfs_program *p);

/* Pure. 0 or -EBADMSG. hz: clock ticks a second; the start is then ns since boot. */
int procfs_parse_stat(const char *text, size_t len, long hz, struct procfs_facts *ret);
int procfs_parse_status(const char *text, size_t len, struct procfs_facts *ret); /* Uid: and Gid: */
int procfs_parse_id(const char *text, size_t len, uint32_t *ret);
void procfs_format_tty(uint32_t device, char ret[PROCFS_TTY_SIZE]);
/* comm is cut at 15 bytes: where the executable's name begins so, that name is taken. Owned, or NULL. */
char *procfs_pick_name(const char *comm, const char *exe);

int procfs_open(pid_t pid); /* a descriptor, or -ENOENT … */
int procfs_read_login(int dir, uint32_t *ret_login, uint32_t *ret_session);
/* The same and the directory by pid: two thirds of the time, but whose they are is for the caller to make
 * sure of. */
int procfs_peek_login(pid_t pid, uint32_t *ret_login);
int procfs_peek_session(pid_t pid, uint32_t *ret_session);
char *procfs_peek_cwd(pid_t pid);
/* stat, status, loginuid and sessionid. */
int procfs_read_facts(int dir, struct procfs_facts *ret);
int procfs_read_start(int dir, int64_t *ret_start, char ret_tty[PROCFS_TTY_SIZE]);
/* -ESRCH when it was gone before its program could be read; a kernel thread has only a name. */
int procfs_read_program(int dir, struct procfs_program *ret);
char *procfs_read_cwd(int dir); /* owned, or NULL */

#endif
