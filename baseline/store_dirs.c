/* Remembers which id a directory's path has, so that many files of one directory cost one search each and not
 * one a component. One table a transaction object, so without locks; a slot's newcomer takes the place of who
 * was there, which bounds it. */
#include <stdlib.h>
#include <string.h>

#include "baseline/store_internal.h"

enum { PATH_REMEMBERED_MAX = 1024 };

uint64_t store_dirs_hash(uint64_t hash, const char *name, size_t len)
{
    /* FNV-1a; who makes paths collide only makes look-ups slower, since the path itself is compared. */
    hash = (hash ^ 0xcbf29ce484222325 ^ '/') * 0x100000001b3;
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ (unsigned char)name[i]) * 0x100000001b3;
    return hash;
}

static size_t slot_of(uint64_t hash)
{
    return (hash ^ hash >> 32) % STORE_DIRS;
}

uint64_t store_dirs_find(const struct store_dirs *d, uint64_t hash, const char *path, size_t len)
{
    const struct store_dir_slot *slot = &d->slots[slot_of(hash)];

    return slot->id && slot->hash == hash && slot->len == len && !memcmp(slot->path, path, len) ? slot->id
                                                                                                : 0;
}

void store_dirs_add(struct store_dirs *d, uint64_t hash, const char *path, size_t len, uint64_t id)
{
    struct store_dir_slot *slot = &d->slots[slot_of(hash)];

    if (len > PATH_REMEMBERED_MAX)
        return;
    char *copy = realloc(slot->path, len);
    if (!copy)
        return;
    memcpy(copy, path, len);
    *slot = (struct store_dir_slot){.hash = hash, .id = id, .path = copy, .len = len};
}

void store_dirs_clear(struct store_dirs *d)
{
    for (size_t i = 0; i < STORE_DIRS; i++) {
        free(d->slots[i].path);
        d->slots[i] = (struct store_dir_slot){0};
    }
}
