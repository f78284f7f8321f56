/* The paths of all rules as a tree of components.
 *
 *   /etc/ssh/sshd_config      "etc" ─ "ssh" ─ "sshd_config" ■
 *   /home/ * /.ssh            "home" ─ [*] ─ ".ssh" ■
 *   /srv/ ** /web/conf        "srv" ■ tail: ** web conf
 *
 * Literal children of all nodes are in one hash table (parent, name); the few that are patterns hang in a
 * list at their parent. What follows a '**' is no tree but a pattern at the node where it begins (pattern.c),
 * so that no node is ever visited twice and a search costs at most the nodes plus the tails times the path.
 */
#include "fimd/model/trie.h"

#include <errno.h>
#include <string.h>

#include "baseline/path.h"
#include "fimd/model/glob.h"

struct trie_node {
    const struct trie_node *parent;
    struct trie_node *all_next;   /* every node, for trie_finish */
    struct trie_node *first_glob; /* children that are patterns */
    struct trie_node *next_glob;
    struct trie_node *first_literal; /* while building only; afterwards the hash table finds them */
    struct trie_node *next_literal;
    struct trie_end *ends;
    struct piece piece;
    uint32_t hash;
    bool has_literal;
    unsigned more; /* enum trie_more, from the children on down */
};

struct trie {
    struct trie_node root;
    struct trie_node *all;
    struct trie_node **table; /* literal children, open addressing */
    size_t mask;
    size_t literals;
};

static uint32_t name_hash(const struct trie_node *parent, const char *name, size_t len)
{
    uint32_t h = 2166136261u ^ (uint32_t)((uintptr_t)parent >> 4);
    for (size_t i = 0; i < len; i++)
        h = (h ^ (unsigned char)name[i]) * 16777619u;
    return h ^ h >> 15;
}

struct trie *trie_make(struct arena *a)
{
    return arena_alloc(a, sizeof(struct trie));
}

static struct trie_node *child_find(struct trie_node *list, const struct piece *piece)
{
    for (; list; list = piece->kind == PIECE_LITERAL ? list->next_literal : list->next_glob) {
        if (list->piece.len == piece->len && !memcmp(list->piece.text, piece->text, piece->len))
            return list;
    }
    return NULL;
}

static struct trie_node *child_make(struct trie *t, struct arena *a, struct trie_node *parent,
                                    const struct piece *piece)
{
    bool literal = piece->kind == PIECE_LITERAL;
    struct trie_node *n = child_find(literal ? parent->first_literal : parent->first_glob, piece);
    if (n || !(n = arena_alloc(a, sizeof(*n))))
        return n;
    n->parent = parent;
    n->piece = *piece;
    n->all_next = t->all;
    t->all = n;
    if (literal) {
        n->next_literal = parent->first_literal;
        parent->first_literal = n;
        n->hash = name_hash(parent, piece->text, piece->len);
        parent->has_literal = true;
        t->literals++;
    } else {
        n->next_glob = parent->first_glob;
        parent->first_glob = n;
    }
    return n;
}

static bool has_dot_dot(const char *path)
{
    size_t left = strlen(path), len;
    const char *name;
    while ((name = path_next(&path, &left, &len))) {
        if (len == 2 && !memcmp(name, "..", 2))
            return true;
    }
    return false;
}

static uint32_t literal_bytes(const struct pattern *p)
{
    uint32_t bytes = 0;
    for (size_t i = 0; i < p->count; i++) {
        const struct piece *piece = &p->pieces[i];
        bytes++;
        for (size_t k = 0; k < piece->len; k++)
            bytes += piece->kind == PIECE_LITERAL || !strchr("*?[]\\", piece->text[k]);
    }
    return bytes;
}

/* What is said of a '**' with nothing behind is said better without it. */
static void end_describe(struct trie_end *end, struct pattern *p)
{
    end->literal = literal_bytes(p);
    if (p->count && p->pieces[p->count - 1].kind == PIECE_ANY_DEPTH) {
        end->all = true;
        p->count--;
    }
    end->own = p->count && p->pieces[p->count - 1].kind == PIECE_GLOB;
}

int trie_add(struct trie *t, struct arena *a, const char *path, uint32_t rule)
{
    struct pattern p;
    if (*path != '/' || has_dot_dot(path))
        return -EINVAL;
    int r = pattern_make(a, path, strlen(path), &p);
    if (r < 0)
        return r;
    struct trie_end *end = arena_alloc(a, sizeof(*end));
    if (!end)
        return -ENOMEM;
    end->rule = rule;
    end_describe(end, &p);

    struct trie_node *n = &t->root;
    size_t i = 0;
    for (; i < p.count && p.pieces[i].kind != PIECE_ANY_DEPTH; i++) {
        n = child_make(t, a, n, &p.pieces[i]);
        if (!n)
            return -ENOMEM;
    }
    end->tail = (struct pattern){p.pieces + i, p.count - i};
    end->next = n->ends;
    n->ends = end;
    return 0;
}

static void table_put(struct trie *t, struct trie_node *n)
{
    size_t at = n->hash & t->mask;
    while (t->table[at])
        at = (at + 1) & t->mask;
    t->table[at] = n;
}

/* A child where a rule's path ends may be a directory, whose own entries are deeper then. */
static unsigned more_below(const struct trie_node *child)
{
    return (child->ends ? TRIE_CHILD : 0u) | TRIE_DEEPER;
}

int trie_finish(struct trie *t, struct arena *a)
{
    size_t size = 16;
    while (size < t->literals * 2)
        size *= 2;
    t->table = arena_array(a, size, sizeof(struct trie_node *));
    if (!t->table)
        return -ENOMEM;
    t->mask = size - 1;
    for (struct trie_node *n = t->all; n; n = n->all_next) {
        struct trie_node *parent = (struct trie_node *)n->parent;
        parent->more |= more_below(n);
        if (n->piece.kind == PIECE_LITERAL)
            table_put(t, n);
    }
    return 0;
}

/* What is left of a path, from its next name on. */
static struct trie_hit hit_make(const struct trie_end *end, const char *own, size_t own_len,
                                const char *below, size_t below_len)
{
    while (below_len && *below == '/') {
        below++;
        below_len--;
    }
    if (!end->own || !own) {
        own = "";
        own_len = 0;
    }
    return (struct trie_hit){end, own, own_len, below, below_len};
}

struct search {
    const struct trie *trie;
    trie_fn fn;
    void *ctx;
    unsigned more;
};

static void tail_search(struct search *s, const struct trie_end *end, const char *below, size_t below_len)
{
    uint64_t state = pattern_begin(&end->tail);
    const char *name = NULL;
    size_t len = 0;
    do {
        if (pattern_accepts(&end->tail, state)) {
            struct trie_hit hit = hit_make(end, name, len, below, below_len);
            s->fn(s->ctx, &hit);
        }
        name = path_next(&below, &below_len, &len);
        if (name)
            state = pattern_step(&end->tail, state, name, len);
    } while (name && state);
    if (!name)
        s->more |= (pattern_open(&end->tail, state) ? TRIE_DEEPER : 0u) |
                   (pattern_nearly(&end->tail, state) ? TRIE_CHILD : 0u);
}

static const struct trie_node *literal_child(const struct trie *t, const struct trie_node *parent,
                                             const char *name, size_t len)
{
    uint32_t hash = name_hash(parent, name, len);
    for (size_t at = hash & t->mask; t->table[at]; at = (at + 1) & t->mask) {
        const struct trie_node *n = t->table[at];
        if (n->hash == hash && n->parent == parent && n->piece.len == len &&
            !memcmp(n->piece.text, name, len))
            return n;
    }
    return NULL;
}

static void visit(struct search *s, const struct trie_node *n, const char *own, size_t own_len,
                  const char *below, size_t below_len)
{
    for (const struct trie_end *end = n->ends; end; end = end->next) {
        if (end->tail.count) {
            tail_search(s, end, below, below_len);
        } else {
            struct trie_hit hit = hit_make(end, own, own_len, below, below_len);
            s->fn(s->ctx, &hit);
        }
    }
    size_t len;
    const char *name = n->more || !below_len ? path_next(&below, &below_len, &len) : NULL;
    if (!name) {
        s->more |= below_len ? 0 : n->more;
        return;
    }
    const struct trie_node *child = n->has_literal ? literal_child(s->trie, n, name, len) : NULL;
    if (child)
        visit(s, child, name, len, below, below_len);
    for (child = n->first_glob; child; child = child->next_glob) {
        if (glob_component(child->piece.text, child->piece.len, name, len))
            visit(s, child, name, len, below, below_len);
    }
}

unsigned trie_search(const struct trie *t, const char *path, size_t len, trie_fn fn, void *ctx)
{
    struct search s = {t, fn, ctx, 0};
    if (!len || *path != '/')
        return 0;
    visit(&s, &t->root, "", 0, path + 1, len - 1);
    return s.more;
}
