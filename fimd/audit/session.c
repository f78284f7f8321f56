/* The record that opens a session names its way in: sshd's, login's or cron's first message with the new
 * session id. Later messages of the same session are su's and sudo's: they have the session's id but
 * another program and terminal, and must not hide the way in. So the first teller fills the session, and
 * only the same program (USER_LOGIN comes after USER_START and knows the real terminal) adds to it. */
#include "fimd/audit/session.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { UNSET = UINT32_MAX, MOST = 1024 };

struct known {
    uint32_t id;
    bool begun; /* its LOGIN record was seen: the next message of it is its opening, whatever the program */
    struct audit_session session;
};

struct sessions {
    struct known *list; /* oldest first */
    size_t count, capacity, most;
};

struct sessions *sessions_new(size_t most)
{
    struct sessions *s = calloc(1, sizeof(*s));
    if (s) {
        s->most = most ? most : MOST;
    }
    return s;
}

void sessions_free(struct sessions *s)
{
    if (s) {
        free(s->list);
        free(s);
    }
}

static struct known *find(const struct sessions *s, uint32_t id)
{
    for (size_t i = s->count; i > 0; i--) {
        if (s->list[i - 1].id == id) {
            return &s->list[i - 1];
        }
    }
    return NULL;
}

static struct known *append(struct sessions *s, uint32_t id)
{
    if (s->count == s->most) {
        memmove(s->list, s->list + 1, --s->count * sizeof(*s->list));
    }
    if (s->count == s->capacity) {
        size_t capacity = s->capacity ? s->capacity * 2 : 16;
        struct known *list = realloc(s->list, capacity * sizeof(*list));
        if (!list) {
            return NULL;
        }
        s->list = list;
        s->capacity = capacity;
    }
    s->list[s->count] = (struct known){.id = id};
    return &s->list[s->count++];
}

static struct known *find_or_append(struct sessions *s, uint32_t id)
{
    struct known *k = find(s, id);
    return k ? k : append(s, id);
}

struct message { /* of a program: what stands in msg='…' */
    struct text exe, hostname, addr, terminal;
    bool failed;
};

static void message_field(struct message *m, const struct field *f)
{
    static const struct {
        const char *name;
        size_t offset;
    } fields[] = {
        {"exe", offsetof(struct message, exe)},
        {"hostname", offsetof(struct message, hostname)},
        {"addr", offsetof(struct message, addr)},
        {"terminal", offsetof(struct message, terminal)},
    };
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        if (field_named(f, fields[i].name)) {
            *(struct text *)((char *)m + fields[i].offset) = field_text(f);
        }
    }
    if (field_named(f, "res") && !span_is(f->value, "success") && !span_is(f->value, "1")) {
        m->failed = true;
    }
}

static void message_parse(struct span body, struct message *ret)
{
    struct field f;
    *ret = (struct message){.failed = false};
    while (field_next(&body, &f)) {
        if (f.form == FIELD_NESTED && field_named(&f, "msg")) {
            struct span inner = f.value;
            while (field_next(&inner, &f)) {
                message_field(ret, &f);
            }
            return;
        }
    }
}

static void put_text(char *to, size_t size, struct text t)
{
    if (t.raw.data) {
        to[text_copy(t, to, size - 1)] = '\0';
    }
}

static void method_of(struct text exe, char *to, size_t size)
{
    char path[4096];
    size_t len = text_copy(exe, path, sizeof(path) - 1);
    const char *slash = memrchr(path, '/', len);
    size_t from = slash ? (size_t)(slash - path) + 1 : 0, name_len = len - from;
    name_len = name_len < size - 1 ? name_len : size - 1;
    memcpy(to, path + from, name_len);
    to[name_len] = '\0';
}

/* Programs that act inside a session that another one opened. */
static bool acts_inside(const char *method)
{
    static const char *const names[] = {
        "su",     "sudo",   "runuser", "pkexec", "doas",       "polkit-agent-helper-1",
        "newgrp", "passwd", "chsh",    "chfn",   "unix_chkpwd"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (!strcmp(method, names[i])) {
            return true;
        }
    }
    return false;
}

static bool is_local(struct text t)
{
    return !t.raw.data || span_is(t.raw, "localhost") || span_is(t.raw, "0.0.0.0") || span_is(t.raw, "::");
}

/* "ssh" and "cron" stand for "no terminal of its own". */
static bool is_terminal(struct text t)
{
    return t.raw.data && !span_is(t.raw, "ssh") && !span_is(t.raw, "cron");
}

static void put_terminal(struct audit_session *session, struct text t)
{
    static const char dev[] = "/dev/";
    if (!is_terminal(t)) {
        return;
    }
    if (!t.hex && t.raw.len > sizeof(dev) - 1 && !memcmp(t.raw.data, dev, sizeof(dev) - 1)) {
        t.raw = (struct span){t.raw.data + sizeof(dev) - 1, t.raw.len - (sizeof(dev) - 1)};
    }
    put_text(session->tty, sizeof(session->tty), t);
}

static void tell(struct audit_session *session, const struct message *m)
{
    if (!session->address[0] && !is_local(m->addr)) {
        put_text(session->address, sizeof(session->address), m->addr);
    } else if (!session->address[0] && !is_local(m->hostname)) {
        put_text(session->address, sizeof(session->address), m->hostname);
    }
    put_terminal(session, m->terminal);
}

static int push_message(struct sessions *s, const struct act *act)
{
    struct message m;
    char method[sizeof(((struct audit_session *)0)->method)] = "";
    message_parse(act->records[0].body, &m);
    if (m.failed || !m.exe.raw.data) {
        return 0;
    }
    method_of(m.exe, method, sizeof(method));
    struct known *k = find(s, act->ses);
    if (!k || !k->session.method[0]) {
        if (acts_inside(method) && !(k && k->begun)) {
            return 0; /* a session from before fimd: how it came in is not known from this */
        }
        k = k ? k : append(s, act->ses);
        if (!k) {
            return -ENOMEM;
        }
        memcpy(k->session.method, method, sizeof(method));
    }
    if (!strcmp(k->session.method, method)) {
        tell(&k->session, &m);
    }
    return 0;
}

/* pid=… uid=0 old-auid=4294967295 auid=1000 tty=(none) old-ses=4294967295 ses=3 res=1 */
static int push_login(struct sessions *s, const struct act *act)
{
    struct known *k = find_or_append(s, act->ses);
    if (!k) {
        return -ENOMEM;
    }
    k->begun = true;
    return 0;
}

int sessions_push(struct sessions *s, const struct act *act)
{
    if (act->ses == UNSET || !act->records_count) {
        return 0;
    }
    switch (act->type) {
    case RECORD_LOGIN:
        return push_login(s, act);
    case RECORD_USER_LOGIN:
    case RECORD_USER_START:
    case RECORD_CRED_ACQ:
    case RECORD_CRED_REFR:
        return push_message(s, act);
    default:
        return 0;
    }
}

int sessions_put(struct sessions *s, uint32_t id, const struct audit_session *known)
{
    struct known *k = find_or_append(s, id);
    if (!k) {
        return -ENOMEM;
    }
    if (!k->session.method[0]) {
        k->session = *known;
    }
    return 0;
}

int sessions_merge(struct sessions *s, const struct sessions *from)
{
    int rc = 0;
    for (size_t i = 0; i < from->count && !rc; i++) {
        rc = sessions_put(s, from->list[i].id, &from->list[i].session);
    }
    return rc;
}

bool sessions_get(const struct sessions *s, uint32_t id, struct audit_session *ret)
{
    const struct known *k = find(s, id);
    if (!k || (!k->session.method[0] && !k->session.address[0] && !k->session.tty[0])) {
        return false;
    }
    *ret = k->session;
    return true;
}
