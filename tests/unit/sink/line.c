#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "baseline/attr.h"
#include "sample.h"

static char *line_of(const struct event *e, unsigned flags)
{
    struct buf text = {0};

    document_line(e, flags, &text);
    cr_assert_not_null(buf_cstr(&text));
    return (char *)text.data;
}

static void utc(void)
{
    setenv("TZ", "UTC", 1);
    tzset();
}

static void simplify(struct event *e)
{
    actor_unref(e->actors[--e->actors_count]);
    e->changes = ATTR_CONTENT | ATTR_SIZE | ATTR_MTIME | ATTR_INODE;
    e->actors[0]->login = 54321; /* nobody's */
}

Test(line, tells_when_what_who_how, .init = utc)
{
    struct event e;
    char *text;

    sample_change(&e);
    simplify(&e);
    text = line_of(&e, 0);
    cr_expect_str_eq(text, "09:15:30 updated  /etc/sudoers   by uid 54321 as root, from 10.1.2.3   "
                           "vim ← sudo ← bash   size 1671→1714");
    free(text);
    event_fini(&e);
}

Test(line, known_person_has_name_and_number, .init = utc)
{
    struct event e;
    char *text;

    sample_change(&e);
    simplify(&e);
    e.actors[0]->login = 0;
    text = line_of(&e, DOCUMENT_DATE);
    cr_expect_not_null(strstr(text, "2026-09-04 09:15:30 updated  "), "%s", text);
    cr_expect_not_null(strstr(text, "   by root (uid 0), from 10.1.2.3   "), "%s", text);
    free(text);
    event_fini(&e);
}

static const struct {
    bool known;
    const char *words;
} nobodies[] = {{true, "by a service as root"}, {false, "by an unknown person as root"}};

Test(line, no_login_is_not_root, .init = utc)
{
    for (size_t i = 0; i < 2; i++) {
        struct event e;
        char *text;

        sample_change(&e);
        simplify(&e);
        e.actors[0]->login = ACTOR_UNSET;
        e.actors[0]->login_known = nobodies[i].known;
        text = line_of(&e, 0);
        cr_expect_not_null(strstr(text, nobodies[i].words), "%s", text);
        free(text);
        event_fini(&e);
    }
}

Test(line, others_are_counted, .init = utc)
{
    struct event e;
    char *text;

    sample_change(&e);
    text = line_of(&e, 0);
    cr_expect_not_null(strstr(text, " and 1 other "), "%s", text);
    free(text);
    e.actors[1]->login = e.actors[0]->login; /* another program of the same person */
    text = line_of(&e, 0);
    cr_expect_null(strstr(text, "other"), "%s", text);
    free(text);
    e.actors_more = true;
    text = line_of(&e, 0);
    cr_expect_not_null(strstr(text, " and perhaps others "), "%s", text);
    free(text);
    event_fini(&e);
}

Test(line, escapes_what_a_terminal_would_obey, .init = utc)
{
    struct event e;
    char *text;

    sample_change(&e);
    simplify(&e);
    free(e.path);
    e.path = strdup("/tmp/\033[2J\n\xff");
    free(e.actors[0]->program.name);
    e.actors[0]->program.name = strdup("\033x");
    free(e.actors[0]->address);
    e.actors[0]->address = strdup("\033y");
    text = line_of(&e, 0);
    cr_expect_null(strchr(text, '\033'), "%s", text);
    cr_expect_null(strchr(text, '\n'), "%s", text);
    cr_expect_not_null(strstr(text, "[2J\\n\\xFF"), "%s", text);
    free(text);
    event_fini(&e);
}

Test(line, colours_only_when_asked, .init = utc)
{
    struct event e;
    char *text;

    sample_change(&e);
    text = line_of(&e, DOCUMENT_COLOUR);
    cr_expect_not_null(strstr(text, "\033[33mupdated\033[0m"), "%s", text);
    free(text);
    event_fini(&e);
}

Test(line, move_shows_both_names, .init = utc)
{
    struct event e;
    char *text;

    sample_change(&e);
    e.actions = ACTION_MOVED;
    e.path_old = strdup("/etc/old");
    text = line_of(&e, 0);
    cr_expect_not_null(strstr(text, "moved    /etc/old → /etc/sudoers"), "%s", text);
    free(text);
    event_fini(&e);
}

Test(line, state_is_its_message, .init = utc)
{
    struct event e;
    char *text;

    sample_state(&e);
    text = line_of(&e, 0);
    cr_expect_str_eq(text, "09:15:30 queue-overflow the kernel's queue overflowed; /etc is scanned");
    free(text);
    event_fini(&e);
}
