#include "sample.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "baseline/attr.h"
#include "fimd/rt/clock.h"

static const uint8_t agent_id[16] = {0x0f, 0x0e, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14};

static void fill_digests(struct digests *d, uint8_t seed)
{
    static const char *const names[] = {"md5", "sha1", "sha256"};
    static const uint8_t lengths[] = {16, 20, 32};

    d->count = 3;
    for (size_t i = 0; i < 3; i++) {
        d->list[i].id = digest_id(names[i], strlen(names[i]));
        d->list[i].len = lengths[i];
        memset(d->list[i].value, seed + (int)i, lengths[i]);
    }
}

static void put_xattr(struct buf *to, const char *name, const void *value, uint32_t len)
{
    buf_put(to, name, strlen(name) + 1);
    buf_put_u32(to, len);
    buf_put(to, value, len);
}

static void fill_xattrs(struct entry *e, uint8_t permissions)
{
    static const uint8_t caps[] = {1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    uint8_t acl[] = {2, 0, 0, 0, 1, 0, 6, 0, 255, 255, 255, 255, 2, 0, permissions, 0, 0, 0, 0, 0};
    struct buf b = {0};

    put_xattr(&b, "security.capability", caps, sizeof(caps));
    put_xattr(&b, "security.selinux", "system_u:object_r:etc_t:s0", 27);
    put_xattr(&b, "system.posix_acl_access", acl, sizeof(acl));
    put_xattr(&b, "user.note", "a\xff", 2);
    e->xattrs = b.data;
    e->xattrs_len = b.len;
}

static void fill_entry(struct entry *e, uint64_t size, uint64_t inode, uint8_t seed)
{
    *e = (struct entry){
        .type = ENTRY_FILE,
        .mode = 04440,
        .uid = 0,
        .gid = 0,
        .nlink = 1,
        .inode = inode,
        .device = 0xfd00,
        .size = size,
        .mtime = 1788513330120000001,
        .ctime = 1788513330121000000,
        .flags = ENTRY_FLAG_IMMUTABLE,
        .notes = ENTRY_NOTE_UNSTABLE,
    };
    fill_digests(&e->digests, seed);
    fill_xattrs(e, seed & 7);
}

static void fill_program(struct program *p, pid_t pid, const char *exe, const char *args, size_t args_len)
{
    const char *slash = strrchr(exe, '/');

    p->pid = pid;
    p->exe = strdup(exe);
    p->name = strdup(slash + 1);
    if (args_len) {
        p->args = malloc(args_len);
        memcpy(p->args, args, args_len);
    }
    p->args_len = args_len;
    p->start = 1788513302400000000;
}

static struct actor *make_actor(uint32_t login, pid_t pid)
{
    static const char vim[] = "vim\0/etc/sudoers", sudo[] = "sudo\0vim";
    struct actor *a = actor_new();

    a->grade = GRADE_AUDIT;
    fill_program(&a->program, pid, "/usr/bin/vim", vim, sizeof(vim));
    a->ppid = 4709;
    a->login = login;
    a->login_known = true;
    a->session = 7;
    a->uid = a->euid = 0;
    a->uid = login;
    a->gid = a->egid = 0;
    a->cwd = strdup("/home/alice");
    a->tty = strdup("pts/0");
    a->address = strdup("10.1.2.3");
    a->method = strdup("sshd");
    a->audit_id = strdup("1788513330.123:4711");
    a->syscall = strdup("openat");
    a->ancestors_count = 2;
    a->ancestors = calloc(2, sizeof(*a->ancestors));
    fill_program(&a->ancestors[0], 4709, "/usr/bin/sudo", sudo, sizeof(sudo));
    fill_program(&a->ancestors[1], 4700, "/usr/bin/bash", NULL, 0);
    return a;
}

void sample_change(struct event *e)
{
    *e = (struct event){
        .sequence = 48211, .kind = EVENT_CHANGE, .time = 1788513330123000000, .created = 1788513330131000000,
        .severity = SEVERITY_HIGH, .previous = 48000, .actions = ACTION_UPDATED, .source = SOURCE_FANOTIFY,
        .changes = ATTR_ALL,
    };
    memset(e->chain, 0xab, sizeof(e->chain));
    e->path = strdup("/etc/sudoers");
    fill_entry(&e->before, 1671, 1048577, 1);
    fill_entry(&e->after, 1714, 1048601, 4);
    e->rule = strdup("sudoers");
    e->policy = strdup("privileges");
    event_tag(e, "pci-dss-11.5.2");
    event_tag(e, "fim");
    e->actors[e->actors_count++] = make_actor(1000, 4711);
    e->actors[e->actors_count++] = make_actor(1001, 4712);
}

void sample_state(struct event *e)
{
    *e = (struct event){.sequence = 3, .kind = EVENT_STATE, .time = 1788513330123000000,
                        .created = 1788513330131000000, .severity = SEVERITY_MEDIUM};
    e->action = strdup("queue-overflow");
    e->message = strdup("the kernel's queue overflowed; /etc is scanned");
    event_detail(e, "scope", "%s", "/etc");
    event_detail(e, "lost", "%d", 12);
}

void sample_settings(struct settings *s)
{
    *s = (struct settings){0};
    strings_add(&s->tags, "fim");
    strings_add(&s->label_keys, "env");
    strings_add(&s->label_values, "prod");
    strings_add(&s->label_keys, "env");
    strings_add(&s->label_values, "twice");
}

struct document_host *sample_host(void)
{
    struct document_host *host = NULL;
    struct settings settings;

    sample_settings(&settings);
    cr_assert_eq(document_host_new(&settings, agent_id, &host), 0);
    settings_fini(&settings);
    return host;
}

char *sample_directory(void)
{
    char *directory = strdup("/tmp/fimd-sink-XXXXXX");

    cr_assert_not_null(mkdtemp(directory));
    return directory;
}

void sample_remove(char *directory)
{
    char command[128];

    snprintf(command, sizeof(command), "rm -rf -- '%s'", directory);
    cr_expect_eq(system(command), 0);
    free(directory);
}

char *sample_document(const struct document_host *host, const struct event *e)
{
    struct buf text = {0};

    cr_assert_eq(document_render(host, e, VOCAB_FIM, &text), 0);
    cr_assert_not_null(buf_cstr(&text));
    return (char *)text.data;
}
