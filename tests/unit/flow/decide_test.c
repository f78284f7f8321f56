/* What happened to a file: a table. */
#include "fimd/flow/decide.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "baseline/attr.h"
#include "fimd/watch/watch.h"

static struct entry file(uint64_t inode, uint64_t size, int64_t mtime, uint8_t content)
{
    struct entry e = {.type = ENTRY_FILE, .mode = 0644, .nlink = 1, .inode = inode, .size = size, .mtime = mtime,
                      .ctime = mtime};
    e.digests.count = 1;
    e.digests.list[0].id = digest_id("sha256", 6);
    e.digests.list[0].len = 32;
    memset(e.digests.list[0].value, content, 32);
    return e;
}

struct decide_case {
    const char *name;
    struct entry before, after;
    uint32_t attributes, ops;
    bool gone_is_news, filling;
    uint32_t actions, changes; /* changes: those that must be among them */
    bool store;
};

Test(decide, table)
{
    const struct entry none = {.type = ENTRY_ABSENT}, a = file(1, 10, 100, 1), b = file(1, 12, 200, 2);
    struct entry mode = a, ctime = a, mtime = a, inode = file(2, 10, 100, 1), dir = {.type = ENTRY_DIR, .mode = 0755};
    struct entry dir_later = dir;
    mode.mode = 0600;
    mode.ctime = 300;
    ctime.ctime = 300;
    mtime.mtime = mtime.ctime = 300;
    dir_later.mtime = dir_later.ctime = 500;
    dir_later.nlink = 9;
    const struct decide_case cases[] = {
        {"came and went", none, none, ATTR_ALL, WATCH_CREATE | WATCH_DELETE, true, false, 0, 0, false},
        {"new", none, a, ATTR_ALL, WATCH_CREATE | WATCH_CLOSE_WRITE, false, false, ACTION_CREATED, 0, true},
        {"unknown while filling", none, a, ATTR_ALL, WATCH_CLOSE_WRITE, false, true, ACTION_UPDATED, 0, true},
        {"new while filling", none, a, ATTR_ALL, WATCH_CREATE, false, true, ACTION_CREATED, 0, true},
        {"deleted", a, none, ATTR_ALL, WATCH_DELETE, true, false, ACTION_DELETED, 0, true},
        {"gone, and its end is still to be told", a, none, ATTR_ALL, WATCH_CLOSE_WRITE, false, false, 0, 0, false},
        {"deleted while filling", none, none, ATTR_ALL, WATCH_DELETE, true, true, ACTION_DELETED, 0, true},
        {"came and went while filling", none, none, ATTR_ALL, WATCH_CREATE | WATCH_DELETE, true, true, 0, 0, true},
        {"content", a, b, ATTR_ALL, WATCH_CLOSE_WRITE, false, false, ACTION_UPDATED, ATTR_CONTENT | ATTR_SIZE, true},
        {"mode", a, mode, ATTR_ALL, WATCH_ATTRIB, false, false, ACTION_ATTRIBUTES_MODIFIED, ATTR_MODE, true},
        {"same mode again: ctime alone is no news", a, ctime, ATTR_ALL, WATCH_ATTRIB, false, false, 0, 0, true},
        {"opened for writing, nothing written", a, a, ATTR_ALL, WATCH_CLOSE_WRITE, false, false, 0, 0, false},
        {"touch", a, mtime, ATTR_ALL, WATCH_ATTRIB, false, false, ACTION_ATTRIBUTES_MODIFIED, ATTR_MTIME, true},
        {"touch, and nobody asks for mtime", a, mtime, ATTR_ALL & ~(uint32_t)ATTR_MTIME, WATCH_ATTRIB, false, false, 0, 0, true},
        {"replaced by the same", a, inode, ATTR_ALL, WATCH_RENAME, false, false, ACTION_ATTRIBUTES_MODIFIED, ATTR_INODE, true},
        {"another type", a, dir, ATTR_ALL, WATCH_CREATE, false, false, ACTION_UPDATED, ATTR_TYPE, true},
        {"a directory's entries are their own news", dir, dir_later, ATTR_ALL, WATCH_ATTRIB, false, false, 0, 0, true},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct decide_case *c = &cases[i];
        const struct decide_input in = {.before = &c->before, .after = &c->after, .attributes = c->attributes,
                                        .ops = c->ops, .gone_is_news = c->gone_is_news, .filling = c->filling};
        struct decision d;
        decide(&in, &d);
        cr_expect_eq(d.actions, c->actions, "%s: actions %#x, not %#x", c->name, d.actions, c->actions);
        cr_expect_eq(d.changes & c->changes, c->changes, "%s: changes %#x", c->name, d.changes);
        cr_expect_eq(d.store, c->store, "%s: store %d", c->name, d.store);
        cr_expect(c->actions || d.changes == 0, "%s: changes without an action", c->name);
    }
}

Test(decide, what_only_a_fill_knew_and_was_seen_to_be_made_is_created)
{
    const struct entry a = file(1, 10, 100, 1), b = file(2, 12, 200, 2);
    const struct {
        uint32_t ops;
        bool untold;
        uint32_t actions;
    } cases[] = {
        {WATCH_CREATE, true, ACTION_CREATED},
        {WATCH_CREATE | WATCH_CLOSE_WRITE, true, ACTION_CREATED},
        {WATCH_CREATE, false, ACTION_UPDATED},
        {WATCH_CREATE | WATCH_DELETE, true, ACTION_UPDATED}, /* it was there before */
        {WATCH_CLOSE_WRITE, true, ACTION_UPDATED},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct decide_input in = {.before = &a, .after = &b, .attributes = ATTR_ALL, .ops = cases[i].ops,
                                        .untold = cases[i].untold};
        struct decision got;
        decide(&in, &got);
        cr_expect_eq(got.actions, cases[i].actions, "case %zu", i);
        cr_expect(got.store, "case %zu", i);
    }
}
