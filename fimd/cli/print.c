/* How an event looks in the terminal. Everything that came from outside is escaped. */
#include "fimd/cli/print.h"

#include "baseline/attr.h"
#include "baseline/path.h"
#include "fimd/cli/human.h"
#include "fimd/sink/accounts.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

enum { CHAIN_MOST = 8 };

static int read_agent_id(struct store_txn *t, void *ctx)
{
    long n = store_value(t, VALUE_AGENT_ID, ctx, 16);

    return n == 16 || n == -ENOENT ? 0 : -EBADMSG;
}

int printer_init(struct printer *p, struct cli *cli, struct store *store)
{
    uint8_t agent_id[16] = {0}; /* of a store that no daemon has written to */
    struct fault why = {0};
    int r = 0;

    *p = (struct printer){.cli = cli};
    if (!cli->json)
        return 0;
    r = store_read(store, read_agent_id, agent_id, &why);
    if (r == 0)
        r = document_host_new(&cli->settings, agent_id, &p->host);
    return r < 0 ? cli_fail(cli, EXIT_INTERNAL, "%s", why.error ? why.text : strerror(-r)) : 0;
}

void printer_fini(struct printer *p)
{
    document_host_free(p->host);
    buf_fini(&p->line);
}

static void put_out(struct printer *p)
{
    buf_put(&p->line, "\n", 1);
    cli_put(p->cli, &p->line);
    buf_reset(&p->line);
}

void print_document(struct printer *p, const struct event *e)
{
    if (document_render(p->host, e, VOCAB_FIM, &p->line) == 0)
        put_out(p);
    else
        cli_fail(p->cli, 0, "record %" PRIu64 ": out of memory", e->sequence);
}

void print_line(struct printer *p, const struct event *e)
{
    document_line(e, DOCUMENT_DATE | (p->cli->colour ? DOCUMENT_COLOUR : 0), &p->line);
    put_out(p);
}

static void put_user(struct buf *to, uint32_t uid, bool with_id)
{
    char name[ACCOUNT_NAME_SIZE];
    bool known = accounts_user(NULL, uid, name);

    if (known)
        path_escape(to, name, strlen(name));
    if (known && with_id)
        buf_printf(to, " (uid %u)", uid);
    if (!known)
        buf_printf(to, "uid %u", uid);
}

void print_person(struct buf *to, const struct actor *a)
{
    if (a->login != ACTOR_UNSET) {
        buf_put_str(to, "by ");
        put_user(to, a->login, true);
        if (a->euid != ACTOR_UNSET && a->euid != a->login) {
            buf_put_str(to, " as ");
            put_user(to, a->euid, false);
        }
    } else { /* never the same as root */
        buf_put_str(to, a->login_known ? "by a service" : "by an unknown person");
        if (a->euid != ACTOR_UNSET) {
            buf_put_str(to, " as ");
            put_user(to, a->euid, false);
        }
    }
    if (a->address) {
        buf_put_str(to, ", from ");
        path_escape(to, a->address, strlen(a->address));
    }
}

static void put_number_change(struct buf *to, const char *name, uint64_t before, uint64_t after)
{
    buf_printf(to, "%s %" PRIu64 "→%" PRIu64, name, before, after);
}

static void put_change(struct buf *to, uint32_t bit, const struct entry *before, const struct entry *after)
{
    bool both = before->type != ENTRY_ABSENT && after->type != ENTRY_ABSENT;

    if (both && bit == ATTR_SIZE)
        put_number_change(to, "size", before->size, after->size);
    else if (both && bit == ATTR_MODE)
        buf_printf(to, "mode %04o→%04o", before->mode, after->mode);
    else if (both && bit == ATTR_OWNER)
        put_number_change(to, "owner", before->uid, after->uid);
    else if (both && bit == ATTR_GROUP)
        put_number_change(to, "group", before->gid, after->gid);
    else if (both && bit == ATTR_LINKS)
        put_number_change(to, "links", before->nlink, after->nlink);
    else if (both && bit == ATTR_TYPE)
        buf_printf(to, "type %s→%s", entry_type_name(before->type), entry_type_name(after->type));
    else
        buf_put_str(to, attr_name(bit));
}

void print_changes(struct buf *to, uint32_t changes, const struct entry *before, const struct entry *after)
{
    bool first = true;

    for (uint32_t bit = 1; bit && bit < ATTR_ALL; bit <<= 1) {
        if (!(changes & bit) || !attr_name(bit))
            continue;
        if (!first)
            buf_put_str(to, ", ");
        first = false;
        put_change(to, bit, before, after);
    }
}

static void put_path(struct buf *to, const char *path)
{
    path_escape(to, path, strlen(path));
}

static void put_actions(struct buf *to, const struct event *e)
{
    bool first = true;

    for (uint32_t bit = 1; bit && bit <= e->actions; bit <<= 1) {
        if (!(e->actions & bit) || !action_name(bit))
            continue;
        buf_printf(to, "%s%s", first ? "" : " and ", action_name(bit));
        first = false;
    }
    if (e->path_old) {
        buf_put_str(to, " from ");
        put_path(to, e->path_old);
    }
    if (e->path_new) {
        buf_put_str(to, " (moved to ");
        put_path(to, e->path_new);
        buf_put_str(to, ")");
    }
}

static void put_programs(struct buf *to, const struct actor *a)
{
    struct buf chain = {0};

    actor_chain(a, CHAIN_MOST, &chain);
    path_escape(to, (const char *)chain.data, chain.len);
    buf_fini(&chain);
}

static void put_how(struct buf *to, const struct event *e)
{
    size_t begin;

    buf_put_str(to, "    ");
    begin = to->len;
    if (e->actors_count)
        put_programs(to, e->actors[0]);
    if (to->len > begin && e->changes)
        buf_put_str(to, "   ");
    print_changes(to, e->changes, &e->before, &e->after);
    buf_printf(to, "   [%s, record %" PRIu64 "]",
               e->actors_count ? grade_name(e->actors[0]->grade) : source_name(e->source), e->sequence);
}

static void put_others(struct buf *to, const struct event *e)
{
    for (size_t i = 1; i < e->actors_count; i++) {
        buf_put_str(to, "\n    also ");
        print_person(to, e->actors[i]);
        buf_put_str(to, "   ");
        put_programs(to, e->actors[i]);
    }
    if (e->actors_more)
        buf_put_str(to, "\n    and others");
}

void print_answer(struct printer *p, const struct event *e)
{
    const struct cli *cli = p->cli;
    struct buf *to = &p->line;

    buf_put_str(to, cli_colour(cli, CLI_BOLD));
    put_path(to, e->path ? e->path : "");
    buf_printf(to, "%s  ", cli_colour(cli, CLI_PLAIN));
    put_actions(to, e);
    buf_put_str(to, "  ");
    human_ago(to, e->time, cli->now);
    buf_put_str(to, " (");
    human_time(to, e->time);
    buf_put_str(to, ")  ");
    if (e->actors_count)
        print_person(to, e->actors[0]);
    else
        buf_put_str(to, e->source == SOURCE_FANOTIFY ? "by an unknown person" : "while nobody watched");
    buf_put_str(to, "\n");
    put_how(to, e);
    put_others(to, e);
    put_out(p);
}
