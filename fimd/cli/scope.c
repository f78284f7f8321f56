/* Paths are cut down so that none lies below another: else its files would be counted twice. */
#include "fimd/cli/scope.h"

#include "baseline/path.h"
#include "fimd/cli/target.h"

#include <errno.h>
#include <string.h>

unsigned scope_choose(const struct policy *policy, const char *path, size_t len, enum entry_type type)
{
    return policy_choose(policy, path, len, type);
}

int scope_depth(struct cli *cli, const char *metadata, const char *content, enum check_depth *ret)
{
    if (metadata && content)
        return cli_fail(cli, EXIT_BAD_USAGE, "--metadata and --content exclude each other");
    *ret = content ? CHECK_CONTENT : CHECK_METADATA;
    return 0;
}

static bool covered(const struct strings *paths, const char *path, size_t but)
{
    for (size_t i = 0; i < paths->count; i++)
        if (i != but && path_below(path, strlen(path), paths->list[i], strlen(paths->list[i])) &&
            (strcmp(path, paths->list[i]) != 0 || i < but))
            return true;
    return false;
}

/* Takes out what another path covers. */
static int keep_highest(const struct strings *all, struct strings *ret)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < all->count; i++)
        if (!covered(all, all->list[i], i))
            r = strings_add(ret, all->list[i]);
    return r;
}

static int add_path(struct cli *cli, const char *typed, struct strings *to)
{
    struct buf path = {0};
    int r = target_resolve(typed, &path);

    if (r == 0 && !buf_cstr(&path))
        r = -ENOMEM;
    if (r < 0)
        r = cli_fail(cli, EXIT_BAD_USAGE, "'%s': %s", typed, strerror(-r));
    else if (!policy_choose(cli->settings.policy, (char *)path.data, path.len, ENTRY_ABSENT))
        r = cli_fail(cli, EXIT_BAD_USAGE, "%s is not watched; see: fimctl explain %s", typed, typed);
    else if (strings_add(to, (char *)path.data) < 0)
        r = cli_fail(cli, EXIT_INTERNAL, "out of memory");
    buf_fini(&path);
    return r;
}

static int add_roots(struct cli *cli, struct strings *to)
{
    size_t count;
    const char *const *roots = policy_roots(cli->settings.policy, &count);

    for (size_t i = 0; i < count; i++)
        if (strings_add(to, roots[i]) < 0)
            return cli_fail(cli, EXIT_INTERNAL, "out of memory");
    return 0;
}

int scope_make(struct scope *s, struct cli *cli, const struct words *words)
{
    const struct settings *settings = &cli->settings;
    struct strings all = {0};
    int r = words->count ? 0 : add_roots(cli, &all);

    *s = (struct scope){.measure = {.digests = settings->digests, .max_file_size = settings->max_file_size}};
    store_leave(settings->state_dir, &s->measure.leave);
    s->options = (struct check_options){
        .measure = &s->measure, .threads = settings->threads, .read_rate = settings->read_rate};
    for (size_t i = 0; r == 0 && i < words->count; i++)
        r = add_path(cli, words->list[i], &all);
    if (r == 0 && keep_highest(&all, &s->paths) < 0)
        r = cli_fail(cli, EXIT_INTERNAL, "out of memory");
    strings_fini(&all);
    if (r)
        scope_fini(s);
    return r;
}

void scope_fini(struct scope *s)
{
    strings_fini(&s->paths);
}
