/* The table of fields. Keywords are cut from searching, not from the document, at what Lucene takes: a term
 * has at most 32,766 bytes, which is 8,191 characters of four. */
#include "fimd/sink/mapping.h"

#include <string.h>

enum kind { KEYWORD, PATH, DATE, LONG, BOOLEAN, IP, TEXT, KINDS };
enum { WORD_MOST = 1024, PATH_MOST = 8191 };

static const char *const type_names[KINDS] = {
    [KEYWORD] = "keyword", [PATH] = "keyword", [DATE] = "date", [LONG] = "long",
    [BOOLEAN] = "boolean", [IP] = "ip",        [TEXT] = "text",
};

static const struct field {
    const char *path;
    enum kind kind;
} fields[] = {
    {"@timestamp", DATE},
    {"message", TEXT},
    {"tags", KEYWORD},
    {"ecs.version", KEYWORD},
    {"service.type", KEYWORD},
    {"data_stream.type", KEYWORD},
    {"data_stream.dataset", KEYWORD},
    {"data_stream.namespace", KEYWORD},

    {"event.id", KEYWORD},
    {"event.kind", KEYWORD},
    {"event.category", KEYWORD},
    {"event.type", KEYWORD},
    {"event.action", KEYWORD},
    {"event.outcome", KEYWORD},
    {"event.module", KEYWORD},
    {"event.dataset", KEYWORD},
    {"event.provider", KEYWORD},
    {"event.sequence", LONG},
    {"event.created", DATE},
    {"event.ingested", DATE},
    {"event.severity", LONG},
    {"event.risk_score", LONG},

    {"file.path", PATH},
    {"file.directory", PATH},
    {"file.name", PATH},
    {"file.extension", KEYWORD},
    {"file.target_path", PATH},
    {"file.Ext.original.path", PATH},
    {"file.type", KEYWORD},
    {"file.device", KEYWORD},
    {"file.inode", KEYWORD},
    {"file.mode", KEYWORD},
    {"file.uid", KEYWORD},
    {"file.gid", KEYWORD},
    {"file.owner", KEYWORD},
    {"file.group", KEYWORD},
    {"file.size", LONG},
    {"file.mtime", DATE},
    {"file.ctime", DATE},
    {"file.setuid", BOOLEAN},
    {"file.setgid", BOOLEAN},
    {"file.hash.md5", KEYWORD},
    {"file.hash.sha1", KEYWORD},
    {"file.hash.sha256", KEYWORD},

    {"process.pid", LONG},
    {"process.entity_id", KEYWORD},
    {"process.name", PATH},
    {"process.executable", PATH},
    {"process.args", PATH},
    {"process.args_count", LONG},
    {"process.command_line", PATH},
    {"process.working_directory", PATH},
    {"process.start", DATE},
    {"process.interactive", BOOLEAN},
    {"process.user.id", KEYWORD},
    {"process.user.name", KEYWORD},
    {"process.group.id", KEYWORD},
    {"process.group.name", KEYWORD},
    {"process.real_user.id", KEYWORD},
    {"process.real_user.name", KEYWORD},
    {"process.parent.pid", LONG},
    {"process.parent.entity_id", KEYWORD},
    {"process.parent.name", PATH},
    {"process.parent.executable", PATH},
    {"process.parent.args", PATH},
    {"process.parent.args_count", LONG},
    {"process.parent.start", DATE},

    {"user.id", KEYWORD},
    {"user.name", KEYWORD},
    {"user.effective.id", KEYWORD},
    {"user.effective.name", KEYWORD},
    {"user.audit.id", KEYWORD},
    {"user.audit.name", KEYWORD},
    {"source.ip", IP},
    {"source.address", KEYWORD},

    {"host.name", KEYWORD},
    {"host.hostname", KEYWORD},
    {"host.id", KEYWORD},
    {"host.architecture", KEYWORD},
    {"host.ip", IP},
    {"host.os.type", KEYWORD},
    {"host.os.platform", KEYWORD},
    {"host.os.family", KEYWORD},
    {"host.os.name", KEYWORD},
    {"host.os.version", KEYWORD},
    {"host.os.full", KEYWORD},
    {"host.os.kernel", KEYWORD},
    {"agent.type", KEYWORD},
    {"agent.name", KEYWORD},
    {"agent.version", KEYWORD},
    {"agent.id", KEYWORD},
    {"agent.ephemeral_id", KEYWORD},

    {"rule.id", KEYWORD},
    {"rule.name", KEYWORD},
    {"rule.ruleset", KEYWORD},
    {"related.hash", KEYWORD},
    {"related.user", KEYWORD},
    {"related.hosts", KEYWORD},
    {"related.ip", IP},

    {"fimd.source", KEYWORD},
    {"fimd.attribution", KEYWORD},
    {"fimd.chain", KEYWORD},
    {"fimd.path_bytes", PATH},
    {"fimd.moved_to", PATH},
    {"fimd.moved_to_bytes", PATH},
    {"fimd.changes", KEYWORD},
    {"fimd.notes", KEYWORD},
    {"fimd.links", LONG},
    {"fimd.rdev", KEYWORD},
    {"fimd.flags", KEYWORD},
    {"fimd.acl", PATH},
    {"fimd.acl_default", PATH},
    {"fimd.capabilities", PATH},
    {"fimd.selinux", KEYWORD},
    {"fimd.xattrs", PATH},
    {"fimd.session.id", KEYWORD},
    {"fimd.session.tty", KEYWORD},
    {"fimd.session.method", KEYWORD},
    {"fimd.audit.id", KEYWORD},
    {"fimd.audit.syscall", KEYWORD},
    {"fimd.ancestors.pid", LONG},
    {"fimd.ancestors.name", PATH},
    {"fimd.ancestors.executable", PATH},
    {"fimd.actors_more", BOOLEAN},
    {"fimd.actors.attribution", KEYWORD},
    {"fimd.actors.chain", PATH},
    {"fimd.actors.user.id", KEYWORD},
    {"fimd.actors.user.name", KEYWORD},
    {"fimd.actors.effective.id", KEYWORD},
    {"fimd.actors.effective.name", KEYWORD},
    {"fimd.actors.source.ip", IP},
    {"fimd.actors.source.address", KEYWORD},
    {"fimd.actors.session.id", KEYWORD},
    {"fimd.actors.session.tty", KEYWORD},
    {"fimd.actors.session.method", KEYWORD},
    {"fimd.actors.audit.id", KEYWORD},
    {"fimd.actors.audit.syscall", KEYWORD},
    {"fimd.actors.process.pid", LONG},
    {"fimd.actors.process.entity_id", KEYWORD},
    {"fimd.actors.process.name", PATH},
    {"fimd.actors.process.executable", PATH},
    {"fimd.actors.process.args", PATH},
    {"fimd.actors.process.args_count", LONG},
    {"fimd.actors.process.start", DATE},

    {"fimd.previous.sequence", LONG},
    {"fimd.previous.path", PATH},
    {"fimd.previous.path_bytes", PATH},
    {"fimd.previous.target_path", PATH},
    {"fimd.previous.type", KEYWORD},
    {"fimd.previous.device", KEYWORD},
    {"fimd.previous.rdev", KEYWORD},
    {"fimd.previous.inode", KEYWORD},
    {"fimd.previous.mode", KEYWORD},
    {"fimd.previous.uid", KEYWORD},
    {"fimd.previous.gid", KEYWORD},
    {"fimd.previous.owner", KEYWORD},
    {"fimd.previous.group", KEYWORD},
    {"fimd.previous.size", LONG},
    {"fimd.previous.mtime", DATE},
    {"fimd.previous.ctime", DATE},
    {"fimd.previous.links", LONG},
    {"fimd.previous.flags", KEYWORD},
    {"fimd.previous.acl", PATH},
    {"fimd.previous.acl_default", PATH},
    {"fimd.previous.capabilities", PATH},
    {"fimd.previous.selinux", KEYWORD},
    {"fimd.previous.xattrs", PATH},
    {"fimd.previous.hash.md5", KEYWORD},
    {"fimd.previous.hash.sha1", KEYWORD},
    {"fimd.previous.hash.sha256", KEYWORD},
};

enum { FIELDS = sizeof(fields) / sizeof(fields[0]) };

static void put_kind(struct json *to, enum kind kind)
{
    json_put_static(to, "type", type_names[kind]);
    if (kind == KEYWORD || kind == PATH)
        json_put_int(to, "ignore_above", kind == PATH ? PATH_MOST : WORD_MOST);
}

/* A tree references its keys, so the inner parts of a path must stand somewhere as strings of their own. */
static const char *key_of(const char *part, size_t len)
{
    static const char *const inner[] = {
        "ecs",  "service", "data_stream", "event", "file",  "Ext",      "original", "hash",      "process",
        "user", "group",   "real_user",   "parent", "effective", "audit", "source", "host",      "os",
        "agent", "rule",   "related",     "fimd",  "session", "ancestors", "actors", "previous",
    };

    for (size_t i = 0; i < sizeof(inner) / sizeof(inner[0]); i++)
        if (strlen(inner[i]) == len && !memcmp(inner[i], part, len))
            return inner[i];
    return NULL;
}

static void put_field(struct json *properties, const struct field *field)
{
    const char *part = field->path;

    for (const char *dot; (dot = strchr(part, '.')); part = dot + 1) {
        const char *key = key_of(part, (size_t)(dot - part));

        if (!key)
            return; /* a field whose object is missing above; the test of the table finds it */
        properties = json_ensure_object(json_ensure_object(properties, key), "properties");
    }
    put_kind(json_put_object(properties, part), field->kind);
}

static void put_dynamic(struct json *mappings)
{
    struct json *list = json_put_array(mappings, "dynamic_templates");
    struct json *one = json_put_object(json_put_object(list, NULL), "strings");

    json_put_static(one, "match_mapping_type", "string");
    put_kind(json_put_object(one, "mapping"), PATH);
}

void mapping_put(struct json *mappings)
{
    struct json *properties;

    json_put_bool(mappings, "date_detection", false); /* a label that looks like a date is still a word */
    put_dynamic(mappings);
    properties = json_put_object(mappings, "properties");
    for (size_t i = 0; i < FIELDS; i++)
        put_field(properties, &fields[i]);
}

const char *mapping_type(const char *path)
{
    for (size_t i = 0; i < FIELDS; i++)
        if (!strcmp(fields[i].path, path))
            return type_names[fields[i].kind];
    return NULL;
}

size_t mapping_count(void)
{
    return FIELDS;
}
