/* Policy files and sets.
 *
 *   name ─► first DIR/name.yaml of policy_path, else built in ─► watch: rules | set: more names
 *
 * A file that is there hides the built-in one of its name, also when it is wrong: falling back would watch
 * something else than what was asked for. */
#include "fimd/config/policies.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fimd/config/embedded.h"
#include "fimd/config/mistake.h"
#include "fimd/config/output_check.h"
#include "fimd/config/suggest.h"

struct loading {
    struct reader *reader; /* of fimd.yaml */
    const struct settings *settings;
    struct strings loaded; /* also those whose set is being walked: a set that names itself ends there */
    struct rules *to;
};

static long read_all(struct arena *a, int fd, char **ret)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode))
        return S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
    if (st.st_size > FILE_SIZE_MAX)
        return -EFBIG;
    char *text = arena_alloc(a, (size_t)st.st_size + 1);
    size_t len = 0;
    while (text && len < (size_t)st.st_size) {
        ssize_t n = read(fd, text + len, (size_t)st.st_size - len);
        if (n < 0 && errno != EINTR)
            return -errno;
        if (n == 0)
            break;
        len += n > 0 ? (size_t)n : 0;
    }
    *ret = text;
    return text ? (long)len : -ENOMEM;
}

long file_read(struct arena *a, const char *path, char **ret)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK); /* a FIFO must not stop us */
    if (fd < 0)
        return -errno;
    long len = read_all(a, fd, ret);
    close(fd);
    return len;
}

struct source {
    const char *file; /* for people */
    const char *text;
    size_t len;
};

static char *path_format(struct arena *a, const char *dir, const char *name)
{
    char *path = arena_alloc(a, strlen(dir) + strlen(name) + sizeof("/.yaml"));
    if (path)
        sprintf(path, "%s/%s.yaml", dir, name);
    return path;
}

/* 1 found, 0 not there, -1 there but not to be read (told). */
static int find_file(struct loading *l, const char *name, struct source *ret)
{
    struct reader *r = l->reader;
    for (size_t i = 0; i < l->settings->policy_path.count; i++) {
        char *text, *path = path_format(r->arena, l->settings->policy_path.list[i], name);
        long len = path ? file_read(r->arena, path, &text) : -ENOMEM;
        if (len >= 0) {
            *ret = (struct source){path, text, (size_t)len};
            return 1;
        }
        if (len == -ENOENT || len == -ENOTDIR)
            continue;
        if (reader_ok(r, len == -ENOMEM ? -ENOMEM : 0))
            reader_ok(r, mistake_add(r->mistakes, path, 0, 0, "the policy cannot be read: %s",
                                     strerror((int)-len)));
        return -1;
    }
    return 0;
}

static bool find_embedded(struct arena *a, const char *name, struct source *ret)
{
    for (const struct embedded_policy *e = embedded_policies; e->name; e++) {
        if (!strcmp(e->name, name)) {
            char *file = path_format(a, "(built in)", name);
            *ret = (struct source){file, e->text, e->len};
            return file;
        }
    }
    return false;
}

static bool is_name(const char *name)
{
    return *name && *name != '.' &&
           !name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")];
}

static void unknown_policy(struct reader *r, const struct yaml *n, const char *name)
{
    struct suggestion near = {0};
    for (const struct embedded_policy *e = embedded_policies; e->name; e++)
        suggest(&near, name, e->name);
    if (near.word)
        reader_mistake(r, n, "there is no policy '%s'; '%s' may be meant", name, near.word);
    else
        reader_mistake(r, n, "there is no policy '%s'; it would be a file %s.yaml in policy_path", name,
                       name);
}

static bool mark_loaded(struct loading *l, const char *name)
{
    for (size_t i = 0; i < l->loaded.count; i++) {
        if (!strcmp(l->loaded.list[i], name))
            return false;
    }
    return reader_ok(l->reader, strings_add(&l->loaded, name));
}

static void names_load(struct loading *l, struct reader *r, const struct yaml *names);

struct policy_file {
    char *name, *description;
    const struct yaml *watch, *set;
};

static void key_node(struct reader *r, const struct yaml *n, const struct key *key, void *target)
{
    (void)r;
    *(const struct yaml **)((char *)target + key->offset) = n;
}

#define AT(member) offsetof(struct policy_file, member)

static const struct key keys[] = {
    {.name = "watch", .read = key_node, .offset = AT(watch)},
    {.name = "set", .read = key_node, .offset = AT(set)},
    {.name = "name", .read = key_text, .offset = AT(name)},
    {.name = "description", .read = key_text, .offset = AT(description)},
    {0},
};

static void file_apply(struct loading *l, struct reader *r, const struct yaml *root, const char *name)
{
    struct policy_file f = {0};
    keys_read(r, root, keys, "a policy", &f);
    if (f.name && strcmp(f.name, name))
        reader_mistake(r, child_of(root, "name"), "the policy's name is '%s', its file's '%s'; make them one",
                       f.name, name);
    if (!f.watch == !f.set)
        reader_mistake(r, root, "a policy has either 'watch' with rules, or 'set' with names of policies");
    if (f.watch)
        rules_read(r, f.watch, name, l->to);
    if (f.set)
        names_load(l, r, f.set);
    free(f.name);
    free(f.description);
}

static void source_load(struct loading *l, const struct source *source, const char *name)
{
    struct reader r = *l->reader;
    struct yaml *root = NULL;
    r.file = source->file;
    int e = yaml_read(r.arena, r.file, source->text, source->len, r.mistakes, &root);
    if (e < 0) {
        reader_ok(&r, e == -ENOMEM ? e : 0);
    } else if (!root) {
        reader_ok(&r, mistake_add(r.mistakes, r.file, 0, 0, "the policy is empty; it has 'watch' or 'set'"));
    } else {
        texts_expand(&r, root);
        file_apply(l, &r, root, name);
    }
}

/* r, n: where the name stands. */
static void policy_load(struct loading *l, struct reader *r, const struct yaml *n, const char *name)
{
    struct source source;
    if (!is_name(name)) {
        reader_mistake(r, n, "'%s' is no name of a policy; names have letters, digits, '.', '_' and '-'",
                       name);
        return;
    }
    if (!mark_loaded(l, name))
        return;
    int found = find_file(l, name, &source);
    if (found > 0 || (found == 0 && find_embedded(r->arena, name, &source)))
        source_load(l, &source, name);
    else if (found == 0)
        unknown_policy(r, n, name);
}

static void names_load(struct loading *l, struct reader *r, const struct yaml *names)
{
    for (const struct yaml *item = items_of(r, names); item; item = item_after(names, item)) {
        const char *name = text_of(r, item);
        if (name)
            policy_load(l, r, item, name);
    }
}

void policies_load(struct reader *r, const struct settings *s, const struct yaml *names, struct rules *to)
{
    static const struct yaml nowhere = {.text = ""};
    struct loading l = {.reader = r, .settings = s, .to = to};
    if (names)
        names_load(&l, r, names);
    for (size_t i = 0; !names && i < s->policies.count; i++)
        policy_load(&l, r, &nowhere, s->policies.list[i]);
    strings_fini(&l.loaded);
}
