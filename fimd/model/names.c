/* Many name patterns at once.
 *
 *   name ─► patterns that allow its first byte ∩ its last byte ─► those few are matched
 *
 * Every event and every entry of a walk passes through here; of a dozen patterns seldom more than one is
 * left. */
#include "fimd/model/names.h"

#include <stdint.h>
#include <string.h>

#include "fimd/model/glob.h"

enum { BLOCK = 64 }; /* patterns a block: a bit each */

struct glob {
    const char *text;
    size_t len;
};

struct names {
    struct names *next;
    uint64_t first[256], last[256]; /* the patterns that a name with this first (last) byte may match */
    struct glob globs[BLOCK];
};

static void allow(uint64_t table[256], int byte, uint64_t bit)
{
    if (byte >= 0) {
        table[byte] |= bit;
        return;
    }
    for (size_t i = 0; i < 256; i++)
        table[i] |= bit;
}

struct names *names_make(struct arena *a, char *const *patterns, size_t count)
{
    struct names *n = arena_alloc(a, sizeof(*n));
    if (!n)
        return NULL;
    if (count > BLOCK) {
        n->next = names_make(a, patterns + BLOCK, count - BLOCK);
        if (!n->next)
            return NULL;
        count = BLOCK;
    }
    for (size_t i = 0; i < count; i++) {
        struct glob *g = &n->globs[i];
        g->len = strlen(patterns[i]);
        g->text = arena_text(a, patterns[i], g->len);
        if (!g->text)
            return NULL;
        allow(n->first, glob_first(g->text, g->len), UINT64_C(1) << i);
        allow(n->last, glob_last(g->text, g->len), UINT64_C(1) << i);
    }
    return n;
}

bool names_match(const struct names *n, const char *name, size_t len)
{
    for (; n && len; n = n->next) {
        uint64_t left = n->first[(unsigned char)name[0]] & n->last[(unsigned char)name[len - 1]];
        for (; left; left &= left - 1) {
            const struct glob *g = &n->globs[__builtin_ctzll(left)];
            if (glob_component(g->text, g->len, name, len))
                return true;
        }
    }
    return false;
}
