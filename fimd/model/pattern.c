/* A path pattern as a list of components.
 *
 *   "conf/ ** /x*" ─► [conf] [**] [x*]     state: bit set of positions      ** stays and goes on
 *
 * No backtracking, no allocation: one word of state however many '**' there are. */
#include "fimd/model/pattern.h"

#include <errno.h>
#include <string.h>

#include "baseline/path.h"
#include "fimd/model/glob.h"

static int piece_make(struct arena *a, const char *name, size_t len, struct piece *ret)
{
    char *text = arena_text(a, name, len);
    if (!text)
        return -ENOMEM;
    *ret = (struct piece){.kind = PIECE_GLOB, .text = text, .len = len};
    if (len == 2 && !memcmp(text, "**", 2)) {
        ret->kind = PIECE_ANY_DEPTH;
    } else if (!glob_special(text, len)) {
        ret->kind = PIECE_LITERAL;
    } else {
        long plain = glob_literal(name, len, text);
        if (plain >= 0) {
            ret->kind = PIECE_LITERAL;
            ret->len = (size_t)plain;
        } else {
            memcpy(text, name, len);
        }
    }
    return 0;
}

int pattern_make(struct arena *a, const char *text, size_t len, struct pattern *ret)
{
    struct piece pieces[PATTERN_PIECES_MAX];
    const char *name;
    size_t name_len, count = 0;

    while ((name = path_next(&text, &len, &name_len))) {
        if (name_len == 1 && *name == '.')
            continue;
        if (count == PATTERN_PIECES_MAX)
            return -E2BIG;
        int r = piece_make(a, name, name_len, &pieces[count]);
        if (r < 0)
            return r;
        /* Two in a row are as good as one. */
        if (!count || pieces[count].kind != PIECE_ANY_DEPTH || pieces[count - 1].kind != PIECE_ANY_DEPTH)
            count++;
    }
    struct piece *kept = arena_array(a, count ? count : 1, sizeof(*kept));
    if (!kept)
        return -ENOMEM;
    memcpy(kept, pieces, count * sizeof(*kept));
    *ret = (struct pattern){kept, count};
    return 0;
}

bool piece_matches(const struct piece *piece, const char *name, size_t len)
{
    if (piece->kind == PIECE_LITERAL)
        return piece->len == len && !memcmp(piece->text, name, len);
    return piece->kind == PIECE_ANY_DEPTH || glob_component(piece->text, piece->len, name, len);
}

/* '**' may stand for nothing: where it can begin, what follows it can too. */
static uint64_t closure(const struct pattern *p, uint64_t state)
{
    for (size_t k = 0; k < p->count; k++) {
        if (p->pieces[k].kind == PIECE_ANY_DEPTH && (state >> k & 1))
            state |= UINT64_C(1) << (k + 1);
    }
    return state;
}

uint64_t pattern_begin(const struct pattern *p)
{
    return closure(p, 1);
}

uint64_t pattern_step(const struct pattern *p, uint64_t state, const char *name, size_t len)
{
    uint64_t next = 0;
    for (uint64_t left = state & ((UINT64_C(1) << p->count) - 1); left; left &= left - 1) {
        unsigned k = (unsigned)__builtin_ctzll(left);
        if (p->pieces[k].kind == PIECE_ANY_DEPTH)
            next |= UINT64_C(1) << k;
        else if (piece_matches(&p->pieces[k], name, len))
            next |= UINT64_C(1) << (k + 1);
    }
    return closure(p, next);
}
