/* The include or exclude list of a rule: name patterns, path patterns and regular expressions over the path
 * below the rule's own. A directory that is selected stands for all that is below it. */
#ifndef FIMD_MODEL_SELECTOR_H
#define FIMD_MODEL_SELECTOR_H

#include <stddef.h>

#include "baseline/fault.h"
#include "fimd/model/arena.h"

struct selector;

/* An empty list makes NULL, which selects nothing. 0, -EINVAL with the pattern named, -ENOMEM. The regular
 * expressions in it are not the arena's: selector_fini. */
int selector_make(struct arena *a, char *const *patterns, size_t count, struct selector **ret,
                  struct fault *why);
void selector_fini(struct selector *s);

enum selected {
    SELECTED_NEVER, /* neither the path nor anything that may be below it */
    SELECTED_LATER, /* not the path, but something below it could be */
    SELECTED,
    SELECTED_UNSURE, /* an expression gave up: whoever asks decides to its safe side */
};
/* own: the last component of the rule's path when that is a pattern (name patterns hold for it too), else
 * empty. below: the path below the rule's, without a leading slash; may be empty. */
enum selected selector_test(const struct selector *s, const char *own, size_t own_len, const char *below,
                            size_t below_len);

#endif
