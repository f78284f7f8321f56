/* Index names: dated or not, data stream or not. */
#include "fimd/sink/index.h"

#include "fimd/sink/text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

bool index_is_dated(const char *pattern)
{
    return strchr(pattern, '%') != NULL;
}

int index_of(const char *pattern, int64_t time, char ret[INDEX_NAME_SIZE])
{
    struct text_date date;
    struct tm tm = {0};

    text_date_of(time, &date);
    tm.tm_year = date.year - 1900;
    tm.tm_mon = date.month - 1;
    tm.tm_mday = date.day;
    tm.tm_hour = date.hour;
    tm.tm_min = date.minute;
    tm.tm_sec = date.second;
    timegm(&tm); /* fills in the days of week and year, for %j, %V and %G */
/* The pattern is the administrator's, and strftime reads no arguments by it. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    return strftime(ret, INDEX_NAME_SIZE, pattern, &tm) ? 0 : -ENAMETOOLONG;
#pragma GCC diagnostic pop
}

const char *index_mistake(const char *name)
{
    if (!*name || !strcmp(name, ".") || !strcmp(name, ".."))
        return "an index needs a name";
    if (strlen(name) >= INDEX_NAME_SIZE)
        return "an index's name has at most 255 bytes";
    if (strchr("-_+", name[0]))
        return "an index's name does not begin with -, _ or +";
    for (const char *c = name; *c; c++)
        if ((*c >= 'A' && *c <= 'Z') || (unsigned char)*c <= ' ' || *c == 0x7f || strchr("\\/*?\"<>|,#:", *c))
            return "an index's name has no capitals, blanks, or any of \\ / * ? \" < > | , # :";
    return NULL;
}

int index_wildcard(const char *pattern, char ret[INDEX_NAME_SIZE])
{
    const char *from = strchr(pattern, '%'), *last = strrchr(pattern, '%');
    int n;

    if (!from)
        n = snprintf(ret, INDEX_NAME_SIZE, "%s", pattern);
    else
        n = snprintf(ret, INDEX_NAME_SIZE, "%.*s*%s", (int)(from - pattern), pattern,
                     last[1] ? last + 2 : "");
    return n < INDEX_NAME_SIZE ? 0 : -ENAMETOOLONG;
}

static bool copy_part(const char *from, size_t len, char *ret, size_t size)
{
    if (!len || len >= size)
        return false;
    memcpy(ret, from, len);
    ret[len] = '\0';
    return true;
}

bool index_stream_parse(const char *name, struct index_stream *ret)
{
    const char *first = name ? strchr(name, '-') : NULL;
    const char *second = first ? strchr(first + 1, '-') : NULL;
    struct index_stream parts;

    if (!second || index_is_dated(name))
        return false;
    if (!copy_part(name, (size_t)(first - name), parts.type, sizeof(parts.type)) ||
        !copy_part(first + 1, (size_t)(second - first - 1), parts.dataset, sizeof(parts.dataset)) ||
        !copy_part(second + 1, strlen(second + 1), parts.namespace, sizeof(parts.namespace)))
        return false;
    *ret = parts;
    return true;
}
