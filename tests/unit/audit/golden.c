/* Records of this kernel, as stored in data/ by ./regenerate, give the acts that stand beside them. With
 * FIMD_GOLDEN=rewrite in the environment the acts are written anew instead. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "baseline/buf.h"
#include "baseline/path.h"
#include "fimd/audit/coalesce.h"

struct lines {
    char *bytes;
    struct record list[2048];
    size_t count;
};

static char *read_all(const char *path)
{
    size_t cap = 4 << 20;
    char *bytes = calloc(1, cap);
    FILE *f = fopen(path, "re");
    cr_assert(f, "%s", path);
    cr_assert_lt(fread(bytes, 1, cap - 1, f), cap - 1);
    fclose(f);
    return bytes;
}

static void read_lines(const char *name, struct lines *ret)
{
    char path[512], *end;
    snprintf(path, sizeof(path), TEST_DATA "/%s.records", name);
    ret->bytes = read_all(path);
    ret->count = 0;
    for (char *at = ret->bytes; (end = strchr(at, '\n')); at = end + 1) {
        char *text;
        unsigned type = (unsigned)strtoul(at, &text, 10);
        cr_assert_lt(ret->count, 2048);
        cr_assert_eq(record_parse(type, text + 1, (size_t)(end - text - 1), &ret->list[ret->count++]), 0);
    }
}

static void put_text(struct buf *to, const char *name, struct text t)
{
    char bytes[8192];
    if (!t.raw.data) {
        return;
    }
    buf_printf(to, " %s=", name);
    path_escape(to, bytes, text_copy(t, bytes, sizeof(bytes)));
}

static void dump(void *ctx, const struct act *a)
{
    static const char *const items[] = {[0] = "unknown", [ITEM_NORMAL] = "normal", [ITEM_PARENT] = "parent",
                                        [ITEM_CREATE] = "create", [ITEM_DELETE] = "delete"};
    struct buf *to = ctx;
    buf_printf(
        to, "%lld:%llu type=%u call=%u arch=%x %s %s exit=%lld pid=%u ppid=%u auid=%d ses=%d uid=%u euid=%u",
        (long long)(a->time / 1000000), (unsigned long long)a->serial, a->type, a->call, a->arch,
        a->complete ? "complete" : "incomplete", a->success ? "success" : "failure", (long long)a->exit,
        a->pid, a->ppid, (int)a->auid, (int)a->ses, a->uid, a->euid);
    put_text(to, "comm", a->comm);
    put_text(to, "exe", a->exe);
    put_text(to, "tty", a->tty);
    put_text(to, "key", a->key);
    put_text(to, "cwd", a->cwd);
    put_text(to, "proctitle", a->proctitle);
    buf_printf(to, " records=%zu\n", a->records_count);
    for (size_t i = 0; i < a->paths_count; i++) {
        const struct act_path *p = &a->paths[i];
        buf_printf(to, "    %s inode=%llu dev=%x:%x mode=%o uid=%u", items[p->item],
                   (unsigned long long)p->inode, p->major, p->minor, p->mode, p->uid);
        put_text(to, "name", p->name);
        buf_put_str(to, "\n");
    }
}

static void acts_of(const struct lines *lines, struct buf *to)
{
    struct coalesce_options options = {.ctx = to, .act = dump, .everything = true};
    struct coalescer *c = coalesce_new(&options);
    for (size_t i = 0; i < lines->count; i++) {
        cr_assert_eq(coalesce_push(c, &lines->list[i]), 0);
    }
    cr_expect_eq(coalesce_open(c), 0);
    cr_expect_eq(coalesce_incomplete(c), 0);
    coalesce_free(c);
}

static void check(const char *name)
{
    static struct lines lines;
    struct buf acts = {0};
    char path[512];
    snprintf(path, sizeof(path), TEST_DATA "/%s.acts", name);
    read_lines(name, &lines);
    acts_of(&lines, &acts);
    cr_assert(buf_cstr(&acts));
    const char *rewrite = getenv("FIMD_GOLDEN");
    if (rewrite && !strcmp(rewrite, "rewrite")) {
        FILE *f = fopen(path, "we");
        cr_assert(f && fwrite(acts.data, 1, acts.len, f) == acts.len);
        fclose(f);
    } else {
        char *golden = read_all(path);
        cr_expect_str_eq(buf_cstr(&acts), golden, "%s", name);
        free(golden);
    }
    buf_fini(&acts);
    free(lines.bytes);
}

Test(golden, every_operation_on_files)
{
    check("files");
}

Test(golden, a_crowd_whose_records_come_interleaved)
{
    check("crowd");
}

Test(golden, a_program_with_arguments_and_its_login)
{
    check("program");
}

static int later_event_first(const void *left, const void *right)
{
    const struct record *a = left, *b = right;
    return a->serial != b->serial ? (a->serial < b->serial ? 1 : -1) : a->body.data < b->body.data ? -1 : 1;
}

static size_t lines_in(const char *text)
{
    size_t n = 0;
    for (; (text = strchr(text, '\n')); text++) {
        n++;
    }
    return n;
}

Test(golden, the_order_of_events_does_not_matter)
{
    static struct lines lines;
    struct buf forth = {0}, back = {0};
    read_lines("crowd", &lines);
    acts_of(&lines, &forth);
    qsort(lines.list, lines.count, sizeof(lines.list[0]), later_event_first);
    acts_of(&lines, &back);
    cr_expect_eq(forth.len, back.len);
    cr_expect_eq(lines_in(buf_cstr(&forth)), lines_in(buf_cstr(&back)));
    buf_fini(&forth);
    buf_fini(&back);
    free(lines.bytes);
}
