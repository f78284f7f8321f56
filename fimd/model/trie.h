/* The paths of all rules as a tree of components, searched with one path. Built once, then read-only. */
#ifndef FIMD_MODEL_TRIE_H
#define FIMD_MODEL_TRIE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fimd/model/arena.h"
#include "fimd/model/pattern.h"

struct trie;

struct trie_end { /* here the path of a rule ends */
    uint32_t rule;
    uint32_t literal;      /* bytes of its pattern that are no pattern: how closely it names the path */
    bool own;              /* its last component is a pattern: name patterns hold for that component too */
    bool all;              /* it ended in '**': everything below, whatever the rule's depth */
    struct pattern tail;   /* what follows the first '**'; count 0: none */
    struct trie_end *next; /* of the same node */
};

struct trie *trie_make(struct arena *a);
/* Adds a rule's path (absolute). 0, -ENOMEM, -E2BIG, -EINVAL (not absolute, or with '..'). */
int trie_add(struct trie *t, struct arena *a, const char *path, uint32_t rule);
/* After the last trie_add. 0 or -ENOMEM. */
int trie_finish(struct trie *t, struct arena *a);

enum trie_more {                        /* what begins below the path that was searched for */
                 TRIE_CHILD = 1u << 0,  /* a direct child of it may be a rule's path */
                 TRIE_DEEPER = 1u << 1, /* something deeper may */
};

/* Where a rule's path ends on the way along the path searched for. */
struct trie_hit {
    const struct trie_end *end;
    const char *own; /* the path's component at the end when end->own, else empty */
    size_t own_len;
    const char *below; /* what is left of the path, without a leading slash */
    size_t below_len;
};
typedef void (*trie_fn)(void *ctx, const struct trie_hit *hit);
/* Calls fn for each rule whose path is this path or above it; returns enum trie_more bits. No allocation. */
unsigned trie_search(const struct trie *t, const char *path, size_t len, trie_fn fn, void *ctx);

#endif
