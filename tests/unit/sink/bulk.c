#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "fimd/sink/bulk.h"

static const struct {
    const char *name;
    unsigned status;
    const char *body;
    size_t count;
    enum bulk_outcome outcome;
    const char *verdicts; /* a letter an item: t(aken) a(gain) p(oison) f(orbidden) */
    const char *words;    /* of the first item that has a reason, else of the whole */
} replies[] = {
    {"all taken", 200,
     "{\"errors\":false,\"items\":[{\"create\":{\"status\":201}},{\"create\":{\"status\":200}}]}", 2,
     BULK_ITEMS, "tt", ""},
    {"mixed", 200,
     "{\"errors\":true,\"items\":[{\"create\":{\"status\":201}},{\"create\":{\"status\":429,\"error\":{"
     "\"type\":"
     "\"es_rejected_execution_exception\",\"reason\":\"busy\"}}},{\"create\":{\"status\":503}}]}",
     3, BULK_ITEMS, "taa", "es_rejected_execution_exception: busy"},
    {"errors false is not trusted", 200,
     "{\"errors\":false,\"items\":[{\"create\":{\"status\":400,\"error\":{\"type\":\"document_parsing_"
     "exception\","
     "\"reason\":\"failed\",\"caused_by\":{\"type\":\"x\",\"reason\":\"field [a]\"}}}}]}",
     1, BULK_ITEMS, "p", "document_parsing_exception: failed: field [a]"},
    {"a duplicate is ours", 200,
     "{\"items\":[{\"create\":{\"status\":409,\"error\":{\"type\":\"version_conflict_engine_exception\"}}}]}",
     1, BULK_ITEMS, "t", ""},
    {"block of a full disk, old", 200,
     "{\"items\":[{\"create\":{\"status\":403,\"error\":{\"type\":\"cluster_block_exception\",\"reason\":"
     "\"b\"}}}]}",
     1, BULK_ITEMS, "a", "cluster_block_exception: b"},
    {"block of a full disk, new", 200,
     "{\"items\":[{\"create\":{\"status\":429,\"error\":{\"type\":\"cluster_block_exception\",\"reason\":"
     "\"b\"}}}]}",
     1, BULK_ITEMS, "a", "cluster_block_exception: b"},
    {"no right to this index", 200,
     "{\"items\":[{\"create\":{\"status\":403,\"error\":{\"type\":\"security_exception\",\"reason\":\"no\"}}}"
     "]}",
     1, BULK_ITEMS, "f", "security_exception: no"},
    {"index missing", 200,
     "{\"items\":[{\"create\":{\"status\":404,\"error\":{\"type\":\"index_not_found_exception\"}}}]}", 1,
     BULK_ITEMS, "p", "index_not_found_exception: "},
    {"a pipeline that fails", 200, "{\"items\":[{\"create\":{\"status\":500}}]}", 1, BULK_ITEMS, "a",
     "no reason given"},
    {"one item too few", 200, "{\"items\":[{\"create\":{\"status\":201}}]}", 2, BULK_LATER, "",
     "cannot be read"},
    {"one item too many", 200, "{\"items\":[{\"create\":{\"status\":201}},{\"create\":{\"status\":201}}]}", 1,
     BULK_LATER, "", "cannot be read"},
    {"cut off", 200, "{\"items\":[{\"create\":{\"status\":201}}", 1, BULK_LATER, "", "cannot be read"},
    {"no items", 200, "{}", 1, BULK_LATER, "", "cannot be read"},
    {"not JSON", 200, "<html>", 1, BULK_LATER, "", "cannot be read"},
    {"item without a status", 200, "{\"items\":[{\"create\":{}}]}", 1, BULK_LATER, "", "cannot be read"},
    {"status that is a text", 200, "{\"items\":[{\"create\":{\"status\":\"201\"}}]}", 1, BULK_LATER, "",
     "cannot be read"},
    {"item that is no object", 200, "{\"items\":[201]}", 1, BULK_LATER, "", "cannot be read"},
    {"too large, empty body", 413, "", 5, BULK_TOO_LARGE, "", "HTTP 413"},
    {"busy", 429,
     "{\"error\":{\"type\":\"circuit_breaking_exception\",\"reason\":\"Data too large\"},\"status\":429}", 5,
     BULK_LATER, "", "HTTP 429 circuit_breaking_exception: Data too large"},
    {"recovering", 503, "{\"error\":{\"type\":\"cluster_block_exception\"}}", 5, BULK_LATER, "", "HTTP 503"},
    {"read-only cluster", 403, "{\"error\":{\"type\":\"cluster_block_exception\",\"reason\":\"r\"}}", 5,
     BULK_LATER, "", "HTTP 403 cluster_block_exception: r"},
    {"no right", 403, "{\"error\":{\"type\":\"security_exception\",\"reason\":\"r\"}}", 5, BULK_DENIED, "",
     "HTTP 403"},
    {"a proxy's page", 401, "<html>Unauthorized</html>", 5, BULK_DENIED, "", "HTTP 401"},
    {"bad request", 400, "{\"error\":{\"type\":\"illegal_argument_exception\",\"reason\":\"r\"}}", 5,
     BULK_REFUSED, "", "HTTP 400 illegal_argument_exception: r"},
    {"wrong content type", 406, "{\"error\":\"Content-Type header\",\"status\":406}", 5, BULK_ELSEWHERE, "",
     "HTTP 406 Content-Type header"},
    {"moved", 302, "", 5, BULK_ELSEWHERE, "", "HTTP 302"},
    {"not there", 404, "", 5, BULK_ELSEWHERE, "", "HTTP 404"},
    {"accepted, says who knows what", 202, "", 5, BULK_LATER, "", "HTTP 202"},
};

static const char letters[BULK_VERDICTS + 1] = "atpf";

Test(bulk, reply_means_what_the_table_says)
{
    for (size_t i = 0; i < sizeof(replies) / sizeof(replies[0]); i++) {
        struct bulk_item items[8] = {0};
        char text[BULK_REASON_SIZE];
        const char *words = text;
        enum bulk_outcome outcome = bulk_judge(replies[i].status, replies[i].body, strlen(replies[i].body),
                                               items, replies[i].count, text);

        cr_expect_eq(outcome, replies[i].outcome, "%s: outcome %d", replies[i].name, outcome);
        for (size_t k = 0; k < strlen(replies[i].verdicts); k++) {
            cr_expect_eq(letters[items[k].verdict], replies[i].verdicts[k], "%s: item %zu is %c",
                         replies[i].name, k, letters[items[k].verdict]);
            if (items[k].reason[0] && words == text)
                words = items[k].reason;
        }
        cr_expect_not_null(strstr(words, replies[i].words), "%s: '%s'", replies[i].name, words);
    }
}

Test(bulk, long_reason_is_cut)
{
    char body[4096], text[BULK_REASON_SIZE];
    struct bulk_item item;
    int n = snprintf(body, sizeof(body),
                     "{\"items\":[{\"create\":{\"status\":400,\"error\":{\"type\":\"t\",\"reason\":\"");

    memset(body + n, 'x', 3000);
    strcpy(body + n + 3000, "\"}}}]}");
    cr_assert_eq(bulk_judge(200, body, strlen(body), &item, 1, text), BULK_ITEMS);
    cr_expect_eq(strlen(item.reason), BULK_REASON_SIZE - 1);
}

Test(bulk, request_is_two_lines_a_document)
{
    struct buf body = {0};

    cr_assert_eq(bulk_put(&body, NULL, "01ab", "{\"a\":1}", 7), 0);
    cr_assert_eq(bulk_put(&body, "audit-2026.11.21", "01ac", "{}", 2), 0);
    cr_expect_str_eq(buf_cstr(&body),
                     "{\"create\":{\"_id\":\"01ab\"}}\n{\"a\":1}\n"
                     "{\"create\":{\"_id\":\"01ac\",\"_index\":\"audit-2026.11.21\"}}\n{}\n");
    buf_fini(&body);
}

static const struct {
    const char *index, *id, *json;
} broken[] = {{NULL, "a\"b", "{}"}, {"a\\b", "a", "{}"}, {NULL, "a\nb", "{}"}, {NULL, "a", "{\n}"}};

Test(bulk, nothing_breaks_a_line)
{
    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
        struct buf body = {0};

        cr_expect_eq(bulk_put(&body, broken[i].index, broken[i].id, broken[i].json, strlen(broken[i].json)),
                     -EINVAL);
        buf_fini(&body);
    }
}

Test(bulk, path_is_encoded)
{
    struct buf path = {0};

    cr_assert_eq(bulk_path(&path, "a b/c", "p&q"), 0);
    cr_expect_str_eq(
        buf_cstr(&path),
        "/a%20b%2Fc/_bulk?filter_path=errors,items.*.status,items.*.error,error,status&pipeline=p%26q");
    buf_fini(&path);
}
