/* See doctor.h. */
#include "fimd/daemon/doctor.h"

#include <stdarg.h>
#include <stdio.h>

#include "fimd/control/requests.h"
#include "fimd/rt/clock.h"
#include "fimd/rt/loss.h"

__attribute__((format(printf, 5, 6))) static void check(struct json *to, const char *name, const char *verdict,
                                                        const char *remedy, const char *format, ...)
{
    char text[600];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    struct json *row = json_put_object(to, NULL);
    json_put_text(row, FIELD_NAME, name);
    json_put_text(row, FIELD_VERDICT, verdict);
    json_put_text(row, FIELD_TEXT, text);
    json_put_text(row, FIELD_REMEDY, remedy);
}

static void check_features(struct json *to, const struct flow_status *s)
{
    static const struct {
        uint32_t bit;
        const char *name, *without;
    } rows[] = {
        {WATCH_FEATURE_RENAME, "FAN_RENAME (Linux 5.17)", "both halves of a rename are joined by their target"},
        {WATCH_FEATURE_TARGET, "FAN_REPORT_TARGET_FID (Linux 5.17)", "audit records are matched by name"},
        {WATCH_FEATURE_FILESYSTEM, "filesystem marks", "every directory is marked by itself"},
        {WATCH_FEATURE_MNT, "FAN_REPORT_MNT (Linux 6.15)", "mounts are seen by polling /proc/self/mountinfo"},
        {WATCH_FEATURE_EVICTABLE, "FAN_MARK_IGNORE (Linux 6.0)", "busy directories that nobody watches cost more"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (s->watch.features & rows[i].bit)
            check(to, "kernel", VERDICT_GOOD, NULL, "%s is used", rows[i].name);
        else
            check(to, "kernel", VERDICT_WARNING, "a newer kernel has it", "%s is not used: %s", rows[i].name,
                  rows[i].without);
    }
}

static void check_marks(struct json *to, const struct flow_status *s)
{
    for (size_t i = 0; i < s->watch.marks_count; i++) {
        const struct watch_mark *m = &s->watch.marks[i];
        check(to, "file-system", m->limits ? VERDICT_WARNING : VERDICT_GOOD,
              m->limits ? "a scheduled scan finds what cannot be seen live" : NULL, "%s (%s) is watched by %s marks%s%s",
              m->path, m->fs_type, m->how, m->limits ? ": " : "", m->limits ? m->limits : "");
    }
}

static void check_audit(struct json *to, const struct flow_status *s)
{
    if (!s->audit_on) {
        check(to, "audit-records", VERDICT_WARNING, "see the reason; `attribution.audit: off` silences this",
              "audit records are not read: %s", s->audit_text[0] ? s->audit_text : "switched off in the configuration");
        return;
    }
    bool rules = s->audit.rules_loaded == s->audit.rules_wanted;
    check(to, "audit-rules", rules ? VERDICT_GOOD : VERDICT_BAD,
          rules ? NULL : "fimd loads them again by itself; locked rules (-e 2) need a boot", "%u of %u rules of fimd's are loaded, %u of others",
          s->audit.rules_loaded, s->audit.rules_wanted, s->audit.rules_foreign);
    if (s->audit.never_task)
        check(to, "audit-task-never", VERDICT_BAD, "take the `task,never` rule out of /etc/audit/rules.d",
              "a `task,never` rule keeps new processes from being audited");
    uint64_t lost = s->audit.lost_kernel + s->audit.lost_socket;
    check(to, "audit-losses", lost ? VERDICT_WARNING : VERDICT_GOOD,
          lost ? "a larger backlog (auditctl -b) or fewer rules" : NULL, "%llu audit records were lost",
          (unsigned long long)lost);
}

static void check_people(struct json *to, const struct flow_status *s)
{
    bool connector = s->process.grade == GRADE_PROCESS;
    check(to, "process-connector", connector ? VERDICT_GOOD : VERDICT_WARNING,
          connector ? NULL : "a kernel with CONFIG_PROC_EVENTS, and fimd in the initial network namespace",
          connector ? "every process is known, however short its life" : "not to be had: /proc is asked instead");
    const struct probe_result *p = &s->probe;
    check(to, "self-test", p->seen && p->person_right ? VERDICT_GOOD : VERDICT_BAD,
          p->seen ? NULL : "look at the marks above, and at the log of the start",
          p->seen ? "a change of fimd's own came back in %lld µs, with its person, by grade `%s`"
                  : "a change of fimd's own did not come back (%lld µs, grade `%s`)",
          (long long)(p->latency / NS_PER_US), grade_name(p->grade));
}

static void check_losses(struct json *to)
{
    for (int kind = 0; kind < LOSS_KINDS; kind++) {
        uint64_t n = loss_read((enum loss)kind);
        if (n)
            check(to, "losses", VERDICT_WARNING, "what was missed was scanned again; `fimctl events` has the events",
                  "%s: %llu", loss_name((enum loss)kind), (unsigned long long)n);
    }
}

static void check_outputs(struct json *to, const struct flow_status *s)
{
    for (size_t i = 0; i < s->ships_count; i++) {
        const struct ship_status *o = &s->ships[i];
        check(to, "output", o->failing ? VERDICT_BAD : o->dead ? VERDICT_WARNING : VERDICT_GOOD,
              o->failing ? "see the error; nothing is lost, it is tried again" : NULL,
              "%s%s%s: %llu delivered, %llu refused for good%s%s", o->name, o->peer[0] ? ", " : "", o->peer,
              (unsigned long long)o->delivered, (unsigned long long)o->dead, o->failing ? ": " : "",
              o->failing ? o->last_error : "");
    }
}

struct json *doctor_checks(struct flow *f)
{
    struct flow_status s;
    if (flow_status(f, &s) < 0)
        return NULL;
    struct json *answer = json_object();
    struct json *checks = json_put_array(answer, FIELD_CHECKS);
    check_features(checks, &s);
    check_marks(checks, &s);
    check_audit(checks, &s);
    check_people(checks, &s);
    check_losses(checks);
    check_outputs(checks, &s);
    flow_status_fini(&s);
    return answer;
}
