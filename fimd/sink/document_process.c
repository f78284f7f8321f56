/* Who did it: process.*, user.*, source.*, and what ECS has no place for: fimd.session, fimd.ancestors,
 * fimd.actors. The last writer is process and user; where several wrote, fimd.actors has them all. */
#include <arpa/inet.h>
#include <string.h>

#include "baseline/path.h"
#include "fimd/sink/document_parts.h"
#include "fimd/sink/text.h"

/* Unique among hosts and reboots, and the same wherever the process is named: host, pid, start. 18 bytes, so
 * that the base64 needs no padding. */
static void put_entity(struct render *r, struct json *to, const struct program *p)
{
    struct buf id = {0};

    if (!p->start)
        return;
    buf_put(&id, r->host->entity, ENTITY_HOST_SIZE);
    buf_put_u32(&id, (uint32_t)p->pid);
    buf_put_u64(&id, (uint64_t)p->start);
    r->failed |= id.failed;
    if (!id.failed)
        text_base64(&r->scratch, id.data, id.len);
    buf_fini(&id);
    put_scratch(r, to, "entity_id");
}

static void put_args(struct render *r, struct json *to, const struct program *p)
{
    const char *end = p->args + p->args_len;
    struct json *list;
    size_t count = 0;

    if (!p->args || !p->args_len)
        return;
    list = json_put_array(to, "args");
    for (const char *arg = p->args; arg < end; count++) {
        size_t len = strnlen(arg, (size_t)(end - arg));

        put_path(r, list, NULL, arg, len);
        arg += len + 1;
    }
    json_put_uint(to, "args_count", count);
}

static void put_command_line(struct render *r, struct json *to, const struct program *p)
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
    put_scratch(r, to, "command_line");
}

static void put_program(struct render *r, struct json *to, const struct program *p)
{
    json_put_int(to, "pid", p->pid);
    put_entity(r, to, p);
    if (p->name)
        put_path(r, to, "name", p->name, strlen(p->name));
    if (p->exe)
        put_path(r, to, "executable", p->exe, strlen(p->exe));
    put_args(r, to, p);
    put_time(to, "start", p->start, TEXT_MS);
}

static void put_group(struct render *r, struct json *to, const char *key, uint32_t gid)
{
    char name[ACCOUNT_NAME_SIZE];
    struct json *group;

    if (gid == ACTOR_UNSET)
        return;
    group = json_put_object(to, key);
    put_id(group, "id", gid);
    if (accounts_group(r->host->accounts, gid, name))
        json_put_text(group, "name", name);
}

static void put_parent(struct render *r, struct json *process, const struct actor *a)
{
    struct json *parent;

    if (!a->ancestors_count && a->ppid <= 0)
        return;
    parent = json_put_object(process, "parent");
    if (a->ancestors_count)
        put_program(r, parent, &a->ancestors[0]);
    else
        json_put_int(parent, "pid", a->ppid);
}

static void put_process(struct render *r, const struct actor *a)
{
    struct json *process;

    if (a->program.pid <= 0)
        return;
    process = json_put_object(r->root, "process");
    put_program(r, process, &a->program);
    put_command_line(r, process, &a->program);
    if (a->cwd)
        put_path(r, process, "working_directory", a->cwd, strlen(a->cwd));
    if (a->tty)
        json_put_bool(process, "interactive", true);
    put_user(r, process, "user", a->euid);
    put_group(r, process, "group", a->egid);
    if (a->uid != a->euid)
        put_user(r, process, "real_user", a->uid);
    put_parent(r, process, a);
}

/* user is the person, as whom they logged in; the rights that were used are user.effective. */
static void put_person(struct render *r, const struct actor *a)
{
    struct json *user;

    if (a->login == ACTOR_UNSET && a->euid == ACTOR_UNSET)
        return;
    user = put_user(r, r->root, "user", a->login);
    if (!user)
        user = json_put_object(r->root, "user");
    put_user(r, user, "effective", a->euid);
    put_user(r, user, "audit", a->login);
}

/* source.ip is of a type that takes nothing but addresses: the login records may also hold a host's name. */
static bool is_address(const char *text)
{
    unsigned char address[sizeof(struct in6_addr)];

    return inet_pton(AF_INET, text, address) == 1 || inet_pton(AF_INET6, text, address) == 1;
}

static void put_source(struct json *to, const char *address)
{
    struct json *source;

    if (!address || !*address)
        return;
    source = json_put_object(to, "source");
    json_put_text(source, "address", address);
    if (is_address(address))
        json_put_text(source, "ip", address);
}

static void put_session(struct json *to, const struct actor *a)
{
    struct json *session;

    if (a->session == ACTOR_UNSET && !a->tty && !a->method)
        return;
    session = json_put_object(to, "session");
    if (a->session != ACTOR_UNSET)
        put_id(session, "id", a->session);
    json_put_text(session, "tty", a->tty);
    json_put_text(session, "method", a->method);
}

static void put_proof(struct json *to, const struct actor *a)
{
    struct json *audit;

    if (!a->audit_id && !a->syscall)
        return;
    audit = json_put_object(to, "audit");
    json_put_text(audit, "id", a->audit_id);
    json_put_text(audit, "syscall", a->syscall);
}

static void put_ancestors(struct render *r, struct json *to, const struct actor *a)
{
    struct json *list;

    if (!a->ancestors_count)
        return;
    list = json_put_array(to, "ancestors");
    for (size_t i = 0; i < a->ancestors_count; i++) {
        const struct program *p = &a->ancestors[i];
        struct json *one = json_put_object(list, NULL);

        json_put_int(one, "pid", p->pid);
        if (p->name)
            put_path(r, one, "name", p->name, strlen(p->name));
        if (p->exe)
            put_path(r, one, "executable", p->exe, strlen(p->exe));
    }
}

/* One of several: told in full as far as a person needs it to know who that was. */
static void put_actor(struct render *r, struct json *list, const struct actor *a)
{
    struct json *one = json_put_object(list, NULL);

    json_put_static(one, "attribution", grade_name(a->grade));
    put_user(r, one, "user", a->login);
    put_user(r, one, "effective", a->euid);
    put_source(one, a->address);
    put_session(one, a);
    put_proof(one, a);
    if (a->program.pid > 0)
        put_program(r, json_put_object(one, "process"), &a->program);
    if (a->ancestors_count) {
        actor_chain(a, SIZE_MAX, &r->scratch);
        put_scratch(r, one, "chain");
    }
}

static void put_actors(struct render *r)
{
    const struct event *e = r->event;
    struct json *list;

    if (e->actors_count < 2)
        return;
    list = json_put_array(r->fimd, "actors");
    for (size_t i = 0; i < e->actors_count; i++)
        put_actor(r, list, e->actors[i]);
    if (e->actors_more)
        json_put_bool(r->fimd, "actors_more", true);
}

void render_actors(struct render *r)
{
    const struct actor *a = r->event->actors_count ? r->event->actors[0] : NULL;

    if (!a)
        return;
    put_process(r, a);
    put_person(r, a);
    put_source(r->root, a->address);
    put_session(r->fimd, a);
    put_proof(r->fimd, a);
    put_ancestors(r, r->fimd, a);
    put_actors(r);
}
