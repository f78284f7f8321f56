/* Who did it: process.*, user.*, source.*, and what ECS has no place for: fimd.session, fimd.ancestors,
 * fimd.actors. The last writer is process and user; where several wrote, fimd.actors has them all. */
#include "fimd/sink/document_parts.h"
#include "fimd/sink/text.h"

#include <string.h>

/* Unique among hosts and reboots, and the same wherever the process is named: host, pid, start. 18 bytes, so
 * that the base64 needs no padding. */
static void put_entity(struct render *r, struct writer *w, const struct program *p)
{
    struct buf id = {0};

    if (!p->start)
        return;
    buf_put(&id, r->host->entity, ENTITY_HOST_SIZE);
    buf_put_u32(&id, (uint32_t)p->pid);
    buf_put_u64(&id, (uint64_t)p->start);
    r->failed |= id.failed;
    text_base64(&r->scratch, id.data, id.len);
    buf_fini(&id);
    put_scratch(r, w, "entity_id");
}

static void put_optional(struct render *r, struct writer *w, const char *key, const char *path)
{
    if (path)
        put_path(r, w, key, path, strlen(path));
}

static void put_args(struct render *r, struct writer *w, const struct program *p)
{
    const char *end = p->args + p->args_len;
    size_t count = 0;

    if (!p->args || !p->args_len)
        return;
    writer_begin_array(w, "args");
    for (const char *arg = p->args; arg < end; count++) {
        size_t len = strnlen(arg, (size_t)(end - arg));

        put_path(r, w, NULL, arg, len);
        arg += len + 1;
    }
    writer_end_array(w);
    writer_uint(w, "args_count", count);
}

/* The arguments joined by blanks, for people and for searching in. */
static void put_command_line(struct render *r, struct writer *w, const struct program *p)
{
    size_t len = p->args_len;

    if (!p->args || !len)
        return;
    if (!p->args[len - 1])
        len--;
    buf_put(&r->scratch, p->args, len);
    for (size_t i = 0; i < r->scratch.len; i++)
        if (!r->scratch.data[i])
            r->scratch.data[i] = ' ';
    put_scratch(r, w, "command_line");
}

static void put_program(struct render *r, struct writer *w, const struct program *p)
{
    writer_int(w, "pid", p->pid);
    put_entity(r, w, p);
    put_optional(r, w, "name", p->name);
    put_optional(r, w, "executable", p->exe);
    put_args(r, w, p);
    put_time(w, "start", p->start, TEXT_MS);
}

static void put_group(struct render *r, struct writer *w, uint32_t gid)
{
    char name[ACCOUNT_NAME_SIZE];

    if (gid == ACTOR_UNSET)
        return;
    writer_begin_object(w, "group");
    writer_id(w, "id", gid);
    if (accounts_group(r->host->accounts, gid, name))
        writer_text(w, "name", name);
    writer_end_object(w);
}

static void put_parent(struct render *r, struct writer *w, const struct actor *a)
{
    if (!a->ancestors_count && a->ppid <= 0)
        return;
    writer_begin_object(w, "parent");
    if (a->ancestors_count)
        put_program(r, w, &a->ancestors[0]);
    else
        writer_int(w, "pid", a->ppid);
    writer_end_object(w);
}

static void put_process(struct render *r, struct writer *w, const struct actor *a)
{
    if (a->program.pid <= 0)
        return;
    writer_begin_object(w, "process");
    put_program(r, w, &a->program);
    put_command_line(r, w, &a->program);
    put_optional(r, w, "working_directory", a->cwd);
    if (a->tty)
        writer_bool(w, "interactive", true);
    put_user(r, w, "user", a->euid);
    put_group(r, w, a->egid);
    if (a->uid != a->euid)
        put_user(r, w, "real_user", a->uid);
    put_parent(r, w, a);
    writer_end_object(w);
}

/* user is the person, as whom they logged in; the rights that were used are user.effective. */
static void put_person(struct render *r, struct writer *w, const struct actor *a)
{
    if (a->login == ACTOR_UNSET && a->euid == ACTOR_UNSET)
        return;
    writer_begin_object(w, "user");
    if (a->login != ACTOR_UNSET)
        put_account(r, w, a->login);
    put_user(r, w, "effective", a->euid);
    put_user(r, w, "audit", a->login);
    writer_end_object(w);
}

static void put_source(struct writer *w, const char *address)
{
    if (!address || !*address)
        return;
    writer_begin_object(w, "source");
    writer_text(w, "address", address);
    if (is_address(address))
        writer_text(w, "ip", address);
    writer_end_object(w);
}

static void put_session(struct writer *w, const struct actor *a)
{
    if (a->session == ACTOR_UNSET && !a->tty && !a->method)
        return;
    writer_begin_object(w, "session");
    if (a->session != ACTOR_UNSET)
        writer_id(w, "id", a->session);
    writer_text(w, "tty", a->tty);
    writer_text(w, "method", a->method);
    writer_end_object(w);
}

static void put_proof(struct writer *w, const struct actor *a)
{
    if (!a->audit_id && !a->syscall)
        return;
    writer_begin_object(w, "audit");
    writer_text(w, "id", a->audit_id);
    writer_text(w, "syscall", a->syscall);
    writer_end_object(w);
}

static void put_ancestors(struct render *r, struct writer *w, const struct actor *a)
{
    if (!a->ancestors_count)
        return;
    writer_begin_array(w, "ancestors");
    for (size_t i = 0; i < a->ancestors_count; i++) {
        const struct program *p = &a->ancestors[i];

        writer_begin_object(w, NULL);
        writer_int(w, "pid", p->pid);
        put_optional(r, w, "name", p->name);
        put_optional(r, w, "executable", p->exe);
        writer_end_object(w);
    }
    writer_end_array(w);
}

/* One of several: told in full as far as a person needs it to know who that was. */
static void put_actor(struct render *r, struct writer *w, const struct actor *a)
{
    writer_begin_object(w, NULL);
    writer_plain(w, "attribution", grade_name(a->grade));
    put_user(r, w, "user", a->login);
    put_user(r, w, "effective", a->euid);
    put_source(w, a->address);
    put_session(w, a);
    put_proof(w, a);
    if (a->program.pid > 0) {
        writer_begin_object(w, "process");
        put_program(r, w, &a->program);
        writer_end_object(w);
    }
    if (a->ancestors_count) {
        actor_chain(a, SIZE_MAX, &r->scratch);
        put_scratch(r, w, "chain");
    }
    writer_end_object(w);
}

static void put_actors(struct render *r, struct writer *w)
{
    const struct event *e = r->event;

    if (e->actors_count < 2)
        return;
    writer_begin_array(w, "actors");
    for (size_t i = 0; i < e->actors_count; i++)
        put_actor(r, w, e->actors[i]);
    writer_end_array(w);
    if (e->actors_more)
        writer_bool(w, "actors_more", true);
}

void render_actors(struct render *r)
{
    const struct actor *a = r->event->actors_count ? r->event->actors[0] : NULL;

    if (!a)
        return;
    put_process(r, &r->doc, a);
    put_person(r, &r->doc, a);
    put_source(&r->doc, a->address);
    put_session(&r->fimd, a);
    put_proof(&r->fimd, a);
    put_ancestors(r, &r->fimd, a);
    put_actors(r, &r->fimd);
}
