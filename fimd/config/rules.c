/* Rules: one entry of a `watch` list into struct rule.
 *
 *   map ─► draft, by the table of keys ─► patterns checked at their places ─► paths resolved ─► id ─► rule */
#include "fimd/config/rules.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "baseline/attr.h"
#include "fimd/config/output_check.h"
#include "fimd/config/resolve.h"
#include "fimd/config/suggest.h"
#include "fimd/config/value.h"

enum { ID_MAX_LEN = 64, DEPTH_MOST = 1000 };

/* clang-format off */
/* Names under which tools build a file before it gets its own, or lock it. A file that keeps such a name is
 * reported all the same, only one that goes again at once is not. */
static const char *const transient_default[] = {
    /* sed -i, perl -i, ln -sf; rsync and mkstemp beside the file */
    "sed??????", "XX??????", "Cu??????", ".*.??????",
    /* vim, nano; vipw, visudo -f */
    ".*.sw?", ".*.swpx", "4913", "*~", "*.edit",
    /* emacs, systemd */
    ".#*", "#*#",
    /* visudo and many more; dpkg */
    "*.tmp", "*.dpkg-new", "*.dpkg-tmp",
    /* The shadow tools: the new file, its lock, and the lock's own temporary name with the pid. */
    "passwd+", "shadow+", "group+", "gshadow+", "subuid+", "subgid+",
    "passwd.lock", "shadow.lock", "group.lock", "gshadow.lock", "subuid.lock", "subgid.lock",
    "passwd.[0-9]*", "shadow.[0-9]*", "group.[0-9]*", "gshadow.[0-9]*", "subuid.[0-9]*", "subgid.[0-9]*",
};
/* clang-format on */

struct draft {
    struct rule rule; /* its lists stay empty until the end */
    struct strings paths, include, exclude, transient, tags;
};

void rules_fini(struct rules *rs)
{
    for (size_t i = 0; i < rs->count; i++)
        rule_fini(&rs->list[i]);
    free(rs->list);
    *rs = (struct rules){0};
}

static void key_recursive(struct reader *r, const struct yaml *n, const struct key *key, void *target)
{
    struct draft *d = target;
    const char *text = text_of(r, n);
    uint64_t depth;
    bool all;
    (void)key;
    if (!text)
        return;
    if (boolean_parse(text, &all) == 0)
        d->rule.depth = all ? RULE_DEPTH_ALL : 0;
    else if (number_parse(text, &depth) == 0 && depth <= DEPTH_MOST)
        d->rule.depth = (int)depth;
    else
        reader_mistake(r, n, "'recursive' is '%s'; write true, false or how many levels, 0 to %d", text,
                       DEPTH_MOST);
}

/* Of later versions; asking for less than the default does is no mistake. */
static void key_later_boolean(struct reader *r, const struct yaml *n, const struct key *key, void *target)
{
    bool wanted = false;
    const char *text = text_of(r, n);
    (void)target;
    if (!text)
        return;
    if (boolean_parse(text, &wanted) < 0)
        reader_mistake(r, n, "'%s' is '%s'; write true or false", key->name, text);
    else if (wanted)
        reader_mistake_key(r, n, "not yet: '%s' is for a later version of fimd; take it out", key->name);
}

static void unknown_attribute(struct reader *r, const struct yaml *n, const char *name)
{
    struct suggestion near = {0};
    for (uint32_t bit = 1; bit < ATTR_ALL; bit <<= 1)
        suggest(&near, name, attr_name(bit));
    if (near.word)
        reader_mistake(r, n, "there is no attribute '%s'; '%s' may be meant", name, near.word);
    else
        reader_mistake(
            r, n, "there is no attribute '%s'; write all, content, mode, owner … or '-mtime' to take one out",
            name);
}

static void key_attributes(struct reader *r, const struct yaml *n, const struct key *key, void *target)
{
    struct draft *d = target;
    uint32_t bits = 0;
    bool first = true, known = true;
    (void)key;
    for (const struct yaml *item = items_of(r, n); item; item = item_after(n, item)) {
        const char *text = text_of(r, item);
        if (!text)
            continue;
        bool out = *text == '-';
        uint32_t bit = attr_parse(text + out, strlen(text + out));
        if (!bit)
            unknown_attribute(r, item, text + out);
        if (first && out) /* a list that only takes out takes out of all */
            bits = ATTR_ALL;
        bits = out ? bits & ~bit : bits | bit;
        first = false;
        known = known && bit;
    }
    if (!bits && !first && known)
        reader_mistake(r, n, "no attribute is left; the rule would never tell anything");
    if (bits)
        d->rule.attributes = bits;
}

#define AT(member) offsetof(struct draft, member)

static const struct key keys[] = {
    {.name = "path", .read = key_paths, .offset = AT(paths)},
    {.name = "id", .read = key_text, .offset = AT(rule.id)},
    {.name = "recursive", .read = key_recursive},
    {.name = "include", .read = key_strings, .offset = AT(include)},
    {.name = "exclude", .read = key_strings, .offset = AT(exclude)},
    {.name = "transient", .read = key_strings, .offset = AT(transient)},
    {.name = "attributes", .read = key_attributes},
    {.name = "grow_only", .read = key_later_boolean},
    {.name = "follow_symlinks", .read = key_boolean, .offset = AT(rule.follow_symlinks)},
    {.name = "diff", .read = key_later_boolean},
    {.name = "severity", .read = key_severity, .offset = AT(rule.severity)},
    {.name = "tags", .read = key_strings, .offset = AT(tags)},
    {0},
};

static void check_each(struct reader *r, const struct yaml *n, struct rule *probe, char ***list,
                       size_t *count)
{
    for (const struct yaml *item = n ? items_of(r, n) : NULL; item; item = item_after(n, item)) {
        struct fault why = {0};
        char *text = item->kind == NODE_TEXT ? (char *)text_of(r, item) : NULL;
        if (!text || !*text)
            continue; /* told already */
        *list = &text;
        *count = 1;
        int e = rule_check(probe, &why);
        if (e == -EINVAL)
            reader_mistake(r, item, "%s", why.text);
        reader_ok(r, e == -ENOMEM ? e : 0);
    }
}

/* Each pattern at its own place, by what the policy itself says of it. */
static void check_patterns(struct reader *r, const struct yaml *n)
{
    struct rule a = {0}, b = {0}, c = {0};
    check_each(r, child_of(n, "include"), &a, &a.include, &a.include_count);
    check_each(r, child_of(n, "exclude"), &b, &b.exclude, &b.exclude_count);
    check_each(r, child_of(n, "transient"), &c, &c.transient, &c.transient_count);
}

static void check_paths(struct reader *r, const struct yaml *n, bool follow)
{
    const struct yaml *paths = child_of(n, "path");
    if (!paths)
        reader_mistake(r, n, "the rule has no path; write path: /srv/app, or a list of paths");
    for (const struct yaml *item = paths ? items_of(r, paths) : NULL; item; item = item_after(paths, item)) {
        struct rule probe = {0};
        struct fault why = {0};
        char *text = item->kind == NODE_TEXT ? (char *)text_of(r, item) : NULL;
        if (!text || *text != '/')
            continue; /* told already */
        probe.paths = &text;
        probe.paths_count = 1;
        int e = rule_check(&probe, &why);
        if (e == -EINVAL)
            reader_mistake(r, item, "%s", why.text);
        else if (follow && !path_is_literal(text))
            reader_mistake(
                r, item,
                "'follow_symlinks' cannot follow the pattern '%s'; give such a path a rule without it", text);
        reader_ok(r, e == -ENOMEM ? e : 0);
    }
}

static bool resolve_paths(struct reader *r, struct draft *d)
{
    struct strings resolved = {0};
    bool ok = true;
    for (size_t i = 0; ok && i < d->paths.count; i++)
        ok = reader_ok(r, path_resolve(d->paths.list[i], d->rule.follow_symlinks, &resolved));
    strings_fini(&d->paths);
    d->paths = resolved;
    return ok;
}

static const struct rule *rule_of_id(const struct rules *rs, const char *id)
{
    for (size_t i = 0; i < rs->count; i++) {
        if (!strcmp(rs->list[i].id, id))
            return &rs->list[i];
    }
    return NULL;
}

/* "/srv/My app/x?.conf" → "srv-My-app-x-.conf" */
static void id_from_path(const char *path, char ret[ID_MAX_LEN + 1])
{
    size_t used = 0;
    for (; *path && used < ID_MAX_LEN - 8; path++) {
        bool plain = isalnum((unsigned char)*path) || *path == '_' || *path == '.';
        if (plain)
            ret[used++] = *path;
        else if (used && ret[used - 1] != '-')
            ret[used++] = '-';
    }
    while (used && ret[used - 1] == '-')
        used--;
    if (!used)
        used = (size_t)(stpcpy(ret, "root") - ret);
    ret[used] = '\0';
}

static char *id_make(const struct rules *rs, const char *path)
{
    char base[ID_MAX_LEN + 1], id[ID_MAX_LEN + 16];
    id_from_path(path, base);
    snprintf(id, sizeof(id), "%s", base);
    for (unsigned i = 2; rule_of_id(rs, id); i++)
        snprintf(id, sizeof(id), "%s-%u", base, i);
    return strdup(id);
}

static void id_check(struct reader *r, const struct yaml *n, const struct rules *rs, const char *id)
{
    const struct rule *other = rule_of_id(rs, id);
    for (const char *c = id; *c; c++) {
        if (!isalnum((unsigned char)*c) && !strchr("._-", *c)) {
            reader_mistake(r, n, "the id '%s' has other signs than letters, digits, '.', '_' and '-'", id);
            return;
        }
    }
    if (strlen(id) > ID_MAX_LEN)
        reader_mistake(r, n, "the id is longer than %d bytes; shorten it", ID_MAX_LEN);
    else if (other)
        reader_mistake(r, n, "the id '%s' is also that of the rule at %s:%d; give this one another", id,
                       other->file, other->line);
}

static bool id_settle(struct reader *r, const struct yaml *n, const struct rules *rs, struct draft *d)
{
    if (d->rule.id)
        id_check(r, child_of(n, "id"), rs, d->rule.id);
    else
        d->rule.id = id_make(rs, d->paths.count ? d->paths.list[0] : "");
    return reader_ok(r, d->rule.id ? 0 : -ENOMEM);
}

static bool draft_begin(struct reader *r, const struct yaml *n, const char *policy, struct draft *d)
{
    *d = (struct draft){.rule = {.policy = strdup(policy),
                                 .file = strdup(r->file),
                                 .line = n->line,
                                 .depth = RULE_DEPTH_ALL,
                                 .attributes = ATTR_ALL,
                                 .severity = SEVERITY_MEDIUM}};
    bool ok = d->rule.policy && d->rule.file;
    for (size_t i = 0; ok && i < sizeof(transient_default) / sizeof(*transient_default); i++)
        ok = strings_add(&d->transient, transient_default[i]) == 0;
    return reader_ok(r, ok ? 0 : -ENOMEM);
}

static void draft_fini(struct draft *d)
{
    struct strings *lists[] = {&d->paths, &d->include, &d->exclude, &d->transient, &d->tags};
    for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++)
        strings_fini(lists[i]);
    rule_fini(&d->rule);
}

/* The lists go over to the rule, which is the draft's no more. */
static struct rule draft_end(struct draft *d)
{
    struct rule r = d->rule;
    r.paths = d->paths.list, r.paths_count = d->paths.count;
    r.include = d->include.list, r.include_count = d->include.count;
    r.exclude = d->exclude.list, r.exclude_count = d->exclude.count;
    r.transient = d->transient.list, r.transient_count = d->transient.count;
    r.tags = d->tags.list, r.tags_count = d->tags.count;
    *d = (struct draft){0};
    return r;
}

static void rule_push(struct reader *r, struct rules *to, struct draft *d)
{
    struct rule *list = realloc(to->list, (to->count + 1) * sizeof(*list));
    if (!reader_ok(r, list ? 0 : -ENOMEM))
        return;
    to->list = list;
    to->list[to->count++] = draft_end(d);
}

static void rule_read(struct reader *r, const struct yaml *n, const char *policy, struct rules *to)
{
    struct draft d;
    if (draft_begin(r, n, policy, &d)) {
        keys_read(r, n, keys, "a rule", &d);
        if (n->kind == NODE_MAP) {
            check_patterns(r, n);
            check_paths(r, n, d.rule.follow_symlinks);
            if (resolve_paths(r, &d) && id_settle(r, n, to, &d))
                rule_push(r, to, &d);
        }
    }
    draft_fini(&d);
}

void rules_read(struct reader *r, const struct yaml *n, const char *policy, struct rules *to)
{
    if (n->kind != NODE_LIST) {
        reader_mistake(r, n, "'watch' is a list; put '- ' before each rule");
        return;
    }
    for (const struct yaml *item = n->first; item; item = item->next)
        rule_read(r, item, policy, to);
}
