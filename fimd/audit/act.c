/* Records → act, by tables: field name → how it is read → where it goes. The kernel writes the fields of a
 * record in a fixed order, so the table stands in that order and the entry after the last hit is tried
 * first: a record costs about one comparison a field. */
#include "fimd/audit/act.h"

#include <string.h>

enum kind {
    KIND_DECIMAL,
    KIND_HEX,
    KIND_OCTAL,
    KIND_SIGNED,
    KIND_HEX64,
    KIND_INODE,
    KIND_YES,
    KIND_TEXT,
    KIND_ITEM,
    KIND_DEVICE
};

struct target {
    const char *name;
    unsigned char len;
    unsigned char kind;
    unsigned short offset;
};

#define ACT(text, how, member) {text, sizeof(text) - 1, how, offsetof(struct act, member)}
#define ITEM(text, how, member) {text, sizeof(text) - 1, how, offsetof(struct act_path, member)}

static const struct target syscall_fields[] = {
    ACT("arch", KIND_HEX, arch),       ACT("syscall", KIND_DECIMAL, call), ACT("success", KIND_YES, success),
    ACT("exit", KIND_SIGNED, exit),    ACT("a0", KIND_HEX64, args[0]),     ACT("a1", KIND_HEX64, args[1]),
    ACT("a2", KIND_HEX64, args[2]),    ACT("a3", KIND_HEX64, args[3]),     ACT("ppid", KIND_DECIMAL, ppid),
    ACT("pid", KIND_DECIMAL, pid),     ACT("auid", KIND_DECIMAL, auid),    ACT("uid", KIND_DECIMAL, uid),
    ACT("gid", KIND_DECIMAL, gid),     ACT("euid", KIND_DECIMAL, euid),    ACT("suid", KIND_DECIMAL, suid),
    ACT("fsuid", KIND_DECIMAL, fsuid), ACT("egid", KIND_DECIMAL, egid),    ACT("sgid", KIND_DECIMAL, sgid),
    ACT("fsgid", KIND_DECIMAL, fsgid), ACT("tty", KIND_TEXT, tty),         ACT("ses", KIND_DECIMAL, ses),
    ACT("comm", KIND_TEXT, comm),      ACT("exe", KIND_TEXT, exe),         ACT("key", KIND_TEXT, key),
};
static const struct target uring_fields[] = {
    ACT("uring_op", KIND_DECIMAL, call), ACT("success", KIND_YES, success),  ACT("exit", KIND_SIGNED, exit),
    ACT("ppid", KIND_DECIMAL, ppid),     ACT("pid", KIND_DECIMAL, pid),      ACT("uid", KIND_DECIMAL, uid),
    ACT("gid", KIND_DECIMAL, gid),       ACT("euid", KIND_DECIMAL, euid),    ACT("suid", KIND_DECIMAL, suid),
    ACT("fsuid", KIND_DECIMAL, fsuid),   ACT("egid", KIND_DECIMAL, egid),    ACT("sgid", KIND_DECIMAL, sgid),
    ACT("fsgid", KIND_DECIMAL, fsgid),   ACT("key", KIND_TEXT, key),
};
/* Of messages of programs, LOGIN and CONFIG_CHANGE: the subject in front of msg='…'. */
static const struct target subject_fields[] = {
    ACT("pid", KIND_DECIMAL, pid),  ACT("uid", KIND_DECIMAL, uid), ACT("auid", KIND_DECIMAL, auid),
    ACT("tty", KIND_TEXT, tty),     ACT("ses", KIND_DECIMAL, ses), ACT("res", KIND_YES, success),
    ACT("key", KIND_TEXT, key),
};
static const struct target cwd_fields[] = {ACT("cwd", KIND_TEXT, cwd)};
static const struct target proctitle_fields[] = {ACT("proctitle", KIND_TEXT, proctitle)};
static const struct target path_fields[] = {
    ITEM("name", KIND_TEXT, name),   ITEM("inode", KIND_INODE, inode), ITEM("dev", KIND_DEVICE, major),
    ITEM("mode", KIND_OCTAL, mode),  ITEM("ouid", KIND_DECIMAL, uid),  ITEM("ogid", KIND_DECIMAL, gid),
    ITEM("nametype", KIND_ITEM, item),
};

static enum act_item item_of(struct span s)
{
    static const struct {
        const char *name;
        enum act_item item;
    } items[] = {
        {"NORMAL", ITEM_NORMAL}, {"PARENT", ITEM_PARENT}, {"CREATE", ITEM_CREATE}, {"DELETE", ITEM_DELETE}};
    for (size_t i = 0; i < sizeof(items) / sizeof(items[0]); i++) {
        if (span_is(s, items[i].name)) {
            return items[i].item;
        }
    }
    return ITEM_UNKNOWN;
}

static void read_u32(const struct field *f, unsigned base, void *to)
{
    uint64_t n;
    if (!field_number(f, base, &n) && n <= UINT32_MAX) {
        *(uint32_t *)to = (uint32_t)n;
    }
}

/* dev=fd:01, both in hex; major and minor stand side by side in the struct. */
static void read_device(const struct field *f, uint32_t *major)
{
    const char *colon = memchr(f->value.data, ':', f->value.len);
    struct field half = *f;
    if (!colon) {
        return;
    }
    half.value.len = (size_t)(colon - f->value.data);
    read_u32(&half, 16, &major[0]);
    half.value = (struct span){colon + 1, f->value.len - half.value.len - 1};
    read_u32(&half, 16, &major[1]);
}

static void read_field(const struct field *f, enum kind kind, void *to)
{
    static const unsigned bases[] = {[KIND_DECIMAL] = 10, [KIND_HEX] = 16, [KIND_OCTAL] = 8};
    uint64_t n;
    int64_t s;
    switch (kind) {
    case KIND_DECIMAL:
    case KIND_HEX:
    case KIND_OCTAL:
        read_u32(f, bases[kind], to);
        break;
    case KIND_SIGNED:
        *(int64_t *)to = field_signed(f, &s) ? 0 : s;
        break;
    case KIND_HEX64:
        *(uint64_t *)to = field_number(f, 16, &n) ? 0 : n;
        break;
    case KIND_INODE:
        *(uint64_t *)to = field_number(f, 10, &n) ? 0 : n;
        break;
    case KIND_YES:
        *(bool *)to = span_is(f->value, "yes") || span_is(f->value, "1");
        break;
    case KIND_TEXT:
        *(struct text *)to = field_text(f);
        break;
    case KIND_ITEM:
        *(enum act_item *)to = item_of(f->value);
        break;
    case KIND_DEVICE:
        read_device(f, to);
        break;
    }
}

static bool target_hit(const struct target *t, const struct field *f)
{
    return t->len == f->name.len && !memcmp(t->name, f->name.data, t->len);
}

/* Reads fields into `base` until the body ends, or the field named `last` (its table entry) has been read. */
static void read_body(struct span body, const struct target *table, size_t count, void *base,
                      const char *last)
{
    struct field f;
    size_t next = 0;
    while (field_next(&body, &f)) {
        size_t i = next;
        if (!target_hit(&table[i], &f)) {
            for (i = 0; i < count && !target_hit(&table[i], &f); i++) {
            }
            if (i == count) {
                continue;
            }
        }
        read_field(&f, table[i].kind, (char *)base + table[i].offset);
        if (last && table[i].name == last) {
            return;
        }
        next = i + 1 < count ? i + 1 : 0;
    }
}

#define READ(body, table, base, last) read_body(body, table, sizeof(table) / sizeof(table[0]), base, last)

static void act_clear(struct act *a, const struct record *r)
{
    /* The paths are filled one by one and counted: clearing all of them would cost more than the parsing. */
    memset(a, 0, offsetof(struct act, paths));
    a->paths_count = 0;
    a->type = r->type;
    a->time = r->time;
    a->serial = r->serial;
    a->auid = a->ses = UINT32_MAX;
    a->uid = a->gid = a->euid = a->suid = a->fsuid = a->egid = a->sgid = a->fsgid = UINT32_MAX;
    a->records = r;
    a->records_count = 1;
}

static void read_main(struct act *a, const struct record *r, bool head)
{
    a->type = r->type;
    if (r->type == RECORD_SYSCALL) {
        READ(r->body, syscall_fields, a, head ? syscall_fields[9].name : NULL);
        a->auid_told = true;
    } else if (r->type == RECORD_URINGOP) {
        READ(r->body, uring_fields, a, head ? uring_fields[4].name : NULL);
    } else {
        a->success = true; /* unless it says otherwise; a program says so inside its message */
        READ(r->body, subject_fields, a, NULL);
        a->auid_told = true;
    }
}

static void read_path(struct act *a, const struct record *r)
{
    if (a->paths_count == ACT_PATHS_MAX) {
        return;
    }
    struct act_path *p = &a->paths[a->paths_count++];
    *p = (struct act_path){.uid = UINT32_MAX, .gid = UINT32_MAX};
    READ(r->body, path_fields, p, NULL);
}

void act_head(struct act *ret, const struct record *main)
{
    act_clear(ret, main);
    read_main(ret, main, true);
}

void act_build(struct act *ret, const struct record *records, size_t count)
{
    act_clear(ret, &records[0]);
    ret->records_count = count;
    bool main_seen = false;
    for (size_t i = 0; i < count; i++) {
        const struct record *r = &records[i];
        if (r->type == RECORD_PATH) {
            read_path(ret, r);
        } else if (r->type == RECORD_CWD) {
            READ(r->body, cwd_fields, ret, NULL);
        } else if (r->type == RECORD_PROCTITLE) {
            READ(r->body, proctitle_fields, ret, NULL);
        } else if (r->type == RECORD_SYSCALL || r->type == RECORD_URINGOP || (!main_seen && count == 1)) {
            read_main(ret, r, false);
            main_seen = true;
        }
    }
}
