/* doctor: the kernel's audit system as it stands, and who else reads it. Asks only, changes nothing. */
#include "fimd/cli/doctor.h"

#include "fimd/audit/netlink.h"

#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool boot_parameter(const char *wanted)
{
    FILE *f = fopen("/proc/cmdline", "re");
    char line[4096], *rest = line, *word;
    bool found = false;

    if (f && fgets(line, sizeof(line), f))
        while ((word = strtok_r(rest, " \n", &rest)))
            found = found || strcmp(word, wanted) == 0;
    if (f)
        fclose(f);
    return found;
}

struct rule_sums {
    unsigned all, never_task;
};

static int count_rule(void *ctx, const struct rule_wire *rule)
{
    struct rule_sums *sums = ctx;

    sums->all++;
    if (rule->list == RULE_LIST_TASK && rule->action == RULE_NEVER)
        sums->never_task++;
    return 0;
}

static void check_rules(struct json *checks, int fd)
{
    struct rule_sums sums = {0};

    if (netlink_rules(fd, count_rule, &sums) < 0)
        return;
    if (sums.never_task)
        doctor_add(checks, "audit rules", VERDICT_BAD,
                   "take '-a never,task' out of /etc/audit/rules.d, then: augenrules --load",
                   "a rule 'task,never' stands: processes that are started under it are never recorded");
    else
        doctor_add(checks, "audit rules", VERDICT_GOOD, NULL, "%u loaded", sums.all);
}

static void check_state(struct json *checks, const struct netlink_status *s)
{
    if (s->enabled == 2)
        doctor_add(checks, "audit", VERDICT_WARNING, "boot without '-e 2', or put fimd's rules before it",
                   "locked (-e 2): rules can be changed after a reboot only, fimd lives with those loaded");
    else if (s->enabled == 0)
        doctor_add(checks, "audit", VERDICT_GOOD, NULL, "switched off now; fimd switches it on while it runs");
    else
        doctor_add(checks, "audit", VERDICT_GOOD, NULL, "on, %s", s->daemon_pid ? "beside auditd" : "without auditd");
    if (s->lost)
        doctor_add(checks, "audit", VERDICT_WARNING, "raise the backlog: auditctl -b 8192",
                   "the kernel lost %u records since boot (backlog limit %u)", s->lost, s->backlog_limit);
}

static void check_boot(struct json *checks)
{
    if (boot_parameter("audit=0"))
        doctor_add(checks, "audit at boot", VERDICT_BAD, "take audit=0 off the kernel's command line",
                   "audit=0: no audit until the next boot; the grade is 'process' at best");
    else if (boot_parameter("audit=1"))
        doctor_add(checks, "audit at boot", VERDICT_GOOD, NULL, "audit=1: every process is recorded");
    else
        doctor_add(checks, "audit at boot", VERDICT_WARNING,
                   "add audit=1 to the kernel's command line (GRUB_CMDLINE_LINUX in /etc/default/grub, then update-grub)",
                   "audit=1 was not given: what was started before audit was first on is never recorded, its children are");
}

/* Other readers of the same records: /proc/net/netlink has a line a socket: address, protocol, port (mostly the
 * pid), groups. Several may listen to the group; one may hold the unicast end. */
static void check_listeners(struct json *checks)
{
    FILE *f = fopen("/proc/net/netlink", "re");
    char line[256];
    unsigned protocol, port, groups, listening = 0;

    while (f && fgets(line, sizeof(line), f))
        if (sscanf(line, "%*s %u %u %x", &protocol, &port, &groups) == 3 && protocol == NETLINK_AUDIT && groups & 1)
            listening++;
    if (f)
        fclose(f);
    doctor_add(checks, "audit readers", VERDICT_GOOD, NULL, "%u listen to the multicast group, which takes any number",
               listening);
}

void doctor_audit(struct json *checks, bool alone)
{
    struct netlink_status status;
    struct fault why = {0};
    int fd = geteuid() == 0 ? netlink_control(&why) : -1;

    check_boot(checks);
    if (geteuid() != 0)
        return;
    if (fd < 0 || netlink_status(fd, &status) < 0) {
        doctor_add(checks, "audit", VERDICT_BAD, "a kernel with CONFIG_AUDITSYSCALL, outside of a container",
                   "cannot be asked%s%s", why.error ? ": " : "", why.error ? why.text : "");
    } else {
        check_state(checks, &status);
        if (alone)
            check_rules(checks, fd);
    }
    check_listeners(checks);
    if (fd >= 0)
        close(fd);
}
