/* Shell patterns inside one component, and over whole paths by components.
 *
 * Both levels are matched in the same way: on a mismatch only the last star is retried, one step further.
 * That is enough (an earlier star that took less can always be followed by a later one that takes more), and
 * it keeps the time to length times length, whatever an attacker names his files. */
#include "fimd/model/glob.h"

#include <string.h>

#include "baseline/path.h"
#include "fimd/model/policy.h"

/* The bracket expression at p (behind its '['): where it ends (behind ']'), NULL when it never does. */
static const char *class_end(const char *p, const char *end)
{
    if (p < end && (*p == '!' || *p == '^'))
        p++;
    if (p < end && *p == ']') /* as its first member, ']' is meant as itself */
        p++;
    while (p < end && *p != ']')
        p += *p == '\\' && p + 1 < end ? 2 : 1;
    return p < end ? p + 1 : NULL;
}

static unsigned char class_member(const char **p)
{
    if (**p == '\\')
        (*p)++;
    return (unsigned char)*(*p)++;
}

/* Does c stand in the brackets from p to last (the closing one)? */
static bool class_holds(const char *p, const char *last, unsigned char c)
{
    bool negated = *p == '!' || *p == '^', found = false;
    p += negated;
    while (p < last) {
        unsigned char low = class_member(&p), high = low;
        if (p + 1 < last && *p == '-') {
            p++;
            high = class_member(&p);
        }
        found |= low <= c && c <= high;
    }
    return found != negated;
}

/* Matches one byte against what stands at *p and moves behind it. */
static bool one_matches(const char **p, const char *end, unsigned char c)
{
    const char *behind;
    switch (*(*p)++) {
    case '?':
        return true;
    case '[':
        behind = class_end(*p, end);
        if (!behind)
            return c == '[';
        if (!class_holds(*p, behind - 1, c))
            return false;
        *p = behind;
        return true;
    case '\\':
        if (*p < end)
            (*p)++;
        break;
    }
    return (unsigned char)(*p)[-1] == c;
}

bool glob_component(const char *pattern, size_t pattern_len, const char *text, size_t len)
{
    const char *p = pattern, *p_end = pattern + pattern_len, *t = text, *t_end = text + len;
    const char *star = NULL, *retry = NULL;

    while (t < t_end) {
        if (p < p_end && *p == '*') {
            star = ++p;
            retry = t;
            continue;
        }
        if (p < p_end && one_matches(&p, p_end, (unsigned char)*t)) {
            t++;
            continue;
        }
        if (!star)
            return false;
        p = star;
        t = ++retry;
    }
    while (p < p_end && *p == '*')
        p++;
    return p == p_end;
}

bool glob_special(const char *pattern, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (strchr("*?[\\", pattern[i]))
            return true;
    }
    return false;
}

const char *glob_fault(const char *pattern, size_t len)
{
    const char *p = pattern, *end = pattern + len;
    while (p < end) {
        char c = *p++;
        if (c == '\\' && p++ == end)
            return "a backslash at its end stands before nothing";
        if (c == '[' && !(p = class_end(p, end)))
            return "a '[' has no ']'";
    }
    return NULL;
}

long glob_literal(const char *pattern, size_t len, char *ret)
{
    size_t used = 0;
    for (size_t i = 0; i < len; i++) {
        if (strchr("*?[", pattern[i]))
            return -1;
        if (pattern[i] == '\\' && i + 1 < len)
            i++;
        ret[used++] = pattern[i];
    }
    return (long)used;
}

int glob_first(const char *pattern, size_t len)
{
    if (!len || strchr("*?[", *pattern))
        return -1;
    if (*pattern == '\\')
        return len > 1 ? (unsigned char)pattern[1] : -1;
    return (unsigned char)*pattern;
}

int glob_last(const char *pattern, size_t len)
{
    /* A ']' may end a bracket, and what follows a backslash is itself: told apart only from the front. */
    if (!len || strchr("*?]\\", pattern[len - 1]) || (len > 1 && pattern[len - 2] == '\\'))
        return -1;
    return memchr(pattern, '[', len) ? -1 : (unsigned char)pattern[len - 1];
}

struct place { /* what is left from here on */
    const char *at;
    size_t len;
};

static bool any_depth(const char *component, size_t len)
{
    return len == 2 && component[0] == '*' && component[1] == '*';
}

bool glob_match(const char *pattern, const char *text, size_t len)
{
    struct place p = {pattern, strlen(pattern)}, t = {text, len}, star = {0}, retry = {0};

    if ((*pattern == '/') != (len && *text == '/'))
        return false;
    for (;;) {
        struct place before = t;
        size_t p_len, t_len;
        const char *piece = path_next(&p.at, &p.len, &p_len);
        if (piece && any_depth(piece, p_len)) {
            star = p;
            retry = before;
            continue;
        }
        const char *name = path_next(&t.at, &t.len, &t_len);
        if (!piece && !name)
            return true;
        if (piece && name && glob_component(piece, p_len, name, t_len))
            continue;
        if (!star.at || !path_next(&retry.at, &retry.len, &t_len))
            return false;
        p = star;
        t = retry;
    }
}
