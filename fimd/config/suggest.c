/* The nearest of some words: what was meant by a key that nobody knows. */
#include "fimd/config/suggest.h"

#include <string.h>

enum { WORD_MAX = 63 }; /* no key is longer; a longer word is near to none */

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

size_t edit_distance(const char *a, const char *b)
{
    size_t rows[3][WORD_MAX + 1], a_len = strlen(a), b_len = strlen(b);
    if (a_len > WORD_MAX || b_len > WORD_MAX)
        return a_len > b_len ? a_len : b_len;
    size_t *before = rows[0], *last = rows[1], *now = rows[2];

    for (size_t k = 0; k <= b_len; k++)
        last[k] = k;
    for (size_t i = 1; i <= a_len; i++) {
        now[0] = i;
        for (size_t k = 1; k <= b_len; k++) {
            now[k] = least(least(last[k], now[k - 1]) + 1, last[k - 1] + (a[i - 1] != b[k - 1]));
            if (i > 1 && k > 1 && a[i - 1] == b[k - 2] && a[i - 2] == b[k - 1])
                now[k] = least(now[k], before[k - 2] + 1);
        }
        size_t *oldest = before;
        before = last;
        last = now;
        now = oldest;
    }
    return last[b_len];
}

void suggest(struct suggestion *s, const char *wanted, const char *candidate)
{
    size_t distance = edit_distance(wanted, candidate), len = strlen(candidate);
    /* A third of the letters may be wrong; with more it is another word. */
    if (distance > (len < 3 ? 1 : (len + 2) / 3))
        return;
    if (!s->word || distance < s->distance)
        *s = (struct suggestion){candidate, distance};
}
