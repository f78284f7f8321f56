/* Who did it, shared by all the acts of one process that look alike. Pure; not thread-safe. */
#ifndef FIMD_AUDIT_SUBJECT_H
#define FIMD_AUDIT_SUBJECT_H

#include "fimd/audit/match.h"

enum { SUBJECTS_RECENT = 256 };

struct subjects { /* the last subject of a pid, to be shared by its next act; holds a reference to each */
    struct subject *recent[SUBJECTS_RECENT];
};

/* The subject of an act, one reference for the caller; NULL: out of memory. What an io_uring record does not
 * tell is taken from the last act of the same process, when that did. */
struct subject *subjects_take(struct subjects *s, const struct act *act);
void subject_unref(struct subject *subject); /* NULL is fine */
void subjects_fini(struct subjects *s);

#endif
