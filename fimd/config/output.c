/* The outputs of fimd.yaml: one table of keys for all types, each row saying for which it is.
 *
 *   outputs: list ─► type ─► defaults ─► keys ─► checks of what belongs together ─► unique name */
#include "fimd/config/output.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fimd/config/output_check.h"
#include "fimd/config/suggest.h"

#define MIB           (UINT64_C(1) << 20)
#define NS_PER_SECOND INT64_C(1000000000)

enum {
    NAME_MAX_LEN = 64, /* the name is part of a key in the store */
    FILE_ONLY = 1u << OUTPUT_FILE,
    ES_ONLY = 1u << OUTPUT_ELASTICSEARCH,
};

static const struct choice verifies[] = {
    {"full", TLS_VERIFY_FULL}, {"certificate", TLS_VERIFY_CERTIFICATE}, {"none", TLS_VERIFY_NONE}, {NULL, 0}};
static const struct choice vocabs[] = {{"fim", VOCAB_FIM}, {"both", VOCAB_BOTH}, {NULL, 0}};
static const struct choice compressions[] = {{"none", false}, {"gzip", true}, {NULL, 0}};

static void key_compression(struct reader *r, const struct yaml *n, const struct key *key, void *target)
{
    struct output_settings *o = target;
    int value;
    (void)key;
    if (choice_find(r, n, compressions, &value))
        o->gzip = value;
}

static void key_cloud_id(struct reader *r, const struct yaml *n, const struct key *key, void *target)
{
    struct output_settings *o = target;
    char url[600];
    const char *text = text_of(r, n);
    (void)key;
    if (!text)
        return;
    if (cloud_id_parse(text, url, sizeof(url)) < 0)
        reader_mistake(r, n,
                       "this is no cloud id; copy it whole from the deployment's page, as 'name:BASE64'");
    else
        reader_ok(r, strings_add(&o->hosts, url));
}

static void key_ignored(struct reader *r, const struct yaml *n, const struct key *key, void *target)
{
    (void)r, (void)n, (void)key, (void)target; /* read before the others */
}

#define AT(member) offsetof(struct output_settings, member)

static const struct key rotate_keys[] = {
    {.name = "size", .read = key_size, .offset = AT(rotate_size)},
    {.name = "keep", .read = key_number, .offset = AT(rotate_keep), .most = 100000},
    {0},
};

static const struct key batch_keys[] = {
    {.name = "events", .read = key_number, .offset = AT(batch_events), .least = 1, .most = 10000},
    {.name = "bytes", .read = key_size, .offset = AT(batch_bytes), .least = 4096, .most = 100 * MIB},
    {0},
};

static const struct key keys[] = {
    {.name = "type", .read = key_ignored},
    {.name = "name", .read = key_text, .offset = AT(name)},
    {.name = "min_severity", .read = key_severity, .offset = AT(min_severity)},
    {.name = "rules", .read = key_strings, .offset = AT(rules)},
    {.name = "tags", .read = key_strings, .offset = AT(tags)},
    {.name = "actions", .read = key_strings, .offset = AT(actions)},
    {.name = "not_tags", .read = key_strings, .offset = AT(not_tags)},
    {.name = "path", .read = key_path, .offset = AT(path), .only = FILE_ONLY},
    {.name = "rotate", .read = key_map, .more = rotate_keys, .only = FILE_ONLY},
    {.name = "fsync", .read = key_boolean, .offset = AT(fsync), .only = FILE_ONLY},
    {.name = "hosts", .read = key_strings, .offset = AT(hosts), .only = ES_ONLY},
    {.name = "cloud_id", .read = key_cloud_id, .only = ES_ONLY},
    {.name = "index", .read = key_text, .offset = AT(index), .only = ES_ONLY},
    {.name = "pipeline", .read = key_text, .offset = AT(pipeline), .only = ES_ONLY},
    {.name = "username", .read = key_text, .offset = AT(username), .only = ES_ONLY},
    {.name = "password_file", .read = key_path, .offset = AT(password_file), .only = ES_ONLY},
    {.name = "api_key_file", .read = key_path, .offset = AT(api_key_file), .only = ES_ONLY},
    {.name = "bearer_token_file", .read = key_path, .offset = AT(bearer_token_file), .only = ES_ONLY},
    {.name = "ca_file", .read = key_path, .offset = AT(ca_file), .only = ES_ONLY},
    {.name = "certificate_file", .read = key_path, .offset = AT(certificate_file), .only = ES_ONLY},
    {.name = "key_file", .read = key_path, .offset = AT(key_file), .only = ES_ONLY},
    {.name = "pinned_public_key", .read = key_text, .offset = AT(pinned_public_key), .only = ES_ONLY},
    {.name = "verify", .read = key_choice, .offset = AT(verify), .more = verifies, .only = ES_ONLY},
    {.name = "compression", .read = key_compression, .only = ES_ONLY},
    {.name = "batch", .read = key_map, .more = batch_keys, .only = ES_ONLY},
    {.name = "timeout",
     .read = key_duration,
     .offset = AT(timeout),
     .least = 100000000,
     .most = 3600 * NS_PER_SECOND,
     .only = ES_ONLY},
    {.name = "action_vocab", .read = key_choice, .offset = AT(vocab), .more = vocabs},
    {0},
};

enum { TYPE_LATER = 100 };
static const struct choice types[] = {
    {"file", OUTPUT_FILE},
    {"console", OUTPUT_CONSOLE},
    {"elasticsearch", OUTPUT_ELASTICSEARCH},
    {"syslog", TYPE_LATER},
    {"webhook", TYPE_LATER},
    {"mail", TYPE_LATER},
    {NULL, 0},
};

static const char *type_name(enum output_type type)
{
    return types[type].word; /* the first rows stand in the enum's order */
}

static bool type_read(struct reader *r, const struct yaml *n, enum output_type *ret)
{
    const struct yaml *type = child_of(n, "type");
    int value;
    if (!type) {
        reader_mistake(
            r, n, "the output has no type; write 'type: file', 'type: console' or 'type: elasticsearch'");
        return false;
    }
    if (!choice_find(r, type, types, &value))
        return false;
    if (value == TYPE_LATER) {
        reader_mistake(r, type,
                       "not yet: outputs of the type '%s' are for a later version of fimd; take it out",
                       type->text);
        return false;
    }
    *ret = (enum output_type)value;
    return true;
}

static bool is_for(const struct key *key, enum output_type type)
{
    return !key->only || (key->only >> type & 1);
}

static void pairs_read(struct reader *r, const struct yaml *n, struct output_settings *o)
{
    char what[40];
    snprintf(what, sizeof(what), "an output of type %s", type_name(o->type));
    for (const struct yaml *pair = n->first; pair; pair = pair->next) {
        const struct key *key = key_find(r, pair, keys, what);
        if (key && !is_for(key, o->type))
            reader_mistake_key(r, pair, "%s has no key '%s'; take it out", what, key->name);
        else if (key && !pair->empty)
            key->read(r, pair, key, o);
    }
}

static bool defaults_put(struct reader *r, struct output_settings *o)
{
    o->min_severity = SEVERITY_INFO;
    o->rotate_size = 100 * MIB;
    o->rotate_keep = 10;
    o->gzip = true;
    o->batch_events = 500;
    o->batch_bytes = 5 * MIB;
    o->timeout = 30 * NS_PER_SECOND;
    if (o->type != OUTPUT_ELASTICSEARCH)
        return true;
    o->index = strdup("logs-fim.event-default");
    return reader_ok(r, o->index ? 0 : -ENOMEM);
}

static bool name_taken(const struct settings *s, const char *name)
{
    for (size_t i = 0; i < s->outputs_count; i++) {
        if (!strcmp(s->outputs[i].name, name))
            return true;
    }
    return false;
}

static char *name_make(const struct settings *s, enum output_type type)
{
    char *name = NULL;
    for (unsigned i = 1;; i++) {
        int r =
            i == 1 ? asprintf(&name, "%s", type_name(type)) : asprintf(&name, "%s-%u", type_name(type), i);
        if (r < 0)
            return NULL;
        if (!name_taken(s, name))
            return name;
        free(name);
    }
}

static void name_check(struct reader *r, const struct yaml *n, const struct settings *s, const char *name)
{
    const char *allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    if (name[strspn(name, allowed)] || strlen(name) > NAME_MAX_LEN)
        reader_mistake(r, n,
                       "the name '%s' has other signs than letters, digits, '.', '_' and '-', or is too long",
                       name);
    else if (name_taken(s, name))
        reader_mistake(r, n,
                       "two outputs are called '%s'; each keeps its place in the journal by its name, "
                       "give this one another",
                       name);
}

static bool name_settle(struct reader *r, const struct yaml *n, const struct settings *s,
                        struct output_settings *o)
{
    if (o->name)
        name_check(r, child_of(n, "name"), s, o->name);
    else
        o->name = name_make(s, o->type);
    return reader_ok(r, o->name ? 0 : -ENOMEM);
}

static bool output_push(struct reader *r, struct settings *s, struct output_settings *o)
{
    struct output_settings *list = realloc(s->outputs, (s->outputs_count + 1) * sizeof(*list));
    if (!reader_ok(r, list ? 0 : -ENOMEM))
        return false;
    s->outputs = list;
    s->outputs[s->outputs_count++] = *o;
    return true;
}

static void output_read(struct reader *r, const struct yaml *n, struct settings *s)
{
    struct output_settings o = {0};
    if (n->kind != NODE_MAP) {
        reader_mistake(r, n,
                       "an output is a map; write it as {type: file, path: /var/log/fimd/events.ndjson}");
        return;
    }
    if (!type_read(r, n, &o.type) || !defaults_put(r, &o))
        return;
    pairs_read(r, n, &o);
    output_check(r, n, &o);
    if (!name_settle(r, n, s, &o) || !output_push(r, s, &o))
        output_settings_fini(&o);
}

static void outputs_clear(struct settings *s)
{
    for (size_t i = 0; i < s->outputs_count; i++)
        output_settings_fini(&s->outputs[i]);
    s->outputs_count = 0;
}

void key_outputs(struct reader *r, const struct yaml *n, const struct key *key, void *target)
{
    struct settings *s = target;
    outputs_clear(s);
    if (n->kind != NODE_LIST) {
        reader_mistake(r, n, "'%s' is a list; put '- ' before each output", key->name);
        return;
    }
    for (const struct yaml *item = n->first; item; item = item->next)
        output_read(r, item, s);
}

int outputs_default(struct settings *s)
{
    bool no_memory = false;
    struct reader r = {.no_memory = &no_memory};
    struct output_settings o = {
        .type = OUTPUT_FILE, .path = strdup("/var/log/fimd/events.ndjson"), .name = strdup("file")};
    if (!o.path || !o.name || !defaults_put(&r, &o) || !output_push(&r, s, &o)) {
        output_settings_fini(&o);
        return -ENOMEM;
    }
    return 0;
}

static bool rule_known(const struct policy *policy, const char *id, struct suggestion *near)
{
    for (size_t i = 0; i < policy_count(policy); i++) {
        if (!strcmp(policy_rule(policy, i)->id, id))
            return true;
        suggest(near, id, policy_rule(policy, i)->id);
    }
    return false;
}

void outputs_check_rules(struct reader *r, const struct yaml *outputs, const struct policy *policy)
{
    for (const struct yaml *o = outputs ? outputs->first : NULL; o; o = o->next) {
        const struct yaml *rules = child_of(o, "rules");
        for (const struct yaml *id = rules ? items_of(r, rules) : NULL; id; id = item_after(rules, id)) {
            struct suggestion near = {0};
            const char *text = text_of(r, id);
            if (text && !rule_known(policy, text, &near))
                reader_mistake(r, id, "no rule has the id '%s'; %s%s", text,
                               near.word ? "nearest is " : "see fimctl status", near.word ? near.word : "");
        }
    }
}
