/* fimd.yaml: what is read from it, and what is said of mistakes. */
#include "fimd/config/config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "baseline/attr.h"
#include "fimd/config/embedded.h"

#define SECOND INT64_C(1000000000)

static const char *environment(const char *name)
{
    if (!strcmp(name, "ROOT"))
        return "/srv/data";
    return strcmp(name, "EMPTY") ? NULL : "";
}

static int parse(const char *text, struct settings *ret, struct mistakes *mistakes)
{
    return config_parse("test.yaml", text, strlen(text), environment, ret, mistakes);
}

static void print(const struct mistakes *m)
{
    for (size_t i = 0; i < m->count; i++)
        fprintf(stderr, "%s:%d:%d: %s\n", m->list[i].file, m->list[i].line, m->list[i].column,
                m->list[i].text);
}

static struct settings must_parse(const char *text)
{
    struct settings s;
    struct mistakes m = {0};
    int r = parse(text, &s, &m);
    print(&m);
    cr_assert_eq(r, 0, "%s", text);
    cr_assert_eq(m.count, 0);
    return s;
}

static const struct rule *rule_at(const struct settings *s, const char *id)
{
    for (size_t i = 0; i < policy_count(s->policy); i++) {
        if (!strcmp(policy_rule(s->policy, i)->id, id))
            return policy_rule(s->policy, i);
    }
    return NULL;
}

Test(config, an_empty_file_means_the_defaults)
{
    const char *texts[] = {"", "# nothing\n", "---\n", "~\n", "settle:\nwatch: ~\n"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        struct settings s = must_parse(texts[i]);
        cr_expect_str_eq(s.file, "test.yaml");
        cr_expect_str_eq(s.state_dir, "/var/lib/fimd");
        cr_expect_str_eq(s.runtime_dir, "/run/fimd");
        cr_expect_eq(s.policy_path.count, 2);
        cr_assert_eq(s.policies.count, 1);
        cr_expect_str_eq(s.policies.list[0], "recommended");
        cr_expect_eq(s.digests.count, 3);
        cr_expect(s.audit);
        cr_expect_eq(s.rules, RULES_CRITICAL);
        cr_expect_eq(s.grace, SECOND / 4);
        cr_expect(s.scan_at_start);
        cr_expect_eq(s.scan_at_start_depth, CHECK_METADATA);
        cr_expect_eq(s.read_rate, 0);
        cr_expect_eq(s.threads, 0);
        cr_expect_eq(s.settle, SECOND / 10);
        cr_expect_eq(s.settle_max, 5 * SECOND);
        cr_expect_eq(s.max_file_size, 0);
        cr_expect_eq(s.journal_keep, 400 * 86400 * SECOND);
        cr_expect_eq(s.journal_max_size, UINT64_C(4) << 30);
        cr_expect_eq(s.queue_events, 262144);
        cr_expect_str_eq(s.sender_user, "fimd");
        cr_assert_eq(s.outputs_count, 1);
        cr_expect_eq(s.outputs[0].type, OUTPUT_FILE);
        cr_expect_str_eq(s.outputs[0].path, "/var/log/fimd/events.ndjson");
        cr_expect_str_eq(s.outputs[0].name, "file");
        cr_expect_eq(s.outputs[0].rotate_size, UINT64_C(100) << 20);
        cr_expect_eq(s.outputs[0].rotate_keep, 10);
        cr_expect_gt(policy_count(s.policy), 20);
        settings_fini(&s);
    }
}

Test(config, every_key_of_today_is_read)
{
    struct settings s = must_parse(
        "state_dir: ${ROOT}/state\nruntime_dir: /run/x\npolicy_path: /nowhere\npolicies: [identity]\n"
        "digests: [sha512, sha256]\ntags: [a, 'b c']\nlabels: {env: prod, Team-1: '${EMPTY}$${x}'}\n"
        "attribution: {audit: off, rules: directories, grace: 1s}\n"
        "scan: {at_start: content, read_rate: 20MiB, threads: 3, schedule: []}\n"
        "settle: 0\nsettle_max: 2m\nmax_file_size: 1GiB\npackages: off\n"
        "journal: {keep: 7d, max_size: 512MiB}\nqueue_events: 4096\nsender_user: nobody\n");
    cr_expect_str_eq(s.state_dir, "/srv/data/state");
    cr_expect_str_eq(s.runtime_dir, "/run/x");
    cr_expect_eq(s.policy_path.count, 1);
    cr_expect_str_eq(s.policies.list[0], "identity");
    cr_expect_eq(s.digests.count, 2);
    cr_expect_str_eq(digest_name(s.digests.ids[0]), "sha512");
    cr_expect_str_eq(s.tags.list[1], "b c");
    cr_assert_eq(s.label_keys.count, 2);
    cr_expect_str_eq(s.label_keys.list[1], "Team-1");
    cr_expect_str_eq(s.label_values.list[1], "${x}");
    cr_expect(!s.audit);
    cr_expect_eq(s.rules, RULES_DIRECTORIES);
    cr_expect_eq(s.grace, SECOND);
    cr_expect_eq(s.scan_at_start_depth, CHECK_CONTENT);
    cr_expect_eq(s.read_rate, 20u << 20);
    cr_expect_eq(s.threads, 3);
    cr_expect_eq(s.settle, 0);
    cr_expect_eq(s.settle_max, 120 * SECOND);
    cr_expect_eq(s.max_file_size, 1u << 30);
    cr_expect_eq(s.journal_keep, 7 * 86400 * SECOND);
    cr_expect_eq(s.journal_max_size, 512u << 20);
    cr_expect_eq(s.queue_events, 4096);
    cr_expect_str_eq(s.sender_user, "nobody");
    settings_fini(&s);
}

Test(config, a_rule_is_read_whole)
{
    struct settings s =
        must_parse("policies: []\nwatch:\n"
                   "  - id: app\n    path: [/srv/app, '/srv/*/conf']\n    recursive: 2\n"
                   "    include: ['*.conf']\n    exclude: ['*.swp', '/\\.git/']\n"
                   "    attributes: [all, '-mtime', '-ctime']\n    grow_only: false\n    diff: no\n"
                   "    transient: []\n    severity: high\n    tags: [x]\n"
                   "  - path: /srv/other\n    recursive: false\n    attributes: '-mtime'\n"
                   "  - path: /srv/other\n    attributes: [content, mode]\n");
    cr_assert_eq(policy_count(s.policy), 3);
    const struct rule *r = policy_rule(s.policy, 0);
    cr_expect_str_eq(r->id, "app");
    cr_expect_str_eq(r->policy, "fimd.yaml");
    cr_expect_str_eq(r->file, "test.yaml");
    cr_expect_eq(r->line, 3);
    cr_expect_eq(r->paths_count, 2);
    cr_expect_eq(r->depth, 2);
    cr_expect_eq(r->include_count, 1);
    cr_expect_eq(r->exclude_count, 2);
    cr_expect_eq(r->transient_count, 0);
    cr_expect_eq(r->attributes, ATTR_ALL & ~(uint32_t)(ATTR_MTIME | ATTR_CTIME));
    cr_expect_eq(r->severity, SEVERITY_HIGH);
    cr_expect_str_eq(r->tags[0], "x");
    r = policy_rule(s.policy, 1);
    cr_expect_str_eq(r->id, "srv-other", "made from the path: %s", r->id);
    cr_expect_eq(r->depth, 0);
    cr_expect_gt(r->transient_count, 10);
    cr_expect_eq(r->attributes, ATTR_ALL & ~(uint32_t)ATTR_MTIME);
    r = policy_rule(s.policy, 2);
    cr_expect_str_eq(r->id, "srv-other-2");
    cr_expect_eq(r->depth, RULE_DEPTH_ALL);
    cr_expect_eq(r->attributes, ATTR_CONTENT | ATTR_MODE);
    settings_fini(&s);
}

Test(config, outputs_are_read_whole_and_named)
{
    struct settings s = must_parse(
        "outputs:\n"
        "  - {type: console, min_severity: high, rules: [sudoers], tags: [t], not_tags: [u], actions: "
        "[created]}\n"
        "  - {type: console}\n"
        "  - {type: file, path: /x, rotate: {size: 1MiB, keep: 2}, fsync: true, name: nd}\n"
        "  - type: elasticsearch\n    hosts: https://es1:9200\n    index: 'audit-%Y.%m.%d'\n    username: u\n"
        "    password_file: /p\n    ca_file: /ca\n    certificate_file: /c\n    key_file: /k\n"
        "    pinned_public_key: sha256//x\n    verify: certificate\n    compression: none\n    pipeline: p\n"
        "    batch: {events: 10, bytes: 1MiB}\n    timeout: 5s\n    action_vocab: both\n"
        "  - {type: elasticsearch, cloud_id: 'name:ZXUuZXhhbXBsZS5vcmckYWJjJGRlZg=='}\n");
    cr_assert_eq(s.outputs_count, 5);
    const struct output_settings *o = s.outputs;
    cr_expect_str_eq(o[0].name, "console");
    cr_expect_eq(o[0].min_severity, SEVERITY_HIGH);
    cr_expect_str_eq(o[0].rules.list[0], "sudoers");
    cr_expect_str_eq(o[0].actions.list[0], "created");
    cr_expect_str_eq(o[0].not_tags.list[0], "u");
    cr_expect_str_eq(o[1].name, "console-2");
    cr_expect_eq(o[1].min_severity, SEVERITY_INFO);
    cr_expect_str_eq(o[2].name, "nd");
    cr_expect_eq(o[2].rotate_size, 1u << 20);
    cr_expect_eq(o[2].rotate_keep, 2);
    cr_expect(o[2].fsync);
    cr_expect_str_eq(o[3].name, "elasticsearch");
    cr_expect_str_eq(o[3].hosts.list[0], "https://es1:9200");
    cr_expect_str_eq(o[3].index, "audit-%Y.%m.%d");
    cr_expect_str_eq(o[3].password_file, "/p");
    cr_expect_eq(o[3].verify, TLS_VERIFY_CERTIFICATE);
    cr_expect(!o[3].gzip);
    cr_expect_str_eq(o[3].pipeline, "p");
    cr_expect_eq(o[3].batch_events, 10);
    cr_expect_eq(o[3].batch_bytes, 1u << 20);
    cr_expect_eq(o[3].timeout, 5 * SECOND);
    cr_expect_eq(o[3].vocab, VOCAB_BOTH);
    cr_expect_str_eq(o[4].hosts.list[0], "https://abc.eu.example.org");
    cr_expect_str_eq(o[4].index, "logs-fim.event-default");
    cr_expect(o[4].gzip);
    cr_expect_eq(o[4].batch_events, 500);
    cr_expect_eq(o[4].batch_bytes, 5u << 20);
    cr_expect_eq(o[4].timeout, 30 * SECOND);
    settings_fini(&s);
}

struct wrong {
    const char *text;
    int line, column;
    const char *says;
};

static void check_wrong(const struct wrong *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct settings s;
        struct mistakes m = {0};
        memset(&s, 0x5a, sizeof(s));
        struct settings before;
        memcpy(&before, &s, sizeof(s));
        cr_expect_eq(parse(rows[i].text, &s, &m), -EINVAL, "row %zu: %s", i, rows[i].text);
        cr_expect(!memcmp(&s, &before, sizeof(s)), "row %zu: the settings were touched", i);
        cr_expect_eq(m.count, 1, "row %zu: %zu mistakes for %s", i, m.count, rows[i].text);
        if (m.count != 1)
            print(&m);
        if (m.count) {
            cr_expect_str_eq(m.list[0].file, "test.yaml");
            cr_expect_eq(m.list[0].line, rows[i].line, "row %zu: line %d: %s", i, m.list[0].line,
                         rows[i].text);
            cr_expect_eq(m.list[0].column, rows[i].column, "row %zu: column %d: %s", i, m.list[0].column,
                         rows[i].text);
            cr_expect(strstr(m.list[0].text, rows[i].says), "row %zu: %s", i, m.list[0].text);
        }
        mistakes_fini(&m);
    }
}

#define WRONG(rows) check_wrong(rows, sizeof(rows) / sizeof(*(rows)))
#define RULE        "policies: []\nwatch:\n  - path: /srv\n    "
#define OUTPUT      "policies: []\noutputs:\n  - "
#define ES          OUTPUT "{type: elasticsearch, hosts: [http://e], "

Test(config, what_is_no_yaml_is_told_with_its_place)
{
    struct wrong rows[] = {
        {"settle: [", 2, 1, "this is no YAML"},
        {"settle: 'x", 1, 11, "this is no YAML"},
        {"a: b\n c: d", 2, 3, "this is no YAML"},
        {"x: \x01", 1, 4, "control characters"},
        {"\n x: \xff\xfe", 2, 5, "UTF-8"},
        {"[a]", 1, 1, "fimd.yaml is a map"},
        {"hello", 1, 1, "fimd.yaml is a map"},
        {"tags: &x [a]\n", 1, 7, "anchors"},
        {"settle: !!str 1s\n", 1, 9, "tags (!) are not taken"},
        {"settle: *x\n", 1, 9, "aliases"},
        {"? [a]\n: b\n", 1, 3, "a key is a plain word"},
        {"settle: 1s\n---\nsettle: 2s\n", 2, 1, "second document"},
        {"settle: \"a\\0b\"\n", 1, 9, "NUL"},
        {"tags: [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[a]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]\n", 1, 39,
         "nested too deep"},
        {"settle: 1s\nsettle: 2s\n", 2, 1, "stands a second time; it is also in line 1"},
    };
    WRONG(rows);
}

Test(config, an_unknown_key_suggests_the_nearest)
{
    struct wrong rows[] = {
        {"setle: 1s", 1, 1, "no key 'setle'; 'settle' may be meant"},
        {"polices: []", 1, 1, "'policies' may be meant"},
        {"tgas: []", 1, 1, "'tags' may be meant"},
        {"zzzzzz: []", 1, 1, "no key 'zzzzzz'; take it out"},
        {"journal: {kep: 1d}", 1, 11, "journal has no key 'kep'; 'keep' may be meant"},
        {RULE "exlude: []", 4, 5, "a rule has no key 'exlude'; 'exclude' may be meant"},
        {ES "hostz: x}", 3, 46, "an output of type elasticsearch has no key 'hostz'; 'hosts' may be meant"},
        {OUTPUT "{type: console, path: /x}", 3, 21, "an output of type console has no key 'path'"},
        {"policies: [recomended]", 1, 12, "no policy 'recomended'; 'recommended' may be meant"},
        {"policies: [quite-other]", 1, 12, "it would be a file quite-other.yaml in policy_path"},
        {"policies: [../../etc/passwd]", 1, 12, "is no name of a policy"},
        {RULE "attributes: [contnt]", 4, 18, "no attribute 'contnt'; 'content' may be meant"},
    };
    WRONG(rows);
}

Test(config, a_wrong_value_is_told_with_the_right_form)
{
    struct wrong rows[] = {
        {"settle: 100", 1, 9, "write a number with ms, s, m, h or d, as 250ms"},
        {"settle: 5 parsecs", 1, 9, "write a number with"},
        {"settle: -1s", 1, 9, "write a number with"},
        {"settle: 2h", 1, 9, "from 0ms to 3600000ms are possible"},
        {"settle: [1s]", 1, 9, "a list stands here; write one value"},
        {"settle: 6s", 1, 9, "longer than 'settle_max'"},
        {"settle_max: 1ms", 1, 13, "'settle' is longer than 'settle_max'"},
        {"max_file_size: 10MB", 1, 16, "KiB, MiB or GiB"},
        {"max_file_size: 99999999999999999999", 1, 16, "which no 64 bits hold"},
        {"max_file_size: 99999999999TiB", 1, 16, "which no 64 bits hold"},
        {"queue_events: 10", 1, 15, "from 1024 to 16777216 are possible"},
        {"queue_events: many", 1, 15, "write a whole number"},
        {"journal: {keep: 1s}", 1, 17, "60000ms or more are possible"},
        {"journal: 400d", 1, 10, "journal is a map"},
        {"state_dir: lib", 1, 12, "write it whole, from '/' on"},
        {"state_dir: ''", 1, 12, "relative"},
        {"sender_user: ''", 1, 14, "is empty"},
        {"policy_path: [a]", 1, 15, "relative"},
        {"digests: [sha257]", 1, 11, "no digest 'sha257'"},
        {"digests: [md5, md5]", 1, 16, "stands twice"},
        {"digests: []", 1, 10, "write sha256"},
        {"labels: [a]", 1, 9, "{env: prod}"},
        {"labels: {a.b: c}", 1, 10, "the label 'a.b'"},
        {"tags: {a: b}", 1, 7, "write a list"},
        {"tags: [a, ]\nlabels: {a: [b]}", 2, 13, "a list stands here"},
        {"tags: ['']", 1, 8, "an empty value"},
        {"attribution: {rules: some}", 1, 22, "write critical, directories, logins or none"},
        {"attribution: {audit: yes}", 1, 22, "write off or auto"},
        {"scan: {at_start: deep}", 1, 18, "write none, metadata or content"},
        {"scan: {threads: 0}", 1, 17, "from 1 to 256"},
        {"state_dir: ${NOPE}/x", 1, 12, "${NOPE} is not set"},
        {"state_dir: /${", 1, 12, "write ${NAME}"},
        {"state_dir: /${a-b}", 1, 12, "write ${NAME}"},
    };
    WRONG(rows);
}

Test(config, a_wrong_rule_is_told_at_the_pattern)
{
    struct wrong rows[] = {
        {"policies: []\nwatch: /srv", 2, 8, "'watch' is a list"},
        {"policies: []\nwatch: [/srv]", 2, 9, "a rule is a map"},
        {"policies: []\nwatch:\n  - id: x", 3, 5, "the rule has no path"},
        {"policies: []\nwatch:\n  - path: srv", 3, 11, "relative"},
        {"policies: []\nwatch:\n  - path: [/srv, '/a[']", 3, 18, "a '[' has no ']'"},
        {"policies: []\nwatch:\n  - path: /a/../b", 3, 11, "'..'"},
        {RULE "exclude: [a, '/(/']", 4, 18,
         "the regular expression /(/ is wrong: missing closing parenthesis"},
        {RULE "include: ['a[']", 4, 15, "the pattern 'a[' is wrong"},
        {RULE "transient: [a/b]", 4, 17, "without a slash"},
        {RULE "attributes: ['-all']", 4, 17, "no attribute is left"},
        {RULE "severity: hgih", 4, 15, "write info, low, medium, high or critical"},
        {RULE "recursive: -1", 4, 16, "write true, false or how many levels"},
        {RULE "id: 'a b'", 4, 9, "other signs"},
        {RULE "follow_symlinks: perhaps", 4, 22, "write true or false"},
        {"policies: []\nwatch:\n  - {path: '/srv/*', follow_symlinks: true}", 3, 12,
         "cannot follow the pattern"},
        {"watch:\n  - {path: /srv, id: sudoers}", 2, 22, "also that of the rule at (built in)/sudoers.yaml:"},
        {"policies: []\nwatch:\n  - {path: /a, id: x}\n  - {path: /b, id: x}", 4, 20,
         "the rule at test.yaml:3"},
    };
    WRONG(rows);
}

Test(config, a_wrong_output_is_told)
{
    struct wrong rows[] = {
        {"policies: []\noutputs: {type: console}", 2, 10, "'outputs' is a list"},
        {"policies: []\noutputs: [console]", 2, 11, "an output is a map"},
        {OUTPUT "{path: /x}", 3, 5, "the output has no type"},
        {OUTPUT "{type: kafka}", 3, 12, "write file, console, elasticsearch"},
        {OUTPUT "{type: file}", 3, 5, "the output has no file"},
        {OUTPUT "{type: elasticsearch}", 3, 5, "the output has no server"},
        {OUTPUT "{type: elasticsearch, hosts: []}", 3, 34, "'hosts' is empty"},
        {OUTPUT "{type: elasticsearch, hosts: ['es:9200']}", 3, 35, "write it as https://es1:9200"},
        {OUTPUT "{type: elasticsearch, hosts: ['https://u:p@e']}", 3, 35, "use username and password_file"},
        {OUTPUT "{type: elasticsearch, hosts: ['https://:9200']}", 3, 35, "the host's name is missing"},
        {OUTPUT "{type: elasticsearch, cloud_id: x}", 3, 37, "no cloud id"},
        {ES "cloud_id: 'name:ZXUuZXhhbXBsZS5vcmckYWJjJGRlZg=='}", 3, 46, "keep one"},
        {ES "username: u}", 3, 46, "'username' needs 'password_file'"},
        {ES "key_file: /k}", 3, 46, "'key_file' needs 'certificate_file'"},
        {ES "api_key_file: /a, bearer_token_file: /b}", 3, 64, "two ways to log in"},
        {ES "index: Audit}", 3, 53, "capitals"},
        {ES "index: 'a-%q'}", 3, 53, "after '%'"},
        {ES "index: _x}", 3, 53, "may not begin"},
        {ES "batch: {events: 0}}", 3, 62, "from 1 to 10000"},
        {ES "verify: no}", 3, 54, "write full, certificate or none"},
        {OUTPUT "{type: console, name: 'a b'}", 3, 27, "other signs"},
        {OUTPUT "{type: console, actions: [create]}", 3, 31, "it may be meant: created"},
        {"outputs: [{type: console, rules: [sudoer]}]", 1, 35,
         "no rule has the id 'sudoer'; nearest is sudoers"},
        {"policies: []\noutputs: [{type: console, name: x}, {type: console, name: x}]", 2, 59,
         "two outputs are called 'x'"},
    };
    WRONG(rows);
}

Test(config, keys_of_later_versions_are_refused_and_not_ignored)
{
    struct wrong rows[] = {
        {"packages: auto", 1, 1, "not yet: 'packages'"},
        {"scan: {schedule: [{cron: '17 * * * *', depth: metadata}]}", 1, 8, "not yet: 'schedule'"},
        {"audit_stream: {commands: {enabled: true}}", 1, 1, "not yet: 'audit_stream'"},
        {"maintenance: x", 1, 1, "not yet: 'maintenance'"},
        {RULE "grow_only: true", 4, 5, "not yet: 'grow_only'"},
        {RULE "diff: yes", 4, 5, "not yet: 'diff'"},
        {OUTPUT "{type: syslog, facility: authpriv}", 3, 12, "not yet: outputs of the type 'syslog'"},
        {OUTPUT "{type: webhook}", 3, 12, "not yet"},
        {OUTPUT "{type: mail}", 3, 12, "not yet"},
    };
    WRONG(rows);
}

Test(config, all_mistakes_are_told_at_once_in_their_order)
{
    struct settings s;
    struct mistakes m = {0};
    cr_assert_eq(
        parse("outputs: [{type: fil}]\nsettle: x\npolicies: [nope-nope]\nwatch: [{path: x, severity: y}]\n"
              "digests: [z]\n",
              &s, &m),
        -EINVAL);
    int lines[] = {1, 2, 3, 4, 4, 5};
    cr_assert_eq(m.count, 6);
    for (size_t i = 0; i < m.count; i++)
        cr_expect_eq(m.list[i].line, lines[i]);
    mistakes_fini(&m);
}

Test(config, a_flood_of_mistakes_ends)
{
    char text[30000] = "";
    size_t used = 0;
    for (int i = 0; i < 1000; i++)
        used += (size_t)snprintf(text + used, sizeof(text) - used, "zzz%d: %d\n", i, i);
    struct settings s;
    struct mistakes m = {0};
    cr_assert_eq(parse(text, &s, &m), -EINVAL);
    cr_expect_eq(m.count, 201);
    mistakes_fini(&m);
}

static void write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    cr_assert(f);
    fputs(text, f);
    fclose(f);
}

Test(config, a_policy_file_hides_the_built_in_one_and_its_mistakes_name_it)
{
    char dir[] = "/tmp/fimd-config-XXXXXX", path[64], text[200];
    cr_assert(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/sudoers.yaml", dir);
    snprintf(text, sizeof(text), "policy_path: [/nowhere, %s]\npolicies: [sudoers, sudoers]\n", dir);
    write_file(path, "name: sudoers\nwatch:\n  - {id: mine, path: /srv/mine, severity: low}\n");
    struct settings s = must_parse(text);
    cr_assert_eq(policy_count(s.policy), 1);
    cr_expect_str_eq(policy_rule(s.policy, 0)->id, "mine");
    cr_expect_str_eq(policy_rule(s.policy, 0)->policy, "sudoers");
    cr_expect_str_eq(policy_rule(s.policy, 0)->file, path);
    settings_fini(&s);

    const char *bad[] = {"",
                         "name: other\nwatch: []\n",
                         "description: x\n",
                         "watch: []\nset: []\n",
                         "watch: [{path: x}]",
                         "set: [nope-nope]",
                         "wacht: []\nset: []",
                         "a: ["};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct mistakes m = {0};
        write_file(path, bad[i]);
        cr_expect_eq(parse(text, &s, &m), -EINVAL, "%s", bad[i]);
        cr_assert_eq(m.count, 1, "%s", bad[i]);
        cr_expect_str_eq(m.list[0].file, path);
        mistakes_fini(&m);
    }
    write_file(path, "set: [sudoers, identity]\n"); /* itself among them */
    s = must_parse(text);
    cr_expect_eq(policy_count(s.policy), 4);
    settings_fini(&s);
    unlink(path);
    mkdir(path, 0700);
    struct mistakes m = {0};
    cr_expect_eq(parse(text, &s, &m), -EINVAL);
    cr_expect(strstr(m.list[0].text, "cannot be read: Is a directory"));
    mistakes_fini(&m);
    rmdir(path);
    rmdir(dir);
}

Test(config, symlinks_on_the_way_are_resolved_and_the_last_is_kept)
{
    char dir[] = "/tmp/fimd-config-XXXXXX", text[1000], path[100], link_path[100];
    cr_assert(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/real", dir);
    snprintf(link_path, sizeof(link_path), "%s/link", dir);
    cr_assert_eq(mkdir(path, 0700), 0);
    cr_assert_eq(symlink("real", link_path), 0);
    snprintf(text, sizeof(text),
             "policies: []\nwatch:\n"
             "  - {id: a, path: ['%s/link/x', '%s/real/x', '%s/link/x/']}\n"
             "  - {id: b, path: '%s/link'}\n"
             "  - {id: c, path: '%s/link', follow_symlinks: true}\n"
             "  - {id: d, path: ['%s/link/*', '%s/link/**', '%s/link/none/y*']}\n"
             "  - {id: e, path: '%s/link/a\\*b'}\n"
             "  - {id: f, path: '/'}\n",
             dir, dir, dir, dir, dir, dir, dir, dir, dir);
    struct settings s = must_parse(text);
    struct {
        const char *id;
        size_t at, count;
        const char *path;
    } rows[] = {
        {"a", 0, 1, "/real/x"},       {"b", 0, 1, "/link"},       {"c", 0, 2, "/link"},
        {"c", 1, 2, "/real"},         {"d", 0, 3, "/real/*"},     {"d", 1, 3, "/real/**"},
        {"d", 2, 3, "/real/none/y*"}, {"e", 0, 1, "/real/a\\*b"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        const struct rule *r = rule_at(&s, rows[i].id);
        cr_assert_eq(r->paths_count, rows[i].count, "row %zu: %zu", i, r->paths_count);
        cr_expect(!strncmp(r->paths[rows[i].at], dir, strlen(dir)), "%s", r->paths[rows[i].at]);
        cr_expect_str_eq(r->paths[rows[i].at] + strlen(dir), rows[i].path);
    }
    cr_expect_str_eq(rule_at(&s, "f")->paths[0], "/");
    settings_fini(&s);
    unlink(link_path);
    rmdir(path);
    rmdir(dir);
}

Test(config, a_missing_file_is_told_and_a_missing_default_is_none)
{
    struct settings s;
    struct mistakes m = {0};
    cr_expect_eq(config_load("/nowhere/fimd.yaml", &s, &m), -EINVAL);
    cr_assert_eq(m.count, 1);
    cr_expect_str_eq(m.list[0].file, "/nowhere/fimd.yaml");
    cr_expect(strstr(m.list[0].text, "No such file"));
    mistakes_fini(&m);
    if (access(CONFIG_DEFAULT_FILE, F_OK) == 0)
        return;
    cr_assert_eq(config_load(NULL, &s, &m), 0);
    cr_expect_null(s.file);
    settings_fini(&s);
}

Test(config, every_shipped_policy_loads_and_has_what_a_rule_needs)
{
    char text[200];
    for (const struct embedded_policy *e = embedded_policies; e->name; e++) {
        snprintf(text, sizeof(text), "policy_path: []\npolicies: [%s]\n", e->name);
        struct settings s = must_parse(text);
        cr_expect_gt(policy_count(s.policy), 0, "%s", e->name);
        for (size_t i = 0; i < policy_count(s.policy); i++) {
            cr_expect_gt(policy_rule(s.policy, i)->tags_count, 0, "%s", policy_rule(s.policy, i)->id);
            cr_expect_gt(policy_rule(s.policy, i)->paths_count, 0, "%s", policy_rule(s.policy, i)->id);
        }
        settings_fini(&s);
    }
    struct settings s = must_parse("policy_path: []\npolicies: [pci-dss, cis, hipaa, recommended]\n");
    settings_fini(&s);
}

Test(config, recommended_watches_what_matters)
{
    static const struct {
        const char *path, *rule;
    } rows[] = {
        {"/etc/passwd", "accounts"},
        {"/etc/shadow", "accounts"},
        {"/etc/sudoers", "sudoers"},
        {"/etc/sudoers.d/x", "sudoers"},
        {"/etc/pam.d/sshd", "pam-config"},
        {"/etc/ssh/sshd_config.d/x.conf", "sshd-config"},
        {"/home/alice/.ssh/authorized_keys", "ssh-authorized-keys"},
        {"/etc/ld.so.preload", "ld-preload"},
        {"/etc/cron.d/x", "cron-system"},
        {"/var/spool/cron/crontabs/alice", "cron-users"},
        {"/etc/systemd/system/x.service", "systemd-units"},
        {"/boot/vmlinuz", "boot-files"},
        {"/usr/bin/ls", "binaries"},
        {"/usr/lib/x86_64-linux-gnu/security/pam_unix.so", "pam-modules"},
        {"/etc/hosts", "network-names"},
        {"/etc/fimd/fimd.yaml", "fimd"},
        {"/usr/lib/x86_64-linux-gnu/libc.so.6", NULL},
        {"/var/log/syslog", NULL},
        {"/home/alice/x", NULL},
        {"/etc/motd", NULL},
        {"/home/alice/.ssh/known_hosts", NULL},
    };
    struct settings s = must_parse("policy_path: []\n");
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct verdict v;
        policy_match(s.policy, rows[i].path, strlen(rows[i].path), &v);
        cr_expect_eq(!v.rule, !rows[i].rule, "%s", rows[i].path);
        if (v.rule && rows[i].rule)
            cr_expect_str_eq(v.rule->id, rows[i].rule, "%s: %s", rows[i].path, v.rule->id);
    }
    settings_fini(&s);
}

Test(config, temporary_names_of_tools_are_transient_and_real_ones_are_not)
{
    static const struct {
        const char *path;
        bool transient;
    } rows[] = {
        {"/etc/sudoers.d/sedAbC12x", true},
        {"/etc/sudoers.d/.x.swp", true},
        {"/etc/sudoers.d/4913", true},
        {"/etc/sudoers.d/x~", true},
        {"/etc/sudoers.d/x.tmp", true},
        {"/etc/pam.d/sshd.dpkg-new", true},
        {"/etc/pam.d/.#sshdAb12", true},
        {"/etc/systemd/.#x", true},
        {"/etc/sudoers.d/alice", false},
        {"/etc/pam.d/sshd", false},
        {"/etc/sudoers.d/.hidden", false},
        {"/etc/sudoers.d/x.dpkg-old", false},
        {"/etc/passwd", false},
        {"/var/spool/cron/crontabs/tmp.aB3dE6", true},
        {"/var/spool/cron/crontabs/alice", false},
    };
    struct settings s = must_parse("policy_path: []\n");
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct verdict v;
        policy_match(s.policy, rows[i].path, strlen(rows[i].path), &v);
        cr_assert(v.rule, "%s", rows[i].path);
        cr_expect_eq(v.transient, rows[i].transient, "%s", rows[i].path);
    }
    settings_fini(&s);
}
