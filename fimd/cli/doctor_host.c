/* doctor: rights, kernel, namespaces, clock. */
#include "fimd/cli/doctor.h"

#include "fimd/process/connector.h"
#include "fimd/watch/fan.h"
#include "fimd/watch/watch.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/timex.h>
#include <sys/utsname.h>
#include <unistd.h>

/* Bits of CapEff in /proc/self/status, and what each is for. */
static const struct {
    unsigned bit;
    const char *name, *use;
} capabilities[] = {
    {21, "CAP_SYS_ADMIN", "fanotify's marks on file systems"},
    {2, "CAP_DAC_READ_SEARCH", "paths from file handles"},
    {37, "CAP_AUDIT_READ", "audit records"},
    {30, "CAP_AUDIT_CONTROL", "audit rules"},
    {12, "CAP_NET_ADMIN", "the process connector, and buffers that hold a burst"},
    {19, "CAP_SYS_PTRACE", "programs of processes with more rights"},
};

static unsigned long long own_capabilities(void)
{
    unsigned long long mask = 0;
    FILE *f = fopen("/proc/self/status", "re");
    char line[256];

    while (f && fgets(line, sizeof(line), f))
        if (strncmp(line, "CapEff:", 7) == 0)
            mask = strtoull(line + 7, NULL, 16);
    if (f)
        fclose(f);
    return mask;
}

static void check_rights(struct json *checks)
{
    unsigned long long mask = own_capabilities();
    bool whole = true;

    if (geteuid() != 0)
        doctor_add(checks, "rights", VERDICT_WARNING, "ask as root: sudo fimctl doctor",
                   "not root: much cannot be looked at");
    for (size_t i = 0; geteuid() == 0 && i < sizeof(capabilities) / sizeof(capabilities[0]); i++) {
        if (mask >> capabilities[i].bit & 1)
            continue;
        whole = false;
        doctor_add(checks, "rights", VERDICT_BAD, "run it outside of this container, or grant the capability",
                   "root without %s: needed for %s", capabilities[i].name, capabilities[i].use);
    }
    if (geteuid() == 0 && whole)
        doctor_add(checks, "rights", VERDICT_GOOD, NULL, "root with every capability that fimd uses");
}

static const struct {
    uint32_t feature;
    const char *without;
} features[] = {
    {WATCH_FEATURE_TARGET, "no targets in events (5.17): inodes are asked for, later"},
    {WATCH_FEATURE_RENAME, "no FAN_RENAME (5.17): both halves of a rename are joined"},
    {WATCH_FEATURE_FILESYSTEM, "no marks on file systems: a mark on every directory"},
    {WATCH_FEATURE_EVICTABLE, "no ignore marks (6.0): noisy places cost more"},
    {WATCH_FEATURE_MNT, "no events of mounts (6.15): the list of mounts is polled"},
};

static void check_kernel(struct json *checks)
{
    uint32_t there = geteuid() == 0 ? fan_probe(0) : UINT32_MAX;
    struct utsname name;
    bool whole = true;

    if (uname(&name) < 0)
        return;
    for (size_t i = 0; i < sizeof(features) / sizeof(features[0]); i++) {
        if (there & features[i].feature)
            continue;
        whole = false;
        doctor_add(checks, "kernel", VERDICT_WARNING, "a newer kernel has it", "Linux %s: %s", name.release,
                   features[i].without);
    }
    if (whole && geteuid() == 0)
        doctor_add(checks, "kernel", VERDICT_GOOD, NULL, "Linux %s has all that fimd uses", name.release);
}

/* The first namespaces have fixed inode numbers (include/linux/proc_ns.h); the network's has none. */
static const struct {
    const char *name;
    unsigned long inode; /* 0: compared with that of pid 1 */
    const char *effect;
} namespaces[] = {
    {"user", 0xEFFFFFFDUL, "audit and fanotify need the first user namespace"},
    {"pid", 0xEFFFFFFCUL, "pids of processes outside are read as 0: nobody can be named"},
    {"net", 0, "audit records never arrive in another network namespace"},
};

static bool is_first(size_t i)
{
    char own[64];
    struct stat mine, first;

    snprintf(own, sizeof(own), "/proc/self/ns/%s", namespaces[i].name);
    if (stat(own, &mine) < 0)
        return true; /* a kernel without such namespaces has only one */
    if (namespaces[i].inode)
        return mine.st_ino == namespaces[i].inode;
    return stat("/proc/1/ns/net", &first) < 0 || first.st_ino == mine.st_ino;
}

static void check_namespaces(struct json *checks)
{
    bool whole = true;

    for (size_t i = 0; i < sizeof(namespaces) / sizeof(namespaces[0]); i++) {
        if (is_first(i))
            continue;
        whole = false;
        doctor_add(checks, "namespaces", VERDICT_BAD, "run fimd on the host itself", "a %s namespace of its own: %s",
                   namespaces[i].name, namespaces[i].effect);
    }
    if (whole)
        doctor_add(checks, "namespaces", VERDICT_GOOD, NULL, "the host's own user, pid and network namespace");
}

static void check_clock(struct json *checks)
{
    struct timex now = {0};

    if (adjtimex(&now) == TIME_ERROR)
        doctor_add(checks, "clock", VERDICT_WARNING, "let chrony or systemd-timesyncd set the clock",
                   "the clock is not synchronised: times in events may be wrong");
    else
        doctor_add(checks, "clock", VERDICT_GOOD, NULL, "the clock is synchronised");
}

/* The connector tells every process, however short its life; subscribing is the only way to know. */
static void check_connector(struct json *checks)
{
    struct connector *connector = NULL;
    struct fault why = {0};

    if (geteuid() != 0)
        return;
    if (connector_open(&connector, &why) < 0)
        doctor_add(checks, "processes", VERDICT_WARNING, "a kernel with CONFIG_PROC_EVENTS, outside of a container",
                   "%s; /proc is asked instead, and short lives are missed", why.text);
    else
        doctor_add(checks, "processes", VERDICT_GOOD, NULL, "every process is known, however short its life");
    connector_close(connector);
}

void doctor_host(struct json *checks, bool alone)
{
    check_rights(checks);
    if (alone) {
        check_kernel(checks);
        check_connector(checks);
    }
    check_namespaces(checks);
    check_clock(checks);
}
