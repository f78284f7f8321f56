/* fimctl explain: everything about one path: the rules, what the store knows, what is there, and, when the daemon
 * runs, how it is watched and attributed. */
#include "fimd/cli/command.h"

#include "baseline/attr.h"
#include "baseline/path.h"
#include "fimd/cli/facts.h"
#include "fimd/cli/human.h"
#include "fimd/cli/print.h"
#include "fimd/cli/target.h"
#include "fimd/cli/why.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

struct explaining {
    struct cli *cli;
    const char *path;
    size_t len;
    struct verdict verdict;
    struct node node;   /* the store's */
    bool known;
    struct entry now;   /* on the disk; ENTRY_ABSENT */
    uint32_t differs;   /* enum attr, of what the rules ask for */
    struct json *watch; /* the daemon's answer; NULL */
};

static int read_node(struct store_txn *t, void *ctx)
{
    struct explaining *x = ctx;

    return store_get(t, x->path, x->len, &x->node);
}

/* A store that is not there, or not for us, leaves this part out. */
static void ask_store(struct explaining *x)
{
    struct store *store = NULL;
    struct fault why = {0};
    struct store_options options = {.dir = x->cli->settings.state_dir, .read_only = true};

    if (store_open(&options, &store, &why) < 0) {
        if (why.error != ENOENT)
            cli_fault(x->cli, 0, &why);
        return;
    }
    x->known = store_read(store, read_node, x, &why) == 0;
    store_close(store);
}

static int look(struct explaining *x)
{
    struct measure_options options = {.digests = x->cli->settings.digests,
                                      .max_file_size = x->cli->settings.max_file_size};
    struct measurer *m;
    store_leave(x->cli->settings.state_dir, &options.leave);
    int r = measurer_new(&options, &m);

    if (r < 0)
        return r;
    r = measure_path(m, x->path, x->len, &x->now);
    measurer_free(m);
    if (r == 0 && x->known && x->node.entry.type != ENTRY_ABSENT)
        x->differs = entry_diff(&x->node.entry, &x->now) & x->verdict.attributes;
    return r == -ENOENT ? 0 : r;
}

static void hear(void *ctx, const struct json *answer)
{
    struct explaining *x = ctx;
    struct buf text = {0};

    if (!x->watch && !json_get(answer, FIELD_ERROR) && json_print(answer, &text))
        x->watch = json_parse((char *)text.data, text.len);
    buf_fini(&text);
}

static void ask_daemon(struct explaining *x)
{
    struct json *request = cli_request(COMMAND_EXPLAIN);
    struct fault why = {0};

    request_put_path(request, FIELD_PATH, x->path, x->len);
    cli_ask_quietly(x->cli, request, hear, x, &why);
}

static void put_rules(const struct explaining *x, struct buf *to)
{
    const struct policy *policy = x->cli->settings.policy;

    for (size_t i = 0; i < policy_count(policy); i++) {
        const struct rule *rule = policy_rule(policy, i);
        struct buf reason = {0};
        bool matches = why_matches(&x->verdict, i);

        if (!matches && !why_not(rule, x->path, x->len, &reason)) /* has nothing to do with this path */
            continue;
        buf_printf(to, "  %s%-9s%s %s (%s, %s:%d), %s", cli_colour(x->cli, matches ? CLI_GREEN : CLI_DIM),
                   matches ? "matches" : "does not", cli_colour(x->cli, CLI_PLAIN), rule->id,
                   rule->policy ? rule->policy : "?", rule->file ? rule->file : "?", rule->line,
                   severity_name(rule->severity));
        if (!matches && buf_cstr(&reason))
            buf_printf(to, ": %s", buf_cstr(&reason));
        buf_put_str(to, "\n");
        buf_fini(&reason);
    }
}

static void put_attributes(struct buf *to, uint32_t attributes)
{
    bool first = true;

    for (uint32_t bit = 1; bit && bit < ATTR_ALL; bit <<= 1)
        if (attributes & bit && attr_name(bit)) {
            buf_printf(to, "%s%s", first ? "" : " ", attr_name(bit));
            first = false;
        }
}

static void put_verdict(const struct explaining *x, struct buf *to)
{
    const struct verdict *v = &x->verdict;

    path_escape(to, x->path, x->len);
    if (!v->rule) {
        buf_printf(to, " is %snot watched%s\n", cli_colour(x->cli, CLI_YELLOW), cli_colour(x->cli, CLI_PLAIN));
        return;
    }
    buf_printf(to, " is %swatched%s: rule %s, severity %s%s\n  compared:  ", cli_colour(x->cli, CLI_GREEN),
               cli_colour(x->cli, CLI_PLAIN), v->rule->id, severity_name(v->severity),
               v->transient ? "; a temporary name, told only when it stays" : "");
    put_attributes(to, v->attributes);
    buf_put_str(to, "\n");
}

static void put_seen(const struct explaining *x, struct buf *to)
{
    if (!x->known) {
        buf_put_str(to, "seen: not in the baseline\n");
        return;
    }
    if (x->node.entry.type == ENTRY_ABSENT) {
        buf_put_str(to, x->node.marks & STORE_MARK_WAYPOINT ? "seen: a directory on the way to what is watched\n"
                                                            : "seen: deleted\n");
    } else {
        buf_put_str(to, "seen:\n");
        facts_print(to, &x->node.entry);
    }
    if (x->node.last)
        buf_printf(to, "  last change record %" PRIu64 "; see: fimctl who\n", x->node.last);
}

static void put_disk(const struct explaining *x, struct buf *to)
{
    bool seen = x->known && x->node.entry.type != ENTRY_ABSENT;

    if (x->now.type == ENTRY_ABSENT)
        buf_put_str(to, "on disk: not there\n");
    else if (!seen) {
        buf_put_str(to, "on disk:\n");
        facts_print(to, &x->now);
    } else if (!x->differs)
        buf_put_str(to, "on disk: as seen\n");
    else {
        buf_put_str(to, "on disk: ");
        print_changes(to, x->differs, &x->node.entry, &x->now);
        buf_put_str(to, "\n");
    }
}

static void put_watch(const struct explaining *x, struct buf *to)
{
    const char *how = json_get_text(x->watch, FIELD_HOW), *limits = json_get_text(x->watch, FIELD_LIMITS);
    const char *grade = json_get_text(x->watch, FIELD_GRADE);

    if (!x->watch) {
        buf_put_str(to, "watching: fimd is not running\n");
        return;
    }
    if (!json_get_bool(x->watch, FIELD_WATCHED, false)) {
        buf_put_str(to, "watching: not by the running fimd\n");
        return;
    }
    buf_printf(to, "watching: by %s mark%s%s; attribution %s%s%s\n", how ? how : "a", limits ? ", which cannot see " : "",
               limits ? limits : "", grade ? grade : "?",
               json_get_bool(x->watch, FIELD_COVERED, false) ? ", an audit rule covers it" : "",
               json_get_bool(x->watch, FIELD_PENDING, false) ? "; a change is being looked at now" : "");
}

static void tell(const struct explaining *x)
{
    struct buf text = {0};

    put_verdict(x, &text);
    put_rules(x, &text);
    put_seen(x, &text);
    put_disk(x, &text);
    put_watch(x, &text);
    cli_put(x->cli, &text);
    buf_fini(&text);
}

static void put_json_rules(const struct explaining *x, struct json *list)
{
    const struct policy *policy = x->cli->settings.policy;

    for (size_t i = 0; i < policy_count(policy); i++) {
        const struct rule *rule = policy_rule(policy, i);
        struct buf reason = {0};
        bool matches = why_matches(&x->verdict, i);

        if (matches || why_not(rule, x->path, x->len, &reason)) {
            struct json *o = json_put_object(list, NULL);

            json_put_text(o, "id", rule->id);
            json_put_text(o, "policy", rule->policy);
            json_put_text(o, "file", rule->file);
            json_put_int(o, "line", rule->line);
            json_put_bool(o, "matches", matches);
            json_put_text(o, "reason", matches ? NULL : buf_cstr(&reason));
        }
        buf_fini(&reason);
    }
}

static void tell_json(const struct explaining *x)
{
    struct json *o = json_object();
    struct buf text = {0};

    request_put_path(o, FIELD_PATH, x->path, x->len);
    json_put_bool(o, FIELD_WATCHED, x->verdict.rule != NULL);
    if (x->verdict.rule) {
        json_put_text(o, "rule", x->verdict.rule->id);
        json_put_static(o, "severity", severity_name(x->verdict.severity));
        facts_put_changes(o, "attributes", x->verdict.attributes);
    }
    put_json_rules(x, json_put_array(o, "rules"));
    if (x->known) {
        facts_put(o, "seen", &x->node.entry);
        json_put_uint(o, "last", x->node.last);
    }
    facts_put(o, "disk", &x->now);
    facts_put_changes(o, "differs", x->differs);
    if (x->watch && json_print(x->watch, &text))
        json_put_raw(o, "daemon", buf_cstr(&text));
    cli_put_json(x->cli, o);
    buf_fini(&text);
}

static int explain(struct cli *cli, const struct buf *path)
{
    struct explaining x = {.cli = cli, .path = (char *)path->data, .len = path->len};
    int r;

    policy_match(cli->settings.policy, x.path, x.len, &x.verdict);
    ask_store(&x);
    r = look(&x);
    ask_daemon(&x);
    if (r < 0)
        cli_fail(cli, 0, "it cannot be measured: %s", strerror(-r));
    if (cli->json)
        tell_json(&x);
    else
        tell(&x);
    if (x.known)
        node_fini(&x.node);
    entry_fini(&x.now);
    json_free(x.watch);
    return EXIT_WELL;
}

static int run(struct cli *cli, const struct words *words)
{
    struct buf path = {0};
    int r = cli_settings(cli);

    if (r == 0) {
        r = target_resolve(words->list[0], &path);
        if (r < 0)
            r = cli_fail(cli, EXIT_BAD_USAGE, "'%s': %s", words->list[0], strerror(-r));
        else
            r = explain(cli, &path);
    }
    buf_fini(&path);
    return r;
}

const struct command command_explain = {
    .name = "explain",
    .synopsis = "PATH",
    .help = "which rules match PATH and why, what is known of it, how it is watched",
    .more = "Works without the daemon, which alone knows how a path is watched and attributed.\n",
    .least = 1,
    .most = 1,
    .run = run,
};
