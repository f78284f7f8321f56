/* Audit records of any bytes: parser, coalescer, acts, memory and sessions. A line of input is one record:
 * its type in two bytes, then its text. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fimd/audit/coalesce.h"
#include "fimd/audit/match.h"
#include "fimd/audit/session.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct all {
    struct match *match;
    struct sessions *sessions;
    int64_t at;
};

static bool wants(void *ctx, const struct act *head)
{
    (void)ctx;
    return head->call % 7 != 3;
}

static void touch_all(const struct act *act)
{
    char bytes[64];
    struct field f;
    for (size_t i = 0; i < act->records_count; i++) {
        struct span rest = act->records[i].body;
        while (field_next(&rest, &f)) {
            text_copy(field_text(&f), bytes, sizeof(bytes));
            struct span inner = f.value;
            while (f.form == FIELD_NESTED && field_next(&inner, &f)) {
            }
        }
    }
}

static void take(void *ctx, const struct act *act)
{
    struct all *all = ctx;
    struct match_hit hit;
    touch_all(act);
    (void)sessions_push(all->sessions, act);
    (void)match_add(all->match, act, act->call & 1, all->at++);
    for (size_t i = 0; i < act->paths_count; i++) {
        struct match_query q = {.pid = (pid_t)act->pid,
                                .inode = act->paths[i].inode,
                                .dir_inode = act->paths[0].inode,
                                .name = "f",
                                .name_len = 1,
                                .write = true,
                                .before = INT64_MAX};
        match_find(all->match, &q, &hit);
    }
    if (all->at % 16 == 0) {
        match_expire(all->match, all->at);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct match_limits limits = {.acts = 256, .opens = 256, .act_age = 40, .open_age = 80};
    struct all all = {match_new(&limits), sessions_new(8), 0};
    struct coalesce_options options = {
        .ctx = &all, .wants = wants, .act = take, .most = 8, .everything = size & 1};
    struct coalescer *c = coalesce_new(&options);
    while (size > 2 && c && all.match && all.sessions) {
        unsigned type = data[0] | (unsigned)data[1] << 8;
        const uint8_t *end = memchr(data + 2, '\n', size - 2);
        size_t len = end ? (size_t)(end - data - 2) : size - 2;
        /* A copy of just that length, so that a read beyond it is seen. */
        char *text = malloc(len ? len : 1);
        struct record r;
        memcpy(text, data + 2, len);
        if (!record_parse(type, text, len, &r)) {
            (void)coalesce_push(c, &r);
        }
        free(text);
        size_t used = 2 + len + (end != NULL);
        data += used;
        size -= used;
    }
    coalesce_expire(c, INT64_MAX);
    coalesce_free(c);
    match_free(all.match);
    sessions_free(all.sessions);
    return 0;
}
