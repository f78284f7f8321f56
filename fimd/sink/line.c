/* An event as one line for people:
 *
 *   10:15:30 updated  /etc/sudoers   by jenkins (uid 1001) as root, from 10.1.2.3   vim ← sudo   size 1671→1714
 *   when     what     which file     who                                            how          what changed
 *
 * Whatever comes from the host (names, paths, addresses) is escaped: a terminal obeys what it is shown. */
#include "fimd/sink/line.h"

#include "baseline/attr.h"
#include "baseline/path.h"
#include "fimd/rt/clock.h"

#include <string.h>
#include <time.h>

struct line {
    struct accounts *accounts;
    const struct event *event;
    unsigned flags;
    struct buf *to;
};

enum { ACTION_WIDTH = 8, CHAIN_MOST = 6 };

#define BOLD "\033[1m"
#define DIM "\033[2m"
#define RESET "\033[0m"

static void colour(struct line *l, const char *code)
{
    if (l->flags & DOCUMENT_COLOUR)
        buf_put_str(l->to, code);
}

static void put_escaped(struct line *l, const char *text)
{
    path_escape(l->to, text, strlen(text));
}

/* --- when and what -------------------------------------------------------------------------------------- */

static void put_when(struct line *l)
{
    time_t seconds = (time_t)((l->event->time ? l->event->time : l->event->created) / NS_PER_S);
    char text[40];
    struct tm tm;

    if (!localtime_r(&seconds, &tm))
        return;
    if (strftime(text, sizeof(text), l->flags & DOCUMENT_DATE ? "%Y-%m-%d %H:%M:%S " : "%H:%M:%S ", &tm))
        buf_put_str(l->to, text);
}

static const struct {
    uint32_t action;
    const char *colour;
} action_colours[] = {
    {ACTION_DELETED, "\033[31m"},  {ACTION_CREATED, "\033[32m"},
    {ACTION_UPDATED, "\033[33m"},  {ACTION_ATTRIBUTES_MODIFIED, "\033[35m"},
    {ACTION_MOVED, "\033[36m"},
};

static void put_pad(struct line *l, size_t len)
{
    for (; len < ACTION_WIDTH; len++)
        buf_put_u8(l->to, ' ');
    buf_put_u8(l->to, ' ');
}

static void put_actions(struct line *l)
{
    size_t start, len;

    for (size_t i = 0; i < sizeof(action_colours) / sizeof(action_colours[0]); i++) {
        if (l->event->actions & action_colours[i].action) {
            colour(l, action_colours[i].colour);
            break;
        }
    }
    start = l->to->len;
    for (uint32_t bit = 1; bit && bit <= l->event->actions; bit <<= 1) {
        const char *name = l->event->actions & bit ? action_name(bit) : NULL;

        if (!name)
            continue;
        if (l->to->len > start)
            buf_put_u8(l->to, ',');
        buf_put_str(l->to, name);
    }
    len = l->to->len - start;
    colour(l, RESET);
    put_pad(l, len);
}

static void put_paths(struct line *l)
{
    const struct event *e = l->event;

    if (e->path_old && e->actions & ACTION_MOVED) {
        put_escaped(l, e->path_old);
        buf_put_str(l->to, " → ");
    }
    colour(l, BOLD);
    if (e->path)
        put_escaped(l, e->path);
    colour(l, RESET);
    if (e->path_new) {
        buf_put_str(l->to, " → ");
        put_escaped(l, e->path_new);
    }
}

/* --- who ------------------------------------------------------------------------------------------------ */

static void put_user(struct line *l, uint32_t uid)
{
    char name[ACCOUNT_NAME_SIZE];

    if (accounts_user(l->accounts, uid, name))
        put_escaped(l, name);
    else
        buf_printf(l->to, "uid %u", uid);
}

static void put_person(struct line *l, const struct actor *a)
{
    char name[ACCOUNT_NAME_SIZE];

    colour(l, BOLD);
    if (accounts_user(l->accounts, a->login, name)) {
        put_escaped(l, name);
        buf_printf(l->to, " (uid %u)", a->login);
    } else {
        buf_printf(l->to, "uid %u", a->login);
    }
    colour(l, RESET);
    if (a->euid != ACTOR_UNSET && a->euid != a->login) {
        buf_put_str(l->to, " as ");
        put_user(l, a->euid);
    }
}

/* Nobody had logged in (a service), or it is not known whether somebody had: never the same as root. */
static void put_nobody(struct line *l, const struct actor *a)
{
    buf_put_str(l->to, a->login_known ? "a service" : "an unknown person");
    if (a->euid == ACTOR_UNSET)
        return;
    buf_put_str(l->to, " as ");
    put_user(l, a->euid);
}

static void put_programs(struct line *l, const struct actor *a)
{
    struct buf chain = {0};

    actor_chain(a, CHAIN_MOST, &chain);
    buf_put_str(l->to, "   ");
    if (chain.data)
        path_escape(l->to, (const char *)chain.data, chain.len);
    buf_fini(&chain);
}

static bool is_same_person(const struct actor *a, const struct actor *b)
{
    return a->login == b->login && (a->login != ACTOR_UNSET || (a->login_known == b->login_known && a->euid == b->euid));
}

/* People, not processes: `cp x y && mv y z` is one person's work. */
static size_t other_people(const struct event *e)
{
    size_t count = 0;

    for (size_t i = 1; i < e->actors_count; i++) {
        size_t k = 0;

        while (k < i && !is_same_person(e->actors[k], e->actors[i]))
            k++;
        count += k == i;
    }
    return count;
}

static void put_others(struct line *l)
{
    const struct event *e = l->event;
    size_t others = other_people(e);

    if (!others && e->actors_more)
        buf_put_str(l->to, " and perhaps others");
    else if (others)
        buf_printf(l->to, " and %zu%s other%s", others, e->actors_more ? " or more" : "",
                   others != 1 || e->actors_more ? "s" : "");
}

static void put_who(struct line *l)
{
    const struct event *e = l->event;
    const struct actor *a = e->actors_count ? e->actors[0] : NULL;

    if (!a) {
        if (e->kind == EVENT_CHANGE)
            buf_put_str(l->to, "   by an unknown person");
        return;
    }
    buf_put_str(l->to, "   by ");
    if (a->login != ACTOR_UNSET)
        put_person(l, a);
    else
        put_nobody(l, a);
    if (a->address) {
        buf_put_str(l->to, ", from ");
        put_escaped(l, a->address);
    }
    put_others(l);
    if (a->program.pid > 0 || a->program.name || a->program.exe)
        put_programs(l, a);
}

/* --- from what to what ---------------------------------------------------------------------------------- */

static void put_owner_of(struct line *l, const struct entry *e)
{
    put_user(l, e->uid);
}

static void put_group_of(struct line *l, const struct entry *e)
{
    char name[ACCOUNT_NAME_SIZE];

    if (accounts_group(l->accounts, e->gid, name))
        put_escaped(l, name);
    else
        buf_printf(l->to, "%u", e->gid);
}

static void put_mode_of(struct line *l, const struct entry *e)
{
    buf_printf(l->to, "%04o", e->mode & 07777);
}

static void put_size_of(struct line *l, const struct entry *e)
{
    buf_printf(l->to, "%llu", (unsigned long long)e->size);
}

static void put_type_of(struct line *l, const struct entry *e)
{
    buf_put_str(l->to, entry_type_name(e->type));
}

/* Those with a value that says something to a person; of the others the name alone is shown. */
static const struct {
    uint32_t attribute;
    void (*put)(struct line *l, const struct entry *e);
} values[] = {
    {ATTR_TYPE, put_type_of},   {ATTR_MODE, put_mode_of}, {ATTR_OWNER, put_owner_of},
    {ATTR_GROUP, put_group_of}, {ATTR_SIZE, put_size_of},
};

/* Of any change: shown when there is nothing else. */
enum { SIDE_EFFECTS = ATTR_MTIME | ATTR_CTIME | ATTR_INODE };

static void put_names(struct line *l, uint32_t changes)
{
    for (uint32_t bit = 1; bit <= ATTR_ALL; bit <<= 1)
        if (changes & bit && attr_name(bit))
            buf_printf(l->to, " %s", attr_name(bit));
}

static void put_changes(struct line *l)
{
    const struct event *e = l->event;
    uint32_t rest = e->changes;

    if (!rest || e->before.type == ENTRY_ABSENT || e->after.type == ENTRY_ABSENT)
        return;
    buf_put_str(l->to, "  ");
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        if (!(e->changes & values[i].attribute))
            continue;
        buf_printf(l->to, " %s ", attr_name(values[i].attribute));
        values[i].put(l, &e->before);
        buf_put_str(l->to, "→");
        values[i].put(l, &e->after);
        rest &= ~values[i].attribute;
    }
    if (e->changes & ATTR_SIZE)
        rest &= ~(uint32_t)ATTR_CONTENT; /* another size is other content */
    if (rest & ~(uint32_t)SIDE_EFFECTS)
        put_names(l, rest & ~(uint32_t)SIDE_EFFECTS);
    else if (rest == e->changes)
        put_names(l, rest);
}

/* --- the line ------------------------------------------------------------------------------------------- */

static void put_change(struct line *l)
{
    put_actions(l);
    put_paths(l);
    put_who(l);
    put_changes(l);
}

static void put_state(struct line *l)
{
    const char *action = l->event->action ? l->event->action : "";
    size_t start;

    colour(l, DIM);
    start = l->to->len;
    put_escaped(l, action);
    put_pad(l, l->to->len - start);
    if (l->event->message)
        put_escaped(l, l->event->message);
    colour(l, RESET);
    put_who(l);
}

void line_put(struct accounts *accounts, const struct event *e, unsigned flags, struct buf *to)
{
    struct line l = {accounts, e, flags, to};

    put_when(&l);
    if (e->kind == EVENT_CHANGE)
        put_change(&l);
    else
        put_state(&l);
}

void document_line(const struct event *e, unsigned flags, struct buf *to)
{
    line_put(NULL, e, flags, to);
}
