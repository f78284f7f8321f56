/* The bodies of the set-up's requests. */
#include "fimd/sink/setup_bodies.h"

#include "fimd/sink/index.h"
#include "fimd/sink/mapping.h"

/* Above the server's own templates for logs-* (100) and an integration's (200). */
enum { TEMPLATE_PRIORITY = 250, FIELDS_LIMIT = 2000 };

/* A year of evidence and some time to notice: PCI DSS 10.5.1 asks for twelve months. */
#define KEPT_FOR "400d"
#define ROLLED_AFTER "30d"
#define ROLLED_SIZE "50gb"

/* What a data stream is called is a name; a dated index is one of many. */
static void put_patterns(struct json *list, const char *index)
{
    char pattern[INDEX_NAME_SIZE];

    if (!index_wildcard(index, pattern))
        json_put_text(list, NULL, pattern);
}

/* Templates have it everywhere; pipelines and policies only with newer Elasticsearchs, never with OpenSearch.
 */
static void put_meta(struct json *to)
{
    struct json *meta = json_put_object(to, "_meta");

    json_put_static(meta, "managed_by", "fimd");
    json_put_static(meta, "version", FIMD_VERSION);
}

struct json *setup_template_body(const struct setup_template *t)
{
    struct json *root = json_object(), *template, *settings;

    put_patterns(json_put_array(root, "index_patterns"), t->index);
    json_put_int(root, "priority", TEMPLATE_PRIORITY);
    if (!index_is_dated(t->index))
        json_put_object(root, "data_stream");
    template = json_put_object(root, "template");
    settings = json_put_object(template, "settings");
    json_put_int(settings, "index.mapping.total_fields.limit", FIELDS_LIMIT);
    if (t->lifecycle)
        json_put_static(settings, "index.lifecycle.name", "fimd");
    if (t->pipeline)
        json_put_static(settings, "index.final_pipeline", "fimd");
    mapping_put(json_put_object(template, "mappings"));
    put_meta(root);
    return root;
}

/* event.ingested: when the server got it. Rules that run every few minutes look by it; by @timestamp they
 * would never see what waited through an outage. */
struct json *setup_pipeline_body(void)
{
    struct json *root = json_object(), *set;

    json_put_static(root, "description", "fimd: notes when an event has come in");
    set = json_put_object(json_put_object(json_put_array(root, "processors"), NULL), "set");
    json_put_static(set, "field", "event.ingested");
    json_put_static(set, "value", "{{{_ingest.timestamp}}}");
    return root;
}

struct json *setup_ilm_body(bool dated)
{
    struct json *root = json_object(), *policy = json_put_object(root, "policy");
    struct json *phases, *actions, *rollover, *delete;

    phases = json_put_object(policy, "phases");
    actions = json_put_object(json_put_object(phases, "hot"), "actions");
    if (!dated) {
        rollover = json_put_object(actions, "rollover");
        json_put_static(rollover, "max_age", ROLLED_AFTER);
        json_put_static(rollover, "max_primary_shard_size", ROLLED_SIZE);
    }
    delete = json_put_object(phases, "delete");
    json_put_static(delete, "min_age", KEPT_FOR);
    json_put_object(json_put_object(delete, "actions"), "delete");
    return root;
}

static struct json *put_state(struct json *states, const char *name)
{
    struct json *state = json_put_object(states, NULL);

    json_put_static(state, "name", name);
    return state;
}

struct json *setup_ism_body(const char *index)
{
    struct json *root = json_object(), *policy = json_put_object(root, "policy");
    struct json *states, *state, *actions, *rollover, *transition, *template;

    json_put_static(policy, "description", "fimd: kept for " KEPT_FOR);
    json_put_static(policy, "default_state", "written");
    states = json_put_array(policy, "states");
    state = put_state(states, "written");
    actions = json_put_array(state, "actions");
    if (!index_is_dated(index)) {
        rollover = json_put_object(json_put_object(actions, NULL), "rollover");
        json_put_static(rollover, "min_index_age", ROLLED_AFTER);
        json_put_static(rollover, "min_primary_shard_size", ROLLED_SIZE);
    }
    transition = json_put_object(json_put_array(state, "transitions"), NULL);
    json_put_static(transition, "state_name", "deleted");
    json_put_static(json_put_object(transition, "conditions"), "min_index_age", KEPT_FOR);
    state = put_state(states, "deleted");
    json_put_object(json_put_object(json_put_array(state, "actions"), NULL), "delete");
    json_put_array(state, "transitions");
    template = json_put_object(json_put_array(policy, "ism_template"), NULL);
    put_patterns(json_put_array(template, "index_patterns"), index);
    json_put_int(template, "priority", TEMPLATE_PRIORITY);
    return root;
}
