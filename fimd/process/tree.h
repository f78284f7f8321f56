/* The tree of processes: every incarnation of every pid, its parent, and what it was over time. Pure: it is
 * given the connector's messages, readings of /proc, LOGIN records and `now`, and makes no system call. Not
 * thread-safe: process.c holds its lock.
 *
 * An incarnation is kept while it lives, while something refers to it (a child, an event that was taken),
 * and, for being found by its pid, until all events it can have caused are read. */
#ifndef FIMD_PROCESS_TREE_H
#define FIMD_PROCESS_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "fimd/model/actor.h"
#include "fimd/process/connector.h"
#include "fimd/process/login.h"
#include "fimd/process/state.h"

/* How late a LOGIN record may come: it is made by another thread of the kernel, and audit's stamp is a tick
 * old. 13 to 50 ms are usual on two busy cores; where stamps show more, more is waited, up to the limit. */
#define TREE_LOGIN_DELAY     INT64_C(100000000)
#define TREE_LOGIN_DELAY_MAX INT64_C(1000000000)
/* An exited process stays at least so long: its LOGIN may still come, and decides for its children. */
#define TREE_KEEP_EXITED INT64_C(1000000000)

struct process {
    pid_t pid;
    unsigned references;       /* all */
    unsigned holds;            /* of these, by process_take */
    struct process *parent;    /* a reference; NULL none or unknown */
    struct process *newer;     /* a reference: the next with this pid, when both may be meant by one event */
    struct process *next_same; /* in the bucket */
    struct process *previous, *next; /* in the list of the living (by birth) or the exited (by end) */
    struct process *queue_next;      /* of those whose program is to be read */
    int64_t born, ended;             /* ns monotonic; ended 0: lives */
    int64_t doubt;   /* messages were lost since: from then on it may have been another process; 0 none */
    int64_t checked; /* when /proc was last asked */
    int threads;     /* beside the first */
    unsigned sweep;  /* the last reading of all of /proc that saw it */
    bool found;      /* first met in /proc: born is rounded down to a clock tick */
    bool ghost;      /* nothing is known but the pid */
    bool kernel;     /* a kernel thread */
    bool hashed, queued, leader_gone;
    struct state *birth; /* its parent's at the fork */
    struct state *state; /* the newest */
    struct logins logins;
    char *cwd; /* read from /proc at cwd_at; owned */
    int64_t cwd_at;
    struct actor *actor;           /* the last that was made; a reference, or NULL */
    struct actor_key {             /* what it was made of */
        const struct state *state; /* compared with its time: an address may be used again */
        int64_t state_time;
        uint32_t user, session;
        bool known, mixed;
        int64_t cwd_at;
    } key;
};

struct process_list {
    struct process *first, *last;
    size_t count;
};

struct tree {
    struct process **buckets;
    size_t buckets_count; /* a power of two */
    size_t hashed_count;
    struct process_list alive, exited;
    struct process *queue_first, *queue_last; /* programs to read; each holds a reference */
    size_t keep_exited;
    int64_t read_until;            /* all events before this are read */
    int64_t evicted_until;         /* the latest end of one that had to go before that */
    bool logins_come;              /* LOGIN records are delivered */
    int64_t login_delay;           /* how long they are waited for */
    int64_t logins_passed;         /* all LOGIN records up to then are here */
    int64_t lost_from, lost_until; /* LOGIN records of that time may be missing; 0, 0: none are */
    bool connector;                /* forks are told: what is not known was lost */
    unsigned sweep;
};

int tree_init(struct tree *t, size_t keep_exited); /* 0 or -ENOMEM */
void tree_fini(struct tree *t);

/* In the order of the socket. 0, or -ENOMEM: as if the message had been lost. */
int tree_apply(struct tree *t, const struct connector_message *m);
/* /proc was read from `now` on and showed this process: makes it when it is new, or another one than was
 * known by that pid. *ret (may be NULL) is left alone when the pid has gone to another since. */
int tree_found(struct tree *t, const struct procfs_facts *facts, int64_t now, struct process **ret);
/* Once more with the same reading, when all are in: it may have been told before its parent. */
void tree_join(struct tree *t, const struct procfs_facts *facts);
/* Without a connector: who was not asked about since `before` is taken for gone, and is looked up anew when
 * met. */
void tree_stale(struct tree *t, int64_t before);
/* Messages since `since` are missing: whoever lives is in doubt until /proc has confirmed that it is the
 * same. */
void tree_doubt(struct tree *t, int64_t since);
/* All of /proc has been read, from `begin` on: who lives here and was not seen is gone since. */
void tree_swept(struct tree *t, int64_t begin, int64_t now);
/* Is it the incarnation that started then (rounded down to a tick)? Ends the doubt. */
bool tree_same_start(struct process *n, int64_t start);

/* The newest of that pid; NULL. */
struct process *tree_newest(const struct tree *t, pid_t pid);
/* The oldest of that pid that an event read at `now` can have been caused by; NULL none. Sets *ret_lost when
 * one that is forgotten already could be meant. */
struct process *tree_meant(const struct tree *t, pid_t pid, int64_t now, bool *ret_lost);
/* A process of which only the pid is known. NULL out of memory. */
struct process *tree_ghost(struct tree *t, pid_t pid, int64_t now);
/* The same, in no tree, held once: for an event that may be of a process that had to be forgotten. */
struct process *process_stranger(pid_t pid, int64_t now);
void tree_end(struct tree *t, struct process *n, int64_t when);

/* For history.c: a node in front of all with its pid, living (NULL out of memory); the one before it with the
 * same pid; back to the living; its program is to be read. */
struct process *tree_make(struct tree *t, pid_t pid, int64_t born);
struct process *tree_older(const struct process *n);
void tree_revive(struct tree *t, struct process *n);
void tree_queue_push(struct tree *t, struct process *n);

struct process *process_hold(struct process *n);
void process_release(struct tree *t, struct process *n);
struct process *process_reference(struct process *n);
void process_unreference(struct process *n);

/* A record came so late: what is waited for follows, at once upwards and slowly down. */
void tree_login_delay(struct tree *t, int64_t delay);
/* A LOGIN record: not before `from`, told at `now`. 0 or -ENOMEM. */
int tree_login(struct tree *t, pid_t pid, int64_t from, int64_t now, uint32_t user, uint32_t session);
int tree_tty(struct process *n, int64_t when, const char *tty);
/* The first (then: next) living child of `parent` born in since … , newest first. For asking /proc about
 * them. */
struct process *tree_child_since(const struct tree *t, const struct process *after,
                                 const struct process *parent, int64_t since);

/* The next whose program is to be read: the queue's reference is the caller's. NULL none. */
struct process *tree_queue_pop(struct tree *t);

/* Events before `now` are read: lets go of at most `most` that are no longer needed. */
void tree_forget(struct tree *t, int64_t now, unsigned most);

#endif
