/* Owns: the shape of a document. Knows nothing of where it goes. What is the same for the whole host was
 * rendered once (document_host.c) and is appended as text; the rest is built as a tree, a part a file:
 *
 *   event ─► @timestamp, message, event ─► file (document_file) ─► process, user, source (document_process)
 *         ─► rule, related, tags ─► fimd ─► text ─► + host, agent, service, labels …
 *
 * No key is ever put twice: Elasticsearch has hung on documents where one was. */
#include "fimd/sink/document.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "baseline/path.h"
#include "fimd/sink/document_parts.h"
#include "fimd/sink/text.h"

void put_time(struct json *parent, const char *key, int64_t ns, int digits)
{
    char text[TEXT_TIME_SIZE];

    if (!ns)
        return;
    text_time(ns, digits, text);
    json_put_text(parent, key, text);
}

void put_id(struct json *parent, const char *key, uint64_t value)
{
    char text[24], *at = text + sizeof(text);

    *--at = '\0';
    do {
        *--at = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    json_put_text(parent, key, at);
}

void put_hex(struct json *parent, const char *key, const uint8_t *data, size_t len)
{
    char text[2 * DIGEST_SIZE_MAX + 1];

    if (len > DIGEST_SIZE_MAX)
        return;
    text_hex(data, len, text);
    json_put_text(parent, key, text);
}

void put_scratch(struct render *r, struct json *parent, const char *key)
{
    r->failed |= r->scratch.failed;
    json_put_bytes(parent, key, r->scratch.data ? (const char *)r->scratch.data : "", r->scratch.len);
    buf_reset(&r->scratch);
}

void put_path(struct render *r, struct json *parent, const char *key, const char *path, size_t len)
{
    if (path_is_utf8(path, len)) {
        json_put_bytes(parent, key, path, len);
        return;
    }
    path_escape(&r->scratch, path, len);
    put_scratch(r, parent, key);
}

void put_path_bytes(struct render *r, struct json *parent, const char *key, const char *path)
{
    size_t len = strlen(path);

    if (path_is_utf8(path, len))
        return;
    text_base64(&r->scratch, path, len);
    put_scratch(r, parent, key);
}

static void note_user(struct render *r, const char *name)
{
    for (size_t i = 0; i < r->users_count; i++)
        if (!strcmp(r->users[i], name))
            return;
    if (r->users_count < RELATED_USERS_MAX)
        memcpy(r->users[r->users_count++], name, ACCOUNT_NAME_SIZE);
}

struct json *put_user(struct render *r, struct json *parent, const char *key, uint32_t uid)
{
    char name[ACCOUNT_NAME_SIZE];
    struct json *user;

    if (uid == ACTOR_UNSET)
        return NULL;
    user = json_put_object(parent, key);
    put_id(user, "id", uid);
    if (accounts_user(r->host->accounts, uid, name)) {
        json_put_text(user, "name", name);
        note_user(r, name);
    }
    return user;
}

/* --- event.* ------------------------------------------------------------------------------------------------ */

struct action_words {
    uint32_t action;
    const char *type;    /* ECS event.type */
    const char *endpoint; /* how Elastic's endpoint calls it; some detection rules know no other word */
};

static const struct action_words action_words[] = {
    {ACTION_CREATED, "creation", "creation"},
    {ACTION_UPDATED, "change", "modification"},
    {ACTION_DELETED, "deletion", "deletion"},
    {ACTION_ATTRIBUTES_MODIFIED, "change", NULL},
    {ACTION_MOVED, "change", "rename"},
    {ACTION_CONFIG_CHANGE, "change", NULL},
    {ACTION_INITIAL_SCAN, "info", NULL},
};

enum { ACTIONS = sizeof(action_words) / sizeof(action_words[0]) };

static void put_change_types(struct json *event, uint32_t actions)
{
    struct json *types = json_put_array(event, "type");
    const char *put[ACTIONS];
    size_t count = 0;

    for (size_t i = 0; i < ACTIONS; i++) {
        bool known = !(actions & action_words[i].action);

        for (size_t k = 0; k < count && !known; k++)
            known = !strcmp(put[k], action_words[i].type);
        if (known)
            continue;
        put[count++] = action_words[i].type;
        json_put_static(types, NULL, action_words[i].type);
    }
}

static void put_change_actions(struct json *event, uint32_t actions, enum action_vocab vocab)
{
    struct json *list = json_put_array(event, "action");

    for (size_t i = 0; i < ACTIONS; i++)
        if (actions & action_words[i].action)
            json_put_static(list, NULL, action_name(action_words[i].action));
    for (size_t i = 0; i < ACTIONS && vocab == VOCAB_BOTH; i++)
        if (actions & action_words[i].action && action_words[i].endpoint)
            json_put_static(list, NULL, action_words[i].endpoint);
}

/* fimd's own doings: a start and a stop are such, all else is told for information. */
static const char *state_type(const char *action)
{
    if (action && !strcmp(action, "started"))
        return "start";
    return action && !strcmp(action, "stopped") ? "end" : "info";
}

static void render_event(struct render *r)
{
    const struct event *e = r->event;
    bool change = e->kind == EVENT_CHANGE;
    struct json *event = json_put_object(r->root, "event");
    char id[2 * EVENT_ID_SIZE + 1];

    event_id(e, id);
    json_put_text(event, "id", id);
    json_put_static(event, "kind", change ? "event" : "state");
    json_put_static(json_put_array(event, "category"), NULL, change ? "file" : "host");
    if (change) {
        put_change_types(event, e->actions);
        put_change_actions(event, e->actions, r->vocab);
    } else {
        json_put_static(json_put_array(event, "type"), NULL, state_type(e->action));
        json_put_text(json_put_array(event, "action"), NULL, e->action);
    }
    json_put_static(event, "outcome", "success");
    if (e->sequence)
        json_put_uint(event, "sequence", e->sequence);
    put_time(event, "created", e->created, TEXT_MS);
    json_put_int(event, "severity", e->severity);
    json_put_int(event, "risk_score", e->severity);
    json_put_static(event, "module", "file_integrity");
    json_put_static(event, "dataset", "fim.event");
    json_put_static(event, "provider", "fimd");
}

/* --- rule, tags, related ------------------------------------------------------------------------------------ */

static void render_rule(struct render *r)
{
    struct json *rule;

    if (!r->event->rule)
        return;
    rule = json_put_object(r->root, "rule");
    json_put_text(rule, "id", r->event->rule);
    json_put_text(rule, "name", r->event->rule);
    json_put_text(rule, "ruleset", r->event->policy);
}

static bool among(char *const *list, size_t count, const char *text)
{
    for (size_t i = 0; i < count; i++)
        if (!strcmp(list[i], text))
            return true;
    return false;
}

static void render_tags(struct render *r)
{
    const struct event *e = r->event;
    const struct strings *all = &r->host->tags;
    struct json *tags;

    if (!all->count && !e->tags_count)
        return;
    tags = json_put_array(r->root, "tags");
    for (size_t i = 0; i < all->count; i++)
        if (!among(all->list, i, all->list[i]))
            json_put_text(tags, NULL, all->list[i]);
    for (size_t i = 0; i < e->tags_count; i++)
        if (!among(all->list, all->count, e->tags[i]) && !among(e->tags, i, e->tags[i]))
            json_put_text(tags, NULL, e->tags[i]);
}

static void put_digests(struct json *list, const struct digests *digests, const struct digests *known)
{
    for (size_t i = 0; i < digests->count; i++) {
        const struct digest *d = &digests->list[i];
        const struct digest *same = known ? digests_find(known, d->id) : NULL;

        if (!same || same->len != d->len || memcmp(same->value, d->value, d->len))
            put_hex(list, NULL, d->value, d->len);
    }
}

static void render_related(struct render *r)
{
    const struct event *e = r->event;
    struct json *related = json_put_object(r->root, "related"), *list;

    if (e->before.digests.count || e->after.digests.count) {
        list = json_put_array(related, "hash");
        put_digests(list, &e->after.digests, NULL);
        put_digests(list, &e->before.digests, &e->after.digests);
    }
    if (r->users_count) {
        list = json_put_array(related, "user");
        for (size_t i = 0; i < r->users_count; i++)
            json_put_text(list, NULL, r->users[i]);
    }
    json_put_text(json_put_array(related, "hosts"), NULL, r->host->hostname);
    if (e->actors_count) {
        const char *ip = json_get_text(json_get(r->root, "source"), "ip");

        if (ip)
            json_put_text(json_put_array(related, "ip"), NULL, ip);
    }
}

/* --- fimd.* ------------------------------------------------------------------------------------------------- */

static bool told_before(const struct event *e, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (!strcmp(e->details[i].key, e->details[index].key))
            return true;
    return false;
}

static void render_details(struct render *r)
{
    const struct event *e = r->event;
    struct json *details;

    if (!e->details_count)
        return;
    details = json_put_object(r->fimd, "details");
    for (size_t i = 0; i < e->details_count; i++)
        if (!told_before(e, i))
            json_put_text(details, e->details[i].key, e->details[i].value);
}

static void render_fimd(struct render *r)
{
    const struct event *e = r->event;

    if (e->source)
        json_put_text(r->fimd, "source", source_name(e->source));
    if (e->kind == EVENT_CHANGE || e->actors_count)
        json_put_static(r->fimd, "attribution", grade_name(e->actors_count ? e->actors[0]->grade : GRADE_NONE));
    if (e->sequence)
        put_hex(r->fimd, "chain", e->chain, sizeof(e->chain));
    if (e->previous)
        json_put_uint(json_ensure_object(r->fimd, "previous"), "sequence", e->previous);
    render_details(r);
}

static void render_all(struct render *r)
{
    const struct event *e = r->event;

    put_time(r->root, "@timestamp", e->time ? e->time : e->created, TEXT_MS);
    render_message(r);
    render_event(r);
    if (e->path)
        render_file(r);
    render_actors(r);
    render_rule(r);
    render_related(r);
    render_tags(r);
    render_fimd(r);
}

int document_render(const struct document_host *h, const struct event *e, enum action_vocab vocab, struct buf *to)
{
    struct render r = {.host = h, .event = e, .vocab = vocab, .root = json_object()};
    size_t start = to->len;
    bool good;

    r.fimd = json_put_object(r.root, "fimd");
    render_all(&r);
    good = !r.failed && json_print(r.root, to);
    json_free(r.root);
    buf_fini(&r.scratch);
    if (good) {
        to->len--; /* the closing brace: the tail has its own */
        buf_put(to, h->tail.data, h->tail.len);
    }
    if (good && !to->failed)
        return 0;
    to->len = start;
    return -ENOMEM;
}
