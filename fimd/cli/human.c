/* Owns the words for durations and moments; sizes are binary, as in fimd.yaml. */
#include "fimd/cli/human.h"

#include "fimd/rt/clock.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MINUTE (60 * NS_PER_S)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

void human_count(struct buf *to, uint64_t n)
{
    char digits[24];
    int len = snprintf(digits, sizeof(digits), "%" PRIu64, n);

    for (int i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0)
            buf_put(to, ",", 1);
        buf_put(to, &digits[i], 1);
    }
}

void human_size(struct buf *to, uint64_t bytes)
{
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    double value = (double)bytes;
    size_t unit = 0;

    while (value >= 1023.95 && unit + 1 < sizeof(units) / sizeof(units[0])) {
        value /= 1024;
        unit++;
    }
    buf_printf(to, unit ? "%.1f %s" : "%.0f %s", value, units[unit]);
}

static const struct {
    int64_t length;
    const char *name;
} spans[] = {{DAY, "day"}, {HOUR, "hour"}, {MINUTE, "minute"}, {NS_PER_S, "second"}};

enum { SPANS = sizeof(spans) / sizeof(spans[0]) };

/* Rounded down to the largest unit that it has two of: 90 minutes, 3 hours. */
static void put_span(struct buf *to, int64_t ns)
{
    for (size_t i = 0; i < SPANS; i++) {
        int64_t n = ns / spans[i].length;

        if (n >= 2 || i + 1 == SPANS) {
            buf_printf(to, "%" PRId64 " %s%s", n, spans[i].name, n == 1 ? "" : "s");
            return;
        }
    }
}

void human_duration(struct buf *to, int64_t ns)
{
    if (ns <= 0)
        buf_put_str(to, "less than 1 ms");
    else if (ns < NS_PER_MS)
        buf_printf(to, "%.2f ms", (double)ns / NS_PER_MS);
    else if (ns < NS_PER_S)
        buf_printf(to, "%" PRId64 " ms", ns / NS_PER_MS);
    else if (ns < 10 * NS_PER_S)
        buf_printf(to, "%.2f s", (double)ns / (double)NS_PER_S);
    else
        put_span(to, ns);
}

void human_ago(struct buf *to, int64_t then, int64_t now)
{
    int64_t ago = now - then;

    if (ago > -2 * NS_PER_S && ago < 2 * NS_PER_S) {
        buf_put_str(to, "just now");
        return;
    }
    if (ago < 0)
        buf_put_str(to, "in ");
    put_span(to, ago < 0 ? -ago : ago);
    if (ago > 0)
        buf_put_str(to, " ago");
}

void human_time(struct buf *to, int64_t ns)
{
    time_t seconds = (time_t)(ns / NS_PER_S);
    char text[32];
    struct tm tm;

    localtime_r(&seconds, &tm);
    strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm);
    buf_put_str(to, text);
}

static const struct {
    const char *name;
    int64_t length;
} units[] = {{"ms", NS_PER_MS}, {"s", NS_PER_S}, {"m", MINUTE}, {"min", MINUTE}, {"h", HOUR}, {"d", DAY}, {"w", 7 * DAY}};

static int64_t unit_length(const char *name, size_t len)
{
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
        if (strlen(units[i].name) == len && memcmp(units[i].name, name, len) == 0)
            return units[i].length;
    return 0;
}

int human_parse_duration(const char *text, int64_t *ret)
{
    int64_t sum = 0;

    if (!*text)
        return -EINVAL;
    while (*text) {
        unsigned long long n;
        int64_t length, part;
        size_t len = 0;
        char *end;

        if (!isdigit((unsigned char)*text))
            return -EINVAL;
        errno = 0;
        n = strtoull(text, &end, 10);
        while (isalpha((unsigned char)end[len]))
            len++;
        length = unit_length(end, len);
        if (errno || !length || n > INT64_MAX || __builtin_mul_overflow((int64_t)n, length, &part) ||
            __builtin_add_overflow(sum, part, &sum))
            return -EINVAL;
        text = end + len;
    }
    *ret = sum;
    return 0;
}

/* The start of the day that is `back` days before now. A day is not always 24 hours: mktime knows. */
static int64_t day_start(int64_t now, int back)
{
    time_t seconds = (time_t)(now / NS_PER_S);
    struct tm tm;

    localtime_r(&seconds, &tm);
    tm.tm_mday -= back;
    tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
    tm.tm_isdst = -1;
    return (int64_t)mktime(&tm) * NS_PER_S;
}

static int parse_date(const char *text, int64_t *ret)
{
    static const char *const forms[] = {"%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M:%S",
                                        "%Y-%m-%dT%H:%M:%S"};

    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        struct tm tm = {.tm_isdst = -1};
        const char *end = strptime(text, forms[i], &tm);
        time_t seconds;

        if (end && strcmp(end, "Z") == 0)
            seconds = timegm(&tm);
        else if (end && !*end)
            seconds = mktime(&tm);
        else
            continue;
        *ret = (int64_t)seconds * NS_PER_S;
        return 0;
    }
    return -EINVAL;
}

int human_parse_moment(const char *text, int64_t now, int64_t *ret)
{
    int64_t ago;

    if (human_parse_duration(text, &ago) == 0) {
        *ret = now - ago;
        return 0;
    }
    if (strcmp(text, "today") == 0 || strcmp(text, "yesterday") == 0) {
        *ret = day_start(now, text[0] == 'y');
        return 0;
    }
    if (text[0] == '@') {
        char *end;
        long long seconds = strtoll(text + 1, &end, 10);

        if (end == text + 1 || *end || seconds < 0 || seconds > INT64_MAX / NS_PER_S)
            return -EINVAL;
        *ret = seconds * NS_PER_S;
        return 0;
    }
    return parse_date(text, ret);
}
