/* The texts of values: ${NAME} replaced from the environment, and one text taken for a list of one. */
#include <errno.h>
#include <string.h>

#include "baseline/buf.h"
#include "fimd/config/key.h"

static bool is_name(const char *name, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        char c = name[i];
        if (!(c == '_' || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (i && c >= '0' && c <= '9')))
            return false;
    }
    return len;
}

/* Replaces the ${NAME} that begins at `at`; what follows it, or NULL after a mistake. */
static const char *expand_one(struct reader *r, const struct yaml *n, const char *at, struct buf *to)
{
    const char *name = at + 2, *end = strchr(name, '}');
    if (!end || !is_name(name, (size_t)(end - name))) {
        reader_mistake(r, n,
                       "'%s' has a '${' without a name and '}' behind; write ${NAME}, or $${ for '${' itself",
                       n->text);
        return NULL;
    }
    const char *key = arena_text(r->arena, name, (size_t)(end - name));
    if (!reader_ok(r, key ? 0 : -ENOMEM))
        return NULL;
    const char *value = r->env ? r->env(key) : NULL;
    if (!value) {
        reader_mistake(r, n, "${%s} is not set in the environment; set it, or write the value itself", key);
        return NULL;
    }
    buf_put_str(to, value);
    return end + 1;
}

static bool expand(struct reader *r, const struct yaml *n, struct buf *to)
{
    const char *at = n->text, *next;
    while ((next = strstr(at, "${"))) {
        bool escaped = next > at && next[-1] == '$';
        buf_put(to, at, (size_t)(next - at) - escaped);
        if (escaped) {
            buf_put_str(to, "${");
            at = next + 2;
        } else if (!(at = expand_one(r, n, next, to))) {
            return false;
        }
    }
    buf_put_str(to, at);
    return reader_ok(r, to->failed ? -ENOMEM : 0);
}

static void text_expand(struct reader *r, struct yaml *n)
{
    struct buf whole = {0};
    n->bad = true;
    if (expand(r, n, &whole)) {
        const char *text = arena_text(r->arena, (const char *)whole.data, whole.len);
        if (reader_ok(r, text ? 0 : -ENOMEM)) {
            n->text = text;
            n->bad = false;
        }
    }
    buf_fini(&whole);
}

void texts_expand(struct reader *r, struct yaml *n)
{
    for (; n; n = n->next) {
        if (n->kind != NODE_TEXT)
            texts_expand(r, n->first);
        else if (strstr(n->text, "${"))
            text_expand(r, n);
    }
}

const char *text_of(struct reader *r, const struct yaml *n)
{
    if (n->kind == NODE_TEXT)
        return n->bad ? NULL : n->text;
    reader_mistake(r, n, "a %s stands here; write one value", n->kind == NODE_LIST ? "list" : "map");
    return NULL;
}

const struct yaml *items_of(struct reader *r, const struct yaml *n)
{
    if (n->kind == NODE_LIST)
        return n->first;
    if (n->kind == NODE_TEXT)
        return n;
    reader_mistake(r, n, "a map stands here; write a list, as [a, b]");
    return NULL;
}
