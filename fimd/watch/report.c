/* One path is the usual case: the directory's node says by which mount it is seen, and the path is put together
 * at once. Where several mounts show a directory, or something is mounted on its children, each is asked. */
#include "fimd/watch/report.h"

#include "fimd/watch/scope.h"
#include "fimd/watch/translate.h"
#include "fimd/watch/tree.h"

/* The first event of one kernel event gets the process that was taken for it, others one more. */
static void *process_for(struct watch *w, struct intake_event *in)
{
    if (!in->given) {
        in->given = true;
        return in->process;
    }
    return w->callbacks.take ? w->callbacks.take(w->callbacks.ctx, in->e.pid) : NULL;
}

static void put(struct watch *w, struct intake_event *in, uint32_t ops, const struct buf *path, const struct buf *old)
{
    if (in->own)
        return;
    const char *fs = w->volumes[in->volume].fs_type;
    struct watch_event e = {
        .ops = ops | (in->e.mask & FANBIT_ONDIR ? WATCH_DIR : 0),
        .pid = in->e.pid,
        .process = process_for(w, in),
        .path = path ? (const char *)path->data : NULL,
        .path_len = path ? path->len : 0,
        .old_path = old ? (const char *)old->data : NULL,
        .old_path_len = old ? old->len : 0,
        .inode = handle_inode(fs, in->e.target),
        .dir_inode = handle_inode(fs, in->e.dir.bytes ? in->e.dir : in->e.old_dir),
        .read_at = w->read_at,
    };
    if (!batch_add(&w->batch, &e) && e.process && w->callbacks.drop)
        w->callbacks.drop(w->callbacks.ctx, e.process);
}

/* A directory that came to be in a volume of inode marks: its content is not seen until it is marked. */
static void mark_arrival(struct watch *w, const struct intake_event *in, uint32_t ops, const struct buf *path)
{
    if (w->volumes[in->volume].way != WAY_INODE || !(in->e.mask & FANBIT_ONDIR) ||
        !(ops & (WATCH_CREATE | WATCH_RENAME)))
        return;
    if (tree_mark_new(w, in->volume, (const char *)path->data, path->len))
        translate_rescan(w, (const char *)path->data, path->len, in->e.pid);
}

static void offer(struct watch *w, struct intake_event *in, uint32_t ops, const struct buf *path)
{
    if (!scope_wants(w, (const char *)path->data, path->len, in->e.mask & FANBIT_ONDIR))
        return;
    put(w, in, ops, path, NULL);
    mark_arrival(w, in, ops, path);
}

void report_inside(struct watch *w, struct intake_event *in, uint32_t ops)
{
    const struct volume *v = &w->volumes[in->volume];
    for (uint32_t i = 0; i < v->mounts_count; i++)
        if (scope_show(w, v, i, &w->scratch, &w->shown))
            offer(w, in, ops, &w->shown);
}

void report_in(struct watch *w, struct intake_event *in, uint32_t dir, uint32_t ops)
{
    const struct name_view *name = &in->e.name;
    bool of_itself = name->len == 1 && name->text[0] == '.';
    if (w->dirs.nodes[dir].generation != w->dirs.generation)
        scope_find(w, dir);
    unsigned flags = w->dirs.nodes[dir].flags;
    if (!of_itself && !(flags & (in->e.mask & FANBIT_ONDIR ? DIR_CHILDREN | DIR_DEEPER : DIR_CHILDREN)))
        return;
    if (flags & DIR_PLAIN) {
        if (scope_plain(w, dir, name->text, name->len, &w->shown))
            offer(w, in, ops, &w->shown);
        else
            w->batch.failed = true;
    } else if (scope_inside(w, dir, name->text, name->len, &w->scratch)) {
        report_inside(w, in, ops);
    } else {
        w->batch.failed = true;
    }
}

static bool wants(const struct watch *w, const struct buf *path, bool is_dir)
{
    return path && scope_wants(w, (const char *)path->data, path->len, is_dir);
}

/* Through one mount: a side that this mount does not show has no path here. */
static void report_rename_by(struct watch *w, struct intake_event *in, uint32_t mount, const struct moved *old,
                             const struct moved *new)
{
    const struct volume *v = &w->volumes[in->volume];
    bool is_dir = in->e.mask & FANBIT_ONDIR;
    bool old_shown = old->known && scope_show(w, v, mount, &w->scratch_old, &w->shown_old);
    bool new_shown = new->known && scope_show(w, v, mount, &w->scratch, &w->shown);
    const struct buf *from = old_shown ? &w->shown_old : NULL;
    const struct buf *to = new_shown ? &w->shown : NULL;
    if (!wants(w, from, is_dir) && !wants(w, to, is_dir))
        return;
    put(w, in, WATCH_RENAME, to, from);
    if (to)
        mark_arrival(w, in, WATCH_RENAME, to);
}

void report_rename(struct watch *w, struct intake_event *in, const struct moved *old, const struct moved *new)
{
    const struct volume *v = &w->volumes[in->volume];
    for (uint32_t i = 0; (old->wanted || new->wanted) && i < v->mounts_count; i++)
        report_rename_by(w, in, i, old, new);
}

void report_rescan(struct watch *w, uint32_t dir, pid_t pid)
{
    const struct volume *v = &w->volumes[w->dirs.nodes[dir].volume];
    if (!scope_inside(w, dir, ".", 1, &w->scratch))
        return;
    for (uint32_t i = 0; i < v->mounts_count; i++)
        if (scope_show(w, v, i, &w->scratch, &w->shown) &&
            scope_wants(w, (const char *)w->shown.data, w->shown.len, true))
            translate_rescan(w, (const char *)w->shown.data, w->shown.len, pid);
}
