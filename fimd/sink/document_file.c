/* file.*: what is there now, or what was there before it was deleted; and fimd.previous.*: what a change took
 * away. */
#include "baseline/attr.h"
#include "baseline/path.h"
#include "fimd/sink/document_parts.h"
#include "fimd/sink/text.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

/* --- the name ------------------------------------------------------------------------------------------- */

/* What follows the last dot, which is not the first byte of a name. */
static const char *extension(const char *name, size_t len, size_t *ret_len)
{
    const char *dot = memrchr(name, '.', len);

    if (!dot || dot == name || dot + 1 == name + len)
        return NULL;
    *ret_len = (size_t)(name + len - dot - 1);
    return dot + 1;
}

static void put_names(struct render *r, enum entry_type type)
{
    const char *path = r->event->path, *name, *ext;
    size_t len = strlen(path), name_len, ext_len = 0;
    size_t parent = path_parent(path, len, &name, &name_len);

    put_path(r, &r->doc, "path", path, len);
    put_path_bytes(r, &r->fimd, "path_bytes", path);
    if (parent)
        put_path(r, &r->doc, "directory", path, parent);
    put_path(r, &r->doc, "name", name, name_len);
    ext = type == ENTRY_DIR ? NULL : extension(name, name_len, &ext_len);
    if (ext)
        put_path(r, &r->doc, "extension", ext, ext_len);
}

static void put_old_path(struct render *r, const char *path)
{
    writer_begin_object(&r->doc, "Ext");
    writer_begin_object(&r->doc, "original");
    put_path(r, &r->doc, "path", path, strlen(path));
    writer_end_object(&r->doc);
    writer_end_object(&r->doc);
    put_path(r, &r->previous, "path", path, strlen(path));
    put_path_bytes(r, &r->previous, "path_bytes", path);
}

static void put_other_paths(struct render *r)
{
    const struct event *e = r->event;

    if (e->path_old)
        put_old_path(r, e->path_old);
    if (e->path_new) {
        put_path(r, &r->fimd, "moved_to", e->path_new, strlen(e->path_new));
        put_path_bytes(r, &r->fimd, "moved_to_bytes", e->path_new);
    }
}

/* --- attributes ----------------------------------------------------------------------------------------- */

static void put_mode(struct render *r, struct writer *w, const struct entry *e)
{
    char text[5] = "0000";

    (void)r;
    for (unsigned i = 0; i < 4; i++)
        text[i] = (char)('0' + (e->mode >> (9 - 3 * i) & 7));
    writer_plain(w, "mode", text);
}

static void put_owner(struct render *r, struct writer *w, const struct entry *e)
{
    char name[ACCOUNT_NAME_SIZE];

    writer_id(w, "uid", e->uid);
    if (accounts_user(r->host->accounts, e->uid, name))
        writer_text(w, "owner", name);
}

static void put_group(struct render *r, struct writer *w, const struct entry *e)
{
    char name[ACCOUNT_NAME_SIZE];

    writer_id(w, "gid", e->gid);
    if (accounts_group(r->host->accounts, e->gid, name))
        writer_text(w, "group", name);
}

static void put_type(struct render *r, struct writer *w, const struct entry *e)
{
    (void)r;
    writer_plain(w, "type", entry_type_name(e->type));
}

static void put_size(struct render *r, struct writer *w, const struct entry *e)
{
    (void)r;
    writer_uint(w, "size", e->size);
}

static void put_mtime(struct render *r, struct writer *w, const struct entry *e)
{
    (void)r;
    put_time(w, "mtime", e->mtime, TEXT_NS);
}

static void put_ctime(struct render *r, struct writer *w, const struct entry *e)
{
    (void)r;
    put_time(w, "ctime", e->ctime, TEXT_NS);
}

static void put_inode(struct render *r, struct writer *w, const struct entry *e)
{
    (void)r;
    writer_id(w, "inode", e->inode);
}

static void put_device(struct render *r, struct writer *w, const struct entry *e)
{
    char text[24];

    (void)r;
    snprintf(text, sizeof(text), "%04llx", (unsigned long long)e->device);
    writer_plain(w, "device", text);
}

/* The number of a device node, as ls(1) has it. */
static void put_rdev(struct render *r, struct writer *w, const struct entry *e)
{
    char text[24];

    (void)r;
    if (e->type != ENTRY_CHAR && e->type != ENTRY_BLOCK)
        return;
    snprintf(text, sizeof(text), "%u:%u", major(e->rdev), minor(e->rdev));
    writer_plain(w, "rdev", text);
}

static bool named_before(const struct digests *d, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (d->list[i].id == d->list[index].id)
            return true;
    return false;
}

static void put_content(struct render *r, struct writer *w, const struct entry *e)
{
    const struct digests *d = &e->digests;

    if (e->target)
        put_path(r, w, "target_path", e->target, strlen(e->target));
    if (!d->count)
        return;
    writer_begin_object(w, "hash");
    for (size_t i = 0; i < d->count; i++) {
        const char *name = digest_name(d->list[i].id);

        if (name && !named_before(d, i))
            put_hex(w, name, d->list[i].value, d->list[i].len);
    }
    writer_end_object(w);
}

/* --- what ECS has no place for -------------------------------------------------------------------------- */

struct word {
    uint64_t bit;
    const char *name;
};

/* As chattr(1) and statx(2) call them. */
static const struct word flag_words[] = {
    {ENTRY_FLAG_COMPRESSED, "compressed"}, {ENTRY_FLAG_IMMUTABLE, "immutable"}, {ENTRY_FLAG_APPEND, "append"},
    {ENTRY_FLAG_NODUMP, "nodump"},         {ENTRY_FLAG_ENCRYPTED, "encrypted"}, {ENTRY_FLAG_VERITY, "verity"},
};

static const struct word note_words[] = {
    {ENTRY_NOTE_UNSTABLE, "unstable"},
    {ENTRY_NOTE_TOO_LARGE, "too-large"},
    {ENTRY_NOTE_UNREADABLE, "unreadable"},
    {ENTRY_NOTE_BUSY, "busy"},
};

static void put_words(struct writer *w, const char *key, uint64_t bits, const struct word *words,
                      size_t count)
{
    writer_begin_array(w, key);
    for (size_t i = 0; i < count; i++)
        if (bits & words[i].bit)
            writer_plain(w, NULL, words[i].name);
    writer_end_array(w);
}

enum { NOTES_SHOWN = ENTRY_NOTE_UNSTABLE | ENTRY_NOTE_TOO_LARGE | ENTRY_NOTE_UNREADABLE | ENTRY_NOTE_BUSY };
enum {
    FLAGS = sizeof(flag_words) / sizeof(flag_words[0]),
    NOTES = sizeof(note_words) / sizeof(note_words[0])
};

static void put_flags(struct render *r, struct writer *w, const struct entry *e)
{
    (void)r;
    put_words(w, "flags", e->flags, flag_words, FLAGS);
}

static void put_links(struct render *r, struct writer *w, const struct entry *e)
{
    (void)r;
    writer_uint(w, "links", e->nlink);
}

/* --- the parts together --------------------------------------------------------------------------------- */

struct part {
    uint32_t attribute; /* enum attr: in fimd.previous when this one changed */
    bool of_fimd;       /* of the file as it is now it stands in fimd, not in file */
    void (*put)(struct render *r, struct writer *w, const struct entry *e);
};

static const struct part parts[] = {
    {ATTR_TYPE, false, put_type},   {ATTR_DEVICE, false, put_device}, {ATTR_INODE, false, put_inode},
    {ATTR_MODE, false, put_mode},   {ATTR_OWNER, false, put_owner},   {ATTR_GROUP, false, put_group},
    {ATTR_SIZE, false, put_size},   {ATTR_MTIME, false, put_mtime},   {ATTR_CTIME, false, put_ctime},
    {ATTR_CONTENT, false, put_content}, {ATTR_LINKS, true, put_links}, {ATTR_DEVICE, true, put_rdev},
};

enum { PARTS = sizeof(parts) / sizeof(parts[0]) };

static void put_present(struct render *r, const struct entry *e)
{
    for (size_t i = 0; i < PARTS; i++)
        parts[i].put(r, parts[i].of_fimd ? &r->fimd : &r->doc, e);
    if (e->mode & S_ISUID)
        writer_bool(&r->doc, "setuid", true);
    if (e->mode & S_ISGID)
        writer_bool(&r->doc, "setgid", true);
    if (e->flags & ENTRY_FLAGS_MASK)
        put_flags(r, &r->fimd, e);
    if (e->notes & NOTES_SHOWN)
        put_words(&r->fimd, "notes", e->notes, note_words, NOTES);
    render_xattrs(r, &r->fimd, e, ATTR_ACL | ATTR_CAPS | ATTR_SELINUX | ATTR_XATTR);
}

static void put_previous(struct render *r, const struct entry *before, uint32_t changes)
{
    if (before->type == ENTRY_ABSENT)
        return;
    for (size_t i = 0; i < PARTS; i++)
        if (changes & parts[i].attribute)
            parts[i].put(r, &r->previous, before);
    if (changes & ATTR_FLAGS)
        put_flags(r, &r->previous, before);
    render_xattrs(r, &r->previous, before, changes);
}

static void put_changes(struct render *r)
{
    if (!r->event->changes)
        return;
    writer_begin_array(&r->fimd, "changes");
    for (uint32_t bit = 1; bit <= ATTR_ALL; bit <<= 1)
        if (r->event->changes & bit && attr_name(bit))
            writer_plain(&r->fimd, NULL, attr_name(bit));
    writer_end_array(&r->fimd);
}

void render_file(struct render *r)
{
    const struct event *e = r->event;
    const struct entry *subject = e->after.type == ENTRY_ABSENT ? &e->before : &e->after;

    writer_begin_object(&r->doc, "file");
    put_names(r, subject->type);
    put_other_paths(r);
    put_changes(r);
    if (subject->type != ENTRY_ABSENT)
        put_present(r, subject);
    writer_end_object(&r->doc);
    if (e->after.type != ENTRY_ABSENT)
        put_previous(r, &e->before, e->changes);
}
