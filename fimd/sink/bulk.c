/* _bulk: writing the request, judging the reply. Owns nothing.
 *
 *   status ─► table ─► outcome of the whole
 *                        └ 200: body ─► items[i] ─► status, error ─► verdict of the one
 */
#include "fimd/sink/bulk.h"

#include "fimd/rt/json.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* --- the request ---------------------------------------------------------------------------------------- */

/* Ids are hexadecimal and index names have no such bytes: anything else is a mistake of ours. */
static bool breaks_line(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < ' ' || *text == '"' || *text == '\\')
            return true;
    return false;
}

int bulk_put(struct buf *to, const char *index, const char *id, const char *json, size_t len)
{
    if (breaks_line(id) || (index && breaks_line(index)) || memchr(json, '\n', len))
        return -EINVAL;
    buf_put_str(to, "{\"create\":{\"_id\":\""); /* data streams take nothing but create */
    buf_put_str(to, id);
    if (index) {
        buf_put_str(to, "\",\"_index\":\"");
        buf_put_str(to, index);
    }
    buf_put_str(to, "\"}}\n");
    buf_put(to, json, len);
    buf_put_u8(to, '\n');
    return to->failed ? -ENOMEM : 0;
}

static void put_encoded(struct buf *to, const char *text)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";

    for (; *text; text++) {
        if (strchr(plain, *text))
            buf_put_u8(to, (uint8_t)*text);
        else
            buf_printf(to, "%%%02X", (unsigned char)*text);
    }
}

int bulk_path(struct buf *to, const char *index, const char *pipeline)
{
    buf_put_str(to, "/");
    if (index) {
        put_encoded(to, index);
        buf_put_str(to, "/");
    }
    buf_put_str(to, "_bulk?filter_path=errors,items.*.status,items.*.error,error,status");
    if (pipeline) {
        buf_put_str(to, "&pipeline=");
        put_encoded(to, pipeline);
    }
    return to->failed ? -ENOMEM : 0;
}

/* --- the words of an error ------------------------------------------------------------------------------ */

/* The innermost cause is the one that names the field. */
static const char *cause_of(const struct json *error)
{
    const char *reason = NULL;
    const struct json *cause = json_get(error, "caused_by");

    for (; cause; cause = json_get(cause, "caused_by"))
        reason = json_get_text(cause, "reason");
    return reason;
}

/* error: an object, or (at some addresses) just a string. */
static void describe(const struct json *error, char ret[BULK_REASON_SIZE])
{
    const char *type = json_get_text(error, "type"), *reason = json_get_text(error, "reason");
    const char *cause = cause_of(error), *text = json_text(error);

    if (text)
        snprintf(ret, BULK_REASON_SIZE, "%s", text);
    else if (type || reason)
        snprintf(ret, BULK_REASON_SIZE, "%s: %s%s%s", type ? type : "error", reason ? reason : "",
                 cause ? ": " : "", cause ? cause : "");
    else
        snprintf(ret, BULK_REASON_SIZE, "no reason given");
}

static bool is_block(const struct json *error)
{
    const char *type = json_get_text(error, "type");

    return type && !strcmp(type, "cluster_block_exception");
}

/* --- one item ------------------------------------------------------------------------------------------- */

struct range_verdict {
    unsigned from, to;
    enum bulk_verdict verdict;
};

static const struct range_verdict item_verdicts[] = {
    {200, 201, BULK_TAKEN}, {401, 401, BULK_FORBIDDEN}, {403, 403, BULK_FORBIDDEN}, {408, 408, BULK_AGAIN},
    {409, 409, BULK_TAKEN}, {429, 429, BULK_AGAIN},     {400, 499, BULK_POISON},    {500, 599, BULK_AGAIN},
};

static enum bulk_verdict verdict_of(unsigned status, const struct json *error)
{
    if (status == 403 && is_block(error)) /* a disk that is too full; newer servers say 429 */
        return BULK_AGAIN;
    for (size_t i = 0; i < sizeof(item_verdicts) / sizeof(item_verdicts[0]); i++)
        if (status >= item_verdicts[i].from && status <= item_verdicts[i].to)
            return item_verdicts[i].verdict;
    return BULK_AGAIN; /* no status that we know: never counted as taken */
}

/* One of "items": {"create": {"status": …, "error": …}}. */
static bool judge_item(const struct json *item, struct bulk_item *ret)
{
    const struct json *result = json_first(item);
    int64_t status = json_get_int(result, "status", -1);
    const struct json *error = json_get(result, "error");

    if (json_count(item) != 1 || status < 100 || status > 599)
        return false;
    *ret = (struct bulk_item){.status = (unsigned)status};
    ret->verdict = verdict_of(ret->status, error);
    if (ret->verdict != BULK_TAKEN)
        describe(error, ret->reason);
    return true;
}

static bool judge_items(const struct json *root, struct bulk_item *items, size_t count)
{
    const struct json *list = json_get(root, "items"), *item = json_first(list);

    if (json_count(list) != count)
        return false;
    for (size_t i = 0; i < count; i++, item = json_next(item))
        if (!judge_item(item, &items[i]))
            return false;
    return true;
}

/* --- the whole ------------------------------------------------------------------------------------------ */

struct range_outcome {
    unsigned from, to;
    enum bulk_outcome outcome;
};

static const struct range_outcome outcomes[] = {
    {200, 200, BULK_ITEMS},  {400, 400, BULK_REFUSED}, {401, 401, BULK_DENIED},    {403, 403, BULK_DENIED},
    {408, 408, BULK_LATER},  {413, 413, BULK_TOO_LARGE}, {429, 429, BULK_LATER},
    {300, 499, BULK_ELSEWHERE}, {500, 599, BULK_LATER},
};

static enum bulk_outcome outcome_of(unsigned status, const struct json *error)
{
    if (status == 403 && is_block(error))
        return BULK_LATER;
    for (size_t i = 0; i < sizeof(outcomes) / sizeof(outcomes[0]); i++)
        if (status >= outcomes[i].from && status <= outcomes[i].to)
            return outcomes[i].outcome;
    return BULK_LATER;
}

/* The server's own words, else (a proxy's HTML, an empty body) just the number. */
static void describe_whole(unsigned status, const struct json *error, char text[BULK_REASON_SIZE])
{
    char words[BULK_REASON_SIZE];

    if (!error) {
        snprintf(text, BULK_REASON_SIZE, "HTTP %u", status);
        return;
    }
    describe(error, words);
    snprintf(text, BULK_REASON_SIZE, "HTTP %u %.180s", status, words);
}

enum bulk_outcome bulk_judge(unsigned status, const char *body, size_t len, struct bulk_item *items,
                             size_t count, char text[BULK_REASON_SIZE])
{
    struct json *root = json_parse(body, len);
    const struct json *error = json_get(root, "error");
    enum bulk_outcome outcome = outcome_of(status, error);

    text[0] = '\0';
    if (outcome != BULK_ITEMS) {
        describe_whole(status, error, text);
    } else if (!judge_items(root, items, count)) {
        outcome = BULK_LATER;
        snprintf(text, BULK_REASON_SIZE, "the reply to %zu documents cannot be read (%zu bytes)", count, len);
    }
    json_free(root);
    return outcome;
}
