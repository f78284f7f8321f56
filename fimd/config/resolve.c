/* Rules match real paths, people write the ones they know: /bin/ls, /lib/systemd, /var/run.
 *
 *   /bin/ls            ─► /usr/bin/ls          directories on the way are resolved, the last name is not:
 *   /lib/modules/?     ─► /usr/lib/modules/?   a rule on a symlink watches the symlink
 *   /srv/app, follow   ─► /srv/app and /data/app-1.2
 *
 * What does not exist yet is kept as it is written. */
#include "fimd/config/resolve.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "baseline/buf.h"
#include "baseline/path.h"
#include "fimd/model/glob.h"

/* The path without its backslashes up to the first component that is a pattern; where that one begins, or "".
 */
static const char *literal_split(const char *pattern, struct buf *ret)
{
    size_t left = strlen(pattern), len;
    const char *rest = pattern, *name, *before = rest;
    while ((name = path_next(&rest, &left, &len))) {
        if (!buf_reserve(ret, len + 1))
            return "";
        long plain = glob_literal(name, len, (char *)ret->data + ret->len + 1);
        if (plain < 0)
            return name;
        before = rest;
        if (len == 1 && *name == '.')
            continue;
        ret->data[ret->len] = '/';
        ret->len += 1 + (size_t)plain;
    }
    return before + strspn(before, "/");
}

bool path_is_literal(const char *pattern)
{
    struct buf literal = {0};
    bool result = !*literal_split(pattern, &literal);
    buf_fini(&literal);
    return result;
}

static void put_escaped(struct buf *to, const char *path)
{
    for (; *path; path++) {
        if (strchr("*?[\\", *path))
            buf_put_u8(to, '\\');
        buf_put_u8(to, (uint8_t)*path);
    }
}

/* The real path of the longest part of `path` that exists, then the rest as it is. Ends path at a slash while
 * trying, and puts it back. */
static void put_real(struct buf *to, char *path)
{
    char *end = path + strlen(path), *cut = end;
    char *real = NULL;
    while (cut > path) {
        char kept = *cut;
        *cut = '\0';
        real = realpath(path, NULL);
        *cut = kept;
        if (real)
            break;
        do
            cut--;
        while (cut > path && *cut != '/');
    }
    if (real && strcmp(real, "/"))
        put_escaped(to, real);
    put_escaped(to, cut);
    free(real);
}

static int add_once(struct strings *to, struct buf *path)
{
    const char *text = path->len ? buf_cstr(path) : "/";
    if (!text)
        return -ENOMEM;
    for (size_t i = 0; i < to->count; i++) {
        if (!strcmp(to->list[i], text))
            return 0;
    }
    return strings_add(to, text);
}

static int add_real(char *literal, const char *rest, struct strings *to)
{
    struct buf path = {0};
    char *last =
        *rest ? NULL : strrchr(literal, '/'); /* the last component of a path without patterns stays */
    if (last)
        *last = '\0';
    put_real(&path, literal);
    if (last)
        *last = '/';
    if (last && last[1])
        put_escaped(&path, last);
    if (*rest) {
        buf_put_u8(&path, '/');
        buf_put_str(&path, rest);
    }
    int r = add_once(to, &path);
    buf_fini(&path);
    return r;
}

static int add_target(const char *literal, struct strings *to)
{
    char *target = realpath(literal, NULL);
    struct buf path = {0};
    if (!target)
        return errno == ENOMEM ? -ENOMEM : 0; /* not there: nothing to follow */
    if (strcmp(target, "/"))
        put_escaped(&path, target);
    int r = add_once(to, &path);
    buf_fini(&path);
    free(target);
    return r;
}

int path_resolve(const char *pattern, bool follow, struct strings *to)
{
    struct buf literal = {0};
    const char *rest = literal_split(pattern, &literal);
    char *text = (char *)buf_cstr(&literal);
    int r = text ? add_real(text, rest, to) : -ENOMEM;
    if (r == 0 && follow && !*rest)
        r = add_target(*text ? text : "/", to);
    buf_fini(&literal);
    return r;
}
