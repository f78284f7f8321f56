/* Owns: the shape of a document. Knows nothing of where it goes. What is the same for the whole host was
 * rendered once (document_host.c) and is appended as text; the rest is written straight on, a part a file,
 * with what belongs into fimd gathered beside it:
 *
 *   event ─► @timestamp, message, event ─► file (document_file) ─► process, user, source (document_process)
 *         ─► rule, related, tags ─► fimd ─► text ─► + host, agent, service, labels …
 *
 * No key is ever put twice: Elasticsearch has hung on documents where one was. */
#include "fimd/sink/document.h"

#include "baseline/path.h"
#include "fimd/sink/document_parts.h"
#include "fimd/sink/text.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>

enum { FIRST_GUESS = 2048 }; /* bytes: a change by a known person fits */

void put_time(struct writer *w, const char *key, int64_t ns, int digits)
{
    char text[TEXT_TIME_SIZE];

    if (!ns)
        return;
    text_time(ns, digits, text);
    writer_plain(w, key, text);
}

void put_hex(struct writer *w, const char *key, const uint8_t *data, size_t len)
{
    char text[2 * DIGEST_SIZE_MAX + 1];

    if (len > DIGEST_SIZE_MAX)
        return;
    text_hex(data, len, text);
    writer_plain(w, key, text);
}

void put_scratch(struct render *r, struct writer *w, const char *key)
{
    r->failed |= r->scratch.failed;
    writer_bytes(w, key, r->scratch.data ? (const char *)r->scratch.data : "", r->scratch.len);
    buf_reset(&r->scratch);
}

void put_path(struct render *r, struct writer *w, const char *key, const char *path, size_t len)
{
    if (path_is_utf8(path, len)) {
        writer_bytes(w, key, path, len);
        return;
    }
    path_escape(&r->scratch, path, len);
    put_scratch(r, w, key);
}

void put_path_bytes(struct render *r, struct writer *w, const char *key, const char *path)
{
    size_t len = strlen(path);

    if (path_is_utf8(path, len))
        return;
    text_base64(&r->scratch, path, len);
    put_scratch(r, w, key);
}

static void note_user(struct render *r, const char *name)
{
    for (size_t i = 0; i < r->users_count; i++)
        if (!strcmp(r->users[i], name))
            return;
    if (r->users_count < RELATED_USERS_MAX)
        strcpy(r->users[r->users_count++], name);
}

void put_account(struct render *r, struct writer *w, uint32_t uid)
{
    char name[ACCOUNT_NAME_SIZE];

    writer_id(w, "id", uid);
    if (!accounts_user(r->host->accounts, uid, name))
        return;
    writer_text(w, "name", name);
    note_user(r, name);
}

void put_user(struct render *r, struct writer *w, const char *key, uint32_t uid)
{
    if (uid == ACTOR_UNSET)
        return;
    writer_begin_object(w, key);
    put_account(r, w, uid);
    writer_end_object(w);
}

bool is_address(const char *text)
{
    unsigned char address[sizeof(struct in6_addr)];

    return inet_pton(AF_INET, text, address) == 1 || inet_pton(AF_INET6, text, address) == 1;
}

/* --- event.* -------------------------------------------------------------------------------------------- */

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

static void put_change_types(struct writer *w, uint32_t actions)
{
    const char *put[ACTIONS];
    size_t count = 0;

    writer_begin_array(w, "type");
    for (size_t i = 0; i < ACTIONS; i++) {
        bool known = !(actions & action_words[i].action);

        for (size_t k = 0; k < count && !known; k++)
            known = !strcmp(put[k], action_words[i].type);
        if (known)
            continue;
        put[count++] = action_words[i].type;
        writer_plain(w, NULL, action_words[i].type);
    }
    writer_end_array(w);
}

static void put_change_actions(struct writer *w, uint32_t actions, enum action_vocab vocab)
{
    writer_begin_array(w, "action");
    for (size_t i = 0; i < ACTIONS; i++)
        if (actions & action_words[i].action)
            writer_plain(w, NULL, action_name(action_words[i].action));
    for (size_t i = 0; i < ACTIONS && vocab == VOCAB_BOTH; i++)
        if (actions & action_words[i].action && action_words[i].endpoint)
            writer_plain(w, NULL, action_words[i].endpoint);
    writer_end_array(w);
}

static void put_list_of_one(struct writer *w, const char *key, const char *text)
{
    writer_begin_array(w, key);
    writer_text(w, NULL, text);
    writer_end_array(w);
}

/* fimd's own doings: a start and a stop are such, all else is told for information. */
static const char *state_type(const char *action)
{
    if (action && !strcmp(action, "started"))
        return "start";
    return action && !strcmp(action, "stopped") ? "end" : "info";
}

static void put_kind(struct render *r)
{
    const struct event *e = r->event;
    bool change = e->kind == EVENT_CHANGE;

    writer_plain(&r->doc, "kind", change ? "event" : "state");
    put_list_of_one(&r->doc, "category", change ? "file" : "host");
    if (change) {
        put_change_types(&r->doc, e->actions);
        put_change_actions(&r->doc, e->actions, r->vocab);
    } else {
        put_list_of_one(&r->doc, "type", state_type(e->action));
        put_list_of_one(&r->doc, "action", e->action);
    }
}

static void render_event(struct render *r)
{
    const struct event *e = r->event;
    struct writer *w = &r->doc;
    char id[2 * EVENT_ID_SIZE + 1];

    event_id(e, id);
    writer_begin_object(w, "event");
    writer_plain(w, "id", id);
    put_kind(r);
    writer_plain(w, "outcome", "success");
    if (e->sequence)
        writer_uint(w, "sequence", e->sequence);
    put_time(w, "created", e->created, TEXT_MS);
    writer_uint(w, "severity", e->severity);
    writer_uint(w, "risk_score", e->severity);
    writer_plain(w, "module", "file_integrity");
    writer_plain(w, "dataset", "fim.event");
    writer_plain(w, "provider", "fimd");
    writer_end_object(w);
}

/* --- rule, tags, related -------------------------------------------------------------------------------- */

static void render_rule(struct render *r)
{
    struct writer *w = &r->doc;

    if (!r->event->rule)
        return;
    writer_begin_object(w, "rule");
    writer_text(w, "id", r->event->rule);
    writer_text(w, "name", r->event->rule);
    writer_text(w, "ruleset", r->event->policy);
    writer_end_object(w);
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

    if (!all->count && !e->tags_count)
        return;
    writer_begin_array(&r->doc, "tags");
    for (size_t i = 0; i < all->count; i++)
        if (!among(all->list, i, all->list[i]))
            writer_text(&r->doc, NULL, all->list[i]);
    for (size_t i = 0; i < e->tags_count; i++)
        if (!among(all->list, all->count, e->tags[i]) && !among(e->tags, i, e->tags[i]))
            writer_text(&r->doc, NULL, e->tags[i]);
    writer_end_array(&r->doc);
}

static void put_digests(struct writer *w, const struct digests *digests, const struct digests *known)
{
    for (size_t i = 0; i < digests->count; i++) {
        const struct digest *d = &digests->list[i];
        const struct digest *same = known ? digests_find(known, d->id) : NULL;

        if (!same || same->len != d->len || memcmp(same->value, d->value, d->len))
            put_hex(w, NULL, d->value, d->len);
    }
}

static void put_related_hashes(struct render *r)
{
    const struct event *e = r->event;

    if (!e->before.digests.count && !e->after.digests.count)
        return;
    writer_begin_array(&r->doc, "hash");
    put_digests(&r->doc, &e->after.digests, NULL);
    put_digests(&r->doc, &e->before.digests, &e->after.digests);
    writer_end_array(&r->doc);
}

static void put_related_users(struct render *r)
{
    if (!r->users_count)
        return;
    writer_begin_array(&r->doc, "user");
    for (size_t i = 0; i < r->users_count; i++)
        writer_text(&r->doc, NULL, r->users[i]);
    writer_end_array(&r->doc);
}

static void render_related(struct render *r)
{
    const struct event *e = r->event;
    const char *address = e->actors_count ? e->actors[0]->address : NULL;

    writer_begin_object(&r->doc, "related");
    put_related_hashes(r);
    put_related_users(r);
    put_list_of_one(&r->doc, "hosts", r->host->hostname);
    if (address && is_address(address))
        put_list_of_one(&r->doc, "ip", address);
    writer_end_object(&r->doc);
}

/* --- fimd.* --------------------------------------------------------------------------------------------- */

static bool told_before(const struct event *e, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (!strcmp(e->details[i].key, e->details[index].key))
            return true;
    return false;
}

static void put_details(struct render *r)
{
    const struct event *e = r->event;

    if (!e->details_count)
        return;
    writer_begin_object(&r->fimd, "details");
    for (size_t i = 0; i < e->details_count; i++) {
        if (told_before(e, i))
            continue;
        writer_foreign_key(&r->fimd, e->details[i].key);
        writer_text(&r->fimd, NULL, e->details[i].value ? e->details[i].value : "");
    }
    writer_end_object(&r->fimd);
}

static void put_previous(struct render *r)
{
    if (r->event->previous)
        writer_uint(&r->previous, "sequence", r->event->previous);
    if (!r->previous_text.len)
        return;
    writer_begin_object(&r->fimd, "previous");
    writer_members(&r->fimd, &r->previous_text);
    writer_end_object(&r->fimd);
}

static void render_fimd(struct render *r)
{
    const struct event *e = r->event;
    const char *source = e->source ? source_name(e->source) : NULL;

    writer_text(&r->fimd, "source", source);
    if (e->kind == EVENT_CHANGE || e->actors_count)
        writer_plain(&r->fimd, "attribution", grade_name(e->actors_count ? e->actors[0]->grade : GRADE_NONE));
    if (e->sequence)
        put_hex(&r->fimd, "chain", e->chain, sizeof(e->chain));
    put_details(r);
    put_previous(r);
    writer_begin_object(&r->doc, "fimd");
    writer_members(&r->doc, &r->fimd_text);
    writer_end_object(&r->doc);
}

static void render_all(struct render *r)
{
    const struct event *e = r->event;

    writer_begin_object(&r->doc, NULL);
    put_time(&r->doc, "@timestamp", e->time ? e->time : e->created, TEXT_MS);
    render_message(r);
    render_event(r);
    if (e->path)
        render_file(r);
    render_actors(r);
    render_rule(r);
    render_related(r);
    render_tags(r);
    render_fimd(r);
    /* The tail closes the object. */
    buf_put(r->doc.to, r->host->tail.data, r->host->tail.len);
}

int document_render(const struct document_host *h, const struct event *e, enum action_vocab vocab,
                    struct buf *to)
{
    struct render r;
    size_t start = to->len;

    memset(&r, 0, offsetof(struct render, users)); /* the names are filled as they are met */
    r.host = h;
    r.event = e;
    r.vocab = vocab;
    r.doc.to = to;
    r.fimd.to = &r.fimd_text;
    r.previous.to = &r.previous_text;
    buf_reserve(to, FIRST_GUESS);
    buf_reserve(&r.fimd_text, FIRST_GUESS);
    render_all(&r);
    r.failed |= r.fimd_text.failed || r.previous_text.failed || to->failed;
    buf_fini(&r.fimd_text);
    buf_fini(&r.previous_text);
    buf_fini(&r.scratch);
    if (!r.failed)
        return 0;
    to->len = start;
    return -ENOMEM;
}
