/* What a rule of fimd looks like. A directory has, for 64-bit programs:
 *
 *   openat, open_by_handle_at   when the flags (third argument) ask for more than reading
 *   open                        same, second argument
 *   all that changes            creat … file_setattr
 *
 * Not perm=wa: that class knows neither utimensat, open_by_handle_at, file_setattr nor an open for reading
 * that truncates or creates. For 32-bit programs, which are rare, perm=wa does with one rule. So it does for a
 * single file, as `auditctl -w` would: such rules are found by the inode and cost nothing by their number, but
 * each takes its time to load, and a policy names hundreds of files. Explicit lists, since a rule costs a system call that it does not list some 4
 * ns and one that lists all 20. dir= stands first: it fails fastest. openat2's flags lie in memory, out of
 * a rule's reach, so it is recorded whole. The x32 calls of x86_64 have numbers beyond the mask: no rule
 * can list them. */
#include "fimd/audit/rules.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { /* fields of the kernel's ABI */
    FIELD_LOGIN = 9,
    FIELD_ARCH = 11,
    FIELD_PATH = 105,
    FIELD_PERM = 106,
    FIELD_DIR = 107,
    FIELD_ARG0 = 200,
    FIELD_KEY = 210,
};
#define OP_EQUAL 0x40000000u
#define OP_NOT_EQUAL 0x30000000u
#define OP_ANY_BIT 0x08000000u /* "&=", which asks for all of them, would have OP_EQUAL with it */

/* O_WRONLY | O_RDWR | O_CREAT | O_TRUNC: the same bits on every machine that Debian 12 runs 64-bit. */
enum { OPEN_CHANGES = 0x243 };

/* perm=wa, the kernel's AUDIT_PERM_WRITE | AUDIT_PERM_ATTR */
enum { PERM_CHANGES = 2 | 8 };

enum { KEY_MAX = 256, PATH_LONGEST = 4095 };

static const char *const calls_open_third[] = {"openat", "open_by_handle_at"};
static const char *const calls_open_second[] = {"open"};
static const char *const calls_change[] = {
    "creat",       "openat2",     "truncate",      "truncate64", "rename",      "renameat",     "renameat2",
    "link",        "linkat",      "symlink",       "symlinkat",  "unlink",      "unlinkat",     "mkdir",
    "mkdirat",     "rmdir",       "mknod",         "mknodat",    "bind",        "socketcall",   "chmod",
    "fchmod",      "fchmodat",    "fchmodat2",     "chown",      "fchown",      "lchown",       "fchownat",
    "chown32",     "fchown32",    "lchown32",      "setxattr",   "lsetxattr",   "fsetxattr",    "setxattrat",
    "removexattr", "lremovexattr", "fremovexattr", "removexattrat", "utime",    "utimes",       "futimesat",
    "utimensat",   "utimensat_time64", "file_setattr",
};
/* Those of perm=wa that name a path; listed, so that other calls need not ask the class. */
static const char *const calls_narrow[] = {
    "open",      "openat",    "openat2",     "creat",        "truncate",     "truncate64", "rename",   "renameat",
    "renameat2", "link",      "linkat",      "symlink",      "symlinkat",    "unlink",     "unlinkat", "mkdir",
    "mkdirat",   "rmdir",     "mknod",       "mknodat",      "chmod",        "fchmod",     "fchmodat", "fchmodat2",
    "chown",     "fchown",    "lchown",      "fchownat",     "chown32",      "fchown32",   "lchown32", "setxattr",
    "lsetxattr", "fsetxattr", "removexattr", "lremovexattr", "fremovexattr", "setxattrat", "removexattrat",
};
static const char *const calls_rings[] = {"io_uring_setup"};

/* Calls that libaudit 3.0 has no name for; since Linux 5.1 a new call has one number on all machines. */
static const struct {
    const char *name;
    int number;
} new_calls[] = {{"fchmodat2", 452}, {"setxattrat", 463}, {"removexattrat", 466}, {"file_setattr", 469}};

/* io_uring's openat, openat2, renameat, unlinkat, mkdirat, symlinkat, linkat, fsetxattr, setxattr. Reads
 * and writes are never recorded, and the flags of an open can't be tested. */
static const uint8_t ring_operations[] = {18, 28, 35, 36, 37, 38, 39, 41, 42};

enum width { WIDTH_64, WIDTH_32, WIDTH_ANY };

struct shape {
    enum rule_list list;
    enum width width;
    const char *const *calls;
    size_t calls_count;
    int flags_at;  /* argument with the flags of open; -1 none */
    bool by_class; /* perm=wa */
    const char *suffix;
    bool optional;
};

static const struct shape change_shapes[] = {
    {RULE_LIST_EXIT, WIDTH_64, calls_open_third, COUNT(calls_open_third), 2, false, "", false},
    {RULE_LIST_EXIT, WIDTH_64, calls_open_second, COUNT(calls_open_second), 1, false, "", false},
    {RULE_LIST_EXIT, WIDTH_64, calls_change, COUNT(calls_change), -1, false, "", false},
    {RULE_LIST_EXIT, WIDTH_32, calls_narrow, COUNT(calls_narrow), -1, true, "", false},
    {RULE_LIST_URING, WIDTH_64, NULL, 0, -1, false, "", true},
};
static const struct shape file_shapes[] = {
    {RULE_LIST_EXIT, WIDTH_ANY, NULL, 0, -1, true, "", false},
};
static const struct shape ring_shapes[] = {
    {RULE_LIST_EXIT, WIDTH_64, calls_rings, COUNT(calls_rings), -1, false, "-ring", true},
};
static const struct {
    const struct shape *shapes;
    size_t count;
} shapes_of[] = {
    [TARGET_DIR] = {change_shapes, COUNT(change_shapes)},
    [TARGET_FILE] = {file_shapes, COUNT(file_shapes)},
    [TARGET_LOGINS] = {change_shapes, COUNT(change_shapes)},
    [TARGET_RINGS] = {ring_shapes, COUNT(ring_shapes)},
};

static int call_number(const struct rule_machine *m, const char *name, uint32_t arch)
{
    int number = m->number(name, arch);
    for (size_t i = 0; number < 0 && i < COUNT(new_calls); i++) {
        if (!strcmp(new_calls[i].name, name)) {
            number = new_calls[i].number;
        }
    }
    return number;
}

static bool set_call(uint32_t *mask, int number)
{
    if (number < 0 || number >= RULE_WORDS * 32) {
        return false;
    }
    mask[number / 32] |= 1u << (number % 32);
    return true;
}

static bool set_calls(uint32_t *mask, const struct shape *shape, const struct rule_machine *m, uint32_t arch)
{
    bool any = shape->width == WIDTH_ANY;
    if (any) {
        memset(mask, 0xff, (RULE_WORDS - 1) * sizeof(*mask)); /* the last word is of classes, not of calls */
    }
    for (size_t i = 0; i < shape->calls_count; i++) {
        any |= set_call(mask, call_number(m, shape->calls[i], arch));
    }
    for (size_t i = 0; shape->list == RULE_LIST_URING && i < COUNT(ring_operations); i++) {
        any |= set_call(mask, ring_operations[i]);
    }
    return any;
}

static void add_field(struct rule_wire *w, uint32_t field, uint32_t operator, uint32_t value)
{
    w->fields[w->fields_count] = field;
    w->operators[w->fields_count] = operator;
    w->values[w->fields_count++] = value;
}

static void add_text(struct rule_wire *w, uint32_t field, const char *text, size_t len)
{
    memcpy(w->text + w->text_len, text, len);
    w->text_len += (uint32_t)len;
    add_field(w, field, OP_EQUAL, (uint32_t)len);
}

static void add_key(struct rule_wire *w, const char *key, const char *suffix)
{
    char whole[KEY_MAX];
    size_t len = strlen(key), more = strlen(suffix);
    memcpy(whole, key, len);
    memcpy(whole + len, suffix, more);
    add_text(w, FIELD_KEY, whole, len + more);
}

/* False: this machine has none of the calls. */
static bool build(const struct rule_want *want, const struct shape *shape, const struct rule_machine *m,
                  struct rule_wire *w)
{
    uint32_t arch = shape->width == WIDTH_32 ? m->narrow : m->wide;
    memset(w, 0, sizeof(*w));
    w->list = shape->list;
    w->action = RULE_ALWAYS;
    if (!arch || !set_calls(w->calls, shape, m, arch)) {
        return false;
    }
    if (want->kind == TARGET_DIR || want->kind == TARGET_FILE) {
        add_text(w, want->kind == TARGET_DIR ? FIELD_DIR : FIELD_PATH, want->path, strlen(want->path));
    } else if (want->kind == TARGET_LOGINS) {
        add_field(w, FIELD_LOGIN, OP_NOT_EQUAL, UINT32_MAX);
    }
    if (shape->list == RULE_LIST_EXIT && shape->width != WIDTH_ANY) {
        add_field(w, FIELD_ARCH, OP_EQUAL, arch);
    }
    if (shape->flags_at >= 0) {
        add_field(w, FIELD_ARG0 + (uint32_t)shape->flags_at, OP_ANY_BIT, OPEN_CHANGES);
    }
    if (shape->by_class) {
        add_field(w, FIELD_PERM, OP_EQUAL, PERM_CHANGES);
    }
    add_key(w, want->key, shape->suffix);
    return true;
}

int rules_build(const struct rule_want *want, const struct rule_machine *machine, struct rule_wire *ret,
                bool *optional, size_t *ret_count)
{
    const struct shape *shapes = shapes_of[want->kind].shapes;
    size_t shapes_count = shapes_of[want->kind].count, count = 0;
    bool by_path = want->kind == TARGET_DIR || want->kind == TARGET_FILE;
    if (!want->key[0] || strlen(want->key) > KEY_MAX - 16 ||
        (by_path && (want->path[0] != '/' || strlen(want->path) > PATH_LONGEST))) {
        return -EINVAL;
    }
    for (size_t i = 0; i < shapes_count; i++) {
        /* io_uring's operations of logins cannot be asked for: its records know no login. */
        if (shapes[i].list == RULE_LIST_URING && want->kind != TARGET_DIR) {
            continue;
        }
        if (build(want, &shapes[i], machine, &ret[count])) {
            optional[count++] = shapes[i].optional;
        }
    }
    *ret_count = count;
    return 0;
}

size_t rule_wire_size(const struct rule_wire *w)
{
    return offsetof(struct rule_wire, text) + w->text_len;
}

/* The string of a field; NULL when the rule has none such or lies about its lengths. */
static const char *text_of(const struct rule_wire *w, uint32_t field, size_t *ret_len)
{
    static const uint32_t with_text[] = {13, 14, 15, 16,         17,        19,  20,
                                         21, 22, 23, FIELD_PATH, FIELD_DIR, 112, FIELD_KEY};
    size_t offset = 0;
    for (uint32_t i = 0; i < w->fields_count && i < RULE_FIELDS; i++) {
        bool text = false;
        for (size_t j = 0; j < COUNT(with_text); j++) {
            text |= w->fields[i] == with_text[j];
        }
        if (!text) {
            continue;
        }
        if (w->values[i] > w->text_len - offset) {
            return NULL;
        }
        if (w->fields[i] == field) {
            *ret_len = w->values[i];
            return w->text + offset;
        }
        offset += w->values[i];
    }
    return NULL;
}

bool rule_has_key(const struct rule_wire *w, const char *key)
{
    size_t len, want = strlen(key);
    const char *text = text_of(w, FIELD_KEY, &len);
    return text && len == want && !memcmp(text, key, want);
}

bool rule_is_ours(const struct rule_wire *w, const char *key)
{
    size_t len, want = strlen(key);
    const char *text = text_of(w, FIELD_KEY, &len);
    return text && len >= want && !memcmp(text, key, want) && (len == want || text[want] == '-');
}

static void mix(uint64_t *hash, const void *data, size_t len)
{
    const uint8_t *bytes = data;
    for (size_t i = 0; i < len; i++) {
        *hash = (*hash ^ bytes[i]) * UINT64_C(1099511628211);
    }
}

uint64_t rule_fingerprint(const struct rule_wire *w)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    uint32_t count = w->fields_count < RULE_FIELDS ? w->fields_count : RULE_FIELDS;
    mix(&hash, &w->list, sizeof(w->list));
    mix(&hash, &w->action, sizeof(w->action));
    mix(&hash, w->calls, sizeof(w->calls));
    mix(&hash, w->fields, count * sizeof(w->fields[0]));
    mix(&hash, w->values, count * sizeof(w->values[0]));
    mix(&hash, w->operators, count * sizeof(w->operators[0]));
    mix(&hash, w->text, w->text_len);
    return hash;
}

struct rule_calls {
    uint32_t arch[2];
    uint32_t change[2][RULE_WORDS], second[2][RULE_WORDS], third[2][RULE_WORDS], opening[2][RULE_WORDS];
};

struct rule_calls *rule_calls_new(const struct rule_machine *machine)
{
    static const char *const always_open[] = {"creat", "openat2", "truncate", "truncate64"};
    static const struct shape opening = {.calls = always_open, .calls_count = COUNT(always_open)};
    struct rule_calls *c = calloc(1, sizeof(*c));
    if (!c) {
        return NULL;
    }
    c->arch[WIDTH_64] = machine->wide;
    c->arch[WIDTH_32] = machine->narrow;
    for (int w = WIDTH_64; w <= WIDTH_32; w++) {
        if (c->arch[w]) {
            set_calls(c->third[w], &change_shapes[0], machine, c->arch[w]);
            set_calls(c->second[w], &change_shapes[1], machine, c->arch[w]);
            set_calls(c->change[w], &change_shapes[2], machine, c->arch[w]);
            set_calls(c->change[w], &ring_shapes[0], machine, c->arch[w]);
            set_calls(c->opening[w], &opening, machine, c->arch[w]);
        }
    }
    return c;
}

void rule_calls_free(struct rule_calls *c)
{
    free(c);
}

static bool call_set(const uint32_t *mask, uint32_t call)
{
    return call < RULE_WORDS * 32 && (mask[call / 32] & 1u << (call % 32));
}

bool rule_calls_want(const struct rule_calls *c, uint32_t arch, uint32_t call, const uint64_t args[4],
                     bool *ret_opening)
{
    for (int w = WIDTH_64; w <= WIDTH_32; w++) {
        if (!arch || c->arch[w] != arch) {
            continue;
        }
        *ret_opening = call_set(c->opening[w], call);
        if (call_set(c->change[w], call)) {
            return true;
        }
        *ret_opening = true;
        return (call_set(c->third[w], call) && (args[2] & OPEN_CHANGES)) ||
               (call_set(c->second[w], call) && (args[1] & OPEN_CHANGES));
    }
    return false;
}
