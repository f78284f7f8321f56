/* Reads os-release(5). Owns nothing; a value too long for its field is cut. */
#include "fimd/sink/os_release.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

static const struct {
    const char *key;
    size_t offset, size;
} fields[] = {
#define FIELD(key, member)                                                                                   \
    {                                                                                                        \
        key, offsetof(struct os_release, member), sizeof(((struct os_release *)0)->member)                   \
    }
    FIELD("ID", id),
    FIELD("ID_LIKE", id_like),
    FIELD("NAME", name),
    FIELD("VERSION_ID", version_id),
    FIELD("PRETTY_NAME", pretty_name),
#undef FIELD
};

static const struct {
    const char *id, *family;
} families[] = {
    {"debian", "debian"}, {"ubuntu", "debian"}, {"fedora", "redhat"}, {"rhel", "redhat"},
    {"centos", "redhat"}, {"amzn", "redhat"},   {"suse", "suse"},     {"opensuse", "suse"},
    {"sles", "suse"},     {"arch", "arch"},     {"alpine", "alpine"}, {"gentoo", "gentoo"},
};

static void unquote(const char *value, size_t len, char *ret, size_t size)
{
    char quote = 0;
    size_t n = 0;

    for (size_t i = 0; i < len && n + 1 < size; i++) {
        if (!quote && (value[i] == '"' || value[i] == '\''))
            quote = value[i];
        else if (quote && value[i] == quote)
            quote = 0;
        else if (value[i] == '\\' && quote != '\'' && i + 1 < len)
            ret[n++] = value[++i];
        else
            ret[n++] = value[i];
    }
    ret[n] = '\0';
}

static void take_line(const char *line, size_t len, struct os_release *ret)
{
    const char *equals = memchr(line, '=', len);
    size_t key_len = equals ? (size_t)(equals - line) : 0;

    for (size_t i = 0; equals && i < sizeof(fields) / sizeof(fields[0]); i++)
        if (strlen(fields[i].key) == key_len && !memcmp(fields[i].key, line, key_len))
            unquote(equals + 1, len - key_len - 1, (char *)ret + fields[i].offset, fields[i].size);
}

void os_release_parse(const char *text, size_t len, struct os_release *ret)
{
    while (len) {
        const char *end = memchr(text, '\n', len);
        size_t line = end ? (size_t)(end - text) : len;

        take_line(text, line, ret);
        line += end != NULL;
        text += line;
        len -= line;
    }
}

static const char *family_of(const char *id, size_t len)
{
    for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
        if (strlen(families[i].id) == len && !memcmp(families[i].id, id, len))
            return families[i].family;
    return NULL;
}

const char *os_release_family(const struct os_release *r)
{
    const char *family = family_of(r->id, strlen(r->id));
    const char *word = r->id_like;

    while (!family && *word) {
        size_t len = strcspn(word, " ");

        family = family_of(word, len);
        word += len + (word[len] == ' ');
    }
    return family ? family : r->id;
}
