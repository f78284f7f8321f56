/* A store in a directory of its own, and entries to put into it. */
#ifndef TESTS_STORE_FIXTURE_H
#define TESTS_STORE_FIXTURE_H

#include "baseline/store.h"

struct fixture {
    char dir[64];
    struct store *store;
    struct fault why;
};

void fixture_open(struct fixture *f);   /* a new directory and store; fails the test when it can't */
void fixture_reopen(struct fixture *f); /* the same directory */
void fixture_close(struct fixture *f);  /* and removes the directory */

struct entry make_entry(enum entry_type type, uint64_t inode);

/* Each in a transaction of its own; the store's result. */
int put(struct fixture *f, const char *path, enum entry_type type, uint64_t inode, uint64_t last);
int take(struct fixture *f, const char *path, uint64_t last);                 /* store_remove */
int move(struct fixture *f, const char *from, const char *to, uint64_t last); /* store_move */
int get(struct fixture *f, const char *path, struct node *ret);
uint64_t inode_of(struct fixture *f, const char *path); /* 0: absent or unknown */
struct store_counts counts(struct fixture *f);

#endif
