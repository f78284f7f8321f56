/* The actor: its copies, its stored form, its chain. */
#include "fimd/model/actor.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static struct program program_make(pid_t pid, const char *name, const char *exe, const char *args, size_t len)
{
    struct program p = {.pid = pid, .start = 1718000000123456789};
    p.name = name ? strdup(name) : NULL;
    p.exe = exe ? strdup(exe) : NULL;
    if (args) {
        p.args = malloc(len);
        memcpy(p.args, args, len);
        p.args_len = len;
    }
    return p;
}

static struct actor *full_actor(void)
{
    struct actor *a = actor_new();
    a->grade = GRADE_AUDIT;
    a->program = program_make(4711, "vim", "/usr/bin/vim", "vim\0/etc/sudoers", 17);
    a->ppid = 4700;
    a->login = 1001;
    a->login_known = true;
    a->session = 7;
    a->uid = 1001;
    a->gid = 100;
    a->euid = 0;
    a->egid = UINT32_MAX - 1;
    a->cwd = strdup("/root/a\nb\xff");
    a->tty = strdup("pts/0");
    a->address = strdup("10.1.2.3");
    a->method = strdup("sshd");
    a->audit_id = strdup("1718000000.123:4711");
    a->syscall = strdup("");
    a->ancestors = calloc(3, sizeof(*a->ancestors));
    a->ancestors_count = 3;
    a->ancestors[0] = program_make(4700, "sudo", "/usr/bin/sudo", NULL, 0);
    a->ancestors[1] = program_make(4600, NULL, "/bin/bash", "bash", 5);
    a->ancestors[2] = program_make(4500, NULL, NULL, NULL, 0);
    return a;
}

static void encode(const struct actor *a, struct buf *to)
{
    actor_encode(a, to);
    cr_assert(!to->failed);
}

static void assert_same(const struct actor *a, const struct actor *b)
{
    struct buf x = {0}, y = {0};
    encode(a, &x);
    encode(b, &y);
    cr_assert_eq(x.len, y.len);
    cr_assert_arr_eq(x.data, y.data, x.len);
    buf_fini(&x);
    buf_fini(&y);
}

Test(actor, new_is_all_unknown)
{
    struct actor *a = actor_new();
    uint32_t ids[] = {a->login, a->session, a->uid, a->gid, a->euid, a->egid};
    for (size_t i = 0; i < 6; i++)
        cr_assert_eq(ids[i], ACTOR_UNSET, "id %zu", i);
    cr_assert_not(a->login_known);
    cr_assert_eq(a->grade, GRADE_NONE);
    actor_unref(a);
    actor_unref(NULL);
}

Test(actor, decodes_what_it_encoded)
{
    struct actor *a = full_actor(), *b = NULL;
    struct buf bytes = {0};
    encode(a, &bytes);
    struct slice s = {bytes.data, bytes.len, false};
    cr_assert_eq(actor_decode(&s, &b), 0);
    cr_assert_eq(s.len, 0);
    cr_assert_eq(b->references, 1);
    cr_assert_eq(b->grade, GRADE_AUDIT);
    cr_assert_eq(b->program.pid, 4711);
    cr_assert_eq(b->program.start, 1718000000123456789);
    cr_assert_eq(b->program.args_len, 17);
    cr_assert_arr_eq(b->program.args, "vim\0/etc/sudoers", 17);
    cr_assert_eq(b->login, 1001);
    cr_assert(b->login_known);
    cr_assert_eq(b->euid, 0);
    cr_assert_eq(b->egid, UINT32_MAX - 1);
    cr_assert_str_eq(b->cwd, "/root/a\nb\xff");
    cr_assert_str_eq(b->syscall, "", "empty stays apart from unknown");
    cr_assert_eq(b->ancestors_count, 3);
    cr_assert_null(b->ancestors[1].name);
    cr_assert_str_eq(b->ancestors[1].exe, "/bin/bash");
    cr_assert_null(b->ancestors[2].exe);
    assert_same(a, b);
    buf_fini(&bytes);
    actor_unref(a);
    actor_unref(b);
}

Test(actor, unset_ids_survive_the_store)
{
    struct actor *a = actor_new(), *b = NULL;
    struct buf bytes = {0};
    encode(a, &bytes);
    cr_assert_lt(bytes.len, 32, "an unknown actor costs %zu bytes", bytes.len);
    struct slice s = {bytes.data, bytes.len, false};
    cr_assert_eq(actor_decode(&s, &b), 0);
    cr_assert_eq(b->login, ACTOR_UNSET);
    cr_assert_eq(b->egid, ACTOR_UNSET);
    cr_assert_null(b->cwd);
    buf_fini(&bytes);
    actor_unref(a);
    actor_unref(b);
}

Test(actor, truncated_bytes_are_refused_at_every_length)
{
    struct actor *a = full_actor();
    struct buf bytes = {0};
    encode(a, &bytes);
    for (size_t len = 0; len < bytes.len; len++) {
        struct actor *b = NULL;
        struct slice s = {bytes.data, len, false};
        cr_assert_eq(actor_decode(&s, &b), -EBADMSG, "%zu of %zu bytes", len, bytes.len);
        cr_assert_null(b, "untouched on failure");
    }
    buf_fini(&bytes);
    actor_unref(a);
}

Test(actor, hostile_bytes_are_refused)
{
    static const struct {
        const char *what;
        uint8_t bytes[24];
        size_t len;
    } cases[] = {
        {"unknown form", {2, 0, 0}, 24},
        {"unknown grade", {1, 4, 0}, 24},
        {"unknown flag", {1, 0, 2}, 24},
        {"pid above 31 bits", {1, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x0f}, 24},
        {"name longer than the rest", {1, 0, 0, 1, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}, 24},
        {"NUL inside a name", {1, 0, 0, 1, 0, 3, 'a', 0}, 24},
        {"arguments without their last NUL", {1, 0, 0, 1, 0, 0, 0, 2, 'a'}, 24},
        {"arguments of no bytes", {1, 0, 0, 1, 0, 0, 0, 1}, 24},
        {"id above 32 bits", {1, 0, 0, 1, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x1f}, 24},
        {"more ancestors than bytes", {1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9}, 24},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct actor *a = NULL;
        struct slice s = {cases[i].bytes, cases[i].len, false};
        cr_assert_eq(actor_decode(&s, &a), -EBADMSG, "%s", cases[i].what);
        cr_assert_null(a);
    }
}

Test(actor, copy_is_deep_and_its_own)
{
    struct actor *a = full_actor();
    actor_ref(a);
    struct actor *b = actor_copy(a);
    assert_same(a, b);
    cr_assert_eq(b->references, 1);
    cr_assert_neq(a->ancestors, b->ancestors);
    cr_assert_neq(a->cwd, b->cwd);
    free(b->tty);
    b->tty = NULL;
    cr_assert_str_eq(a->tty, "pts/0");
    actor_unref(a);
    actor_unref(a);
    actor_unref(b);
}

static void *ref_unref(void *ctx)
{
    for (int i = 0; i < 100000; i++)
        actor_unref(actor_ref(ctx));
    return NULL;
}

Test(actor, counting_is_thread_safe)
{
    struct actor *a = full_actor();
    pthread_t threads[4];
    for (size_t i = 0; i < 4; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, ref_unref, a), 0);
    for (size_t i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    cr_assert_eq(a->references, 1);
    actor_unref(a);
}

Test(actor, chain_goes_from_the_program_upwards)
{
    static const struct {
        size_t most;
        const char *text;
    } cases[] = {
        {9, "vim ← sudo ← bash ← ?"},
        {4, "vim ← sudo ← bash ← ?"},
        {2, "vim ← sudo ← …"},
        {1, "vim ← …"},
        {0, ""},
    };
    struct actor *a = full_actor();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buf text = {0};
        actor_chain(a, cases[i].most, &text);
        cr_assert_str_eq(buf_cstr(&text), cases[i].text);
        buf_fini(&text);
    }
    actor_unref(a);
}

Test(actor, grades_have_their_names)
{
    cr_assert_str_eq(grade_name(GRADE_NONE), "none");
    cr_assert_str_eq(grade_name(GRADE_PROCFS), "procfs");
    cr_assert_str_eq(grade_name(GRADE_PROCESS), "process");
    cr_assert_str_eq(grade_name(GRADE_AUDIT), "audit");
    cr_assert_str_eq(grade_name((enum grade)99), "none");
}
