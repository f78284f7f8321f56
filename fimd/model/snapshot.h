/* The inside of a policy: only policy.c, which makes it, and match.c, which asks it. */
#ifndef FIMD_MODEL_SNAPSHOT_H
#define FIMD_MODEL_SNAPSHOT_H

#include <stdatomic.h>

#include "fimd/model/arena.h"
#include "fimd/model/names.h"
#include "fimd/model/policy.h"
#include "fimd/model/selector.h"
#include "fimd/model/trie.h"

struct compiled_rule {
    struct rule rule;
    struct selector *include, *exclude; /* equal lists are compiled once and shared */
    struct names *transient;
};

struct policy {
    atomic_uint references;
    struct arena arena; /* all that follows is in it, but for the selectors' expressions */
    struct compiled_rule *rules;
    size_t count;
    struct trie *trie;
    const char **roots;
    size_t roots_count;
    size_t paths;
};

#endif
