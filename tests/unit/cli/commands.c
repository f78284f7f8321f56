/* Whole commands, as they are typed: exit codes and output, over a store in /tmp and a daemon made of a few lines. */
#include "fimd/cli/cli.h"

#include "baseline/journal.h"
#include "baseline/store.h"
#include "fimd/control/control.h"
#include "fimd/model/event.h"
#include "fimd/rt/clock.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[] = "/tmp/fimd-cli-XXXXXX";
static char config[64], *out, *err;
static size_t out_len, err_len;

static void write_file(const char *name, const char *text)
{
    char path[256];
    FILE *f;

    snprintf(path, sizeof(path), "%s/%s", dir, name);
    f = fopen(path, "w");
    cr_assert_not_null(f, "%s", path);
    fputs(text, f);
    fclose(f);
}

static void remove_file(const char *name)
{
    char path[256];

    snprintf(path, sizeof(path), "%s/%s", dir, name);
    cr_assert_eq(unlink(path), 0);
}

static void set_up(void)
{
    char text[1024], path[64];

    cr_assert_not_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/w", dir);
    cr_assert_eq(mkdir(path, 0755), 0);
    snprintf(text, sizeof(text),
             "state_dir: %s/state\nruntime_dir: %s/run\npolicies: []\n"
             "watch:\n  - {id: w, path: %s/w, exclude: ['*.swp'], severity: high}\noutputs:\n  - {type: console}\n",
             dir, dir, dir);
    write_file("f.yaml", text);
    snprintf(config, sizeof(config), "%s/f.yaml", dir);
    unsetenv("TERM");
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st, (void)flag, (void)ftw;
    return remove(path);
}

static void tear_down(void)
{
    nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(out);
    free(err);
}

TestSuite(fimctl, .init = set_up, .fini = tear_down);

/* Types a command; its words, then NULL. "@" at the beginning of a word is the test's directory. */
static int type(const char *word, ...)
{
    char *words[20] = {strdup("fimctl"), strdup("-c"), strdup(config)};
    FILE *to, *wrong;
    int count = 3, code;
    va_list args;

    va_start(args, word);
    for (; word; word = va_arg(args, const char *)) {
        char text[400];

        snprintf(text, sizeof(text), "%s%s", word[0] == '@' ? dir : "", word[0] == '@' ? word + 1 : word);
        words[count++] = strdup(text);
    }
    va_end(args);
    free(out);
    free(err);
    to = open_memstream(&out, &out_len);
    wrong = open_memstream(&err, &err_len);
    code = cli_run(count, words, to, wrong);
    fclose(to);
    fclose(wrong);
    for (int i = 0; i < count; i++)
        free(words[i]);
    return code;
}

static const struct {
    const char *words[4];
    int code;
    const char *err;
} usages[] = {
    {{"stauts"}, 64, "no command 'stauts'"},
    {{"who"}, 64, "usage: fimctl who PATH"},
    {{"who", "a", "b"}, 64, "usage: fimctl who PATH"},
    {{"who", "--al", "x"}, 64, "unknown option --al"},
    {{"events", "--since", "then"}, 64, "--since: 'then'"},
    {{"events", "--user", "no-such-user"}, 64, "--user"},
    {{"events", "--severity", "loud"}, 64, "--severity"},
    {{"check", "--metadata", "--content"}, 64, "exclude each other"},
    {{"check", "--against", "approved"}, 64, "not yet"},
    {{"verify", "--head", "12"}, 64, "64 hexadecimal digits"},
    {{"setup", "kibana"}, 64, "it would be: elasticsearch"},
    {{"setup", "elasticsearch"}, 78, "no output of type elasticsearch"},
    {{"accept", "/etc"}, 64, "not yet"},
    {{"report"}, 64, "not yet"},
    {{"maintenance", "start"}, 64, "not yet"},
    {{"status"}, 69, "not running"},
    {{"sync"}, 69, "not running"},
    {{"scan"}, 69, "not running"},
    {{"reload"}, 69, "not running"},
    {{"who", "/etc/passwd"}, 69, "no baseline and no journal yet"},
    {{"status", "--wait=soon"}, 64, "--wait"},
    {{"--config=/nonexistent/f.yaml", "status"}, 64, "given twice"},
};

Test(fimctl, trouble_has_a_text_and_an_exit_code)
{
    for (size_t i = 0; i < sizeof(usages) / sizeof(usages[0]); i++) {
        const char *const *w = usages[i].words;

        cr_expect_eq(type(w[0], w[1], w[1] ? w[2] : NULL, NULL), usages[i].code, "row %zu: %s", i, err);
        cr_expect(strstr(err, usages[i].err), "row %zu: %s", i, err);
        cr_expect_eq(out_len, 0, "row %zu: %s", i, out);
    }
}

Test(fimctl, help_and_version_need_nothing)
{
    cr_expect_eq(type("--help", NULL), 0);
    cr_expect(strstr(out, "  who          who changed PATH last") && strstr(out, "With a later release"), "%s", out);
    cr_expect_eq(type("events", "--help", NULL), 0);
    cr_expect(strstr(out, "usage: fimctl events [PATH]") && strstr(out, "--follow"), "%s", out);
    cr_expect_eq(type("version", NULL), 0);
    cr_expect_str_eq(out, "fimctl " FIMD_VERSION "\n");
    cr_expect_eq(type("--json", "version", NULL), 0);
    cr_expect_str_eq(out, "{\"version\":\"" FIMD_VERSION "\"}\n");
}

Test(fimctl, every_mistake_of_the_configuration_is_told)
{
    write_file("f.yaml", "polices: []\nsettle: soon\n");
    cr_expect_eq(type("check", NULL), 78);
    cr_expect(strstr(err, "f.yaml:1:1: ") && strstr(err, "f.yaml:2:9: "), "%s", err);
}

Test(fimctl, check_sums_the_bits_of_what_differs)
{
    write_file("w/a", "a");
    write_file("w/b", "b");
    cr_assert_eq(type("init", NULL), 0, "%s", err);
    cr_expect_eq(type("init", NULL), 1);
    cr_expect_eq(type("check", NULL), 0, "%s", out);
    write_file("w/c\n", "new");
    cr_expect_eq(type("check", NULL), 1, "%s", out);
    cr_expect(strstr(out, "added    ") && strstr(out, "/w/c\\n\n"), "%s", out);
    write_file("w/a", "longer");
    cr_expect_eq(type("check", "--content", NULL), 5, "%s", out);
    cr_expect(strstr(out, "/w/a   content, size 1→6"), "%s", out);
    cr_expect_eq(type("check", "@/w/a", "@/w/a", NULL), 4, "%s", out);
    cr_expect(strstr(out, "0 added, 0 removed, 1 changed"), "%s", out);
    write_file("w/x.swp", "excluded");
    remove_file("w/b");
    cr_expect_eq(type("check", "--json", NULL), 7);
    cr_expect(strstr(out, "{\"difference\":\"removed\"") && strstr(out, "\"summary\":{\"added\":1,\"removed\":1,\"changed\":1"),
              "%s", out);
    cr_expect_not(strstr(out, "x.swp"));
    cr_expect_eq(type("check", "/etc/passwd", NULL), 64);
    cr_expect(strstr(err, "not watched"));
}

Test(fimctl, explain_says_why_and_why_not)
{
    write_file("w/a", "a");
    cr_assert_eq(type("init", NULL), 0, "%s", err);
    cr_expect_eq(type("explain", "@/w/a", NULL), 0);
    cr_expect(strstr(out, "is watched: rule w, severity high") && strstr(out, "on disk: as seen") &&
                  strstr(out, "fimd is not running"),
              "%s", out);
    cr_expect_eq(type("explain", "@/w/a.swp", NULL), 0);
    cr_expect(strstr(out, "not watched") && strstr(out, "excluded by '*.swp'"), "%s", out);
    cr_expect_eq(type("explain", "--json", "@/w/a", NULL), 0);
    cr_expect(strstr(out, "\"watched\":true") && strstr(out, "\"matches\":true") && strstr(out, "\"differs\":[]"), "%s", out);
}

/* --- a journal ---------------------------------------------------------------------------------------------- */

struct told {
    const char *path, *path_old;
    uint32_t actions;
    uint32_t login;
    int64_t time;      /* seconds */
    uint64_t previous;
    bool keep_node;    /* the node of `path` points here */
};

static struct actor *person(uint32_t login)
{
    struct actor *a = actor_new();

    a->grade = GRADE_PROCESS;
    a->login = login;
    a->login_known = true;
    a->euid = 0;
    a->program.pid = 77;
    a->program.name = strdup("vim\033[2J");
    return a;
}

static int append(struct store_txn *t, void *ctx)
{
    const struct told *told = ctx;
    char path[256], old[256];
    struct event e = {.kind = EVENT_CHANGE, .time = told->time * NS_PER_S, .created = told->time * NS_PER_S,
                      .severity = SEVERITY_HIGH, .previous = told->previous, .actions = told->actions,
                      .source = SOURCE_FANOTIFY, .path = path, .path_old = told->path_old ? old : NULL, .rule = "w",
                      .actors_count = 1};
    struct entry entry = {.type = ENTRY_FILE, .mode = 0644};
    struct journal_record record;
    struct buf b = {0};
    int r;

    snprintf(path, sizeof(path), "%s%s", dir, told->path);
    snprintf(old, sizeof(old), "%s%s", dir, told->path_old ? told->path_old : "");
    if (told->actions & ACTION_MOVED)
        e.after.type = ENTRY_DIR;
    e.actors[0] = person(told->login);
    event_encode(&e, &b);
    actor_unref(e.actors[0]);
    r = journal_append(t, b.data, b.len, &record);
    if (r == 0 && told->keep_node)
        r = store_put(t, path, strlen(path), &entry, record.sequence);
    buf_fini(&b);
    return r;
}

static const struct told story[] = {
    {"/w/a", NULL, ACTION_CREATED, 1000, 1700000000, 0, false},
    {"/w/b", NULL, ACTION_CREATED, 1001, 1700000100, 0, true},
    {"/w/a", NULL, ACTION_UPDATED, 1001, 1700000200, 1, true},
    {"/w/new", "/w/old", ACTION_MOVED, 1000, 1700000300, 0, false},
};

static void tell_story(void)
{
    struct store_options options = {.no_sync = true};
    char state[64];
    struct store *s = NULL;
    struct fault why = {0};

    snprintf(state, sizeof(state), "%s/state", dir);
    options.dir = state;
    cr_assert_eq(store_open(&options, &s, &why), 0, "%s", why.text);
    for (size_t i = 0; i < sizeof(story) / sizeof(story[0]); i++)
        cr_assert_eq(store_write(s, append, (void *)&story[i], &why), 0, "%s", why.text);
    store_close(s);
}

static size_t lines(void)
{
    size_t n = 0;

    for (const char *p = out; *p; p++)
        n += *p == '\n';
    return n;
}

Test(fimctl, who_tells_the_last_change_or_all)
{
    tell_story();
    cr_expect_eq(type("who", "@/w/a", NULL), 0, "%s", err);
    cr_expect(strstr(out, "/w/a  updated  ") && strstr(out, "by uid 1001 as root") && strstr(out, "record 3]"), "%s", out);
    cr_expect_not(strchr(out, '\033'), "a program's name cannot command the terminal");
    cr_expect_eq(type("who", "--all", "@/w/a", NULL), 0);
    cr_expect(strstr(out, "record 3]") && strstr(strstr(out, "record 3]"), "created") && strstr(out, "record 1]"), "%s", out);
    cr_expect_eq(type("who", "--json", "@/w/a", NULL), 0);
    cr_expect(strstr(out, "\"sequence\":3") && strstr(out, "\"user\":{\"id\":\"1001\""), "%s", out);
    cr_expect_eq(type("who", "@/w/never", NULL), 1);
    cr_expect(strstr(err, "no change known"), "%s", err);
}

Test(fimctl, who_finds_a_path_that_went_with_its_directory)
{
    tell_story();
    cr_expect_eq(type("who", "@/w/old", NULL), 0, "%s", err);
    cr_expect(strstr(out, "/w/new  moved from "), "%s", out);
    cr_expect_eq(type("who", "@/w/new/deep/file", NULL), 0, "%s", err);
    cr_expect_eq(type("who", "@/w/newer", NULL), 1);
}

static const struct {
    const char *words[5];
    size_t lines;
} queries[] = {
    {{NULL}, 4},
    {{"--action", "created"}, 2},
    {{"--action", "created,moved"}, 3},
    {{"--user", "1001"}, 2},
    {{"--rule", "w"}, 4},
    {{"--rule", "v"}, 0},
    {{"--severity", "critical"}, 0},
    {{"--since", "@1700000200"}, 2},
    {{"--until", "@1700000100"}, 2},
    {{"--since", "@1700000100", "--until", "@1700000200"}, 2},
    {{"-n", "1"}, 1},
    {{"-n", "3", "--action", "created"}, 2},
    {{"-n", "1", "--user=1000"}, 1},
};

Test(fimctl, events_are_filtered)
{
    tell_story();
    for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
        char *words[12] = {"fimctl", "-c", config, "events"};
        int count = 4;
        FILE *to;

        for (size_t k = 0; queries[i].words[k]; k++)
            words[count++] = (char *)queries[i].words[k];
        free(out);
        to = open_memstream(&out, &out_len);
        cr_expect_eq(cli_run(count, words, to, to), 0);
        fclose(to);
        cr_expect_eq(lines(), queries[i].lines, "row %zu: %s", i, out);
    }
    cr_expect_eq(type("events", "@/w/b", NULL), 0);
    cr_expect_eq(lines(), 1, "%s", out);
    cr_expect_eq(type("--json", "events", "--action", "moved", NULL), 0);
    cr_expect(strncmp(out, "{", 1) == 0 && strstr(out, "\"sequence\":4"), "%s", out);
}

Test(fimctl, verify_knows_a_head_that_was_noted)
{
    char head[65] = "", wrong[65];
    const char *at;

    tell_story();
    cr_assert_eq(type("verify", "--json", NULL), 0, "%s", err);
    cr_expect(strstr(out, "\"good\":true,\"first\":1,\"last\":4,\"records\":4"), "%s", out);
    at = strstr(out, "\"head\":\"");
    cr_assert_not_null(at);
    memcpy(head, at + 8, 64);
    tell_story(); /* four more */
    cr_expect_eq(type("verify", "--head", head, NULL), 0, "%s", out);
    cr_expect(strstr(out, "8 records") && strstr(out, "that of record 4"), "%s", out);
    memcpy(wrong, head, sizeof(wrong));
    wrong[0] = wrong[0] == '0' ? '1' : '0';
    cr_expect_eq(type("verify", "--head", wrong, NULL), 1);
    cr_expect(strstr(out, "not in this journal"), "%s", out);
}

/* --- a daemon ----------------------------------------------------------------------------------------------- */

static int asked; /* how often */

static int say_raw(struct control_call *call, const char *text)
{
    struct json *answer = json_parse(text, strlen(text));
    int r;

    cr_assert_not_null(answer, "%s", text);
    r = control_say(call, answer);
    json_free(answer);
    return r;
}

static int fake_status(void *ctx, struct control_call *call, const struct json *request, const struct control_peer *peer)
{
    (void)ctx, (void)request, (void)peer;
    if (++asked < 3) {
        say_raw(call, "{\"state\":\"watching\",\"filling\":{\"running\":true},\"degraded\":[\"audit is off\"]}");
        return EXIT_NOT_SO;
    }
    say_raw(call, "{\"version\":\"0.1.0\",\"pid\":42,\"state\":\"watching\",\"watching\":{\"paths\":31,\"entries\":4812},"
                  "\"losses\":{\"fanotify-overflow\":2},\"outputs\":[{\"name\":\"es\",\"type\":\"elasticsearch\","
                  "\"backlog\":1200,\"delivered\":5,\"last_error\":\"connection refused\"}],\"degraded\":[]}");
    return EXIT_WELL;
}

static int fake_sync(void *ctx, struct control_call *call, const struct json *request, const struct control_peer *peer)
{
    (void)ctx, (void)peer;
    if (json_get_int(request, FIELD_TIMEOUT_MS, 0) != 1500 || !json_get_bool(request, FIELD_DELIVERED, false))
        return control_fail(call, EXIT_NOT_SO, "not within the time");
    say_raw(call, "{\"sequence\":17}");
    return EXIT_WELL;
}

static int fake_scan(void *ctx, struct control_call *call, const struct json *request, const struct control_peer *peer)
{
    const struct json *paths = json_get(request, FIELD_PATHS);

    (void)ctx, (void)peer;
    if (json_count(paths) != 1 || strcmp(json_text(json_first(paths)), "/a\\nb\\xFF") != 0)
        return control_fail(call, EXIT_BAD_USAGE, "the path is another");
    say_raw(call, "{\"progress\":{\"entries\":10,\"total\":20}}");
    say_raw(call, "{\"result\":{\"entries\":20,\"differences\":3,\"took_ms\":12}}");
    return EXIT_WELL;
}

static int fake_reload(void *ctx, struct control_call *call, const struct json *request, const struct control_peer *peer)
{
    (void)ctx, (void)request, (void)peer;
    say_raw(call, "{\"mistakes\":[\"f.yaml:1:1: wrong; right\"]}");
    return EXIT_BAD_CONFIG;
}

static int fake_doctor(void *ctx, struct control_call *call, const struct json *request, const struct control_peer *peer)
{
    (void)ctx, (void)request, (void)peer;
    say_raw(call, "{\"checks\":[{\"name\":\"self-test\",\"verdict\":\"bad\",\"text\":\"nobody came\",\"remedy\":\"wait\"}]}");
    return EXIT_WELL;
}

static const struct control_command daemon_commands[] = {
    {COMMAND_STATUS, fake_status}, {COMMAND_SYNC, fake_sync},     {COMMAND_SCAN, fake_scan},
    {COMMAND_RELOAD, fake_reload}, {COMMAND_DOCTOR, fake_doctor},
};

Test(fimctl, what_only_the_daemon_knows_it_is_asked)
{
    struct control_server *server = NULL;
    struct fault why = {0};
    char path[64];

    snprintf(path, sizeof(path), "%s/run/" CONTROL_SOCKET, dir);
    cr_assert_eq(control_open(path, daemon_commands, 5, NULL, &server, &why), 0, "%s", why.text);
    cr_expect_eq(type("status", NULL), 1);
    cr_expect(strstr(out, "degraded: audit is off"), "%s", out);
    cr_expect_eq(type("status", "--wait=5s", NULL), 0, "%s", err);
    cr_expect_eq(asked, 3);
    cr_expect(strstr(out, "watching 31 paths (4,812 entries)") && strstr(out, "fanotify-overflow 2") &&
                  strstr(out, "es (elasticsearch): 5 delivered, 1,200 waiting; connection refused") &&
                  strstr(out, "all is well"),
              "%s", out);
    cr_expect_eq(type("status", "--json", NULL), 0);
    cr_expect(strstr(out, "\"pid\":42"), "%s", out);
    cr_expect_eq(type("sync", NULL), 1);
    cr_expect(strstr(err, "not within the time"), "%s", err);
    cr_expect_eq(type("--json", "sync", "--delivered", "--timeout=1500ms", NULL), 0);
    cr_expect_str_eq(out, "{\"sequence\":17}\n");
    cr_expect_eq(type("scan", "/a\nb\xFF", NULL), 0, "%s", err);
    cr_expect(strstr(out, "20 entries scanned in 12 ms: 3 differed"), "%s", out);
    cr_expect_eq(type("reload", NULL), 78);
    cr_expect_str_eq(err, "f.yaml:1:1: wrong; right\n");
    cr_expect_eq(type("doctor", NULL), 1);
    cr_expect(strstr(out, "bad      self-test     nobody came") && strstr(out, "→ wait"), "%s", out);
    control_close(server);
}
