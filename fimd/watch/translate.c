/* event ─► directory's node ─► report.c;  and what it says of directories ─► cache
 *
 * A directory that no longer exists when its event is read needs no rescan: its own deletion is told by the
 * directory above, which may be gone too, and so on up to one that exists; whoever gets that event knows that all
 * below is gone. Its path is still looked for, in the deletions that wait in the same read, so that `rm -r` names
 * every file. What could not be resolved for any other reason (no memory, no descriptors, an I/O error) may have
 * been ours: it is counted and its file system's watched parts are told to be scanned. */
#include "fimd/watch/translate.h"

#include <errno.h>
#include <string.h>

#include "fimd/rt/loss.h"
#include "fimd/watch/report.h"
#include "fimd/watch/resolve.h"
#include "fimd/watch/scope.h"

enum { GONE_DEPTH = 512 };

static const struct {
    uint64_t bit;
    uint32_t op;
} ops_of[] = {
    { FANBIT_CREATE, WATCH_CREATE },           { FANBIT_DELETE, WATCH_DELETE }, { FANBIT_MODIFY, WATCH_MODIFY },
    { FANBIT_CLOSE_WRITE, WATCH_CLOSE_WRITE }, { FANBIT_ATTRIB, WATCH_ATTRIB },
};

static uint32_t ops(uint64_t mask)
{
    uint32_t set = 0;
    for (size_t i = 0; i < sizeof(ops_of) / sizeof(ops_of[0]); i++)
        set |= mask & ops_of[i].bit ? ops_of[i].op : 0;
    return set;
}

void translate_rescan(struct watch *w, const char *path, size_t len, pid_t pid)
{
    struct watch_event e = {
        .ops = WATCH_RESCAN | WATCH_DIR, .pid = pid, .path = path, .path_len = len, .read_at = w->read_at,
        .process = pid && w->callbacks.take ? w->callbacks.take(w->callbacks.ctx, pid) : NULL,
    };
    if (!batch_add(&w->batch, &e) && e.process && w->callbacks.drop)
        w->callbacks.drop(w->callbacks.ctx, e.process);
}

void translate_rescan_volume(struct watch *w, uint16_t volume)
{
    size_t count;
    const char *const *roots = policy_roots(w->policy, &count);
    const struct volume *v = &w->volumes[volume];
    for (size_t i = 0; i < count; i++) {
        const struct mount *m = mounts_at(&w->mounts, roots[i], strlen(roots[i]));
        if (m && m->dev == v->dev)
            translate_rescan(w, roots[i], strlen(roots[i]), 0);
    }
    for (uint32_t i = 0; i < v->mounts_count; i++) {
        const struct mount *m = &w->mounts.list[v->mounts[i]];
        if (m->reachable && m->wanted && m->point_len && scope_wants(w, m->point, m->point_len, true))
            translate_rescan(w, m->point, m->point_len, 0);
    }
}

static void unresolved(struct watch *w, const struct intake_event *in, int why)
{
    if (why == -ENOENT)
        return; /* nothing that is watched */
    w->unresolved++;
    if (why == -ESTALE)
        return;
    loss_count(LOSS_PATH_UNRESOLVED, 1);
    w->volumes[in->volume].rescan_due = true;
}

/* Looks among the events that were read but not yet translated for the one that deleted directory h, or moved it,
 * and so tells its place. */
static const struct decode_event *find_end(const struct watch *w, uint16_t volume, struct handle_view h, size_t from)
{
    for (size_t i = from; i < w->events_count; i++) {
        const struct intake_event *c = &w->events[i];
        if (c->volume == volume && c->e.mask & FANBIT_ONDIR && c->e.mask & (FANBIT_DELETE | FANBIT_CREATE) &&
            c->e.dir.bytes && c->e.name.text && handle_equal(c->e.target, h))
            return &c->e;
    }
    return NULL;
}

static uint32_t find_gone(struct watch *w, uint16_t volume, struct handle_view h, size_t from, int depth)
{
    const struct decode_event *end = find_end(w, volume, h, from);
    uint32_t parent = DIR_NONE, node;
    int why;
    if (end && depth < GONE_DEPTH) {
        parent = resolve_dir(w, volume, end->dir, &why);
        if (parent == DIR_NONE && why == -ESTALE)
            parent = find_gone(w, volume, end->dir, from, depth + 1);
    }
    if (parent != DIR_NONE &&
        dircache_put(&w->dirs, volume, h, parent, end->name.text, end->name.len, &node) == 0)
        return node;
    dircache_gone(&w->dirs, volume, h); /* nobody asks for it again */
    return DIR_NONE;
}

/* The node of a directory of event i; also of one that is gone, when its place can still be told. */
static uint32_t node_of(struct watch *w, size_t i, struct handle_view h, int *ret_why)
{
    uint16_t volume = w->events[i].volume;
    bool known_gone = dircache_find(&w->dirs, volume, h) != DIR_NONE;
    uint32_t node = resolve_dir(w, volume, h, ret_why);
    if (node == DIR_NONE && *ret_why == -ESTALE && !known_gone)
        node = find_gone(w, volume, h, i, 0);
    return node;
}

/* What an event of a subdirectory teaches: where a new one is, that one is gone. */
static void learn(struct watch *w, const struct intake_event *in, uint32_t dir)
{
    const struct decode_event *e = &in->e;
    uint32_t child;
    if (!(e->mask & FANBIT_ONDIR) || !e->target.bytes || (e->name.len == 1 && e->name.text[0] == '.'))
        return;
    child = dircache_find(&w->dirs, in->volume, e->target);
    bool was_gone = child != DIR_NONE && w->dirs.nodes[child].flags & DIR_GONE;
    if ((e->mask & FANBIT_CREATE || was_gone) && w->volumes[in->volume].way == WAY_FILESYSTEM &&
        dircache_put(&w->dirs, in->volume, e->target, dir, e->name.text, e->name.len, &child) < 0)
        return;
    if (e->mask & FANBIT_DELETE && child != DIR_NONE)
        dircache_release(&w->dirs, child);
}

static void translate_in(struct watch *w, size_t i)
{
    struct intake_event *in = &w->events[i];
    int why;
    uint32_t dir = node_of(w, i, in->e.dir, &why);
    if (dir == DIR_NONE) {
        unresolved(w, in, why);
        return;
    }
    learn(w, in, dir);
    report_in(w, in, dir, ops(in->e.mask));
}

/* Without a directory: the link count of a file that has other names changed (not told: its names are), or a file
 * is written that was opened by handle and that nobody has looked up by name (a kernel file server does that). */
static void translate_nameless(struct watch *w, struct intake_event *in)
{
    if (!(in->e.mask & (FANBIT_MODIFY | FANBIT_CLOSE_WRITE)) || in->e.mask & FANBIT_ONDIR)
        return;
    buf_reset(&w->scratch);
    int r = resolve_file(w, in->volume, in->e.target, &w->scratch);
    if (r == 0)
        report_inside(w, in, ops(in->e.mask));
    else
        unresolved(w, in, r == -ENOENT ? -EIO : r);
}

/* --- renames -------------------------------------------------------------------------------------------------- */

static struct moved side(struct watch *w, const struct intake_event *in, struct handle_view dir,
                         const struct name_view *name, struct buf *path, int *ret_why)
{
    struct moved m = { 0 };
    uint32_t node = dir.bytes && name->text ? resolve_dir(w, in->volume, dir, ret_why) : DIR_NONE;
    if (node == DIR_NONE)
        return m;
    if (w->dirs.nodes[node].generation != w->dirs.generation)
        scope_find(w, node);
    unsigned mask = in->e.mask & FANBIT_ONDIR ? DIR_CHILDREN | DIR_DEEPER : DIR_CHILDREN;
    m.wanted = w->dirs.nodes[node].flags & mask;
    m.known = scope_inside(w, node, name->text, name->len, path);
    return m;
}

/* The directory may be what a bind mount shows: the table names it by its path. */
static bool is_mount_root(const struct watch *w, const struct volume *v, const struct buf *path)
{
    for (uint32_t i = 0; i < v->mounts_count; i++) {
        const struct mount *m = &w->mounts.list[v->mounts[i]];
        if (m->root_len >= path->len && path->len && memcmp(m->root, path->data, path->len) == 0 &&
            (m->root_len == path->len || m->root[path->len] == '/'))
            return true;
    }
    return false;
}

/* A file system that is only shown in parts: what was outside, and remembered as not ours, may be inside now. */
static bool in_parts(const struct watch *w, const struct volume *v)
{
    return v->bases_count && !v->bases[0].top && w->mounts.list[v->bases[0].mount].root_len;
}

/* Identical renames merge, so their order may not be what happened: the kernel is asked where the directory is. */
static void settle(struct watch *w, const struct intake_event *in)
{
    int why = 0;
    uint32_t node = resolve_again(w, in->volume, in->e.target, &why);
    uint32_t parent = dircache_find(&w->dirs, in->volume, in->e.dir);
    const struct name_view *name = &in->e.name;
    if (node == DIR_NONE) {
        if (why == -ESTALE && parent != DIR_NONE && name->text)
            (void)dircache_put(&w->dirs, in->volume, in->e.target, parent, name->text, name->len, &node);
        return;
    }
    const struct dirnode *n = &w->dirs.nodes[node];
    bool as_told = name->text && n->parent == parent && n->name_len == name->len &&
                   memcmp(dircache_name(&w->dirs, node), name->text, name->len) == 0;
    if (!as_told && !in->own)
        report_rescan(w, node, in->e.pid);
}

/* In a volume of inode marks the events are all there is: the old subtree's marks go with it. */
static void settle_inodes(struct watch *w, const struct intake_event *in, const struct moved *new)
{
    uint32_t node = dircache_find(&w->dirs, in->volume, in->e.target);
    uint32_t parent = dircache_find(&w->dirs, in->volume, in->e.dir);
    if (node == DIR_NONE)
        return;
    if (!new->known || parent == DIR_NONE ||
        dircache_put(&w->dirs, in->volume, in->e.target, parent, in->e.name.text, in->e.name.len, &node) < 0)
        dircache_forget_tree(&w->dirs, node);
}

static void learn_move(struct watch *w, const struct intake_event *in, const struct moved *old)
{
    const struct volume *v = &w->volumes[in->volume];
    uint32_t node = dircache_find(&w->dirs, in->volume, in->e.target);
    if (old->known && is_mount_root(w, v, &w->scratch_old))
        w->mounts_stale = true;
    if (!in->e.target.bytes || in_parts(w, v)) {
        dircache_flush(&w->dirs);
        w->ignores_stale = true;
    }
    if (node != DIR_NONE && (w->dirs.nodes[node].children || w->dirs.nodes[node].flags & DIR_IGNORED))
        w->ignores_stale = true;
    w->ignores_stale |= w->dirs.lost_ignored;
}

static void translate_rename(struct watch *w, struct intake_event *in)
{
    int why = -ENOENT, old_why = -ENOENT;
    bool is_dir = in->e.mask & FANBIT_ONDIR;
    struct moved old = side(w, in, in->e.old_dir, &in->e.old_name, &w->scratch_old, &old_why);
    struct moved new = side(w, in, in->e.dir, &in->e.name, &w->scratch, &why);
    if (!old.known && !new.known) {
        unresolved(w, in, why == -ENOENT ? old_why : why);
        if (!is_dir)
            return;
    }
    bool inodes = w->volumes[in->volume].way == WAY_INODE;
    if (is_dir)
        learn_move(w, in, &old);
    if (is_dir && inodes)
        settle_inodes(w, in, &new); /* before it is marked anew */
    report_rename(w, in, &old, &new);
    if (is_dir && !inodes && in->e.target.bytes)
        settle(w, in);
}

/* --- renames in halves ---------------------------------------------------------------------------------------- */

static void drop(struct watch *w, void *process)
{
    if (process && w->callbacks.drop)
        w->callbacks.drop(w->callbacks.ctx, process);
}

static void set_side(struct decode_event *e, const struct half *h)
{
    struct name_view name = { .text = h->name, .len = h->name_len };
    if (h->from) {
        e->old_dir = handle_view(&h->dir);
        e->old_name = name;
    } else {
        e->dir = handle_view(&h->dir);
        e->name = name;
    }
}

/* One rename of one or two halves; b may be NULL. */
static void rename_of(struct watch *w, const struct half *a, const struct half *b)
{
    struct intake_event in = {
        .volume = a->volume, .own = a->own, .process = a->process,
        .e = { .mask = FANBIT_RENAME | (a->is_dir ? FANBIT_ONDIR : 0), .pid = a->pid,
               .target = handle_view(&a->target) },
    };
    set_side(&in.e, a);
    if (b)
        set_side(&in.e, b);
    translate_rename(w, &in);
    if (!in.given)
        drop(w, in.process);
    if (b)
        drop(w, b->process);
}

void translate_half(struct watch *w, const struct half *h)
{
    rename_of(w, h, NULL);
}

static void one_half(struct watch *w, struct intake_event *in, bool from)
{
    struct half h = {
        .from = from, .is_dir = in->e.mask & FANBIT_ONDIR, .volume = in->volume, .pid = in->e.pid,
        .at = w->read_at, .own = in->own, .name_len = (uint16_t)in->e.name.len,
    }, mate;
    if (in->e.name.len > JOIN_NAME || !in->e.dir.bytes)
        return;
    memcpy(h.name, in->e.name.text, in->e.name.len);
    handle_copy(&h.dir, in->e.dir);
    handle_copy(&h.target, in->e.target);
    if (!in->own && w->callbacks.take)
        h.process = w->callbacks.take(w->callbacks.ctx, in->e.pid);
    if (join_match(&w->join, &h, &mate))
        rename_of(w, from ? &h : &mate, from ? &mate : &h);
    else if (join_keep(&w->join, &h, &mate))
        rename_of(w, &mate, NULL);
}

static void translate_rest(struct watch *w, size_t i)
{
    uint64_t mask = w->events[i].e.mask;
    w->events[i].e.mask = mask & ~(FANBIT_MOVED_FROM | FANBIT_MOVED_TO);
    translate_in(w, i);
    w->events[i].e.mask = mask;
}

/* Other bits may have merged into the same event, of the same object under the same name: what happened before it
 * moved away is told before, and what happened after it moved here (its deletion, say) after. */
static void translate_halves(struct watch *w, size_t i)
{
    uint64_t mask = w->events[i].e.mask;
    bool rest = ops(mask) != 0, came = mask & FANBIT_MOVED_TO;
    if (rest && !came)
        translate_rest(w, i);
    if (came)
        one_half(w, &w->events[i], false);
    if (mask & FANBIT_MOVED_FROM)
        one_half(w, &w->events[i], true);
    if (rest && came)
        translate_rest(w, i);
}

void translate(struct watch *w, size_t i)
{
    struct intake_event *in = &w->events[i];
    if (in->e.mask & FANBIT_RENAME)
        translate_rename(w, in);
    else if (in->e.mask & (FANBIT_MOVED_FROM | FANBIT_MOVED_TO))
        translate_halves(w, i);
    else if (in->e.dir.bytes && in->e.name.text)
        translate_in(w, i);
    else
        translate_nameless(w, in);
}
