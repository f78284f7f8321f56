/* One function a block; a block whose field is missing is left out, so that an older daemon can be asked. */
#include "fimd/cli/status.h"

#include "fimd/cli/human.h"

#include <inttypes.h>
#include <string.h>

static const char *text_or(const struct json *object, const char *key, const char *otherwise)
{
    const char *text = json_get_text(object, key);

    return text ? text : otherwise;
}

static void put_count(struct buf *to, const struct json *object, const char *key)
{
    int64_t n = json_get_int(object, key, 0);

    human_count(to, n > 0 ? (uint64_t)n : 0);
}

static void put_size(struct buf *to, const struct json *object, const char *key)
{
    int64_t n = json_get_int(object, key, 0);

    human_size(to, n > 0 ? (uint64_t)n : 0);
}

static void print_head(const struct json *s, struct buf *to)
{
    const struct json *watching = json_get(s, FIELD_WATCHING);

    buf_printf(to, "fimd %s (pid %" PRId64 ") is %s ", text_or(s, FIELD_VERSION, "?"), json_get_int(s, FIELD_PID, 0),
               text_or(s, FIELD_STATE, "?"));
    put_count(to, watching, FIELD_PATHS);
    buf_put_str(to, json_get_int(watching, FIELD_PATHS, 0) == 1 ? " path (" : " paths (");
    put_count(to, watching, FIELD_ENTRIES);
    buf_printf(to, " entries) since %s\n", text_or(s, FIELD_SINCE, "?"));
}

static void print_work(const struct json *s, struct buf *to)
{
    static const struct {
        const char *field, *text;
    } works[] = {{FIELD_FILLING, "first baseline"}, {FIELD_SCAN, "scanning"}};

    for (size_t i = 0; i < 2; i++) {
        const struct json *work = json_get(s, works[i].field);

        if (!json_get_bool(work, FIELD_RUNNING, false))
            continue;
        buf_printf(to, "  %-14s ", works[i].text);
        put_count(to, work, FIELD_ENTRIES);
        buf_put_str(to, " entries, ");
        put_size(to, work, FIELD_BYTES);
        buf_put_str(to, " so far\n");
    }
}

static void print_selftest(const struct cli *cli, const struct json *list, struct buf *to)
{
    if (!json_count(list))
        return;
    buf_put_str(to, "    self-test   ");
    for (const struct json *t = json_first(list); t; t = json_next(t)) {
        bool good = json_get_bool(t, FIELD_GOOD, false);
        const char *detail = json_get_text(t, FIELD_DETAIL);

        buf_printf(to, " %s%s %s%s", cli_colour(cli, good ? CLI_GREEN : CLI_RED), text_or(t, FIELD_GRADE, "?"),
                   good ? "holds" : "fails", cli_colour(cli, CLI_PLAIN));
        if (good)
            buf_printf(to, " (%.1f ms)", (double)json_get_int(t, FIELD_TOOK_US, 0) / 1000);
        else if (detail)
            buf_printf(to, " (%s)", detail);
        buf_put_str(to, json_next(t) ? "," : "\n");
    }
}

static void print_attribution(const struct cli *cli, const struct json *s, struct buf *to)
{
    const struct json *a = json_get(s, FIELD_ATTRIBUTION), *audit = json_get(a, FIELD_AUDIT);
    int64_t daemon_pid = json_get_int(audit, FIELD_DAEMON_PID, 0);

    if (!a)
        return;
    buf_printf(to, "  attribution    %s\n", text_or(a, FIELD_GRADE, "?"));
    if (audit) {
        buf_printf(to, "    audit        %s, %" PRId64 " of %" PRId64 " rules loaded, %" PRId64 " of others",
                   text_or(audit, FIELD_STATE, "?"), json_get_int(audit, FIELD_RULES_LOADED, 0),
                   json_get_int(audit, FIELD_RULES_WANTED, 0), json_get_int(audit, FIELD_RULES_FOREIGN, 0));
        if (daemon_pid)
            buf_printf(to, ", beside auditd (pid %" PRId64 ")", daemon_pid);
        if (json_get_text(audit, FIELD_DETAIL))
            buf_printf(to, "; %s", json_get_text(audit, FIELD_DETAIL));
        buf_put_str(to, "\n");
    }
    if (json_get(a, FIELD_PROCESS))
        buf_printf(to, "    process      %s\n", text_or(json_get(a, FIELD_PROCESS), FIELD_GRADE, "?"));
    print_selftest(cli, json_get(a, FIELD_SELFTEST), to);
}

static void print_marks(const struct json *s, struct buf *to)
{
    const struct json *marks = json_get(json_get(s, FIELD_WATCHING), FIELD_MARKS);

    for (const struct json *m = json_first(marks); m; m = json_next(m)) {
        buf_printf(to, "  %-14s %s on %s, %s mark", m == json_first(marks) ? "marks" : "", text_or(m, FIELD_FS_TYPE, "?"),
                   text_or(m, FIELD_PATH, "?"), text_or(m, FIELD_HOW, "?"));
        if (json_get_text(m, FIELD_LIMITS))
            buf_printf(to, ": %s", json_get_text(m, FIELD_LIMITS));
        buf_put_str(to, "\n");
    }
}

static void print_journal(const struct json *s, struct buf *to)
{
    const struct json *j = json_get(s, FIELD_JOURNAL);

    if (!j)
        return;
    buf_printf(to, "  journal        records %" PRId64 " to %" PRId64 ", ", json_get_int(j, FIELD_FIRST, 0),
               json_get_int(j, FIELD_LAST, 0));
    put_size(to, j, FIELD_BYTES);
    buf_put_str(to, "\n");
}

static void print_queues(const struct json *s, struct buf *to)
{
    const struct json *queues = json_get(s, FIELD_QUEUES);

    for (const struct json *q = json_first(queues); q; q = json_next(q)) {
        buf_printf(to, "  %-14s %s: ", q == json_first(queues) ? "queues" : "", text_or(q, FIELD_NAME, "?"));
        put_count(to, q, FIELD_LENGTH);
        buf_put_str(to, " waiting");
        if (json_get(q, FIELD_PEAK)) {
            buf_put_str(to, ", at most ");
            put_count(to, q, FIELD_PEAK);
        }
        if (json_get_int(q, FIELD_LIMIT, 0)) {
            buf_put_str(to, " of ");
            put_count(to, q, FIELD_LIMIT);
        }
        buf_put_str(to, "\n");
    }
}

static void print_output(const struct cli *cli, const struct json *o, struct buf *to)
{
    const char *error = json_get_text(o, FIELD_LAST_ERROR);

    buf_printf(to, "%s (%s): ", text_or(o, FIELD_NAME, "?"), text_or(o, FIELD_TYPE, "?"));
    put_count(to, o, FIELD_DELIVERED);
    buf_put_str(to, " delivered");
    if (json_get_int(o, FIELD_BACKLOG, 0)) {
        buf_put_str(to, ", ");
        put_count(to, o, FIELD_BACKLOG);
        buf_put_str(to, " waiting");
    }
    if (json_get_int(o, FIELD_DEAD, 0)) {
        buf_printf(to, ", %s", cli_colour(cli, CLI_RED));
        put_count(to, o, FIELD_DEAD);
        buf_printf(to, " refused for good%s", cli_colour(cli, CLI_PLAIN));
    }
    if (error && *error)
        buf_printf(to, "; %s%s%s", cli_colour(cli, CLI_YELLOW), error, cli_colour(cli, CLI_PLAIN));
    buf_put_str(to, "\n");
}

static void print_outputs(const struct cli *cli, const struct json *s, struct buf *to)
{
    const struct json *outputs = json_get(s, FIELD_OUTPUTS);

    for (const struct json *o = json_first(outputs); o; o = json_next(o)) {
        buf_printf(to, "  %-14s ", o == json_first(outputs) ? "outputs" : "");
        print_output(cli, o, to);
    }
}

static void print_losses(const struct cli *cli, const struct json *s, struct buf *to)
{
    const struct json *losses = json_get(s, FIELD_LOSSES);
    bool any = false;

    if (!losses)
        return;
    buf_put_str(to, "  losses         ");
    for (const struct json *l = json_first(losses); l; l = json_next(l)) {
        int64_t n = json_get_int(losses, json_key(l), 0);

        if (n <= 0)
            continue;
        buf_printf(to, "%s%s%s ", any ? ", " : "", cli_colour(cli, CLI_YELLOW), json_key(l));
        human_count(to, (uint64_t)n);
        buf_put_str(to, cli_colour(cli, CLI_PLAIN));
        any = true;
    }
    buf_put_str(to, any ? "\n" : "none\n");
}

static void print_degraded(const struct cli *cli, const struct json *s, struct buf *to)
{
    const struct json *reasons = json_get(s, FIELD_DEGRADED);

    if (!json_count(reasons)) {
        buf_printf(to, "%sall is well%s\n", cli_colour(cli, CLI_GREEN), cli_colour(cli, CLI_PLAIN));
        return;
    }
    for (const struct json *r = json_first(reasons); r; r = json_next(r))
        buf_printf(to, "%sdegraded%s: %s\n", cli_colour(cli, CLI_YELLOW), cli_colour(cli, CLI_PLAIN),
                   json_text(r) ? json_text(r) : "?");
}

void status_print(const struct cli *cli, const struct json *status, struct buf *to)
{
    print_head(status, to);
    print_work(status, to);
    print_attribution(cli, status, to);
    print_marks(status, to);
    print_journal(status, to);
    print_queues(status, to);
    print_outputs(cli, status, to);
    print_losses(cli, status, to);
    print_degraded(cli, status, to);
}
