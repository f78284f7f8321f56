/* fimd.yaml → struct settings: the table of its keys, the defaults, and the order in which things are read.
 *
 *   file ─► nodes ─► ${NAME} ─► keys by table ─► policies and watch → rules → policy ─► checks across keys
 *
 * Nothing is given to the caller unless everything is right: a running daemon keeps what it has. */
#include "fimd/config/config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fimd/config/key.h"
#include "fimd/config/mistake.h"
#include "fimd/config/output.h"
#include "fimd/config/output_check.h"
#include "fimd/config/policies.h"
#include "fimd/config/rules.h"

#define SECOND INT64_C(1000000000)
#define DAY    (86400 * SECOND)
#define MIB    (UINT64_C(1) << 20)

struct loaded { /* the target of the table: what is kept, and what is read later */
    struct settings settings;
    const struct yaml *policies, *watch, *outputs;
};

static void key_digests(struct reader *r, const struct yaml *n, const struct key *key, void *target)
{
    struct digest_plan *plan = &((struct loaded *)target)->settings.digests;
    struct digest_plan read = {0};
    for (const struct yaml *item = items_of(r, n); item; item = item_after(n, item)) {
        const char *text = text_of(r, item);
        uint8_t id = text ? digest_id(text, strlen(text)) : 0;
        if (!text)
            continue;
        if (!id)
            reader_mistake(
                r, item, "this host's libcrypto has no digest '%s'; write sha256, sha512, sha1, md5 …", text);
        else if (memchr(read.ids, id, read.count))
            reader_mistake(r, item, "'%s' stands twice; once is enough", text);
        else if (read.count == DIGESTS_MAX)
            reader_mistake(r, item, "more than %d digests; take some out", DIGESTS_MAX);
        else
            read.ids[read.count++] = id;
    }
    if (!n->first && n->kind == NODE_LIST)
        reader_mistake(r, n, "'%s' is empty; without a digest no change of content is seen, write sha256",
                       key->name);
    *plan = read;
}

static void label_read(struct reader *r, const struct yaml *n, struct settings *s)
{
    const char *text = text_of(r, n);
    const char *allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
    if (!*n->key || n->key[strspn(n->key, allowed)])
        reader_mistake_key(r, n, "the label '%s' has other signs than letters, digits, '_' and '-'", n->key);
    else if (text && reader_ok(r, strings_add(&s->label_keys, n->key)))
        reader_ok(r, strings_add(&s->label_values, text));
}

static void key_labels(struct reader *r, const struct yaml *n, const struct key *key, void *target)
{
    struct settings *s = &((struct loaded *)target)->settings;
    if (n->kind != NODE_MAP) {
        reader_mistake(r, n, "'%s' is a map; write it as {env: prod}", key->name);
        return;
    }
    for (const struct yaml *pair = n->first; pair; pair = pair->next)
        label_read(r, pair, s);
}

enum { SCAN_NONE = -1 };
static const struct choice depths[] = {
    {"none", SCAN_NONE}, {"metadata", CHECK_METADATA}, {"content", CHECK_CONTENT}, {NULL, 0}};

static void key_at_start(struct reader *r, const struct yaml *n, const struct key *key, void *target)
{
    struct settings *s = &((struct loaded *)target)->settings;
    int value;
    (void)key;
    if (!choice_find(r, n, depths, &value))
        return;
    s->scan_at_start = value != SCAN_NONE;
    s->scan_at_start_depth = value == CHECK_CONTENT ? CHECK_CONTENT : CHECK_METADATA;
}

static void key_threads(struct reader *r, const struct yaml *n, const struct key *key, void *target)
{
    if (n->kind == NODE_TEXT && !n->bad && !strcmp(n->text, "auto"))
        ((struct loaded *)target)->settings.threads = 0;
    else
        key_number(r, n, key, target);
}

static const struct choice audits[] = {{"off", false}, {"auto", true}, {NULL, 0}};

static void key_audit(struct reader *r, const struct yaml *n, const struct key *key, void *target)
{
    int value;
    (void)key;
    if (choice_find(r, n, audits, &value))
        ((struct loaded *)target)->settings.audit = value;
}

static void key_node(struct reader *r, const struct yaml *n, const struct key *key, void *target)
{
    (void)r;
    *(const struct yaml **)((char *)target + key->offset) = n;
}

static const struct choice rules_choices[] = {{"critical", RULES_CRITICAL},
                                              {"directories", RULES_DIRECTORIES},
                                              {"logins", RULES_LOGINS},
                                              {"none", RULES_NONE},
                                              {NULL, 0}};

#define AT(member) offsetof(struct loaded, settings.member)

static const struct key attribution_keys[] = {
    {.name = "audit", .read = key_audit},
    {.name = "rules", .read = key_choice, .offset = AT(rules), .more = rules_choices},
    {.name = "grace", .read = key_duration, .offset = AT(grace), .most = 60 * SECOND},
    {0},
};

static const struct key scan_keys[] = {
    {.name = "at_start", .read = key_at_start},
    {.name = "schedule", .read = key_not_yet},
    {.name = "read_rate", .read = key_size, .offset = AT(read_rate)},
    {.name = "threads", .read = key_threads, .offset = AT(threads), .least = 1, .most = 256},
    {0},
};

static const struct key journal_keys[] = {
    {.name = "keep", .read = key_duration, .offset = AT(journal_keep), .least = 60 * SECOND},
    {.name = "max_size", .read = key_size, .offset = AT(journal_max_size), .least = MIB},
    {0},
};

static const struct key keys[] = {
    {.name = "state_dir", .read = key_path, .offset = AT(state_dir)},
    {.name = "runtime_dir", .read = key_path, .offset = AT(runtime_dir)},
    {.name = "policy_path", .read = key_paths, .offset = AT(policy_path)},
    {.name = "policies", .read = key_node, .offset = offsetof(struct loaded, policies)},
    {.name = "digests", .read = key_digests},
    {.name = "tags", .read = key_strings, .offset = AT(tags)},
    {.name = "labels", .read = key_labels},
    {.name = "watch", .read = key_node, .offset = offsetof(struct loaded, watch)},
    {.name = "attribution", .read = key_map, .more = attribution_keys},
    {.name = "scan", .read = key_map, .more = scan_keys},
    {.name = "settle", .read = key_duration, .offset = AT(settle), .most = 3600 * SECOND},
    {.name = "settle_max",
     .read = key_duration,
     .offset = AT(settle_max),
     .least = SECOND / 1000,
     .most = 3600 * SECOND},
    {.name = "max_file_size", .read = key_size, .offset = AT(max_file_size)},
    {.name = "packages", .read = key_not_yet, .more = "off"},
    {.name = "journal", .read = key_map, .more = journal_keys},
    {.name = "queue_events",
     .read = key_number,
     .offset = AT(queue_events),
     .least = 1024,
     .most = 16u << 20},
    {.name = "sender_user", .read = key_text, .offset = AT(sender_user)},
    {.name = "outputs", .read = key_node, .offset = offsetof(struct loaded, outputs)},
    {.name = "audit_stream", .read = key_not_yet},
    {.name = "maintenance", .read = key_not_yet},
    {0},
};

static int strings_fill(struct strings *s, const char *const *texts)
{
    int r = 0;
    for (; r == 0 && *texts; texts++)
        r = strings_add(s, *texts);
    return r;
}

static int defaults_put(struct settings *s)
{
    static const char *const policy_path[] = {"/etc/fimd/policies.d", "/usr/share/fimd/policies", NULL};
    static const char *const policies[] = {"recommended", NULL};
    static const char *const digests[] = {"md5", "sha1", "sha256", NULL};

    *s = (struct settings){
        .state_dir = strdup("/var/lib/fimd"),
        .runtime_dir = strdup("/run/fimd"),
        .sender_user = strdup("fimd"),
        .audit = true,
        .rules = RULES_CRITICAL,
        .grace = SECOND / 4,
        .scan_at_start = true,
        .scan_at_start_depth = CHECK_METADATA,
        .settle = SECOND / 10,
        .settle_max = 5 * SECOND,
        .journal_keep = 400 * DAY,
        .journal_max_size = 4096 * MIB,
        .queue_events = 262144,
    };
    for (const char *const *d = digests; *d; d++) {
        uint8_t id = digest_id(*d, strlen(*d));
        if (id) /* a libcrypto in FIPS mode has no md5 */
            s->digests.ids[s->digests.count++] = id;
    }
    if (!s->state_dir || !s->runtime_dir || !s->sender_user ||
        strings_fill(&s->policy_path, policy_path) < 0 || strings_fill(&s->policies, policies) < 0 ||
        outputs_default(s) < 0)
        return -ENOMEM;
    return 0;
}

static void policies_read(struct reader *r, struct loaded *l, struct rules *rules)
{
    if (l->policies) {
        const struct key key = {.name = "policies", .offset = offsetof(struct settings, policies)};
        key_strings(r, l->policies, &key, &l->settings);
    }
    policies_load(r, &l->settings, l->policies, rules);
    if (l->watch)
        rules_read(r, l->watch, "fimd.yaml", rules);
}

static void policy_make(struct reader *r, struct loaded *l, const struct rules *rules)
{
    struct fault why = {0};
    int e = policy_new(rules->list, rules->count, &l->settings.policy, &why);
    if (e == -EINVAL) /* each pattern was checked at its place: not to be expected */
        reader_ok(r, mistake_add(r->mistakes, r->file, 0, 0, "%s", why.text));
    else if (reader_ok(r, e))
        outputs_check_rules(r, l->outputs, l->settings.policy);
}

/* What several keys say together. */
static void settings_check(struct reader *r, const struct yaml *root, const struct settings *s)
{
    const struct yaml *most = root ? child_of(root, "settle_max") : NULL;
    const struct yaml *settle = root ? child_of(root, "settle") : NULL;
    if (s->settle > s->settle_max && (most || settle))
        reader_mistake(r, most ? most : settle,
                       "'settle' is longer than 'settle_max'; make settle_max the longer one");
}

static void tree_read(struct reader *r, struct yaml *root, struct loaded *l)
{
    struct rules rules = {0};
    if (root) {
        texts_expand(r, root);
        keys_read(r, root, keys, "fimd.yaml", l);
    }
    settings_check(r, root, &l->settings);
    if (l->outputs) {
        const struct key key = {.name = "outputs"};
        key_outputs(r, l->outputs, &key, &l->settings);
    }
    policies_read(r, l, &rules);
    if (!r->mistakes->count && !*r->no_memory)
        policy_make(r, l, &rules);
    rules_fini(&rules);
}

static int text_read(struct reader *r, const char *text, size_t len, struct loaded *l)
{
    struct yaml *root = NULL;
    int e = defaults_put(&l->settings);
    if (e == 0)
        e = yaml_read(r->arena, r->file, text, len, r->mistakes, &root);
    if (e < 0)
        return e;
    tree_read(r, root, l);
    if (*r->no_memory)
        return -ENOMEM;
    mistakes_sort(r->mistakes);
    return r->mistakes->count ? -EINVAL : 0;
}

int config_parse(const char *name, const char *text, size_t len, const char *(*env)(const char *),
                 struct settings *ret, struct mistakes *mistakes)
{
    struct arena arena = {0};
    bool no_memory = false;
    struct mistakes found = {0};
    struct reader r = {name ? name : "(defaults)", env, &arena, &found, &no_memory};
    struct loaded l = {0};

    int e = text_read(&r, text, len, &l);
    if (e == 0 && name && !(l.settings.file = strdup(name)))
        e = -ENOMEM;
    if (e == 0)
        *ret = l.settings;
    else
        settings_fini(&l.settings);
    if (e == -EINVAL)
        *mistakes = found;
    else
        mistakes_fini(&found);
    arena_fini(&arena);
    return e;
}

static const char *environment(const char *name)
{
    return getenv(name);
}

static int unreadable(const char *file, int error, struct mistakes *mistakes)
{
    struct mistakes found = {0};
    if (error == ENOMEM ||
        mistake_add(&found, file, 0, 0, "the file cannot be read: %s",
                    error == EFBIG ? "it is larger than any configuration" : strerror(error)) < 0)
        return -ENOMEM;
    *mistakes = found;
    return -EINVAL;
}

int config_load(const char *file, struct settings *ret, struct mistakes *mistakes)
{
    struct arena arena = {0};
    const char *path = file ? file : CONFIG_DEFAULT_FILE;
    char *text = NULL;
    int e;

    long len = file_read(&arena, path, &text);
    if (len == -ENOENT && !file)
        e = config_parse(NULL, "", 0, environment, ret, mistakes);
    else if (len < 0)
        e = unreadable(path, (int)-len, mistakes);
    else
        e = config_parse(path, text, (size_t)len, environment, ret, mistakes);
    arena_fini(&arena);
    return e;
}
