/* The login users that one process is known to have had, and from when. Pure.
 *
 * Two kinds of knowledge: a LOGIN record says that the process itself set its login (not what it had before);
 * a reading of /proc says what it had at that moment, inherited or set. A LOGIN's time is only known within
 * some milliseconds (audit's clock is the tick's, and the record comes by another thread), so `from` is the
 * earliest it can have been: a child forked inside that uncertainty counts as forked after it, which is what
 * login programs do, unless a reading of the child itself says otherwise. */
#ifndef FIMD_PROCESS_LOGIN_H
#define FIMD_PROCESS_LOGIN_H

#include <stdbool.h>
#include <stdint.h>

struct login_span {
    int64_t from; /* ns monotonic: known to hold from here on … */
    int64_t seen; /* … last read from /proc then */
    uint32_t user, session;
    bool set;      /* set here by the process itself: before `from` it was another */
    bool doubtful; /* which of two processes set it is not known */
};

struct logins { /* zero it to begin; sorted by from */
    struct login_span *spans;
    unsigned count;
    bool cut; /* older ones are forgotten */
};
void logins_fini(struct logins *l);

/* /proc said so at `now`. 0 or -ENOMEM. */
int logins_confirm(struct logins *l, int64_t now, uint32_t user, uint32_t session);
/* The session in which `user` was last seen here: false when not at all. */
bool logins_session(const struct logins *l, uint32_t user, uint32_t *ret_session);
/* The process has set it, at `from` at the earliest. 0 or -ENOMEM. */
int logins_set(struct logins *l, int64_t from, uint32_t user, uint32_t session, bool doubtful);

enum login_answer { LOGIN_INHERITED, LOGIN_KNOWN, LOGIN_UNKNOWN };
/* What it had at `at`. LOGIN_INHERITED: what its parent had when it forked; *ret is then untouched. */
enum login_answer logins_at(const struct logins *l, int64_t at, struct login_span *ret);

#endif
