/* A hash table of nodes in one growing array, chained by index, evicted by the clock. */
#include "fimd/watch/dircache.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    FIRST_SLOTS = 256,
    HANDLE_BYTES = 128,
    NAME_BYTES = 4096,
    CLIMB_MOST = 1 << 20, /* a circle cannot come to be; if it did, the climb still ends */
};

int dircache_init(struct dircache *c, uint32_t limit)
{
    uint32_t buckets = FIRST_SLOTS;
    while (buckets < limit && buckets < 1u << 24)
        buckets *= 2;
    *c = (struct dircache){ .limit = limit, .mask = buckets - 1, .free = DIR_NONE, .generation = 1 };
    c->buckets = malloc(buckets * sizeof(*c->buckets));
    if (!c->buckets)
        return -ENOMEM;
    memset(c->buckets, 0xff, buckets * sizeof(*c->buckets)); /* DIR_NONE */
    return 0;
}

void dircache_fini(struct dircache *c)
{
    for (uint32_t i = 0; i < c->slots; i++)
        free(c->nodes[i].bytes);
    free(c->nodes);
    free(c->buckets);
    *c = (struct dircache){ .free = DIR_NONE };
}

/* Handles of one file system differ in few bits of inode and generation: spread them well. */
static uint32_t hash_of(uint16_t volume, struct handle_view h)
{
    uint64_t x = UINT64_C(0x9e3779b97f4a7c15) * (volume + 1u) + h.len;
    size_t at = 0;
    for (; at + 8 <= h.len; at += 8) {
        uint64_t word;
        memcpy(&word, h.bytes + at, 8);
        x = (x ^ word) * UINT64_C(0xff51afd7ed558ccd);
        x ^= x >> 32;
    }
    uint64_t rest = 0;
    memcpy(&rest, h.bytes + at, h.len - at);
    x = (x ^ rest) * UINT64_C(0xc4ceb9fe1a85ec53);
    return (uint32_t)(x ^ x >> 32);
}

static bool is(const struct dirnode *n, uint16_t volume, struct handle_view h)
{
    return n->volume == volume && n->type == h.type && n->handle_len == h.len &&
           memcmp(n->bytes, h.bytes, h.len) == 0;
}

uint32_t dircache_find(struct dircache *c, uint16_t volume, struct handle_view h)
{
    if (!h.bytes || h.len > HANDLE_BYTES)
        return DIR_NONE;
    uint32_t hash = hash_of(volume, h);
    for (uint32_t i = c->buckets[hash & c->mask]; i != DIR_NONE; i = c->nodes[i].next) {
        struct dirnode *n = &c->nodes[i];
        if (n->hash == hash && is(n, volume, h)) {
            n->flags |= DIR_USED;
            return i;
        }
    }
    return DIR_NONE;
}

static void unlink_node(struct dircache *c, uint32_t node)
{
    uint32_t *at = &c->buckets[c->nodes[node].hash & c->mask];
    while (*at != node)
        at = &c->nodes[*at].next;
    *at = c->nodes[node].next;
}

static void drop_parent(struct dircache *c, uint32_t node)
{
    if (c->nodes[node].parent != DIR_NONE)
        c->nodes[c->nodes[node].parent].children--;
    c->nodes[node].parent = DIR_NONE;
}

/* Its children must have been seen to. */
static void remove_node(struct dircache *c, uint32_t node)
{
    struct dirnode *n = &c->nodes[node];
    if (n->flags & DIR_IGNORED) {
        c->ignored--;
        c->lost_ignored = true;
    }
    unlink_node(c, node);
    drop_parent(c, node);
    free(n->bytes);
    *n = (struct dirnode){ .next = c->free, .parent = DIR_NONE };
    c->free = node;
    c->count--;
}

static bool evictable(const struct dirnode *n)
{
    return n->used && n->children == 0 && !(n->flags & (DIR_ANCHOR | DIR_PINNED));
}

/* Two rounds at most: the first takes the marks of use away, the second finds something, or all are held. */
static void evict_one(struct dircache *c, uint32_t keep)
{
    for (uint64_t steps = 0; steps < 2u * (uint64_t)c->slots; steps++) {
        uint32_t at = c->hand;
        c->hand = at + 1 < c->slots ? at + 1 : 0;
        struct dirnode *n = &c->nodes[at];
        if (at == keep || !evictable(n))
            continue;
        if (!(n->flags & DIR_USED)) {
            remove_node(c, at);
            return;
        }
        n->flags &= (uint8_t)~DIR_USED;
    }
}

static int grow(struct dircache *c)
{
    uint32_t slots = c->slots ? c->slots * 2 : FIRST_SLOTS;
    if (slots < c->slots)
        return -ENOMEM;
    struct dirnode *nodes = realloc(c->nodes, slots * sizeof(*nodes));
    if (!nodes)
        return -ENOMEM;
    c->nodes = nodes;
    for (uint32_t i = slots; i-- > c->slots;) {
        nodes[i] = (struct dirnode){ .next = c->free, .parent = DIR_NONE };
        c->free = i;
    }
    c->slots = slots;
    return 0;
}

static int new_slot(struct dircache *c, uint32_t keep, uint32_t *ret)
{
    if (c->count >= c->limit)
        evict_one(c, keep);
    if (c->free == DIR_NONE) {
        int r = grow(c);
        if (r < 0)
            return r;
    }
    *ret = c->free;
    c->free = c->nodes[*ret].next;
    return 0;
}

/* The handle's and name's bytes in one piece of memory. */
static uint8_t *join(struct handle_view h, const char *name, size_t name_len)
{
    uint8_t *bytes = malloc(h.len + name_len);
    if (bytes) {
        memcpy(bytes, h.bytes, h.len);
        if (name_len)
            memcpy(bytes + h.len, name, name_len);
    }
    return bytes;
}

static int add(struct dircache *c, uint16_t volume, struct handle_view h, uint32_t parent, uint8_t *bytes,
               size_t name_len, uint32_t *ret)
{
    uint32_t i;
    int r = new_slot(c, parent, &i);
    if (r < 0)
        return r;
    uint32_t hash = hash_of(volume, h);
    c->nodes[i] = (struct dirnode){
        .parent = parent, .next = c->buckets[hash & c->mask], .generation = c->generation - 1, .hash = hash,
        .type = h.type, .volume = volume, .name_len = (uint16_t)name_len, .handle_len = (uint8_t)h.len,
        .used = true, .bytes = bytes, /* without DIR_USED: what is seen once must not push out what is hot */
    };
    c->buckets[hash & c->mask] = i;
    c->count++;
    if (parent != DIR_NONE)
        c->nodes[parent].children++;
    *ret = i;
    return 0;
}

static void rename_node(struct dircache *c, uint32_t node, uint32_t parent, uint8_t *bytes, size_t name_len)
{
    struct dirnode *n = &c->nodes[node];
    drop_parent(c, node);
    free(n->bytes);
    n->bytes = bytes;
    n->name_len = (uint16_t)name_len;
    n->parent = parent;
    n->flags &= (uint8_t)~DIR_GONE;
    if (parent != DIR_NONE)
        c->nodes[parent].children++;
    if (n->children)
        c->generation++; /* all below it have another path now */
    else
        n->generation = c->generation - 1;
}

static int set(struct dircache *c, uint16_t volume, struct handle_view h, uint32_t parent, const char *name,
               size_t name_len, uint32_t *ret)
{
    if (!h.bytes || h.len == 0 || h.len > HANDLE_BYTES || name_len > NAME_BYTES)
        return -ENAMETOOLONG;
    uint32_t node = dircache_find(c, volume, h);
    if (node != DIR_NONE && parent != DIR_NONE && dircache_is_below(c, parent, node))
        return -ELOOP;
    uint8_t *bytes = join(h, name, name_len);
    if (!bytes)
        return -ENOMEM;
    if (node != DIR_NONE) {
        rename_node(c, node, parent, bytes, name_len);
    } else {
        int r = add(c, volume, h, parent, bytes, name_len, &node);
        if (r < 0) {
            free(bytes);
            return r;
        }
    }
    *ret = node;
    return 0;
}

static bool unchanged(const struct dircache *c, uint32_t node, uint32_t parent, const char *name, size_t name_len)
{
    const struct dirnode *n = &c->nodes[node];
    return n->parent == parent && n->name_len == name_len && !(n->flags & (DIR_ANCHOR | DIR_GONE)) &&
           memcmp(n->bytes + n->handle_len, name, name_len) == 0;
}

int dircache_put(struct dircache *c, uint16_t volume, struct handle_view h, uint32_t parent, const char *name,
                 size_t name_len, uint32_t *ret)
{
    uint32_t node = dircache_find(c, volume, h);
    if (node != DIR_NONE && (c->nodes[node].flags & DIR_ANCHOR || unchanged(c, node, parent, name, name_len))) {
        *ret = node; /* an anchor's place is the mount table's to say */
        return 0;
    }
    return set(c, volume, h, parent, name, name_len, ret);
}

int dircache_anchor(struct dircache *c, uint16_t volume, struct handle_view h, const char *root, size_t len,
                    uint32_t *ret)
{
    int r = set(c, volume, h, DIR_NONE, root, len, ret);
    if (r == 0)
        c->nodes[*ret].flags |= DIR_ANCHOR;
    return r;
}

int dircache_gone(struct dircache *c, uint16_t volume, struct handle_view h)
{
    uint32_t node;
    int r = set(c, volume, h, DIR_NONE, "", 0, &node);
    if (r == 0)
        c->nodes[node].flags |= DIR_GONE;
    return r;
}

/* The path is written from its end: first its length, then each name into its place. */
bool dircache_path(const struct dircache *c, uint32_t node, struct buf *to)
{
    size_t len = 0;
    uint32_t steps = 0;
    for (uint32_t i = node; i != DIR_NONE && steps < CLIMB_MOST; i = c->nodes[i].parent, steps++)
        len += c->nodes[i].name_len + (c->nodes[i].parent != DIR_NONE);
    if (steps == CLIMB_MOST || !buf_reserve(to, len))
        return false;
    uint8_t *end = to->data + to->len + len;
    for (uint32_t i = node; i != DIR_NONE; i = c->nodes[i].parent) {
        const struct dirnode *n = &c->nodes[i];
        end -= n->name_len;
        if (n->name_len)
            memcpy(end, n->bytes + n->handle_len, n->name_len);
        if (n->parent != DIR_NONE)
            *--end = '/';
    }
    to->len += len;
    return true;
}

bool dircache_is_below(const struct dircache *c, uint32_t node, uint32_t above)
{
    for (uint32_t steps = 0; node != DIR_NONE && steps < CLIMB_MOST; node = c->nodes[node].parent, steps++)
        if (node == above)
            return true;
    return false;
}

struct handle_view dircache_handle(const struct dircache *c, uint32_t node)
{
    const struct dirnode *n = &c->nodes[node];
    return (struct handle_view){ .type = n->type, .len = n->handle_len, .bytes = n->bytes };
}

const char *dircache_name(const struct dircache *c, uint32_t node)
{
    return (const char *)c->nodes[node].bytes + c->nodes[node].handle_len;
}

void dircache_release(struct dircache *c, uint32_t node)
{
    struct dirnode *n = &c->nodes[node];
    if (n->flags & DIR_IGNORED)
        c->ignored--; /* the mark went with the directory */
    n->flags &= (uint8_t)~(DIR_USED | DIR_PINNED | DIR_IGNORED);
}

/* Takes out all that `goes` says, leaves first: from every leaf upward as far as nothing else hangs on it. */
static void remove_all(struct dircache *c, bool (*goes)(const struct dircache *, uint32_t, uint32_t), uint32_t arg)
{
    for (uint32_t i = 0; i < c->slots; i++) {
        uint32_t node = i;
        while (node != DIR_NONE && c->nodes[node].used && !c->nodes[node].children && goes(c, node, arg)) {
            uint32_t parent = c->nodes[node].parent;
            remove_node(c, node);
            node = parent;
        }
    }
}

static bool is_of_volume(const struct dircache *c, uint32_t node, uint32_t volume)
{
    return c->nodes[node].volume == volume;
}

static bool is_loose(const struct dircache *c, uint32_t node, uint32_t unused)
{
    (void)unused;
    return !(c->nodes[node].flags & (DIR_ANCHOR | DIR_PINNED));
}

void dircache_forget_tree(struct dircache *c, uint32_t node)
{
    remove_all(c, dircache_is_below, node);
    c->generation++;
}

void dircache_forget_volume(struct dircache *c, uint16_t volume)
{
    remove_all(c, is_of_volume, volume);
}

void dircache_flush(struct dircache *c)
{
    remove_all(c, is_loose, 0);
    c->generation++;
}

void dircache_set_ignored(struct dircache *c, uint32_t node)
{
    c->ignored += !(c->nodes[node].flags & DIR_IGNORED);
    c->nodes[node].flags |= DIR_IGNORED;
}

void dircache_clear_ignored(struct dircache *c)
{
    for (uint32_t i = 0; i < c->slots && c->ignored; i++) {
        if (!(c->nodes[i].flags & DIR_IGNORED))
            continue;
        c->nodes[i].flags &= (uint8_t)~DIR_IGNORED;
        c->nodes[i].quiet = 0;
        c->ignored--;
    }
    c->lost_ignored = false;
}
