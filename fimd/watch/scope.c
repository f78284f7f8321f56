/* node ─► path in the file system ─► one path a mount that shows it ─► policy */
#include "fimd/watch/scope.h"

#include <string.h>

#include "baseline/path.h"
#include "baseline/walk.h"

bool scope_wants(const struct watch *w, const char *path, size_t len, bool is_dir)
{
    unsigned choice = policy_choose(w->policy, path, len, is_dir ? ENTRY_DIR : ENTRY_ABSENT);
    return choice & (is_dir ? WALK_TAKE | WALK_ENTER : WALK_TAKE);
}

static void put_name(struct buf *to, const char *name, size_t len)
{
    if (len == 1 && name[0] == '.')
        return;
    if (to->len == 0 || to->data[to->len - 1] != '/')
        buf_put_u8(to, '/');
    buf_put(to, name, len);
}

bool scope_inside(const struct watch *w, uint32_t dir, const char *name, size_t len, struct buf *to)
{
    buf_reset(to);
    if (!dircache_path(&w->dirs, dir, to))
        return false;
    put_name(to, name, len);
    return !to->failed;
}

bool scope_show(const struct watch *w, const struct volume *v, uint32_t i, const struct buf *inside, struct buf *to)
{
    buf_reset(to);
    return mounts_show(&w->mounts, &w->mounts.list[v->mounts[i]], (const char *)inside->data, inside->len, to);
}

bool scope_plain(const struct watch *w, uint32_t dir, const char *name, size_t len, struct buf *to)
{
    const struct mount *m = &w->mounts.list[w->dirs.nodes[dir].mount];
    buf_reset(to);
    buf_put(to, m->point, m->point_len);
    if (!dircache_path(&w->dirs, dir, to))
        return false;
    if (m->root_len) { /* what lies above the mount's root is not seen: cut it out */
        uint8_t *inside = to->data + m->point_len;
        to->len -= m->root_len;
        memmove(inside, inside + m->root_len, to->len - m->point_len);
    }
    put_name(to, name, len);
    if (to->len == 0)
        buf_put_u8(to, '/');
    return !to->failed;
}

/* A mount whose root is this directory's child shows that child elsewhere, be it a single file. */
static unsigned scope_of_child_mount(const struct watch *w, const struct mount *m, const struct buf *dir)
{
    if (!m->reachable || m->root_len <= dir->len + 1 || memcmp(m->root, dir->data, dir->len) != 0 ||
        m->root[dir->len] != '/')
        return 0;
    bool direct = !memchr(m->root + dir->len + 1, '/', m->root_len - dir->len - 1);
    if (!scope_wants(w, m->point_len ? m->point : "/", m->point_len ? m->point_len : 1, true))
        return 0;
    return direct ? WALK_TAKE | WALK_ENTER : WALK_ENTER;
}

struct finding {
    unsigned scope;
    unsigned shown;  /* mounts that show the directory */
    uint32_t mount;  /* the last of them */
    bool tangled;    /* mounts on or of direct children */
};

static void look_through(struct watch *w, const struct volume *v, uint32_t i, struct finding *f)
{
    const struct mount *m = &w->mounts.list[v->mounts[i]];
    unsigned child = scope_of_child_mount(w, m, &w->scratch);
    f->scope |= child;
    f->tangled |= child & WALK_TAKE;
    if (!scope_show(w, v, i, &w->scratch, &w->shown))
        return;
    const char *path = (const char *)w->shown.data;
    f->scope |= policy_scope(w->policy, path, w->shown.len);
    f->tangled |= m->holds_mounts && mounts_on_child(&w->mounts, path, w->shown.len);
    f->shown++;
    f->mount = v->mounts[i];
}

void scope_find(struct watch *w, uint32_t node)
{
    struct dirnode *n = &w->dirs.nodes[node];
    const struct volume *v = &w->volumes[n->volume];
    struct finding f = { 0 };
    buf_reset(&w->scratch);
    bool ok = dircache_path(&w->dirs, node, &w->scratch) && buf_reserve(&w->scratch, 1);
    for (uint32_t i = 0; ok && i < v->mounts_count; i++)
        look_through(w, v, i, &f);
    if (!ok) /* no memory to find out: let every event through to where its failure is told */
        f = (struct finding){ .scope = WALK_TAKE | WALK_ENTER, .tangled = true };
    n->flags &= (uint8_t) ~(DIR_CHILDREN | DIR_DEEPER | DIR_PLAIN);
    n->flags |= f.scope & WALK_TAKE ? DIR_CHILDREN : 0;
    n->flags |= f.scope & WALK_ENTER ? DIR_DEEPER : 0;
    if (f.shown == 1 && !f.tangled && f.mount <= UINT16_MAX) {
        n->flags |= DIR_PLAIN;
        n->mount = (uint16_t)f.mount;
    }
    n->generation = w->dirs.generation;
}
