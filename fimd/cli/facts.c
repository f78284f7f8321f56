/* The facts of an entry, in one table's order on both outputs. */
#include "fimd/cli/facts.h"

#include "baseline/attr.h"
#include "baseline/path.h"
#include "fimd/cli/human.h"
#include "fimd/sink/accounts.h"
#include "fimd/sink/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const struct {
    uint32_t bit;
    const char *text;
} notes[] = {
    {ENTRY_NOTE_UNSTABLE, "was written to while it was read"},
    {ENTRY_NOTE_TOO_LARGE, "larger than max_file_size: no digest"},
    {ENTRY_NOTE_UNREADABLE, "its content could not be read"},
};

static void put_hashes(struct json *parent, const struct digests *set)
{
    struct json *hash = set->count ? json_put_object(parent, "hash") : NULL;

    for (size_t i = 0; i < set->count; i++) {
        char text[2 * DIGEST_SIZE_MAX + 1];

        text_hex(set->list[i].value, set->list[i].len, text);
        if (digest_name(set->list[i].id))
            json_put_text(hash, digest_name(set->list[i].id), text);
    }
}

static void put_time(struct json *parent, const char *key, int64_t ns)
{
    char text[TEXT_TIME_SIZE];

    text_time(ns, TEXT_NS, text);
    json_put_text(parent, key, text);
}

void facts_put(struct json *parent, const char *key, const struct entry *e)
{
    struct json *o;
    char mode[8];

    if (e->type == ENTRY_ABSENT)
        return;
    o = json_put_object(parent, key);
    snprintf(mode, sizeof(mode), "%04o", e->mode & 07777);
    json_put_static(o, "type", entry_type_name(e->type));
    json_put_text(o, "mode", mode);
    json_put_uint(o, "uid", e->uid);
    json_put_uint(o, "gid", e->gid);
    json_put_uint(o, "size", e->size);
    json_put_uint(o, "inode", e->inode);
    json_put_uint(o, "links", e->nlink);
    put_time(o, "mtime", e->mtime);
    put_time(o, "ctime", e->ctime);
    json_put_text(o, "target", e->target);
    put_hashes(o, &e->digests);
    for (size_t i = 0; i < sizeof(notes) / sizeof(notes[0]); i++)
        if (e->notes & notes[i].bit)
            json_put_static(o, "note", notes[i].text);
}

void facts_put_changes(struct json *parent, const char *key, uint32_t changes)
{
    struct json *list = json_put_array(parent, key);

    for (uint32_t bit = 1; bit && bit < ATTR_ALL; bit <<= 1)
        if (changes & bit && attr_name(bit))
            json_put_static(list, NULL, attr_name(bit));
}

static void print_owner(struct buf *to, const struct entry *e)
{
    char user[ACCOUNT_NAME_SIZE], group[ACCOUNT_NAME_SIZE];

    accounts_user(NULL, e->uid, user);
    accounts_group(NULL, e->gid, group);
    buf_printf(to, "  owner      %s (%u), group %s (%u)\n", *user ? user : "?", e->uid, *group ? group : "?", e->gid);
}

void facts_print(struct buf *to, const struct entry *e)
{
    buf_printf(to, "  type       %s, mode %04o, %u link%s, inode %" PRIu64 "\n", entry_type_name(e->type),
               e->mode & 07777, e->nlink, e->nlink == 1 ? "" : "s", e->inode);
    print_owner(to, e);
    buf_put_str(to, "  size       ");
    human_count(to, e->size);
    buf_put_str(to, " bytes, modified ");
    human_time(to, e->mtime);
    buf_put_str(to, "\n");
    if (e->target) {
        buf_put_str(to, "  target     ");
        path_escape(to, e->target, strlen(e->target));
        buf_put_str(to, "\n");
    }
    for (size_t i = 0; i < e->digests.count; i++) {
        char text[2 * DIGEST_SIZE_MAX + 1];

        text_hex(e->digests.list[i].value, e->digests.list[i].len, text);
        buf_printf(to, "  %-10s %s\n", digest_name(e->digests.list[i].id) ? digest_name(e->digests.list[i].id) : "?", text);
    }
    for (size_t i = 0; i < sizeof(notes) / sizeof(notes[0]); i++)
        if (e->notes & notes[i].bit)
            buf_printf(to, "  note       %s\n", notes[i].text);
}
