/* file.*: what is there now, or what was there before it was deleted; and fimd.previous.*: what a change took away. */
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "baseline/attr.h"
#include "baseline/path.h"
#include "fimd/sink/document_parts.h"
#include "fimd/sink/text.h"

const struct entry *render_subject(const struct event *e)
{
    return e->after.type == ENTRY_ABSENT ? &e->before : &e->after;
}

/* --- the name ----------------------------------------------------------------------------------------------- */

/* What follows the last dot, which is not the first byte of a name. */
static const char *extension(const char *name, size_t len, size_t *ret_len)
{
    const char *dot = memrchr(name, '.', len);

    if (!dot || dot == name || dot + 1 == name + len)
        return NULL;
    *ret_len = (size_t)(name + len - dot - 1);
    return dot + 1;
}

static void put_names(struct render *r, struct json *file, enum entry_type type)
{
    const char *path = r->event->path, *name, *ext;
    size_t len = strlen(path), name_len, ext_len = 0;
    size_t parent = path_parent(path, len, &name, &name_len);

    put_path(r, file, "path", path, len);
    put_path_bytes(r, r->fimd, "path_bytes", path);
    if (parent)
        put_path(r, file, "directory", path, parent);
    put_path(r, file, "name", name, name_len);
    ext = type == ENTRY_DIR ? NULL : extension(name, name_len, &ext_len);
    if (ext)
        put_path(r, file, "extension", ext, ext_len);
}

static void put_other_paths(struct render *r, struct json *file)
{
    const struct event *e = r->event;

    if (e->path_old) {
        struct json *original = json_put_object(json_put_object(file, "Ext"), "original");
        struct json *previous = json_ensure_object(r->fimd, "previous");

        put_path(r, original, "path", e->path_old, strlen(e->path_old));
        put_path(r, previous, "path", e->path_old, strlen(e->path_old));
        put_path_bytes(r, previous, "path_bytes", e->path_old);
    }
    if (e->path_new) {
        put_path(r, r->fimd, "moved_to", e->path_new, strlen(e->path_new));
        put_path_bytes(r, r->fimd, "moved_to_bytes", e->path_new);
    }
}

/* --- attributes --------------------------------------------------------------------------------------------- */

static void put_mode(struct render *r, struct json *to, const struct entry *e)
{
    char text[8];

    (void)r;
    snprintf(text, sizeof(text), "%04o", e->mode & 07777);
    json_put_text(to, "mode", text);
}

static void put_owner(struct render *r, struct json *to, const struct entry *e)
{
    char name[ACCOUNT_NAME_SIZE];

    put_id(to, "uid", e->uid);
    if (accounts_user(r->host->accounts, e->uid, name))
        json_put_text(to, "owner", name);
}

static void put_group(struct render *r, struct json *to, const struct entry *e)
{
    char name[ACCOUNT_NAME_SIZE];

    put_id(to, "gid", e->gid);
    if (accounts_group(r->host->accounts, e->gid, name))
        json_put_text(to, "group", name);
}

static void put_type(struct render *r, struct json *to, const struct entry *e)
{
    (void)r;
    json_put_static(to, "type", entry_type_name(e->type));
}

static void put_size(struct render *r, struct json *to, const struct entry *e)
{
    (void)r;
    json_put_uint(to, "size", e->size);
}

static void put_mtime(struct render *r, struct json *to, const struct entry *e)
{
    (void)r;
    put_time(to, "mtime", e->mtime, TEXT_NS);
}

static void put_ctime(struct render *r, struct json *to, const struct entry *e)
{
    (void)r;
    put_time(to, "ctime", e->ctime, TEXT_NS);
}

static void put_inode(struct render *r, struct json *to, const struct entry *e)
{
    (void)r;
    put_id(to, "inode", e->inode);
}

static void put_device(struct render *r, struct json *to, const struct entry *e)
{
    char text[24];

    (void)r;
    snprintf(text, sizeof(text), "%04llx", (unsigned long long)e->device);
    json_put_text(to, "device", text);
}

/* The number of a device node, as ls(1) has it. */
static void put_rdev(struct render *r, struct json *to, const struct entry *e)
{
    char text[24];

    (void)r;
    if (e->type != ENTRY_CHAR && e->type != ENTRY_BLOCK)
        return;
    snprintf(text, sizeof(text), "%u:%u", major(e->rdev), minor(e->rdev));
    json_put_text(to, "rdev", text);
}

static void put_content(struct render *r, struct json *to, const struct entry *e)
{
    struct json *hash;

    if (e->target)
        put_path(r, to, "target_path", e->target, strlen(e->target));
    if (!e->digests.count)
        return;
    hash = json_put_object(to, "hash");
    for (size_t i = 0; i < e->digests.count; i++) {
        const char *name = digest_name(e->digests.list[i].id);

        if (name && !json_get(hash, name))
            put_hex(hash, name, e->digests.list[i].value, e->digests.list[i].len);
    }
}

/* --- what ECS has no place for ------------------------------------------------------------------------------ */

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

static void put_words(struct json *to, const char *key, uint64_t bits, const struct word *words, size_t count, bool empty)
{
    struct json *list = empty ? json_put_array(to, key) : NULL;

    for (size_t i = 0; i < count; i++) {
        if (!(bits & words[i].bit))
            continue;
        if (!list)
            list = json_put_array(to, key);
        json_put_static(list, NULL, words[i].name);
    }
}

enum { FLAGS = sizeof(flag_words) / sizeof(flag_words[0]), NOTES = sizeof(note_words) / sizeof(note_words[0]) };

static void put_flags(struct render *r, struct json *to, const struct entry *e)
{
    (void)r;
    put_words(to, "flags", e->flags, flag_words, FLAGS, true);
}

static void put_links(struct render *r, struct json *to, const struct entry *e)
{
    (void)r;
    json_put_uint(to, "links", e->nlink);
}

/* --- the parts together ------------------------------------------------------------------------------------- */

struct part {
    uint32_t attribute; /* enum attr: in fimd.previous when this one changed */
    bool of_fimd;       /* of the file as it is now it stands in fimd, not in file */
    void (*put)(struct render *r, struct json *to, const struct entry *e);
};

static const struct part parts[] = {
    {ATTR_TYPE, false, put_type},   {ATTR_DEVICE, false, put_device}, {ATTR_INODE, false, put_inode},
    {ATTR_MODE, false, put_mode},   {ATTR_OWNER, false, put_owner},   {ATTR_GROUP, false, put_group},
    {ATTR_SIZE, false, put_size},   {ATTR_MTIME, false, put_mtime},   {ATTR_CTIME, false, put_ctime},
    {ATTR_CONTENT, false, put_content}, {ATTR_LINKS, true, put_links}, {ATTR_DEVICE, true, put_rdev},
};

enum { PARTS = sizeof(parts) / sizeof(parts[0]) };

static void put_present(struct render *r, struct json *file, const struct entry *e)
{
    for (size_t i = 0; i < PARTS; i++)
        parts[i].put(r, parts[i].of_fimd ? r->fimd : file, e);
    if (e->mode & 04000)
        json_put_bool(file, "setuid", true);
    if (e->mode & 02000)
        json_put_bool(file, "setgid", true);
    put_words(r->fimd, "flags", e->flags, flag_words, FLAGS, false);
    put_words(r->fimd, "notes", e->notes, note_words, NOTES, false);
    render_xattrs(r, r->fimd, e, ATTR_ACL | ATTR_CAPS | ATTR_SELINUX | ATTR_XATTR);
}

static void put_previous(struct render *r, const struct entry *before, uint32_t changes)
{
    struct json *previous;

    if (!changes || before->type == ENTRY_ABSENT)
        return;
    previous = json_ensure_object(r->fimd, "previous");
    for (size_t i = 0; i < PARTS; i++)
        if (changes & parts[i].attribute)
            parts[i].put(r, previous, before);
    if (changes & ATTR_FLAGS)
        put_flags(r, previous, before);
    render_xattrs(r, previous, before, changes);
}

static void put_changes(struct render *r)
{
    struct json *list;

    if (!r->event->changes)
        return;
    list = json_put_array(r->fimd, "changes");
    for (uint32_t bit = 1; bit <= ATTR_ALL; bit <<= 1)
        if (r->event->changes & bit && attr_name(bit))
            json_put_static(list, NULL, attr_name(bit));
}

void render_file(struct render *r)
{
    const struct event *e = r->event;
    const struct entry *subject = render_subject(e);
    struct json *file = json_put_object(r->root, "file");

    put_names(r, file, subject->type);
    put_changes(r);
    put_other_paths(r, file);
    if (subject->type == ENTRY_ABSENT)
        return;
    put_present(r, file, subject);
    if (e->after.type != ENTRY_ABSENT)
        put_previous(r, &e->before, e->changes);
}
