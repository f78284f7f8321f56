/* Who did it: joins the process tree, the audit record and the login session into actors, the last writer first.
 * One thread (the judge's). */
#ifndef FIMD_FLOW_ATTRIBUTE_H
#define FIMD_FLOW_ATTRIBUTE_H

#include "fimd/audit/audit.h"
#include "fimd/flow/pending.h"

struct attribute;

/* grace: ns, the longest wait for an audit record that is due. */
int attribute_new(struct processes *people, int64_t grace, struct attribute **ret);
void attribute_free(struct attribute *a);
void attribute_set_audit(struct attribute *a, struct audit *audit); /* before the thread starts; NULL: none */

/* 0: f->actors is filled. -EAGAIN: not all is known yet; ask again on audit's progress or at f->retry. -ENOMEM. */
int attribute(struct attribute *a, struct finding *f, int64_t now);

/* The best grade among the actors. */
enum grade attribute_grade(const struct finding *f);

#endif
