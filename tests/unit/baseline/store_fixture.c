#include "store_fixture.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void remove_files(const char *dir)
{
    DIR *d = opendir(dir);

    for (struct dirent *e; d && (e = readdir(d));)
        unlinkat(dirfd(d), e->d_name, 0);
    if (d)
        closedir(d);
    rmdir(dir);
}

void fixture_reopen(struct fixture *f)
{
    struct store_options options = {.dir = f->dir, .no_sync = true};

    cr_assert_eq(store_open(&options, &f->store, &f->why), 0, "%s", f->why.text);
}

void fixture_open(struct fixture *f)
{
    strcpy(f->dir, "/tmp/fimd-store-XXXXXX");
    cr_assert_not_null(mkdtemp(f->dir));
    fixture_reopen(f);
}

void fixture_close(struct fixture *f)
{
    store_close(f->store);
    remove_files(f->dir);
}

struct entry make_entry(enum entry_type type, uint64_t inode)
{
    struct entry e = {
        .type = type, .mode = 0644, .nlink = 1, .inode = inode, .device = 0x801, .size = 1000 + inode};

    e.mtime = e.ctime = 1700000000000000000 + (int64_t)inode;
    return e;
}

struct call {
    const char *path, *to;
    struct entry entry;
    uint64_t last;
    struct node *node;
    struct store_counts *counts;
};

static int put_fn(struct store_txn *t, void *ctx)
{
    struct call *c = ctx;

    return store_put(t, c->path, strlen(c->path), &c->entry, c->last);
}

int put(struct fixture *f, const char *path, enum entry_type type, uint64_t inode, uint64_t last)
{
    struct call c = {.path = path, .entry = make_entry(type, inode), .last = last};

    return store_write(f->store, put_fn, &c, &f->why);
}

static int take_fn(struct store_txn *t, void *ctx)
{
    struct call *c = ctx;

    return store_remove(t, c->path, strlen(c->path), c->last);
}

int take(struct fixture *f, const char *path, uint64_t last)
{
    struct call c = {.path = path, .last = last};

    return store_write(f->store, take_fn, &c, &f->why);
}

static int move_fn(struct store_txn *t, void *ctx)
{
    struct call *c = ctx;

    return store_move(t, c->path, strlen(c->path), c->to, strlen(c->to), c->last);
}

int move(struct fixture *f, const char *from, const char *to, uint64_t last)
{
    struct call c = {.path = from, .to = to, .last = last};

    return store_write(f->store, move_fn, &c, &f->why);
}

static int get_fn(struct store_txn *t, void *ctx)
{
    struct call *c = ctx;

    return store_get(t, c->path, strlen(c->path), c->node);
}

int get(struct fixture *f, const char *path, struct node *ret)
{
    struct call c = {.path = path, .node = ret};

    return store_read(f->store, get_fn, &c, &f->why);
}

uint64_t inode_of(struct fixture *f, const char *path)
{
    struct node n;

    if (get(f, path, &n))
        return 0;
    uint64_t inode = n.entry.type == ENTRY_ABSENT ? 0 : n.entry.inode;
    node_fini(&n);
    return inode;
}

static int count_fn(struct store_txn *t, void *ctx)
{
    return store_count(t, ((struct call *)ctx)->counts);
}

struct store_counts counts(struct fixture *f)
{
    struct store_counts result = {0};
    struct call c = {.counts = &result};

    cr_assert_eq(store_read(f->store, count_fn, &c, &f->why), 0);
    return result;
}
