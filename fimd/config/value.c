/* The forms of single values: numbers, sizes, times, yes and no. */
#include "fimd/config/value.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

struct unit {
    const char *name;
    uint64_t factor;
};

static const struct unit sizes[] = {
    {"", 1},
    {"B", 1},
    {"KiB", UINT64_C(1) << 10},
    {"MiB", UINT64_C(1) << 20},
    {"GiB", UINT64_C(1) << 30},
    {"TiB", UINT64_C(1) << 40},
    {NULL, 0},
};

static const struct unit times[] = {
    {"ms", UINT64_C(1000000)},          {"s", UINT64_C(1000000000)},         {"m", UINT64_C(60) * 1000000000},
    {"h", UINT64_C(3600) * 1000000000}, {"d", UINT64_C(86400) * 1000000000}, {NULL, 0},
};

/* The digits at *text; moves behind them. */
static int digits_parse(const char **text, uint64_t *ret)
{
    uint64_t value = 0;
    const char *p = *text;
    if (*p < '0' || *p > '9')
        return -EINVAL;
    for (; *p >= '0' && *p <= '9'; p++) {
        if (__builtin_mul_overflow(value, 10u, &value) ||
            __builtin_add_overflow(value, (unsigned)(*p - '0'), &value))
            return -ERANGE;
    }
    *text = p;
    *ret = value;
    return 0;
}

static int unit_parse(const char *text, const struct unit *units, uint64_t *ret)
{
    uint64_t value;
    int r = digits_parse(&text, &value);
    if (r < 0)
        return r;
    while (*text == ' ')
        text++;
    for (; units->name; units++) {
        if (strcmp(text, units->name))
            continue;
        if (__builtin_mul_overflow(value, units->factor, &value))
            return -ERANGE;
        *ret = value;
        return 0;
    }
    return -EINVAL;
}

int number_parse(const char *text, uint64_t *ret)
{
    uint64_t value;
    int r = digits_parse(&text, &value);
    if (r < 0 || *text)
        return r < 0 ? r : -EINVAL;
    *ret = value;
    return 0;
}

int size_parse(const char *text, uint64_t *ret)
{
    return unit_parse(text, sizes, ret);
}

int duration_parse(const char *text, int64_t *ret)
{
    uint64_t ns = 0;
    int r = strcmp(text, "0") ? unit_parse(text, times, &ns) : 0;
    if (r == 0 && ns > INT64_MAX)
        r = -ERANGE;
    if (r == 0)
        *ret = (int64_t)ns;
    return r;
}

int boolean_parse(const char *text, bool *ret)
{
    static const char *const words[] = {"false", "true", "no", "yes", "off", "on"};
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
        if (!strcmp(text, words[i])) {
            *ret = i % 2;
            return 0;
        }
    }
    return -EINVAL;
}
