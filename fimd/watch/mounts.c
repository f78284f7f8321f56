/* mountinfo → table. A line:
 *
 *   36 35 98:0 /mnt1 /mnt2 rw,noatime shared:1 - ext3 /dev/root rw,errors=continue
 *   id parent dev root point options [tags…] - type source superblock's options
 *
 * Blanks, tabs, newlines and backslashes in names are \ooo. */
#include "fimd/watch/mounts.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "baseline/path.h"

enum { FIELD_ID, FIELD_PARENT, FIELD_DEV, FIELD_ROOT, FIELD_POINT, FIELD_OPTIONS, FIELDS_FIXED };

static bool octal(const char *p)
{
    return p[0] >= '0' && p[0] <= '3' && p[1] >= '0' && p[1] <= '7' && p[2] >= '0' && p[2] <= '7';
}

static void unescape(char *s)
{
    char *to = s;
    for (; *s; s++) {
        if (s[0] == '\\' && octal(s + 1)) {
            *to++ = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
            s += 3;
        } else {
            *to++ = *s;
        }
    }
    *to = '\0';
}

/* Cuts the next word off; "" at the end of the line. */
static char *word(char **line)
{
    char *start = *line;
    char *end = start + strcspn(start, " ");
    *line = *end ? end + 1 : end;
    *end = '\0';
    return start;
}

/* "/" is kept as "", so that a point or root and a rest always join to one clean path. */
static const char *path_field(char *text, size_t *ret_len)
{
    unescape(text);
    if (strcmp(text, "/") == 0)
        text[0] = '\0';
    *ret_len = strlen(text);
    return text;
}

static bool number(const char *text, int *ret)
{
    char *end;
    long v = strtol(text, &end, 10);
    *ret = (int)v;
    return end != text && *end == '\0';
}

static bool device(const char *text, uint64_t *ret)
{
    unsigned major, minor;
    char rest;
    if (sscanf(text, "%u:%u%c", &major, &minor, &rest) != 2)
        return false;
    *ret = (uint64_t)major << 32 | minor;
    return true;
}

static bool has_option(const char *options, const char *name)
{
    size_t len = strlen(name);
    for (const char *p = options; p; p = strchr(p, ','), p = p ? p + 1 : NULL)
        if (strncmp(p, name, len) == 0 && (p[len] == ',' || p[len] == '\0'))
            return true;
    return false;
}

static int parse_line(char *line, struct mount *ret)
{
    char *fields[FIELDS_FIXED];
    for (int i = 0; i < FIELDS_FIXED; i++)
        fields[i] = word(&line);
    char *tag;
    do {
        if (*line == '\0')
            return -EBADMSG;
        tag = word(&line);
    } while (strcmp(tag, "-") != 0);
    struct mount m = { .type = word(&line) };
    char *source = word(&line);
    unescape(source);
    m.source = source;
    m.read_only = has_option(word(&line), "ro");
    if (!number(fields[FIELD_ID], &m.id) || !number(fields[FIELD_PARENT], &m.parent) ||
        !device(fields[FIELD_DEV], &m.dev) || fields[FIELD_POINT][0] != '/' || !*m.type)
        return -EBADMSG;
    m.root = path_field(fields[FIELD_ROOT], &m.root_len);
    m.point = path_field(fields[FIELD_POINT], &m.point_len);
    *ret = m;
    return 0;
}

static size_t count_lines(const char *text, size_t len)
{
    size_t lines = 1;
    for (size_t i = 0; i < len; i++)
        lines += text[i] == '\n';
    return lines;
}

static int by_parent(const void *a, const void *b, void *list)
{
    const struct mount *mounts = list;
    size_t i = *(const size_t *)a, k = *(const size_t *)b;
    if (mounts[i].parent != mounts[k].parent)
        return mounts[i].parent < mounts[k].parent ? -1 : 1;
    return i < k ? -1 : i > k;
}

/* Where the children of mount id begin in m->children (or would). */
static size_t children_of(const struct mounts *m, int id)
{
    size_t low = 0, high = m->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (m->list[m->children[middle]].parent < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* A mount at "/" whose parent is not in the table: it is outside this namespace. (The very first mount is its
 * own parent.) */
static size_t find_root(const struct mounts *m)
{
    for (size_t i = 0; i < m->count; i++) {
        if (m->list[i].point_len != 0)
            continue;
        bool has_parent = false;
        for (size_t k = 0; k < m->count && !has_parent; k++)
            has_parent = k != i && m->list[k].id == m->list[i].parent;
        if (!has_parent)
            return i;
    }
    return m->count;
}

static void index_mounts(struct mounts *m)
{
    for (size_t i = 0; i < m->count; i++)
        m->children[i] = i;
    qsort_r(m->children, m->count, sizeof(*m->children), by_parent, m->list);
    m->root = find_root(m);
    for (size_t i = 0; i < m->count; i++) {
        size_t at = children_of(m, m->list[i].id);
        m->list[i].holds_mounts = at < m->count && m->list[m->children[at]].parent == m->list[i].id;
    }
    for (size_t i = 0; i < m->count; i++)
        m->list[i].reachable = mounts_at(m, m->list[i].point, m->list[i].point_len) == &m->list[i];
}

int mounts_parse(const char *text, size_t len, struct mounts *ret)
{
    size_t most = count_lines(text, len);
    struct mounts m = { .list = calloc(most, sizeof(*m.list)),
                        .children = calloc(most, sizeof(*m.children)),
                        .text = malloc(len + 1) };
    if (!m.list || !m.children || !m.text) {
        mounts_fini(&m);
        return -ENOMEM;
    }
    memcpy(m.text, text, len);
    m.text[len] = '\0';
    for (char *line = m.text, *end; *line; line = end) {
        end = strchrnul(line, '\n');
        if (*end)
            *end++ = '\0';
        int r = parse_line(line, &m.list[m.count]);
        if (r < 0) {
            mounts_fini(&m);
            return r;
        }
        m.count++;
    }
    index_mounts(&m);
    *ret = m;
    return 0;
}

void mounts_fini(struct mounts *m)
{
    free(m->list);
    free(m->children);
    free(m->text);
    *m = (struct mounts){ 0 };
}

/* The first mount that the way to path meets when it goes on from `from`: of those on `from`, the one highest
 * up; of several at one point the last, which lies on top. */
static struct mount *step(const struct mounts *m, const struct mount *from, const char *path, size_t len)
{
    struct mount *next = NULL;
    for (size_t i = children_of(m, from->id); i < m->count; i++) {
        struct mount *c = &m->list[m->children[i]];
        if (c->parent != from->id)
            break;
        if (c == from || c->point_len < from->point_len || (next && c->point_len > next->point_len))
            continue;
        if (c->point_len == 0 || path_below(path, len, c->point, c->point_len))
            next = c;
    }
    return next;
}

struct mount *mounts_at(const struct mounts *m, const char *path, size_t len)
{
    struct mount *at = m->root < m->count ? &m->list[m->root] : NULL;
    struct mount *next = at;
    for (size_t hops = 0; next && hops <= m->count; hops++) { /* bounded: the table may be torn */
        at = next;
        next = step(m, at, path, len);
    }
    return at;
}

bool mounts_on_child(const struct mounts *m, const char *dir, size_t len)
{
    if (len == 1 && dir[0] == '/')
        len = 0;
    for (size_t i = 0; i < m->count; i++) {
        const struct mount *c = &m->list[i];
        if (c->point_len > len + 1 && memcmp(c->point, dir, len) == 0 && c->point[len] == '/' &&
            !memchr(c->point + len + 1, '/', c->point_len - len - 1))
            return true;
    }
    return false;
}

bool mounts_show(const struct mounts *m, const struct mount *mount, const char *inside, size_t len, struct buf *to)
{
    if (!mount->reachable)
        return false;
    if (mount->root_len && !path_below(inside, len, mount->root, mount->root_len))
        return false;
    size_t start = to->len;
    buf_put(to, mount->point, mount->point_len);
    buf_put(to, inside + mount->root_len, len - mount->root_len);
    if (to->len == start)
        buf_put_u8(to, '/');
    if (to->failed)
        return false;
    if (mount->holds_mounts && mounts_at(m, (const char *)to->data + start, to->len - start) != mount) {
        to->len = start;
        return false;
    }
    return true;
}
