/* The sentence of a document: "/etc/sudoers updated by alice (as root) with vim". */
#include "baseline/path.h"
#include "fimd/sink/document_parts.h"

#include <string.h>

static void put_name(struct buf *to, const char *path)
{
    path_escape(to, path, strlen(path));
}

/* "created", "attributes modified", "moved and updated" */
static void put_actions(struct buf *to, uint32_t actions)
{
    bool first = true;

    for (uint32_t bit = 1; bit && bit <= actions; bit <<= 1) {
        const char *name = actions & bit ? action_name(bit) : NULL;

        if (!name)
            continue;
        buf_put_str(to, first ? " " : " and ");
        for (; *name; name++)
            buf_put_u8(to, *name == '_' ? ' ' : (uint8_t)*name);
        first = false;
    }
}

static void put_name_of(struct render *r, uint32_t uid)
{
    char name[ACCOUNT_NAME_SIZE];

    if (accounts_user(r->host->accounts, uid, name))
        buf_put_str(&r->scratch, name);
    else
        buf_printf(&r->scratch, "uid %u", uid);
}

static void put_person(struct render *r, const struct actor *a)
{
    struct buf *to = &r->scratch;

    if (a->login != ACTOR_UNSET) {
        buf_put_str(to, " by ");
        put_name_of(r, a->login);
    }
    if (a->euid != ACTOR_UNSET && a->euid != a->login) {
        buf_put_str(to, a->login != ACTOR_UNSET ? " (as " : " as ");
        put_name_of(r, a->euid);
        buf_put_str(to, a->login != ACTOR_UNSET ? ")" : "");
    }
    if (a->program.name) {
        buf_put_str(to, " with ");
        put_name(to, a->program.name);
    }
}

static void put_change(struct render *r)
{
    const struct event *e = r->event;
    struct buf *to = &r->scratch;

    if (e->path)
        put_name(to, e->path);
    put_actions(to, e->actions);
    if (e->path_old && e->actions & ACTION_MOVED) {
        buf_put_str(to, " from ");
        put_name(to, e->path_old);
    }
    if (e->path_new) {
        buf_put_str(to, " (moved to ");
        put_name(to, e->path_new);
        buf_put_str(to, ")");
    }
}

void render_message(struct render *r)
{
    const struct event *e = r->event;

    if (e->kind == EVENT_CHANGE)
        put_change(r);
    else
        buf_put_str(&r->scratch, e->message ? e->message : e->action ? e->action : "");
    if (e->actors_count)
        put_person(r, e->actors[0]);
    put_scratch(r, &r->doc, "message");
}
