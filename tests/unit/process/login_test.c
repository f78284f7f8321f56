/* What is known of one process's login, in every order in which records and readings can come. */
#include "fimd/process/login.h"

#include <criterion/criterion.h>

#include "fimd/model/actor.h"

enum { N = 0 /* end */, SET, READ };
#define NOBODY ACTOR_UNSET

struct step {
    int what;
    int64_t time;
    uint32_t user, session;
};
struct question {
    int64_t at;
    enum login_answer answer;
    uint32_t user;
};

Test(logins, answers_by_time)
{
    static const struct {
        const char *name;
        struct step steps[5];
        struct question questions[5];
    } cases[] = {
        {"nothing known: the parent is asked", {{0}}, {{5, LOGIN_INHERITED, 0}, {0}}},
        {"before its own login the parent is asked",
         {{SET, 100, 7, 1}},
         {{99, LOGIN_INHERITED, 0}, {100, LOGIN_KNOWN, 7}, {999, LOGIN_KNOWN, 7}, {0}}},
        {"a first reading holds from the beginning",
         {{READ, 100, 7, 1}},
         {{1, LOGIN_KNOWN, 7}, {200, LOGIN_KNOWN, 7}, {0}}},
        {"a login told after it was read begins with the record's time",
         {{READ, 100, 7, 1}, {SET, 60, 7, 1}},
         {{59, LOGIN_INHERITED, 0}, {60, LOGIN_KNOWN, 7}, {0}}},
        {"a login comes after whatever else was read before it",
         {{READ, 100, NOBODY, NOBODY}, {SET, 60, 7, 1}},
         {{60, LOGIN_KNOWN, NOBODY}, {100, LOGIN_KNOWN, NOBODY}, {101, LOGIN_KNOWN, 7}, {0}}},
        {"an older login told late stands before the newer one",
         {{READ, 100, 8, 2}, {SET, 60, 7, 1}, {SET, 80, 8, 2}},
         {{50, LOGIN_INHERITED, 0}, {70, LOGIN_KNOWN, 7}, {90, LOGIN_KNOWN, 8}, {0}}},
        {"between two readings that differ it is not known",
         {{READ, 100, 7, 1}, {READ, 200, 8, 2}},
         {{100, LOGIN_KNOWN, 7}, {150, LOGIN_UNKNOWN, 0}, {200, LOGIN_KNOWN, 8}, {0}}},
        {"until the record tells when it changed",
         {{READ, 100, 7, 1}, {READ, 200, 8, 2}, {SET, 150, 8, 2}},
         {{149, LOGIN_KNOWN, 7}, {150, LOGIN_KNOWN, 8}, {0}}},
        {"two logins one after the other",
         {{SET, 10, 7, 1}, {SET, 20, 8, 2}},
         {{9, LOGIN_INHERITED, 0}, {15, LOGIN_KNOWN, 7}, {20, LOGIN_KNOWN, 8}, {0}}},
        {"a login that is taken back",
         {{SET, 10, 7, 1}, {SET, 20, NOBODY, NOBODY}},
         {{15, LOGIN_KNOWN, 7}, {25, LOGIN_KNOWN, NOBODY}, {0}}},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct logins l = {0};
        for (const struct step *s = cases[i].steps; s->what; s++) {
            if (s->what == SET)
                cr_assert_eq(logins_set(&l, s->time, s->user, s->session, false), 0);
            else
                cr_assert_eq(logins_confirm(&l, s->time, s->user, s->session), 0);
        }
        for (const struct question *q = cases[i].questions; q->at; q++) {
            struct login_span span = {0};
            enum login_answer answer = logins_at(&l, q->at, &span);
            cr_expect_eq(answer, q->answer, "%s, at %ld: %d", cases[i].name, (long)q->at, (int)answer);
            if (q->answer == LOGIN_KNOWN)
                cr_expect_eq(span.user, q->user, "%s, at %ld: %u", cases[i].name, (long)q->at, span.user);
        }
        logins_fini(&l);
    }
}

Test(logins, many_are_bounded_and_the_forgotten_are_unknown)
{
    struct logins l = {0};
    struct login_span span;
    for (uint32_t i = 1; i <= 100; i++)
        cr_assert_eq(logins_set(&l, i * 10, i, i, false), 0);
    cr_assert_leq(l.count, 16);
    cr_assert_eq(logins_at(&l, 1000, &span), LOGIN_KNOWN);
    cr_assert_eq(span.user, 100);
    cr_assert_eq(logins_at(&l, 15, &span), LOGIN_UNKNOWN);
    logins_fini(&l);
}

Test(logins, doubtful_is_unknown_until_it_is_read)
{
    struct logins l = {0};
    struct login_span span;
    cr_assert_eq(logins_set(&l, 10, 7, 1, true), 0);
    cr_assert_eq(logins_at(&l, 20, &span), LOGIN_UNKNOWN);
    cr_assert_eq(logins_confirm(&l, 30, 7, 1), 0);
    cr_assert_eq(logins_at(&l, 40, &span), LOGIN_KNOWN);
    logins_fini(&l);
}
