/* The table of waiting changes, in simulated time. */
#include "fimd/flow/pending.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "fimd/rt/clock.h"
#include "fimd/watch/watch.h"

static const int64_t MS = NS_PER_MS;

static struct pending *table(void)
{
    const struct pending_options options = {.settle = 100 * MS, .settle_max = 5000 * MS};
    struct pending *p = NULL;
    cr_assert_eq(pending_new(&options, &p), 0);
    return p;
}

static struct pending_event event(const char *path, uint32_t ops, pid_t pid, int64_t at)
{
    return (struct pending_event){.path = path, .path_len = strlen(path), .ops = ops, .source = SOURCE_FANOTIFY,
                                  .touch = {.pid = pid, .ops = ops, .at = at}};
}

static void add(struct pending *p, const char *path, uint32_t ops, pid_t pid, int64_t at)
{
    struct pending_event e = event(path, ops, pid, at);
    struct process *dropped;
    cr_assert_eq(pending_add(p, &e, at, &dropped), 0);
}

static void add_rename(struct pending *p, const char *from, const char *to, pid_t pid, int64_t at)
{
    struct pending_event e = event(to, WATCH_RENAME, pid, at);
    struct process *dropped;
    e.old_path = from;
    e.old_path_len = strlen(from);
    cr_assert_eq(pending_add(p, &e, at, &dropped), 0);
}

static struct finding *take(struct pending *p, int64_t now)
{
    int64_t due;
    return pending_take(p, now, &due);
}

static void finish(struct pending *p, struct finding *f)
{
    pending_done(p, f);
}

static void end(struct pending *p)
{
    for (struct finding *f; (f = pending_drain(p)) != NULL;)
        pending_done(p, f);
    pending_free(p);
}

/* When a lone path is at rest after its events, ms; -1: not within 10 s. */
struct rest_case {
    const char *name;
    struct {
        uint32_t ops;
        int at;
    } events[4];
    int rests;
};

Test(pending, rests_by_what_was_seen_last)
{
    static const struct rest_case cases[] = {
        {"closed is at rest", {{WATCH_CREATE, 1}, {WATCH_MODIFY, 2}, {WATCH_CLOSE_WRITE, 3}}, 3},
        {"one merged event is at rest", {{WATCH_MODIFY | WATCH_CLOSE_WRITE, 1}}, 1},
        {"attributes are at rest", {{WATCH_ATTRIB, 1}}, 1},
        {"written and open waits for quiet", {{WATCH_MODIFY, 1}}, 101},
        {"quiet counts from the last write", {{WATCH_MODIFY, 1}, {WATCH_MODIFY, 50}}, 150},
        {"created and open waits for quiet", {{WATCH_CREATE, 1}}, 101},
        {"a new directory is at rest", {{WATCH_CREATE | WATCH_DIR, 1}}, 1},
        {"deleted may come back", {{WATCH_DELETE, 1}}, 51},
        {"deleted and made again is at rest when closed", {{WATCH_DELETE, 1}, {WATCH_CREATE, 2}, {WATCH_CLOSE_WRITE, 3}}, 3},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct pending *p = table();
        int rests = -1;
        for (size_t k = 0; k < 4 && cases[i].events[k].ops; k++)
            add(p, "/w/f", cases[i].events[k].ops, 7, cases[i].events[k].at * MS);
        int last = 0;
        for (size_t k = 0; k < 4 && cases[i].events[k].ops; k++)
            last = cases[i].events[k].at;
        for (int ms = last; ms < 10000 && rests < 0; ms++) {
            struct finding *f = take(p, ms * MS);
            if (f) {
                rests = ms;
                finish(p, f);
            }
        }
        cr_expect_eq(rests, cases[i].rests, "%s: rests at %d, not %d", cases[i].name, rests, cases[i].rests);
        end(p);
    }
}

Test(pending, a_file_written_without_pause_is_told_in_time)
{
    struct pending *p = table();
    int told = 0;
    for (int ms = 1; ms <= 11000; ms += 10) {
        add(p, "/w/log", WATCH_MODIFY, 7, ms * MS);
        struct finding *f = take(p, ms * MS);
        if (f) {
            told++;
            finish(p, f);
        }
    }
    cr_assert_eq(told, 2);
    end(p);
}

Test(pending, a_temporary_file_waits_whether_it_stays)
{
    struct pending *p = table();
    struct pending_event e = event("/w/sedAbCdEf", WATCH_CREATE | WATCH_MODIFY | WATCH_CLOSE_WRITE, 7, MS);
    struct process *dropped;
    e.transient = true;
    cr_assert_eq(pending_add(p, &e, MS, &dropped), 0);
    cr_assert_null(take(p, 4000 * MS));
    add_rename(p, "/w/sedAbCdEf", "/w/f", 7, 4100 * MS);
    struct finding *f = take(p, 4100 * MS);
    cr_assert_not_null(f);
    cr_assert_str_eq(f->path, "/w/f");
    cr_assert_str_eq(f->old_path, "/w/sedAbCdEf");
    finish(p, f);
    cr_assert_eq(pending_count(p), 0); /* the temporary file's own finding was taken over */
    end(p);
}

Test(pending, a_rename_takes_over_who_wrote_the_file)
{
    struct pending *p = table();
    add(p, "/w/new", WATCH_CREATE | WATCH_MODIFY, 7, MS);
    add_rename(p, "/w/new", "/w/f", 8, 2 * MS);
    struct finding *f = take(p, 2 * MS);
    cr_assert_not_null(f);
    cr_assert_eq(f->touches_count, 2);
    cr_assert_eq(f->touches[0].pid, 7);
    cr_assert_eq(f->touches[1].pid, 8);
    finish(p, f);
    end(p);
}

static void add_walked(struct pending *p, const char *path, bool removed, int64_t at)
{
    struct pending_event e = event(path, 0, 0, at);
    struct process *dropped;
    e.walked = true;
    e.removed = removed;
    cr_assert_eq(pending_add(p, &e, at, &dropped), 0);
}

Test(pending, what_a_walk_found_leaves_time_for_the_event_that_tells_how_it_came)
{
    struct pending *p = table();
    add_walked(p, "/w/a", true, MS);
    cr_expect_null(take(p, 2 * MS));
    add_rename(p, "/w/a", "/w/b", 8, 3 * MS);
    struct finding *f = take(p, 3 * MS);
    cr_assert_not_null(f);
    cr_expect_str_eq(f->path, "/w/b");
    cr_expect_not(f->removed);
    finish(p, f);
    add_walked(p, "/w/c", false, 10 * MS);
    cr_expect_null(take(p, 59 * MS));
    f = take(p, 60 * MS);
    cr_assert_not_null(f);
    cr_expect_str_eq(f->path, "/w/c");
    finish(p, f);
    end(p);
}

Test(pending, a_walk_does_not_hurry_a_file_that_is_written)
{
    struct pending *p = table();
    add(p, "/w/f", WATCH_CREATE, 7, MS);
    add_walked(p, "/w/f", false, 40 * MS);
    cr_expect_null(take(p, 91 * MS));
    struct finding *f = take(p, 140 * MS);
    cr_assert_not_null(f);
    finish(p, f);
    end(p);
}

Test(pending, nobody_puts_a_change_off_by_making_and_deleting_without_end)
{
    struct pending *p = table();
    struct finding *f = NULL;
    int64_t at = MS;
    for (; !f && at < 60000 * MS; at += 10 * MS) {
        add(p, "/w/f", WATCH_CREATE | WATCH_DELETE, 7, at);
        f = take(p, at);
    }
    cr_assert_not_null(f);
    finish(p, f);
    end(p);
}

Test(pending, findings_of_one_path_go_one_after_another)
{
    struct pending *p = table();
    add(p, "/w/f", WATCH_CLOSE_WRITE, 7, MS);
    struct finding *first = take(p, MS);
    cr_assert_not_null(first);
    add(p, "/w/f", WATCH_CLOSE_WRITE, 8, 2 * MS);
    cr_assert_null(take(p, 5 * MS), "the second waits until the first is done");
    finish(p, first);
    struct finding *second = take(p, 5 * MS);
    cr_assert_not_null(second);
    cr_assert_eq(second->touches[0].pid, 8);
    finish(p, second);
    end(p);
}

Test(pending, a_rename_waits_for_what_is_taken_on_its_old_path)
{
    struct pending *p = table();
    add(p, "/w/a", WATCH_CLOSE_WRITE, 7, MS);
    struct finding *first = take(p, MS);
    add_rename(p, "/w/a", "/w/b", 7, 2 * MS);
    add(p, "/w/a", WATCH_CREATE | WATCH_CLOSE_WRITE, 9, 3 * MS); /* another file at the old path */
    cr_assert_null(take(p, 4 * MS));
    finish(p, first);
    struct finding *moved = take(p, 4 * MS);
    cr_assert_not_null(moved);
    cr_assert_str_eq(moved->path, "/w/b");
    cr_assert_null(take(p, 4 * MS), "what came to the old path afterwards waits for the move");
    finish(p, moved);
    struct finding *later = take(p, 4 * MS);
    cr_assert_not_null(later);
    cr_assert_str_eq(later->path, "/w/a");
    finish(p, later);
    end(p);
}

Test(pending, every_process_that_touched_is_kept_once)
{
    struct pending *p = table();
    for (int i = 0; i < 30; i++)
        add(p, "/w/f", WATCH_MODIFY, 100 + i % 3, (1 + i) * MS);
    struct finding *f = take(p, 1000 * MS);
    cr_assert_not_null(f);
    cr_assert_eq(f->touches_count, 3);
    cr_assert_not(f->touches_more);
    finish(p, f);
    for (int i = 0; i < 30; i++)
        add(p, "/w/g", WATCH_MODIFY, 100 + i, (1 + i) * MS);
    f = take(p, 2000 * MS);
    cr_assert_not_null(f);
    cr_assert_eq(f->touches_count, FINDING_TOUCHES);
    cr_assert(f->touches_more);
    finish(p, f);
    end(p);
}

Test(pending, tells_when_the_next_is_due)
{
    struct pending *p = table();
    int64_t due;
    cr_assert_null(pending_take(p, MS, &due));
    cr_assert_eq(due, INT64_MAX);
    add(p, "/w/f", WATCH_MODIFY, 7, MS);
    add(p, "/w/g", WATCH_DELETE, 7, MS);
    cr_assert_null(pending_take(p, MS, &due));
    cr_assert_eq(due, 51 * MS);
    end(p);
}

Test(pending, holds_many_paths_and_lets_them_go)
{
    struct pending *p = table();
    char path[64];
    for (int i = 0; i < 20000; i++) {
        snprintf(path, sizeof(path), "/w/%d", i);
        add(p, path, i % 2 ? WATCH_CLOSE_WRITE : WATCH_MODIFY, 7, (1 + i % 10) * MS);
    }
    cr_assert_eq(pending_count(p), 20000);
    int taken = 0;
    for (struct finding *f; (f = take(p, 10000 * MS)) != NULL; taken++)
        finish(p, f);
    cr_assert_eq(taken, 20000);
    cr_assert_eq(pending_count(p), 0);
    cr_assert_eq(pending_oldest(p), pending_newest(p) + 1);
    end(p);
}
