/* The last name is never followed: a symlink is a watched thing of its own. Above it the kernel's word counts, so
 * that "..", behind a symlink, means what the shell means; where nothing is there any more, the text decides. */
#include "fimd/cli/target.h"

#include "baseline/path.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int target_clean(const char *path, struct buf *ret)
{
    size_t begin = ret->len, left = strlen(path), len;
    const char *name;

    if (path[0] != '/')
        return -EINVAL;
    while ((name = path_next(&path, &left, &len))) {
        if (len == 1 && name[0] == '.')
            continue;
        if (len == 2 && memcmp(name, "..", 2) == 0) {
            while (ret->len > begin && ret->data[--ret->len] != '/')
                ;
            continue;
        }
        buf_put(ret, "/", 1);
        buf_put(ret, name, len);
    }
    if (ret->len == begin)
        buf_put(ret, "/", 1);
    return ret->failed ? -ENOMEM : 0;
}

static int absolute(const char *typed, struct buf *ret)
{
    char *cwd;

    if (!*typed)
        return -EINVAL;
    if (typed[0] != '/') {
        cwd = getcwd(NULL, 0);
        if (!cwd)
            return -errno;
        buf_put_str(ret, cwd);
        buf_put(ret, "/", 1);
        free(cwd);
    }
    buf_put_str(ret, typed);
    return buf_cstr(ret) ? 0 : -ENOMEM;
}

/* Does the path end in a name of its own, that must not be followed? */
static bool ends_in_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash[1] && strcmp(slash + 1, ".") != 0 && strcmp(slash + 1, "..") != 0;
}

/* The longest beginning of path, up to a slash and at most len bytes, that is there, resolved; the rest as it is. */
static int resolve(char *path, size_t len, struct buf *ret)
{
    struct buf whole = {0};
    char real[PATH_MAX];
    int r;

    for (;;) {
        char cut = path[len];
        const char *found;

        path[len] = '\0';
        found = realpath(len ? path : "/", real);
        path[len] = cut;
        if (found || len == 0)
            break;
        while (len > 0 && path[--len] != '/')
            ;
    }
    buf_put_str(&whole, len ? real : "");
    buf_put(&whole, "/", 1);
    buf_put_str(&whole, path + len);
    r = buf_cstr(&whole) ? target_clean((char *)whole.data, ret) : -ENOMEM;
    buf_fini(&whole);
    return r;
}

int target_resolve(const char *typed, struct buf *ret)
{
    struct buf path = {0};
    int r = absolute(typed, &path);

    if (r == 0) {
        char *text = (char *)path.data;
        size_t len = ends_in_name(text) ? (size_t)(strrchr(text, '/') - text) : path.len;

        r = resolve(text, len, ret);
    }
    buf_fini(&path);
    return r;
}
