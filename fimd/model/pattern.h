/* A path pattern as a list of components, and which of its beginnings a path has matched so far: a set of
 * positions in one word, stepped component by component. Pure. */
#ifndef FIMD_MODEL_PATTERN_H
#define FIMD_MODEL_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fimd/model/arena.h"

enum { PATTERN_PIECES_MAX = 62 }; /* a position each, and the end, in 64 bits */

enum piece_kind { PIECE_LITERAL, PIECE_GLOB, PIECE_ANY_DEPTH /* ** */ };

struct piece {
    enum piece_kind kind;
    const char *text;
    size_t len;
};

struct pattern {
    struct piece *pieces;
    size_t count;
};

/* Splits a pattern with slashes. Texts are in the arena. 0, -ENOMEM, -E2BIG (too many components). */
int pattern_make(struct arena *a, const char *text, size_t len, struct pattern *ret);
bool piece_matches(const struct piece *piece, const char *name, size_t len);

/* A set of positions: bit k: the first k pieces have matched. */
uint64_t pattern_begin(const struct pattern *p);
uint64_t pattern_step(const struct pattern *p, uint64_t state, const char *name, size_t len);
static inline bool pattern_accepts(const struct pattern *p, uint64_t state)
{
    return state >> p->count & 1;
}
/* Could it still match with more components? */
static inline bool pattern_open(const struct pattern *p, uint64_t state)
{
    return state & ((UINT64_C(1) << p->count) - 1);
}
/* Could it match with exactly one component more? */
static inline bool pattern_nearly(const struct pattern *p, uint64_t state)
{
    return p->count && (state >> (p->count - 1) & 1);
}

#endif
