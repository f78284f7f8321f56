/* What must fit together in one output: keys that need or exclude each other, addresses, the index's name. */
#include "fimd/config/output_check.h"

#include <string.h>

#include "fimd/config/suggest.h"

const struct yaml *child_of(const struct yaml *n, const char *key)
{
    for (const struct yaml *c = n->kind == NODE_MAP ? n->first : NULL; c; c = c->next) {
        if (c->key && !strcmp(c->key, key))
            return c->empty ? NULL : c;
    }
    return NULL;
}

static void check_actions(struct reader *r, const struct yaml *n)
{
    const struct yaml *actions = child_of(n, "actions");
    for (const struct yaml *item = actions ? items_of(r, actions) : NULL; item;
         item = item_after(actions, item)) {
        struct suggestion near = {0};
        if (item->kind != NODE_TEXT || action_parse(item->text))
            continue;
        for (uint32_t bit = 1; action_name(bit); bit <<= 1)
            suggest(&near, item->text, action_name(bit));
        reader_mistake(r, item, "there is no action '%s'; %s%s", item->text,
                       near.word
                           ? "it may be meant: "
                           : "write created, updated, deleted, attributes_modified, moved, config_change or ",
                       near.word ? near.word : "initial_scan");
    }
}

static const char *after_scheme(const char *url)
{
    if (!strncmp(url, "https://", 8))
        return url + 8;
    return strncmp(url, "http://", 7) ? NULL : url + 7;
}

static const char *host_fault(const char *url)
{
    const char *host = after_scheme(url);
    if (!host)
        return "write it as https://es1:9200";
    if (strchr(host, '@'))
        return "a password has no place in an address: use username and password_file";
    if (!*host || *host == '/' || *host == ':')
        return "the host's name is missing, as in https://es1:9200";
    return strpbrk(host, " \t?#") ? "blanks, '?' and '#' have no place in it" : NULL;
}

static void check_hosts(struct reader *r, const struct yaml *n, const struct output_settings *o)
{
    const struct yaml *hosts = child_of(n, "hosts"), *cloud = child_of(n, "cloud_id");
    if (hosts && cloud)
        reader_mistake_key(r, cloud, "'hosts' and 'cloud_id' both say where the server is; keep one");
    else if (!hosts && !cloud)
        reader_mistake(r, n, "the output has no server; write hosts: ['https://es1:9200'], or cloud_id");
    else if (hosts && !o->hosts.count && hosts->kind == NODE_LIST && !hosts->first)
        reader_mistake(r, hosts, "'hosts' is empty; write at least one, as https://es1:9200");
    for (const struct yaml *item = hosts ? items_of(r, hosts) : NULL; item; item = item_after(hosts, item)) {
        const char *text = item->kind == NODE_TEXT ? text_of(r, item) : NULL;
        const char *fault = text && *text ? host_fault(text) : NULL;
        if (fault)
            reader_mistake(r, item, "'%s' is no server's address; %s", strchr(text, '@') ? "…" : text, fault);
    }
}

/* A key that is worth nothing without another. */
static void check_pair(struct reader *r, const struct yaml *n, const char *key, const char *needs)
{
    const struct yaml *found = child_of(n, key);
    if (found && !child_of(n, needs))
        reader_mistake_key(r, found, "'%s' needs '%s' beside it; add it", key, needs);
}

static void check_login(struct reader *r, const struct yaml *n)
{
    static const char *const ways[] = {"api_key_file", "bearer_token_file", "username"};
    const struct yaml *first = NULL;
    for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
        const struct yaml *way = child_of(n, ways[i]);
        if (way && first)
            reader_mistake_key(r, way, "'%s' and '%s' are two ways to log in; keep one", first->key, ways[i]);
        first = first ? first : way;
    }
    check_pair(r, n, "username", "password_file");
    check_pair(r, n, "password_file", "username");
    check_pair(r, n, "certificate_file", "key_file");
    check_pair(r, n, "key_file", "certificate_file");
}

/* Elasticsearch's rules for names, and strftime's conversions that make sense in one. */
static const char *index_fault(const char *index)
{
    if (strchr("-_+.", *index))
        return "it may not begin with '-', '_', '+' or '.'";
    if (strlen(index) > 200)
        return "it is longer than 200 bytes";
    for (const char *c = index; *c; c++) {
        if (*c == '%' && (!c[1] || !strchr("YmdHjGVuy%", c[1])))
            return "after '%' stands one of Y, y, m, d, H, j, G, V, u";
        if (*c == '%')
            c++;
        else if ((*c >= 'A' && *c <= 'Z') || strchr("\\/*?\"<>| ,#:", *c))
            return "capitals, blanks and \\ / * ? \" < > | , # : are not allowed in it";
    }
    return NULL;
}

static void check_index(struct reader *r, const struct yaml *n, const struct output_settings *o)
{
    const struct yaml *index = child_of(n, "index");
    const char *fault = index && o->index ? index_fault(o->index) : NULL;
    if (fault)
        reader_mistake(r, index,
                       "'%s' cannot be an index's name: %s; write one as logs-fim.event-default or "
                       "audit-%%Y.%%m.%%d",
                       o->index, fault);
}

void output_check(struct reader *r, const struct yaml *n, const struct output_settings *o)
{
    check_actions(r, n);
    if (o->type == OUTPUT_FILE && !child_of(n, "path"))
        reader_mistake(r, n, "the output has no file; write path: /var/log/fimd/events.ndjson");
    if (o->type != OUTPUT_ELASTICSEARCH)
        return;
    check_hosts(r, n, o);
    check_login(r, n);
    check_index(r, n, o);
}
