#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "baseline/attr.h"
#include "fimd/rt/clock.h"
#include "fimd/rt/json.h"
#include "fimd/sink/mapping.h"
#include "sample.h"

static struct json *document_of(const struct event *e)
{
    struct document_host *host = sample_host();
    char *text = sample_document(host, e);
    struct json *root = json_parse(text, strlen(text));

    cr_assert_not_null(root, "no JSON: %s", text);
    cr_assert_null(strchr(text, '\n'));
    free(text);
    document_host_free(host);
    return root;
}

/* "a.b[1].c" */
static const struct json *at(const struct json *root, const char *path)
{
    char part[64];

    while (*path && root) {
        size_t len = strcspn(path, ".[");

        if (len) {
            snprintf(part, sizeof(part), "%.*s", (int)len, path);
            root = json_get(root, part);
        }
        path += len;
        if (*path == '[') {
            root = json_at(root, (size_t)strtoul(path + 1, NULL, 10));
            path = strchr(path, ']') + 1;
        }
        path += *path == '.';
    }
    return root;
}

static const char *text_at(const struct json *root, const char *path)
{
    const char *text = json_text(at(root, path));

    return text ? text : "(none)";
}

static const struct {
    const char *path, *text;
} expected[] = {
    {"@timestamp", "2026-09-04T09:15:30.123Z"},
    {"ecs.version", "8.17.0"},
    {"data_stream.dataset", "fim.event"},
    {"event.kind", "event"},
    {"event.category[0]", "file"},
    {"event.type[0]", "change"},
    {"event.action[0]", "updated"},
    {"event.module", "file_integrity"},
    {"event.created", "2026-09-04T09:15:30.131Z"},
    {"service.type", "file_integrity"},
    {"file.path", "/etc/sudoers"},
    {"file.directory", "/etc"},
    {"file.name", "sudoers"},
    {"file.type", "file"},
    {"file.device", "fd00"},
    {"file.inode", "1048601"},
    {"file.mode", "4440"},
    {"file.uid", "0"},
    {"file.owner", "root"},
    {"file.group", "root"},
    {"file.mtime", "2026-09-04T09:15:30.120000001Z"},
    {"file.hash.md5", "04040404040404040404040404040404"},
    {"process.name", "vim"},
    {"process.executable", "/usr/bin/vim"},
    {"process.args[1]", "/etc/sudoers"},
    {"process.command_line", "vim /etc/sudoers"},
    {"process.working_directory", "/home/alice"},
    {"process.user.name", "root"},
    {"process.parent.name", "sudo"},
    {"process.parent.args[1]", "vim"},
    {"user.id", "1000"},
    {"user.effective.name", "root"},
    {"user.audit.id", "1000"},
    {"source.ip", "10.1.2.3"},
    {"host.os.type", "linux"},
    {"agent.type", "fimd"},
    {"agent.id", "0f0e0102-0304-0506-0708-090a0b0c0d0e"},
    {"rule.id", "sudoers"},
    {"rule.ruleset", "privileges"},
    {"related.ip[0]", "10.1.2.3"},
    {"labels.env", "prod"},
    {"tags[0]", "fim"},
    {"tags[1]", "pci-dss-11.5.2"},
    {"fimd.source", "fanotify"},
    {"fimd.attribution", "audit"},
    {"fimd.changes[0]", "content"},
    {"fimd.previous.inode", "1048577"},
    {"fimd.previous.hash.md5", "01010101010101010101010101010101"},
    {"fimd.ancestors[1].name", "bash"},
    {"fimd.actors[1].user.id", "1001"},
    {"fimd.session.method", "sshd"},
    {"fimd.audit.id", "1788513330.123:4711"},
    {"fimd.acl", "user::rw-,user:root:r--"},
    {"fimd.previous.acl", "user::rw-,user:root:--x"},
    {"fimd.capabilities", "cap_net_raw=ep"},
    {"fimd.selinux", "system_u:object_r:etc_t:s0"},
    {"fimd.xattrs[0]", "user.note=a\\xFF"},
    {"fimd.flags[0]", "immutable"},
    {"fimd.notes[0]", "unstable"},
};

Test(document, change_has_every_field_in_its_place)
{
    struct event e;
    struct json *root;

    sample_change(&e);
    root = document_of(&e);
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
        cr_expect_str_eq(text_at(root, expected[i].path), expected[i].text, "%s is %s", expected[i].path,
                         text_at(root, expected[i].path));
    cr_expect_eq(json_get_int(at(root, "event"), "sequence", 0), 48211);
    cr_expect_eq(json_get_int(at(root, "event"), "severity", 0), 73);
    cr_expect_eq(json_get_int(at(root, "file"), "size", 0), 1714);
    cr_expect_eq(json_get_int(at(root, "fimd.previous"), "size", 0), 1671);
    cr_expect_eq(json_get_int(at(root, "process"), "args_count", 0), 2);
    cr_expect(json_get_bool(at(root, "process"), "interactive", false));
    cr_expect_eq(strlen(text_at(root, "event.id")), 28);
    cr_expect_eq(strlen(text_at(root, "process.entity_id")), 24);
    cr_expect_eq(json_count(at(root, "tags")), 2);
    cr_expect_eq(json_count(at(root, "related.hash")), 6);
    json_free(root);
    event_fini(&e);
}

static void expect_unique(const struct json *node, const char *path)
{
    for (const struct json *a = json_first(node); a; a = json_next(a)) {
        char below[256];

        snprintf(below, sizeof(below), "%s.%s", path, json_key(a) ? json_key(a) : "[]");
        for (const struct json *b = json_key(a) ? json_next(a) : NULL; b; b = json_next(b))
            cr_expect_str_neq(json_key(a), json_key(b), "%s is there twice", below);
        expect_unique(a, below);
    }
}

Test(document, no_key_is_there_twice)
{
    struct event e;
    struct json *root;

    sample_change(&e);
    e.path_old = strdup("/etc/\xff");
    e.actions |= ACTION_MOVED | ACTION_ATTRIBUTES_MODIFIED;
    root = document_of(&e);
    expect_unique(root, "");
    json_free(root);
    event_fini(&e);
}

/* Objects whose members users or the configuration choose. */
static bool is_open(const char *path)
{
    return !strncmp(path, "labels.", 7) || !strncmp(path, "fimd.details.", 13);
}

static void expect_mapped(const struct json *node, const char *path)
{
    for (const struct json *item = json_first(node); item; item = json_next(item)) {
        char below[256];

        if (json_key(item))
            snprintf(below, sizeof(below), "%s%s%s", path, *path ? "." : "", json_key(item));
        else
            snprintf(below, sizeof(below), "%s", path);
        if (json_first(item))
            expect_mapped(item, below);
        else
            cr_expect(is_open(below) || mapping_type(below), "%s has no type in the mapping", below);
    }
}

Test(document, every_field_has_a_type_in_the_mapping)
{
    void (*const samples[])(struct event *) = {sample_change, sample_state};

    for (size_t i = 0; i < 2; i++) {
        struct event e;
        struct json *root;

        samples[i](&e);
        if (e.path)
            e.path_old = strdup("/etc/\xff");
        root = document_of(&e);
        expect_mapped(root, "");
        json_free(root);
        event_fini(&e);
    }
}

Test(document, deletion_shows_what_was)
{
    struct event e;
    struct json *root;

    sample_change(&e);
    e.actions = ACTION_DELETED;
    e.changes = 0;
    e.path_new = strdup("/root/x");
    entry_fini(&e.after);
    root = document_of(&e);
    cr_expect_str_eq(text_at(root, "event.type[0]"), "deletion");
    cr_expect_str_eq(text_at(root, "file.inode"), "1048577");
    cr_expect_str_eq(text_at(root, "fimd.moved_to"), "/root/x");
    cr_expect_null(at(root, "fimd.previous.size"));
    json_free(root);
    event_fini(&e);
}

Test(document, name_that_is_no_utf8_is_escaped_and_its_bytes_kept)
{
    struct event e;
    struct json *root;

    sample_change(&e);
    free(e.path);
    e.path = strdup("/tmp/a\xff.tXt");
    e.path_old = strdup("/tmp/\x80\n");
    e.actions = ACTION_MOVED;
    root = document_of(&e);
    cr_expect_str_eq(text_at(root, "file.path"), "/tmp/a\\xFF.tXt");
    cr_expect_str_eq(text_at(root, "file.extension"), "tXt");
    cr_expect_str_eq(text_at(root, "fimd.path_bytes"), "L3RtcC9h/y50WHQ=");
    cr_expect_str_eq(text_at(root, "file.Ext.original.path"), "/tmp/\\x80\\n");
    cr_expect_str_eq(text_at(root, "fimd.previous.path_bytes"), "L3RtcC+ACg==");
    json_free(root);
    event_fini(&e);
}

Test(document, control_bytes_of_a_utf8_name_stay_in_the_path)
{
    struct event e;
    struct json *root;

    sample_change(&e);
    free(e.path);
    e.path = strdup("/tmp/a\n\"b\"");
    root = document_of(&e);
    cr_expect_str_eq(text_at(root, "file.path"), "/tmp/a\n\"b\"");
    cr_expect_null(at(root, "fimd.path_bytes"));
    cr_expect(strstr(text_at(root, "message"), "/tmp/a\\n") != NULL);
    json_free(root);
    event_fini(&e);
}

Test(document, numbers_of_64_bits_are_exact)
{
    struct event e;
    struct document_host *host = sample_host();
    char *text;

    sample_change(&e);
    e.sequence = 9007199254740993; /* 2^53 + 1: the first that a double cannot hold */
    e.after.inode = UINT64_MAX;
    e.after.size = 9223372036854775807;
    text = sample_document(host, &e);
    cr_expect_not_null(strstr(text, "\"sequence\":9007199254740993,"));
    cr_expect_not_null(strstr(text, "\"inode\":\"18446744073709551615\""));
    cr_expect_not_null(strstr(text, "\"size\":9223372036854775807"));
    free(text);
    document_host_free(host);
    event_fini(&e);
}

Test(document, unknown_person_is_absent_not_root)
{
    struct event e;
    struct json *root;

    sample_change(&e);
    e.actors[0]->login = ACTOR_UNSET;
    root = document_of(&e);
    cr_expect_null(at(root, "user.id"));
    cr_expect_null(at(root, "user.audit"));
    cr_expect_str_eq(text_at(root, "user.effective.id"), "0");
    cr_expect_str_eq(text_at(root, "message"), "/etc/sudoers updated as root with vim");
    json_free(root);
    event_fini(&e);
}

Test(document, host_name_is_no_address)
{
    struct event e;
    struct json *root;

    sample_change(&e);
    free(e.actors[0]->address);
    e.actors[0]->address = strdup("gateway.example");
    root = document_of(&e);
    cr_expect_null(at(root, "source.ip"));
    cr_expect_str_eq(text_at(root, "source.address"), "gateway.example");
    json_free(root);
    event_fini(&e);
}

Test(document, without_actor_there_is_neither_user_nor_process)
{
    struct event e = {.kind = EVENT_CHANGE, .time = 1, .actions = ACTION_CREATED, .source = SOURCE_SCAN};
    struct json *root;

    e.path = strdup("/x");
    root = document_of(&e);
    cr_expect_null(at(root, "user"));
    cr_expect_null(at(root, "process"));
    cr_expect_str_eq(text_at(root, "fimd.attribution"), "none");
    cr_expect_str_eq(text_at(root, "file.directory"), "/");
    json_free(root);
    event_fini(&e);
}

Test(document, state_event_has_action_and_details)
{
    struct event e;
    struct json *root;

    sample_state(&e);
    root = document_of(&e);
    cr_expect_str_eq(text_at(root, "event.kind"), "state");
    cr_expect_str_eq(text_at(root, "event.action[0]"), "queue-overflow");
    cr_expect_str_eq(text_at(root, "event.type[0]"), "info");
    cr_expect_str_eq(text_at(root, "fimd.details.lost"), "12");
    cr_expect_null(at(root, "file"));
    json_free(root);
    event_fini(&e);
}

static const struct {
    uint32_t actions;
    enum action_vocab vocab;
    const char *words;
} vocabularies[] = {
    {ACTION_CREATED, VOCAB_FIM, "\"type\":[\"creation\"],\"action\":[\"created\"]"},
    {ACTION_CREATED, VOCAB_BOTH, "\"type\":[\"creation\"],\"action\":[\"created\",\"creation\"]"},
    {ACTION_MOVED | ACTION_UPDATED, VOCAB_FIM, "\"type\":[\"change\"],\"action\":[\"updated\",\"moved\"]"},
    {ACTION_MOVED, VOCAB_BOTH, "\"type\":[\"change\"],\"action\":[\"moved\",\"rename\"]"},
    {ACTION_DELETED, VOCAB_FIM, "\"type\":[\"deletion\"],\"action\":[\"deleted\"]"},
    {ACTION_ATTRIBUTES_MODIFIED, VOCAB_BOTH, "\"type\":[\"change\"],\"action\":[\"attributes_modified\"]"},
    {ACTION_INITIAL_SCAN, VOCAB_FIM, "\"type\":[\"info\"],\"action\":[\"initial_scan\"]"},
};

Test(document, actions_have_the_words_of_the_vocabulary)
{
    struct document_host *host = sample_host();

    for (size_t i = 0; i < sizeof(vocabularies) / sizeof(vocabularies[0]); i++) {
        struct event e;
        struct buf text = {0};

        sample_change(&e);
        e.actions = vocabularies[i].actions;
        cr_assert_eq(document_render(host, &e, vocabularies[i].vocab, &text), 0);
        cr_expect_not_null(strstr(buf_cstr(&text), vocabularies[i].words), "%s", vocabularies[i].words);
        buf_fini(&text);
        event_fini(&e);
    }
    document_host_free(host);
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { MOST_US = 2000 };
#else
enum { MOST_US = 150 };
#endif

/* The bound is generous to a busy machine; what it is for is to notice when rendering becomes ten times
 * slower. */
Test(document, rendering_is_quick)
{
    enum { ROUNDS = 2000 };
    struct document_host *host = sample_host();
    struct buf text = {0};
    struct event e;
    int64_t best = INT64_MAX;

    sample_change(&e);
    actor_unref(e.actors[--e.actors_count]);
    for (int round = 0; round < 5; round++) {
        int64_t began = clock_mono();

        for (int i = 0; i < ROUNDS; i++) {
            buf_reset(&text);
            cr_assert_eq(document_render(host, &e, VOCAB_FIM, &text), 0);
        }
        if (clock_mono() - began < best)
            best = clock_mono() - began;
    }
    cr_log_info("document_render: %.1f us, %zu bytes", (double)best / ROUNDS / NS_PER_US, text.len);
    cr_expect_lt(best / ROUNDS, MOST_US * NS_PER_US);
    buf_fini(&text);
    event_fini(&e);
    document_host_free(host);
}
