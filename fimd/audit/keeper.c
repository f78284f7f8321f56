/* One look, the same at the start and at any later time:
 *
 *   targets as the disk is now ─┐
 *   rules as the kernel has them ┴► per target: all there? same directory as then? ─► add, or remove and add
 *                                └► ours that no target wants ─► removed
 *
 * A rule on a directory follows the inode: when the directory was renamed and made again, the list looks
 * right and covers the wrong one; so its inode is compared with the one that it was loaded for. Rules left
 * by a fimd that was killed are replaced at the start, since nobody knows for which inodes they stand. */
#include "fimd/audit/keeper.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    LOCKED = 2,
    BACKLOG_ENOUGH =
        8192, /* the kernel's own default is 64, with which a burst makes writers wait or records vanish */
};

struct ours { /* a loaded rule with our key */
    uint64_t fingerprint;
    bool wanted;
    bool known; /* of a target of the look before: certainly loaded by this process */
    struct rule_wire *wire;
};

struct loaded {
    struct keeper *keeper;
    struct ours *list;
    size_t count, capacity;
    unsigned foreign;
    bool never_task;
};

static void tell(struct keeper *k, const char *action, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void tell(struct keeper *k, const char *action, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    k->state(k->ctx, action, text);
}

static int loaded_add(struct loaded *l, const struct rule_wire *rule)
{
    if (l->count == l->capacity) {
        size_t capacity = l->capacity ? l->capacity * 2 : 32;
        struct ours *list = realloc(l->list, capacity * sizeof(*list));
        if (!list) {
            return -ENOMEM;
        }
        l->list = list;
        l->capacity = capacity;
    }
    struct rule_wire *copy = malloc(rule_wire_size(rule));
    if (!copy) {
        return -ENOMEM;
    }
    memcpy(copy, rule, rule_wire_size(rule));
    l->list[l->count++] = (struct ours){.fingerprint = rule_fingerprint(rule), .wire = copy};
    return 0;
}

static int loaded_each(void *ctx, const struct rule_wire *rule)
{
    struct loaded *l = ctx;
    if (rule->list == RULE_LIST_TASK && rule->action == RULE_NEVER) {
        l->never_task = true;
    }
    if (rule_is_ours(rule, l->keeper->key)) {
        return loaded_add(l, rule);
    }
    l->foreign++;
    return 0;
}

static void loaded_fini(struct loaded *l)
{
    for (size_t i = 0; i < l->count; i++) {
        free(l->list[i].wire);
    }
    free(l->list);
    l->list = NULL;
    l->count = 0;
}

static int loaded_read(struct keeper *k, struct loaded *l)
{
    *l = (struct loaded){.keeper = k};
    int rc = k->kernel->rules(k->fd, loaded_each, l);
    if (rc) {
        loaded_fini(l);
        return rc;
    }
    k->rules_foreign = l->foreign;
    k->never_task = l->never_task;
    return 0;
}

static struct ours *loaded_find(const struct loaded *l, uint64_t fingerprint)
{
    for (size_t i = 0; i < l->count; i++) {
        if (l->list[i].fingerprint == fingerprint) {
            return &l->list[i];
        }
    }
    return NULL;
}

struct look { /* one look at all targets */
    struct keeper *keeper;
    const struct targets *before;
    struct loaded loaded;
    struct rule_wire *wires; /* RULE_SHAPES_MAX */
    bool renew;              /* nothing that is loaded can be trusted to stand for the right directory */
    unsigned missing, restored, failed;
    int error;               /* of the last that failed */
    char failed_path[256];
};

static bool is_locked(const struct keeper *k)
{
    return k->status.enabled == LOCKED;
}

/* The directory is another one than the rules were made for. */
static bool replaced(const struct look *l, const struct target *t)
{
    const struct target *old = t->kind == TARGET_DIR ? targets_find(l->before, t) : NULL;
    return t->kind == TARGET_DIR && (l->renew || !old || !old->loaded || old->inode != t->inode ||
                                     old->device != t->device);
}

static bool stood_before(const struct look *l, const struct target *t)
{
    const struct target *old = targets_find(l->before, t);
    return old && old->loaded && (t->kind != TARGET_DIR || old->inode == t->inode);
}

/* A rule that can't stand yet: nothing there to stand on. */
static bool may_wait(int rc)
{
    return rc == -ENOENT || rc == -ENOTDIR;
}

/* The rules of one directory share the kernel's tree of it, found by path: as long as one of them stands,
 * the next joins the old tree, of the old directory. So all of them go before the first is added. */
static void clear_replaced(struct look *l, const struct target *t, size_t count)
{
    bool clear = replaced(l, t) && !is_locked(l->keeper);
    for (size_t i = 0; i < count; i++) {
        struct ours *there = loaded_find(&l->loaded, rule_fingerprint(&l->wires[i]));
        if (!there) {
            continue;
        }
        there->wanted = true;
        if (clear) {
            (void)l->keeper->kernel->remove(l->keeper->fd, &l->wires[i]);
        }
    }
}

static int add_rule(struct look *l, const struct target *t, const struct rule_wire *wire, bool optional)
{
    if (is_locked(l->keeper)) {
        return -EPERM;
    }
    bool wiped = !optional && !loaded_find(&l->loaded, rule_fingerprint(wire)) && stood_before(l, t);
    int rc = l->keeper->kernel->add(l->keeper->fd, wire);
    rc = rc == -EEXIST ? 0 : rc;
    l->missing += wiped;
    l->restored += wiped && !rc;
    return rc;
}

/* An optional rule that the kernel does not take was not wanted; one with nothing to stand on is not yet. */
static int load_rule(struct look *l, const struct target *t, const struct rule_wire *wire, bool optional)
{
    struct keeper *k = l->keeper;
    bool there = loaded_find(&l->loaded, rule_fingerprint(wire)) && (!replaced(l, t) || is_locked(k));
    int rc = there ? 0 : add_rule(l, t, wire, optional);
    k->rules_wanted += !rc || (!optional && !may_wait(rc));
    k->rules_loaded += !rc;
    return optional ? 0 : rc;
}

static void load_target(struct look *l, struct target *t)
{
    struct keeper *k = l->keeper;
    const struct rule_want want = {t->kind, t->path, k->key};
    bool optional[RULE_SHAPES_MAX];
    size_t count = 0;
    int rc = rules_build(&want, &k->machine, l->wires, optional, &count);
    clear_replaced(l, t, count);
    for (size_t i = 0; i < count; i++) {
        int failed = load_rule(l, t, &l->wires[i], optional[i]);
        rc = rc ? rc : failed;
    }
    t->loaded = rc == 0 && count > 0;
    if (rc && !may_wait(rc) && !is_locked(k)) {
        l->failed++;
        l->error = -rc;
        snprintf(l->failed_path, sizeof(l->failed_path), "%s", t->path ? t->path : "(logins)");
    }
}

static void mark_known(struct look *l)
{
    struct keeper *k = l->keeper;
    bool optional[RULE_SHAPES_MAX];
    for (size_t i = 0; i < l->before->count; i++) {
        const struct target *t = &l->before->list[i];
        const struct rule_want want = {t->kind, t->path, k->key};
        size_t count = 0;
        (void)rules_build(&want, &k->machine, l->wires, optional, &count);
        for (size_t n = 0; n < count; n++) {
            struct ours *there = loaded_find(&l->loaded, rule_fingerprint(&l->wires[n]));
            if (there) {
                there->known = true;
            }
        }
    }
}

/* What a killed fimd left goes with the first look. Later ones leave alone what this process has not loaded: it is
 * that of another fimd (one tried out beside the service), and the two would take out each other's for ever. */
static void remove_unwanted(struct look *l)
{
    for (size_t i = 0; !is_locked(l->keeper) && i < l->loaded.count; i++) {
        const struct ours *o = &l->loaded.list[i];
        if (!o->wanted && (l->renew || o->known)) {
            (void)l->keeper->kernel->remove(l->keeper->fd, o->wire);
        }
    }
}

static void tell_look(struct keeper *k, const struct look *l)
{
    if (l->missing) {
        tell(k, "rules-wiped", "%u audit rules of fimd were taken out by somebody else", l->missing);
    }
    if (l->missing && l->restored == l->missing) {
        tell(k, "rules-restored", "%u audit rules were loaded again", l->restored);
    }
    if (l->failed && !k->told_failed) {
        tell(k, "audit-degraded",
             "audit rules for %u paths were refused, the last (%s): %s; the process tree names the person "
             "there",
             l->failed, l->failed_path, strerror(l->error));
    }
    k->told_failed = l->failed > 0;
    if (k->targets.left_out && !k->told_left_out) {
        tell(k, "audit-degraded",
             "%zu paths have no audit rule: there are too many; the process tree names the person there",
             k->targets.left_out);
    }
    k->told_left_out = k->targets.left_out > 0;
}

static void tell_host(struct keeper *k)
{
    if (is_locked(k) && !k->told_locked) {
        tell(k, "rules-locked",
             "audit's rules are locked until the next boot (-e 2): %u of %u of fimd's stand; put them "
             "into /etc/audit/rules.d, before -e 2",
             k->rules_loaded, k->rules_wanted);
    }
    k->told_locked = is_locked(k);
    if (k->never_task && !k->told_never) {
        tell(k, "audit-degraded",
             "a rule 'task,never' stands: processes started under it are never audited; take it out of "
             "/etc/audit/rules.d");
    }
    k->told_never = k->never_task;
}

static int look_rules(struct keeper *k, bool renew)
{
    struct targets before = k->targets;
    struct look l = {.keeper = k, .before = &before, .renew = renew};
    struct targets now;
    int rc = targets_resolve(k->policy, k->wanted, &now);
    if (rc) {
        return rc;
    }
    l.wires = malloc(RULE_SHAPES_MAX * sizeof(*l.wires));
    rc = l.wires ? loaded_read(k, &l.loaded) : -ENOMEM;
    if (rc) {
        free(l.wires);
        targets_fini(&now);
        return rc;
    }
    k->targets = now;
    k->rules_wanted = k->rules_loaded = 0;
    for (size_t i = 0; i < k->targets.count; i++) {
        load_target(&l, &k->targets.list[i]);
    }
    mark_known(&l);
    remove_unwanted(&l);
    tell_look(k, &l);
    loaded_fini(&l.loaded);
    free(l.wires);
    targets_fini(&before);
    return 0;
}

static int look_status(struct keeper *k)
{
    int rc = k->kernel->status(k->fd, &k->status);
    if (rc) {
        return rc;
    }
    if (k->status.enabled == 0) {
        rc = k->kernel->set_enabled(k->fd, 1);
        k->enabled_before = 0;
        tell(k, "audit-off",
             rc ? "audit was switched off and can't be switched on again (%s): changes are known by the "
                  "process tree alone"
                : "audit was off; fimd switched it on%s",
             rc ? strerror(-rc) : "");
        k->status.enabled = rc ? 0 : 1;
    }
    if (!is_locked(k) && k->status.backlog_limit && k->status.backlog_limit < BACKLOG_ENOUGH) {
        uint32_t before = k->status.backlog_limit;
        if (!k->kernel->set_backlog_limit(k->fd, BACKLOG_ENOUGH)) {
            k->backlog_limit_before = before;
            k->status.backlog_limit = BACKLOG_ENOUGH;
        }
    }
    return rc;
}

int keeper_look(struct keeper *k)
{
    int rc = look_status(k);
    if (!rc) {
        rc = look_rules(k, false);
    }
    if (!rc) {
        tell_host(k);
    }
    return rc;
}

static const struct keeper_kernel by_netlink = {
    netlink_status, netlink_set_enabled, netlink_set_backlog_limit, netlink_rules,
    netlink_add,    netlink_remove,      netlink_cover_mount,
};

int keeper_open(struct keeper *k, const char *key,
                void (*state)(void *ctx, const char *action, const char *text), void *ctx, struct fault *why)
{
    int fd = netlink_control(why);
    k->fd = -1;
    return fd < 0 ? fd : keeper_open_on(k, &by_netlink, fd, key, state, ctx, why);
}

int keeper_open_on(struct keeper *k, const struct keeper_kernel *kernel, int fd, const char *key,
                   void (*state)(void *ctx, const char *action, const char *text), void *ctx,
                   struct fault *why)
{
    *k = (struct keeper){.fd = fd, .kernel = kernel, .state = state, .ctx = ctx};
    snprintf(k->key, sizeof(k->key), "%s", key);
    netlink_machine(&k->machine);
    k->enabled_before = 1; /* look_status finds out */
    int rc = look_status(k);
    if (rc) {
        close(k->fd);
        k->fd = -1;
        return fault_set(why, -rc, "audit: switching it on: %s; fimd needs CAP_AUDIT_CONTROL", strerror(-rc));
    }
    return 0;
}

int keeper_set(struct keeper *k, struct policy *policy, enum rules_wanted wanted, struct fault *why)
{
    bool first = k->policy == NULL && k->targets.count == 0;
    struct policy *before = k->policy;
    k->policy = policy ? policy_ref(policy) : NULL;
    k->wanted = wanted;
    policy_unref(before);
    int rc = look_status(k);
    if (!rc) {
        rc = look_rules(k, first);
    }
    if (rc) {
        return fault_set(why, -rc, "audit: loading rules: %s; look at 'auditctl -s' and 'auditctl -l'",
                         strerror(-rc));
    }
    tell_host(k);
    return 0;
}

void keeper_mounted(struct keeper *k, const char *path)
{
    struct stat here, parent;
    for (size_t i = 0; !is_locked(k) && i < k->targets.count; i++) {
        const struct target *t = &k->targets.list[i];
        size_t len = t->path ? strlen(t->path) : 0;
        bool inside = t->kind == TARGET_DIR && t->loaded && strlen(path) > len &&
                      !strncmp(path, t->path, len) && (path[len] == '/' || len == 1);
        if (inside && !stat(path, &here) && !stat(t->path, &parent) && here.st_dev != parent.st_dev) {
            (void)k->kernel->cover_mount(k->fd, path, t->path);
        }
    }
}

static void remove_ours(struct keeper *k)
{
    struct loaded l;
    if (is_locked(k) || loaded_read(k, &l)) {
        return;
    }
    for (size_t i = 0; i < l.count; i++) {
        (void)k->kernel->remove(k->fd, l.list[i].wire);
    }
    loaded_fini(&l);
}

static void put_back(struct keeper *k)
{
    struct netlink_status now;
    if (k->kernel->status(k->fd, &now) || now.enabled == LOCKED) {
        return;
    }
    if (k->backlog_limit_before && now.backlog_limit == BACKLOG_ENOUGH) {
        (void)k->kernel->set_backlog_limit(k->fd, k->backlog_limit_before);
    }
    if (!k->enabled_before && now.enabled) {
        (void)k->kernel->set_enabled(k->fd, 0);
    }
}

void keeper_close(struct keeper *k)
{
    if (k->fd < 0) {
        return;
    }
    remove_ours(k);
    put_back(k);
    targets_fini(&k->targets);
    policy_unref(k->policy);
    close(k->fd);
    k->fd = -1;
}
