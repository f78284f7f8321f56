/* Events: names, bytes there and back, hostile bytes. */
#include "fimd/model/event.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "baseline/attr.h"

static char *copy(const char *text)
{
    char *c = strdup(text);
    cr_assert(c);
    return c;
}

static void entry_fill(struct entry *e, uint8_t seed)
{
    static const uint8_t sizes[] = {16, 20, 32};
    *e = (struct entry){.type = ENTRY_FILE,
                        .mode = 0440,
                        .nlink = 1,
                        .inode = 1048601u + seed,
                        .generation = 0x8a31b2c4u,
                        .device = 0xfd00,
                        .size = 1714u + seed,
                        .mtime = INT64_C(1788513330120000000) + seed,
                        .ctime = INT64_C(1788513330121000000) + seed};
    e->digests.count = 3;
    for (size_t i = 0; i < 3; i++) {
        e->digests.list[i].id = (uint8_t)(i + 1);
        e->digests.list[i].len = sizes[i];
        for (size_t k = 0; k < sizes[i]; k++)
            e->digests.list[i].value[k] = (uint8_t)(seed * 31 + k * 7 + i);
    }
}

static struct actor *actor_make(void)
{
    static const char *names[] = {"sudo", "bash", "sshd"};
    static const char args[] = "vim\0/etc/sudoers";
    struct actor *a = actor_new();
    cr_assert(a);
    a->grade = GRADE_PROCESS;
    a->program = (struct program){4711,
                                  copy("vim"),
                                  copy("/usr/bin/vim.basic"),
                                  malloc(sizeof(args)),
                                  sizeof(args),
                                  INT64_C(1788513302400000000)};
    memcpy(a->program.args, args, sizeof(args));
    a->ppid = 4709;
    a->login = 1000;
    a->login_known = true;
    a->session = 42;
    a->uid = a->gid = a->euid = a->egid = 0;
    a->cwd = copy("/home/alice");
    a->tty = copy("pts/0");
    a->address = copy("10.1.2.3");
    a->method = copy("sshd");
    a->ancestors = calloc(3, sizeof(*a->ancestors));
    for (size_t i = 0; i < 3; i++)
        a->ancestors[i] = (struct program){4709 - (pid_t)i, copy(names[i]), NULL, NULL, 0, 0};
    a->ancestors_count = 3;
    return a;
}

static void change_make(struct event *e)
{
    *e = (struct event){.kind = EVENT_CHANGE,
                        .time = INT64_C(1788513330123456789),
                        .created = INT64_C(1788513330131000000),
                        .severity = SEVERITY_HIGH,
                        .previous = 48000,
                        .actions = ACTION_UPDATED,
                        .source = SOURCE_FANOTIFY,
                        .changes = ATTR_CONTENT | ATTR_SIZE | ATTR_MTIME | ATTR_INODE};
    e->path = copy("/etc/sudoers");
    e->rule = copy("sudoers");
    e->policy = copy("sudoers");
    cr_assert_eq(event_tag(e, "pci-dss-11.5.2"), 0);
    entry_fill(&e->before, 1);
    entry_fill(&e->after, 2);
    e->actors[0] = actor_make();
    e->actors_count = 1;
}

static void round_trip(const struct event *e, struct event *ret, size_t *ret_len)
{
    struct buf b = {0}, again = {0};
    event_encode(e, &b);
    cr_assert(!b.failed);
    cr_assert_eq(event_decode(b.data, b.len, ret), 0);
    event_encode(ret, &again);
    cr_assert_eq(again.len, b.len);
    cr_assert(!memcmp(again.data, b.data, b.len), "what was decoded encodes to the same bytes");
    *ret_len = b.len;
    buf_fini(&b);
    buf_fini(&again);
}

Test(event, a_change_comes_back_as_it_was_and_is_small)
{
    struct event e, back;
    size_t len;
    change_make(&e);
    round_trip(&e, &back, &len);
    cr_log_info("a typical update takes %zu bytes", len);
    cr_expect_lt(len, 420, "%zu bytes", len);
    cr_expect_str_eq(back.path, "/etc/sudoers");
    cr_expect_null(back.path_old);
    cr_expect_str_eq(back.rule, "sudoers");
    cr_expect_str_eq(back.policy, "sudoers");
    cr_expect_eq(back.time, e.time);
    cr_expect_eq(back.created, e.created);
    cr_expect_eq(back.previous, 48000);
    cr_expect_eq(back.severity, SEVERITY_HIGH);
    cr_expect_eq(back.source, SOURCE_FANOTIFY);
    cr_expect_eq(back.actions, e.actions);
    cr_expect_eq(back.changes, e.changes);
    cr_expect_eq(entry_diff(&back.before, &e.before), 0);
    cr_expect_eq(entry_diff(&back.after, &e.after), 0);
    cr_expect_eq(back.before.size, 1715);
    cr_expect_eq(back.after.size, 1716);
    cr_assert_eq(back.tags_count, 1);
    cr_expect_str_eq(back.tags[0], "pci-dss-11.5.2");
    cr_assert_eq(back.actors_count, 1);
    cr_expect_eq(back.actors[0]->login, 1000);
    cr_expect_eq(back.actors[0]->ancestors_count, 3);
    event_fini(&e);
    event_fini(&back);
}

Test(event, an_attribute_change_keeps_what_both_sides_share_once)
{
    struct event e, back;
    size_t len, whole;
    change_make(&e);
    round_trip(&e, &back, &whole);
    event_fini(&back);
    entry_fini(&e.before);
    cr_assert_eq(entry_copy(&e.before, &e.after), 0);
    e.before.mode = 0644;
    round_trip(&e, &back, &len);
    cr_expect_lt(len + 90, whole, "%zu against %zu bytes", len, whole);
    cr_expect_eq(back.before.mode, 0644);
    cr_expect_eq(back.after.mode, 0440);
    cr_expect_eq(entry_diff(&back.before, &back.after), ATTR_MODE);
    event_fini(&e);
    event_fini(&back);
}

Test(event, creation_and_deletion_have_one_entry)
{
    struct event e, back;
    size_t len;
    change_make(&e);
    entry_fini(&e.before);
    round_trip(&e, &back, &len);
    cr_expect_eq(back.before.type, ENTRY_ABSENT);
    cr_expect_eq(back.after.size, 1716);
    event_fini(&back);
    entry_fini(&e.after);
    entry_fill(&e.before, 7);
    round_trip(&e, &back, &len);
    cr_expect_eq(back.after.type, ENTRY_ABSENT);
    cr_expect_eq(back.before.size, 1721);
    event_fini(&back);
    event_fini(&e);
}

Test(event, a_state_event_keeps_its_details)
{
    struct event e = {.kind = EVENT_STATE, .time = 5, .created = 3, .severity = SEVERITY_CRITICAL}, back;
    size_t len;
    e.action = copy("queue-overflow");
    e.message = copy("the kernel's queue overflowed; /etc is scanned again");
    cr_assert_eq(event_detail(&e, "lost", "%d", 17), 0);
    cr_assert_eq(event_detail(&e, "scope", "%s", ""), 0);
    round_trip(&e, &back, &len);
    cr_expect_str_eq(back.action, "queue-overflow");
    cr_expect_null(back.path);
    cr_assert_eq(back.details_count, 2);
    cr_expect_str_eq(back.details[0].key, "lost");
    cr_expect_str_eq(back.details[0].value, "17");
    cr_expect_str_eq(back.details[1].value, "");
    cr_expect_eq(back.created, 3, "before its time: the clock was set back");
    event_fini(&e);
    event_fini(&back);
}

Test(event, many_actors_and_strange_names_survive)
{
    struct event e, back;
    size_t len;
    change_make(&e);
    while (e.actors_count < EVENT_ACTORS_MAX)
        e.actors[e.actors_count++] = actor_ref(e.actors[0]);
    e.actors_more = true;
    free(e.path);
    e.path = copy("/srv/new\nline \xff\xfe \"quoted\"");
    e.path_old = copy("/");
    e.path_new = copy("");
    round_trip(&e, &back, &len);
    cr_expect_str_eq(back.path, e.path);
    cr_expect_str_eq(back.path_old, "/");
    cr_expect_str_eq(back.path_new, "");
    cr_expect_eq(back.actors_count, EVENT_ACTORS_MAX);
    cr_expect(back.actors_more);
    event_fini(&e);
    event_fini(&back);
}

Test(event, every_truncation_is_refused)
{
    struct event e, back;
    struct buf b = {0};
    change_make(&e);
    event_encode(&e, &b);
    for (size_t len = 0; len < b.len; len++)
        cr_expect_eq(event_decode(b.data, len, &back), -EBADMSG, "%zu of %zu bytes", len, b.len);
    buf_put_u8(&b, 0);
    cr_expect_eq(event_decode(b.data, b.len, &back), -EBADMSG, "a byte too many");
    buf_fini(&b);
    event_fini(&e);
}

Test(event, every_flipped_byte_is_survived)
{
    struct event e;
    struct buf b = {0};
    change_make(&e);
    event_encode(&e, &b);
    for (size_t i = 0; i < b.len; i++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            struct event back;
            b.data[i] ^= (uint8_t)(1u << bit);
            int r = event_decode(b.data, b.len, &back);
            cr_expect(r == 0 || r == -EBADMSG || r == -ENOMEM, "byte %zu bit %u: %d", i, bit, r);
            if (r == 0)
                event_fini(&back);
            b.data[i] ^= (uint8_t)(1u << bit);
        }
    }
    buf_fini(&b);
    event_fini(&e);
}

Test(event, the_id_is_time_and_chain_and_sorts)
{
    struct event e = {.time = INT64_C(1788513330123456789)}, later = {.time = INT64_C(1788513330124000000)};
    char id[2 * EVENT_ID_SIZE + 1], id_later[2 * EVENT_ID_SIZE + 1];
    for (size_t i = 0; i < sizeof(e.chain); i++)
        e.chain[i] = (uint8_t)(0xf0 + i);
    event_id(&e, id);
    event_id(&later, id_later);
    cr_expect_str_eq(id, "01a06bb3a3cbf0f1f2f3f4f5f6f7");
    cr_expect_lt(strcmp(id, id_later), 0);
    e.time = -1;
    event_id(&e, id);
    cr_expect_str_eq(id, "000000000000f0f1f2f3f4f5f6f7");
}

Test(event, names_go_both_ways)
{
    for (uint32_t bit = 1; bit <= ACTION_INITIAL_SCAN; bit <<= 1) {
        cr_assert(action_name(bit));
        cr_expect_eq(action_parse(action_name(bit)), bit);
    }
    cr_expect_null(action_name(ACTION_CREATED | ACTION_UPDATED));
    cr_expect_eq(action_parse("create"), 0);
    cr_expect_str_eq(source_name(SOURCE_START), "start");
    cr_expect_null(source_name((enum event_source)0));

    enum severity s = SEVERITY_INFO;
    cr_expect_eq(severity_parse("critical", &s), 0);
    cr_expect_eq(s, SEVERITY_CRITICAL);
    cr_expect_eq(severity_parse("worst", &s), -EINVAL);
    cr_expect_eq(s, SEVERITY_CRITICAL, "untouched on failure");
    cr_expect_str_eq(severity_name(SEVERITY_MEDIUM), "medium");
    cr_expect_str_eq(severity_name((enum severity)50), "medium");
    cr_expect_str_eq(severity_name((enum severity)0), "info");
}

Test(event, a_tag_stands_once)
{
    struct event e = {0};
    cr_assert_eq(event_tag(&e, "a"), 0);
    cr_assert_eq(event_tag(&e, "b"), 0);
    cr_assert_eq(event_tag(&e, "a"), 0);
    cr_expect_eq(e.tags_count, 2);
    event_fini(&e);
    event_fini(&e);
}
