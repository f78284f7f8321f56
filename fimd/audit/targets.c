/* Policy → targets. A rule's path with globs becomes the paths that match now (looked at again every
 * minute and whenever something appears); "**" becomes the directory in front of it. Number matters: each
 * directory costs every system call of the host some 25 ns, a file costs nothing (the kernel finds it by
 * inode). */
#include "fimd/audit/targets.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "baseline/path.h"

enum {
    DIRECTORIES_MAX =
        100, /* 100 directories: a system call takes some 2.5 us longer; more is no longer bearable */
    FILES_MAX = 1024,
    PATH_SIZE = 4096,
};

void targets_fini(struct targets *t)
{
    for (size_t i = 0; i < t->count; i++) {
        free(t->list[i].path);
    }
    free(t->list);
    *t = (struct targets){0};
}

int targets_add(struct targets *t, enum target_kind kind, const char *path)
{
    if (t->count == t->capacity) {
        size_t capacity = t->capacity ? t->capacity * 2 : 32;
        struct target *list = realloc(t->list, capacity * sizeof(*list));
        if (!list) {
            return -ENOMEM;
        }
        t->list = list;
        t->capacity = capacity;
    }
    char *copy = path ? strdup(path) : NULL;
    if (path && !copy) {
        return -ENOMEM;
    }
    t->list[t->count++] = (struct target){.kind = kind, .path = copy};
    return 0;
}

int targets_copy(struct targets *to, const struct targets *from)
{
    struct targets copy = {.left_out = from->left_out};
    for (size_t i = 0; i < from->count; i++) {
        int rc = targets_add(&copy, from->list[i].kind, from->list[i].path);
        if (rc) {
            targets_fini(&copy);
            return rc;
        }
        copy.list[i].device = from->list[i].device;
        copy.list[i].inode = from->list[i].inode;
        copy.list[i].loaded = from->list[i].loaded;
    }
    *to = copy;
    return 0;
}

static int compare(const void *left, const void *right)
{
    const struct target *a = left, *b = right;
    if (!a->path || !b->path) {
        return (a->path != NULL) - (b->path != NULL);
    }
    int order = strcmp(a->path, b->path);
    return order ? order : (int)a->kind - (int)b->kind; /* the directory before the file */
}

static bool path_inside(const struct target *dir, const char *path, size_t len)
{
    return dir->kind == TARGET_DIR && path_below(path, len, dir->path, strlen(dir->path));
}

static bool needless(const struct targets *t, size_t kept, const struct target *next)
{
    for (size_t i = 0; i < kept; i++) {
        const struct target *k = &t->list[i];
        if (k->kind == next->kind && !k->path && !next->path) {
            return true;
        }
        if (k->path && next->path &&
            (!strcmp(k->path, next->path) || path_inside(k, next->path, strlen(next->path)))) {
            return true;
        }
    }
    return false;
}

void targets_reduce(struct targets *t)
{
    size_t kept = 0, dirs = 0, files = 0;
    if (t->count > 1) {
        qsort(t->list, t->count, sizeof(*t->list), compare);
    }
    for (size_t i = 0; i < t->count; i++) {
        struct target next = t->list[i];
        bool drop = needless(t, kept, &next);
        if (!drop && ((next.kind == TARGET_DIR && dirs == DIRECTORIES_MAX) ||
                      (next.kind == TARGET_FILE && files == FILES_MAX))) {
            t->left_out++;
            drop = true;
        }
        if (drop) {
            free(next.path);
            continue;
        }
        dirs += next.kind == TARGET_DIR;
        files += next.kind == TARGET_FILE;
        t->list[kept++] = next;
    }
    t->count = kept;
}

/* A path without globs, whatever is there. The kernel knows no rule on "/x/", so the slash at the end
 * goes. */
static int add_literal(struct targets *t, const char *path, bool follow)
{
    char bare[PATH_SIZE];
    struct stat st;
    size_t len = strlen(path);
    while (len > 1 && path[len - 1] == '/') {
        len--;
    }
    if (len >= sizeof(bare)) {
        t->left_out++; /* no audit rule takes a path of over 4095 bytes */
        return 0;
    }
    memcpy(bare, path, len);
    bare[len] = '\0';
    bool there = !lstat(bare, &st);
    int rc = targets_add(t, there && S_ISDIR(st.st_mode) ? TARGET_DIR : TARGET_FILE, bare);
    if (!rc && follow && there && S_ISLNK(st.st_mode)) {
        char *real = realpath(bare, NULL);
        rc = real ? add_literal(t, real, false) : 0;
        free(real);
    }
    return rc;
}

static bool has_glob(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (strchr("*?[", text[i])) {
            return true;
        }
    }
    return false;
}

static int expand(struct targets *t, char *path, size_t len, const char *rest, bool follow);

/* Every entry of the directory `path` that the component matches, and on with the rest. */
static int expand_component(struct targets *t, char *path, size_t len, const char *component,
                            const char *rest, bool follow)
{
    DIR *dir = opendir(len ? path : "/");
    int rc = 0;
    for (struct dirent *d; dir && !rc && (d = readdir(dir));) {
        size_t name_len = strlen(d->d_name);
        if (!strcmp(d->d_name, ".") || !strcmp(d->d_name, "..") || len + 1 + name_len >= PATH_SIZE ||
            !glob_match(component, d->d_name, name_len)) {
            continue;
        }
        if (t->count > 4 * FILES_MAX) {
            t->left_out++;
            break;
        }
        path[len] = '/';
        memcpy(path + len + 1, d->d_name, name_len + 1);
        rc = expand(t, path, len + 1 + name_len, rest, follow);
        path[len] = '\0';
    }
    if (dir) {
        closedir(dir);
    }
    return rc;
}

/* path[0 … len): literal so far, without a slash at the end; rest: begins with a slash, or is empty. */
static int expand(struct targets *t, char *path, size_t len, const char *rest, bool follow)
{
    char component[NAME_MAX + 1];
    while (*rest == '/') {
        rest++;
    }
    if (!*rest) {
        return add_literal(t, len ? path : "/", follow);
    }
    size_t n = strcspn(rest, "/");
    if (n == 2 && !memcmp(rest, "**", 2)) {
        return add_literal(t, len ? path : "/", follow);
    }
    if (n >= sizeof(component) || len + 1 + n >= PATH_SIZE) {
        t->left_out++;
        return 0;
    }
    memcpy(component, rest, n);
    component[n] = '\0';
    if (has_glob(component, n)) {
        return expand_component(t, path, len, component, rest + n, follow);
    }
    path[len] = '/';
    memcpy(path + len + 1, component, n + 1);
    int rc = expand(t, path, len + 1 + n, rest + n, follow);
    path[len] = '\0';
    return rc;
}

static int resolve_rule(struct targets *t, const struct rule *rule)
{
    char path[PATH_SIZE];
    int rc = 0;
    for (size_t i = 0; !rc && i < rule->paths_count; i++) {
        path[0] = '\0';
        rc = expand(t, path, 0, rule->paths[i], rule->follow_symlinks);
    }
    return rc;
}

static int resolve_critical(struct targets *t, const struct policy *policy)
{
    int rc = 0;
    for (size_t i = 0; !rc && i < policy_count(policy); i++) {
        const struct rule *rule = policy_rule(policy, i);
        if (rule->severity >= SEVERITY_HIGH) {
            rc = resolve_rule(t, rule);
        }
    }
    return rc;
}

static int resolve_roots(struct targets *t, const struct policy *policy)
{
    size_t count;
    const char *const *roots = policy_roots(policy, &count);
    int rc = 0;
    for (size_t i = 0; !rc && i < count; i++) {
        rc = add_literal(t, roots[i], false);
    }
    return rc;
}

static void look(struct targets *t)
{
    for (size_t i = 0; i < t->count; i++) {
        struct stat st;
        if (t->list[i].path && !lstat(t->list[i].path, &st)) {
            t->list[i].device = st.st_dev;
            t->list[i].inode = st.st_ino;
        }
    }
}

int targets_resolve(const struct policy *policy, enum rules_wanted wanted, struct targets *ret)
{
    struct targets t = {0};
    int rc = 0;
    if (wanted == RULES_LOGINS) {
        rc = targets_add(&t, TARGET_LOGINS, NULL);
    } else if (wanted == RULES_CRITICAL && policy) {
        rc = resolve_critical(&t, policy);
    } else if (wanted == RULES_DIRECTORIES && policy) {
        rc = resolve_roots(&t, policy);
    }
    if (!rc && t.count) {
        rc = targets_add(&t, TARGET_RINGS, NULL);
    }
    if (rc) {
        targets_fini(&t);
        return rc;
    }
    targets_reduce(&t);
    look(&t);
    *ret = t;
    return 0;
}

struct target *targets_find(const struct targets *t, const struct target *like)
{
    for (size_t i = 0; i < t->count; i++) {
        struct target *x = &t->list[i];
        if (x->kind == like->kind && !x->path == !like->path && (!x->path || !strcmp(x->path, like->path))) {
            return x;
        }
    }
    return NULL;
}

bool targets_cover(const struct targets *t, const char *path, size_t len)
{
    for (size_t i = 0; i < t->count; i++) {
        const struct target *x = &t->list[i];
        if (!x->loaded) {
            continue;
        }
        if (x->kind == TARGET_LOGINS || path_inside(x, path, len) ||
            (x->kind == TARGET_FILE && strlen(x->path) == len && !memcmp(x->path, path, len))) {
            return true;
        }
    }
    return false;
}
