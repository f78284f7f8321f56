/* A ring holds acts and, in a second ring, the keys by which they are found. Slots are named by running
 * numbers; a chain of one hash goes from the newest key to older ones and ends at the first number that
 * the ring has already overwritten, so nothing is ever unlinked. */
#include "fimd/audit/match.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fimd/audit/subject.h"

enum {
    SLOTS_FIRST = 256,
    KEYS_PER_SLOT =
        4, /* P C or P D makes two, a rename of two parents up to eight; the ring of keys wraps as well */
    CHAIN_MAX = 1024, /* steps of one look-up: a file opened for writing all the time has a long chain */
};
#define SECOND INT64_C(1000000000)

struct slot {
    struct subject *who;
    int64_t time, at;
    uint64_t serial;
    uint32_t arch, call;
    unsigned type;
    uint32_t first_key; /* number of the first of its keys */
};

struct key {
    uint64_t inode;  /* of the object, or (by name) of the directory */
    uint64_t object; /* by name: the object's inode */
    uint32_t name;   /* hash of the last component; 0: the record has no name */
    uint32_t act;
    uint32_t next;
    bool by_name;
    uint8_t item;
};

struct ring {
    struct slot *slots;
    struct key *keys;
    uint32_t *heads;             /* by hash: number of the newest key, plus one; 0 none */
    uint32_t capacity, most;     /* slots; powers of two */
    uint32_t head, tail;         /* numbers: next to be written, oldest kept */
    uint32_t key_head, key_tail;
    int64_t age;
    bool opening;                /* holds opens for writing */
};

struct match {
    struct ring acts, opens;
    struct subjects subjects;
};

static uint32_t power_of_two(uint32_t n)
{
    uint32_t p = SLOTS_FIRST;
    while (p < n && p < 1u << 24) {
        p *= 2;
    }
    return p;
}

static void ring_init(struct ring *r, uint32_t most, int64_t age, bool opening)
{
    *r = (struct ring){.most = power_of_two(most), .age = age, .opening = opening};
}

struct match *match_new(const struct match_limits *limits)
{
    struct match *m = calloc(1, sizeof(*m));
    if (!m) {
        return NULL;
    }
    ring_init(&m->acts, limits->acts ? limits->acts : 32768, limits->act_age ? limits->act_age : 30 * SECOND,
              false);
    ring_init(&m->opens, limits->opens ? limits->opens : 16384,
              limits->open_age ? limits->open_age : 3600 * SECOND, true);
    return m;
}

static uint32_t keys_capacity(const struct ring *r)
{
    return r->capacity * KEYS_PER_SLOT;
}

static struct slot *slot_at(const struct ring *r, uint32_t number)
{
    return &r->slots[number & (r->capacity - 1)];
}

static struct key *key_at(const struct ring *r, uint32_t number)
{
    return &r->keys[number & (keys_capacity(r) - 1)];
}

static bool key_alive(const struct ring *r, uint32_t number)
{
    return number - r->key_tail < r->key_head - r->key_tail;
}

static uint32_t hash_mix(uint64_t inode, uint32_t name)
{
    uint64_t h = (inode ^ (uint64_t)name << 32) * UINT64_C(0x9e3779b97f4a7c15);
    return (uint32_t)(h >> 32);
}

/* FNV-1a; never 0, which says "no name". */
static uint32_t hash_name(const char *name, size_t len)
{
    uint32_t h = 2166136261u;
    for (size_t i = 0; i < len; i++) {
        h = (h ^ (uint8_t)name[i]) * 16777619u;
    }
    return h ? h : 1;
}

static uint32_t hash_last_component(struct text name)
{
    char bytes[4096 + 256];
    if (!name.raw.data) {
        return 0;
    }
    size_t len = text_copy(name, bytes, sizeof(bytes));
    while (len > 1 && bytes[len - 1] == '/') {
        len--;
    }
    const char *slash = memrchr(bytes, '/', len);
    size_t from = slash ? (size_t)(slash - bytes) + 1 : 0;
    return hash_name(bytes + from, len - from);
}

static void ring_drop_oldest(struct ring *r)
{
    struct slot *s = slot_at(r, r->tail++);
    subject_unref(s->who);
    s->who = NULL;
    r->key_tail = r->tail == r->head ? r->key_head : slot_at(r, r->tail)->first_key;
}

static void ring_release(struct ring *r)
{
    while (r->tail != r->head) {
        ring_drop_oldest(r);
    }
    free(r->slots);
    free(r->keys);
    free(r->heads);
    r->slots = NULL;
    r->keys = NULL;
    r->heads = NULL;
    r->capacity = 0;
}

void match_free(struct match *m)
{
    if (!m) {
        return;
    }
    ring_release(&m->acts);
    ring_release(&m->opens);
    subjects_fini(&m->subjects);
    free(m);
}

static uint32_t *chain_of(const struct ring *r, const struct key *k)
{
    uint32_t hash = k->by_name ? hash_mix(k->inode, k->name) : hash_mix(k->inode, 0);
    return &r->heads[hash & (keys_capacity(r) - 1)];
}

static void key_chain(struct ring *r, uint32_t number)
{
    struct key *k = key_at(r, number);
    uint32_t *head = chain_of(r, k);
    k->next = *head;
    *head = number + 1;
}

/* Twice the size; the numbers stay, so only places and chains are made anew. */
static int ring_grow(struct ring *r)
{
    struct ring bigger = *r;
    bigger.capacity = r->capacity ? r->capacity * 2 : SLOTS_FIRST;
    bigger.slots = malloc(bigger.capacity * sizeof(*bigger.slots));
    bigger.keys = malloc(keys_capacity(&bigger) * sizeof(*bigger.keys));
    bigger.heads = calloc(keys_capacity(&bigger), sizeof(*bigger.heads));
    if (!bigger.slots || !bigger.keys || !bigger.heads) {
        free(bigger.slots);
        free(bigger.keys);
        free(bigger.heads);
        return -ENOMEM;
    }
    for (uint32_t n = r->tail; n != r->head; n++) {
        *slot_at(&bigger, n) = *slot_at(r, n);
    }
    for (uint32_t n = r->key_tail; n != r->key_head; n++) {
        *key_at(&bigger, n) = *key_at(r, n);
        key_chain(&bigger, n);
    }
    free(r->slots);
    free(r->keys);
    free(r->heads);
    *r = bigger;
    return 0;
}

static int ring_room(struct ring *r, uint32_t keys)
{
    while (r->head - r->tail == r->capacity || r->key_head - r->key_tail + keys > keys_capacity(r)) {
        if (r->capacity < r->most) {
            int rc = ring_grow(r);
            if (!rc) {
                continue;
            }
            if (r->head == r->tail) {
                return rc;
            }
        }
        ring_drop_oldest(r);
    }
    return 0;
}

enum { KEYS_MAX = 2 * ACT_PATHS_MAX };

static uint32_t keys_of(const struct act *act, struct key *keys)
{
    uint32_t count = 0;
    for (size_t i = 0; i < act->paths_count; i++) {
        const struct act_path *p = &act->paths[i];
        if (!(p->item & (ITEM_NORMAL | ITEM_CREATE | ITEM_DELETE)) || !p->inode) {
            continue;
        }
        uint32_t name = hash_last_component(p->name);
        if (count < KEYS_MAX) {
            keys[count++] =
                (struct key){.inode = p->inode, .object = p->inode, .name = name, .item = p->item};
        }
        for (size_t j = 0; j < act->paths_count && name && p->item != ITEM_NORMAL; j++) {
            const struct act_path *parent = &act->paths[j];
            if (parent->item == ITEM_PARENT && parent->inode && count < KEYS_MAX) {
                keys[count++] = (struct key){.inode = parent->inode, .object = p->inode, .name = name,
                                             .by_name = true, .item = p->item};
            }
        }
    }
    return count;
}

static void ring_push(struct ring *r, const struct slot *slot, const struct key *keys, uint32_t count)
{
    *slot_at(r, r->head) = *slot;
    slot_at(r, r->head)->first_key = r->key_head;
    if (r->head == r->tail) {
        r->key_tail = r->key_head;
    }
    for (uint32_t i = 0; i < count; i++) {
        *key_at(r, r->key_head) = keys[i];
        key_at(r, r->key_head)->act = r->head;
        key_chain(r, r->key_head++);
    }
    r->head++;
}

int match_add(struct match *m, const struct act *act, bool opening, int64_t at)
{
    struct ring *r = opening ? &m->opens : &m->acts;
    struct key keys[KEYS_MAX];
    uint32_t count = keys_of(act, keys);
    struct slot slot = {.time = act->time,
                        .at = at,
                        .serial = act->serial,
                        .arch = act->arch,
                        .call = act->call,
                        .type = act->type};
    slot.who = subjects_take(&m->subjects, act);
    if (!slot.who) {
        return -ENOMEM;
    }
    /* Without objects (io_uring_setup) it only tells who the process is; that stands in the subjects now. */
    int rc = count ? ring_room(r, count) : 0;
    if (!count || rc) {
        subject_unref(slot.who);
        return rc;
    }
    ring_push(r, &slot, keys, count);
    return 0;
}

static void ring_expire(struct ring *r, int64_t now)
{
    while (r->tail != r->head && now - slot_at(r, r->tail)->at > r->age) {
        ring_drop_oldest(r);
    }
    if (r->tail == r->head && r->capacity > SLOTS_FIRST) {
        ring_release(r);
    }
}

void match_expire(struct match *m, int64_t now)
{
    ring_expire(&m->acts, now);
    ring_expire(&m->opens, now);
}

size_t match_count(const struct match *m)
{
    return (m->acts.head - m->acts.tail) + (size_t)(m->opens.head - m->opens.tail);
}

struct search {
    const struct match_query *query;
    uint32_t name; /* hash of the query's name; 0 unknown */
    struct match_hit best;
    int64_t best_at;
};

static enum match_strength same_process(const struct search *s, const struct key *k)
{
    const struct match_query *q = s->query;
    if (k->by_name) {
        return !q->inode || q->inode == k->object ? MATCH_EXACT : MATCH_WEAK;
    }
    return !k->name || !s->name || k->name == s->name ? MATCH_EXACT : MATCH_WEAK;
}

static enum match_strength strength_of(const struct search *s, const struct key *k, const struct slot *slot,
                                       bool opening)
{
    const struct match_query *q = s->query;
    if (slot->at > q->before || (q->items && !(q->items & k->item))) {
        return MATCH_NONE;
    }
    if (slot->who->pid == (uint32_t)q->pid) {
        return same_process(s, k);
    }
    if (!opening || !q->write || !q->opener || k->by_name || s->best.strength >= MATCH_OPENER) {
        return MATCH_NONE;
    }
    return q->opener(q->ctx, (pid_t)slot->who->pid) ? MATCH_OPENER : MATCH_NONE;
}

static void search_take(struct search *s, const struct slot *slot, enum match_strength strength)
{
    if (strength < s->best.strength || (strength == s->best.strength && slot->at <= s->best_at)) {
        return;
    }
    s->best =
        (struct match_hit){strength, slot->who, slot->time, slot->serial, slot->arch, slot->call, slot->type};
    s->best_at = slot->at;
}

/* One chain, newest first: the first exact hit of it is the latest. */
static void search_chain(struct search *s, const struct ring *r, uint64_t inode, uint32_t name, bool by_name)
{
    const struct key wanted = {.inode = inode, .name = name, .by_name = by_name};
    if (!r->capacity || !inode) {
        return;
    }
    uint32_t at = *chain_of(r, &wanted);
    for (int steps = 0; at && key_alive(r, at - 1) && steps < CHAIN_MAX; steps++) {
        const struct key *k = key_at(r, at - 1);
        if (k->inode == inode && k->by_name == by_name && (!by_name || k->name == name)) {
            const struct slot *slot = slot_at(r, k->act);
            enum match_strength strength = strength_of(s, k, slot, r->opening);
            if (strength != MATCH_NONE) {
                search_take(s, slot, strength);
            }
            if (strength == MATCH_EXACT) {
                return;
            }
        }
        at = k->next && (int32_t)(at - k->next) > 0 ? k->next
                                                    : 0; /* only ever older: no circle by a stale number */
    }
}

void match_find(struct match *m, const struct match_query *query, struct match_hit *ret)
{
    struct search s = {.query = query};
    if (query->name && query->name_len) {
        s.name = hash_name(query->name, query->name_len);
    }
    const struct ring *rings[] = {&m->opens, &m->acts};
    for (size_t i = 0; i < 2; i++) {
        search_chain(&s, rings[i], query->inode, 0, false);
        if (s.name) {
            search_chain(&s, rings[i], query->dir_inode, s.name, true);
        }
    }
    *ret = s.best;
}
