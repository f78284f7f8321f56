/* Owns the actor's memory, its count of references and its stored form. Knows nothing of where an actor comes
 * from (process tree, audit) nor of how one is shown, but for the chain of names.
 *
 * Stored form, all numbers varints:
 *
 *   form=1 · grade · flags · program · ppid · login session uid gid euid egid · texts… · count · ancestors…
 *
 * An id is stored plus one, so that "unset" is one zero byte and no number is taken for it; a text is its
 * length plus one and its bytes, so that NULL and "" stay apart. */
#include "fimd/model/actor.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { FORM = 1, FLAG_LOGIN_KNOWN = 1, PROGRAM_BYTES_MIN = 5 };

/* Plain members of one type, in their stored order: what is done to one is done to all. New ones go to the
 * end, with a new form. */
static const size_t ids[] = {
    offsetof(struct actor, login), offsetof(struct actor, session), offsetof(struct actor, uid),
    offsetof(struct actor, gid),   offsetof(struct actor, euid),    offsetof(struct actor, egid),
};
static const size_t texts[] = {
    offsetof(struct actor, cwd),    offsetof(struct actor, tty),      offsetof(struct actor, address),
    offsetof(struct actor, method), offsetof(struct actor, audit_id), offsetof(struct actor, syscall),
};
enum { IDS = sizeof(ids) / sizeof(ids[0]), TEXTS = sizeof(texts) / sizeof(texts[0]) };

static uint32_t *id_at(const struct actor *a, size_t i)
{
    return (uint32_t *)((char *)(uintptr_t)a + ids[i]);
}

static char **text_at(const struct actor *a, size_t i)
{
    return (char **)(void *)((char *)(uintptr_t)a + texts[i]);
}

const char *grade_name(enum grade g)
{
    static const char *const names[] = {"none", "procfs", "process", "audit"};
    return (unsigned)g < sizeof(names) / sizeof(names[0]) ? names[g] : "none";
}

struct actor *actor_new(void)
{
    struct actor *a = calloc(1, sizeof(*a));
    if (!a)
        return NULL;
    a->references = 1;
    for (size_t i = 0; i < IDS; i++)
        *id_at(a, i) = ACTOR_UNSET;
    return a;
}

struct actor *actor_ref(struct actor *a)
{
    if (a)
        __atomic_add_fetch(&a->references, 1, __ATOMIC_RELAXED);
    return a;
}

static void program_fini(struct program *p)
{
    free(p->name);
    free(p->exe);
    free(p->args);
}

void actor_unref(struct actor *a)
{
    /* Release and acquire: whoever frees must see all that others read before they let go. */
    if (!a || __atomic_sub_fetch(&a->references, 1, __ATOMIC_ACQ_REL))
        return;
    program_fini(&a->program);
    for (size_t i = 0; i < TEXTS; i++)
        free(*text_at(a, i));
    for (size_t i = 0; i < a->ancestors_count; i++)
        program_fini(&a->ancestors[i]);
    free(a->ancestors);
    free(a);
}

static bool text_copy(const char *from, char **to)
{
    *to = from ? strdup(from) : NULL;
    return !from || *to;
}

/* What was copied before a failure stays in `to`, to be freed with its actor. */
static bool program_copy(const struct program *from, struct program *to)
{
    *to = (struct program){.pid = from->pid, .start = from->start};
    if (from->args && from->args_len) {
        to->args = malloc(from->args_len);
        if (!to->args)
            return false;
        memcpy(to->args, from->args, from->args_len);
        to->args_len = from->args_len;
    }
    return text_copy(from->name, &to->name) && text_copy(from->exe, &to->exe);
}

static bool ancestors_copy(const struct actor *from, struct actor *to)
{
    if (!from->ancestors_count)
        return true;
    to->ancestors = calloc(from->ancestors_count, sizeof(*to->ancestors));
    if (!to->ancestors)
        return false;
    to->ancestors_count = from->ancestors_count;
    for (size_t i = 0; i < from->ancestors_count; i++) {
        if (!program_copy(&from->ancestors[i], &to->ancestors[i]))
            return false;
    }
    return true;
}

struct actor *actor_copy(const struct actor *a)
{
    struct actor *copy = actor_new();
    if (!copy)
        return NULL;
    copy->grade = a->grade;
    copy->login_known = a->login_known;
    copy->ppid = a->ppid;
    for (size_t i = 0; i < IDS; i++)
        *id_at(copy, i) = *id_at(a, i);
    bool good = program_copy(&a->program, &copy->program) && ancestors_copy(a, copy);
    for (size_t i = 0; i < TEXTS && good; i++)
        good = text_copy(*text_at(a, i), text_at(copy, i));
    if (good)
        return copy;
    actor_unref(copy);
    return NULL;
}

static void text_encode(const char *text, size_t len, struct buf *to)
{
    buf_put_varint(to, text ? (uint64_t)len + 1 : 0);
    if (text)
        buf_put(to, text, len);
}

static void program_encode(const struct program *p, struct buf *to)
{
    buf_put_varint(to, (uint32_t)p->pid);
    buf_put_varint(to, (uint64_t)p->start);
    text_encode(p->name, p->name ? strlen(p->name) : 0, to);
    text_encode(p->exe, p->exe ? strlen(p->exe) : 0, to);
    text_encode(p->args_len ? p->args : NULL, p->args_len, to);
}

void actor_encode(const struct actor *a, struct buf *to)
{
    buf_put_u8(to, FORM);
    buf_put_u8(to, (uint8_t)a->grade);
    buf_put_u8(to, a->login_known ? FLAG_LOGIN_KNOWN : 0);
    program_encode(&a->program, to);
    buf_put_varint(to, (uint32_t)a->ppid);
    for (size_t i = 0; i < IDS; i++)
        buf_put_varint(to, (uint32_t)(*id_at(a, i) + 1));
    for (size_t i = 0; i < TEXTS; i++)
        text_encode(*text_at(a, i), *text_at(a, i) ? strlen(*text_at(a, i)) : 0, to);
    buf_put_varint(to, a->ancestors_count);
    for (size_t i = 0; i < a->ancestors_count; i++)
        program_encode(&a->ancestors[i], to);
}

/* At most `most`; anything above fails the slice. */
static uint64_t number_decode(struct slice *from, uint64_t most)
{
    uint64_t v = slice_varint(from);
    if (v > most) {
        from->failed = true;
        return 0;
    }
    return v;
}

/* *ret: NUL-terminated behind its length, or NULL. 0, -EBADMSG, -ENOMEM. */
static int bytes_decode(struct slice *from, char **ret, size_t *ret_len)
{
    uint64_t size = slice_varint(from);
    if (from->failed || size > (uint64_t)from->len + 1)
        return -EBADMSG;
    if (!size)
        return 0;
    const uint8_t *bytes = slice_take(from, (size_t)size - 1);
    if (!bytes && size > 1)
        return -EBADMSG;
    char *copy = malloc((size_t)size);
    if (!copy)
        return -ENOMEM;
    if (size > 1)
        memcpy(copy, bytes, (size_t)size - 1);
    copy[size - 1] = 0;
    *ret = copy;
    *ret_len = (size_t)size - 1;
    return 0;
}

static int text_decode(struct slice *from, char **ret)
{
    char *text = NULL;
    size_t len = 0;
    int r = bytes_decode(from, &text, &len);
    if (!r && text && strlen(text) != len)
        r = -EBADMSG;
    if (r)
        free(text);
    else
        *ret = text;
    return r;
}

static int args_decode(struct slice *from, struct program *p)
{
    int r = bytes_decode(from, &p->args, &p->args_len);
    if (!r && p->args && (!p->args_len || p->args[p->args_len - 1]))
        r = -EBADMSG;
    return r;
}

static int program_decode(struct slice *from, struct program *p)
{
    p->pid = (pid_t)number_decode(from, INT32_MAX);
    p->start = (int64_t)slice_varint(from);
    int r = from->failed ? -EBADMSG : text_decode(from, &p->name);
    if (!r)
        r = text_decode(from, &p->exe);
    return r ? r : args_decode(from, p);
}

static int head_decode(struct slice *from, struct actor *a)
{
    if (slice_u8(from) != FORM)
        return -EBADMSG;
    uint8_t grade = slice_u8(from);
    uint8_t flags = slice_u8(from);
    if (from->failed || grade > GRADE_AUDIT || flags & ~FLAG_LOGIN_KNOWN)
        return -EBADMSG;
    a->grade = (enum grade)grade;
    a->login_known = flags & FLAG_LOGIN_KNOWN;
    return 0;
}

static int ancestors_decode(struct slice *from, struct actor *a)
{
    /* No more than there are bytes for: a forged count must not ask for memory that
     * its bytes don't pay for. */
    size_t count = (size_t)number_decode(from, from->len / PROGRAM_BYTES_MIN);
    if (from->failed)
        return -EBADMSG;
    if (!count)
        return 0;
    a->ancestors = calloc(count, sizeof(*a->ancestors));
    if (!a->ancestors)
        return -ENOMEM;
    a->ancestors_count = count;
    int r = 0;
    for (size_t i = 0; i < count && !r; i++)
        r = program_decode(from, &a->ancestors[i]);
    return r;
}

static int body_decode(struct slice *from, struct actor *a)
{
    int r = head_decode(from, a);
    if (!r)
        r = program_decode(from, &a->program);
    if (r)
        return r;
    a->ppid = (pid_t)number_decode(from, INT32_MAX);
    for (size_t i = 0; i < IDS; i++)
        *id_at(a, i) = (uint32_t)number_decode(from, UINT32_MAX) - 1;
    if (from->failed)
        return -EBADMSG;
    for (size_t i = 0; i < TEXTS && !r; i++)
        r = text_decode(from, text_at(a, i));
    return r ? r : ancestors_decode(from, a);
}

int actor_decode(struct slice *from, struct actor **ret)
{
    struct actor *a = actor_new();
    if (!a)
        return -ENOMEM;
    int r = body_decode(from, a);
    if (r)
        actor_unref(a);
    else
        *ret = a;
    return r;
}

static const char *program_label(const struct program *p)
{
    if (p->name)
        return p->name;
    const char *slash = p->exe ? strrchr(p->exe, '/') : NULL;
    if (slash)
        return slash + 1;
    return p->exe ? p->exe : "?";
}

void actor_chain(const struct actor *a, size_t most, struct buf *to)
{
    size_t all = a->ancestors_count + 1;
    for (size_t i = 0; i < all && i < most; i++) {
        if (i)
            buf_put_str(to, " ← ");
        buf_put_str(to, program_label(i ? &a->ancestors[i - 1] : &a->program));
    }
    if (most && all > most)
        buf_put_str(to, " ← …");
}
