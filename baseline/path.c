/* Paths as bytes: taking them apart, opening a directory of any depth, and writing them for people.
 * A path here is data of whoever made the file: nothing is assumed of it but that it has no NUL. */
#include "baseline/path.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

const char *path_next(const char **path, size_t *len, size_t *ret_len)
{
    const char *p = *path;
    size_t left = *len;

    while (left && *p == '/') {
        p++;
        left--;
    }
    if (!left) {
        *path = p;
        *len = 0;
        return NULL;
    }
    const char *end = memchr(p, '/', left);
    size_t n = end ? (size_t)(end - p) : left;
    *path = p + n;
    *len = left - n;
    *ret_len = n;
    return p;
}

static size_t without_slashes(const char *path, size_t len)
{
    while (len && path[len - 1] == '/')
        len--;
    return len;
}

bool path_below(const char *path, size_t len, const char *dir, size_t dir_len)
{
    dir_len = without_slashes(dir, dir_len);
    if (len < dir_len || memcmp(path, dir, dir_len))
        return false;
    return len == dir_len || path[dir_len] == '/';
}

size_t path_parent(const char *path, size_t len, const char **ret_name, size_t *ret_name_len)
{
    len = without_slashes(path, len);
    const char *slash = len ? memrchr(path, '/', len) : NULL;
    const char *name = slash ? slash + 1 : path;

    *ret_name = name;
    *ret_name_len = len - (size_t)(name - path);
    if (!slash)
        return 0;
    size_t parent = without_slashes(path, (size_t)(slash - path));
    return parent ? parent : 1;
}

/* One openat2 of at most PATH_MAX-1 bytes; `from` -1 for the first part. */
static int open_part(int from, const char *part, size_t len)
{
    char text[PATH_MAX];
    struct open_how how = {
        .flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
        .resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
    };

    memcpy(text, part, len);
    text[len] = '\0';
    long fd = syscall(SYS_openat2, from < 0 ? AT_FDCWD : from, text, &how, sizeof(how));
    return fd < 0 ? -errno : (int)fd;
}

/* How much of a path longer than the kernel takes goes into the next openat2: up to a slash. */
static size_t part_len(const char *path, size_t len)
{
    if (len < PATH_MAX)
        return len;
    const char *slash = memrchr(path, '/', PATH_MAX - 1);
    return slash && slash > path ? (size_t)(slash - path) : 0;
}

int path_open_dir(const char *path, size_t len)
{
    int fd = -1;

    if (!len || path[0] != '/' || memchr(path, '\0', len))
        return -EINVAL;
    while (len) {
        size_t n = part_len(path, len);
        int next = n ? open_part(fd, path, n) : -ENAMETOOLONG;
        if (fd >= 0)
            close(fd);
        if (next < 0)
            return next;
        fd = next;
        path += n;
        len -= n;
        while (len && *path == '/') {
            path++;
            len--;
        }
    }
    return fd;
}

/* The length of the UTF-8 sequence at s (1..4), or 0 when there is none: overlong forms, surrogates and what
 * lies above U+10FFFF are none. */
static size_t utf8_len(const unsigned char *s, size_t len)
{
    /* first byte from..to, and the range of the second byte, which is where the forbidden forms are told */
    static const struct {
        unsigned char from, to, low, high, len;
    } forms[] = {
        {0x00, 0x7f, 0x00, 0x00, 1}, {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
        {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
        {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
    };

    for (size_t i = 0; len && i < sizeof(forms) / sizeof(forms[0]); i++) {
        if (s[0] < forms[i].from || s[0] > forms[i].to)
            continue;
        if (forms[i].len > len || (forms[i].len > 1 && (s[1] < forms[i].low || s[1] > forms[i].high)))
            return 0;
        for (size_t k = 2; k < forms[i].len; k++)
            if ((s[k] & 0xc0) != 0x80)
                return 0;
        return forms[i].len;
    }
    return 0;
}

bool path_is_utf8(const char *path, size_t len)
{
    while (len) {
        size_t n = utf8_len((const unsigned char *)path, len);
        if (!n)
            return false;
        path += n;
        len -= n;
    }
    return true;
}

static void escape_byte(struct buf *to, unsigned char c)
{
    static const char from[] = "\a\b\t\n\v\f\r\\", letters[] = "abtnvfr\\";
    const char *known = c ? strchr(from, c) : NULL;

    if (known)
        buf_printf(to, "\\%c", letters[known - from]);
    else
        buf_printf(to, "\\x%02X", c);
}

/* U+0080–U+009F are controls as well: some terminals act on them. */
static bool is_control(const unsigned char *s, size_t n)
{
    return (n == 1 && (s[0] < 0x20 || s[0] == 0x7f)) || (n == 2 && s[0] == 0xc2 && s[1] < 0xa0);
}

void path_escape(struct buf *to, const char *path, size_t len)
{
    const unsigned char *s = (const unsigned char *)path;

    while (len) {
        size_t n = utf8_len(s, len);
        if (n && *s != '\\' && !is_control(s, n)) {
            buf_put(to, s, n);
        } else {
            n = n ? n : 1;
            for (size_t i = 0; i < n; i++)
                escape_byte(to, s[i]);
        }
        s += n;
        len -= n;
    }
}
