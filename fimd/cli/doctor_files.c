/* doctor: the file systems that are watched, the store's, and the outputs' files. */
#include "fimd/cli/doctor.h"

#include "baseline/path.h"
#include "fimd/cli/human.h"
#include "fimd/watch/mounts.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* What a file system's type means for watching it; the first whose name the type begins with. */
static const struct {
    const char *type, *verdict, *text;
} kinds[] = {
    {"nfs", VERDICT_WARNING, "changes that other hosts make are seen by scans only"},
    {"cifs", VERDICT_WARNING, "changes that other hosts make are seen by scans only"},
    {"smb", VERDICT_WARNING, "changes that other hosts make are seen by scans only"},
    {"ceph", VERDICT_WARNING, "changes that other hosts make are seen by scans only"},
    {"9p", VERDICT_WARNING, "changes made on the other side are seen by scans only"},
    {"virtiofs", VERDICT_WARNING, "changes made on the other side are seen by scans only"},
    {"fuse", VERDICT_WARNING, "a mark on every directory; changes made behind it are seen by scans only"},
    {"overlay", VERDICT_WARNING, "a mark on every directory; changes to the lower layers are seen by scans only"},
    {"proc", VERDICT_WARNING, "its files have no changes of their own"},
    {"sysfs", VERDICT_WARNING, "its files have no changes of their own"},
};

static char *read_text(const char *path, size_t *ret_len)
{
    struct buf text = {0};
    FILE *f = fopen(path, "re");

    while (f && buf_reserve(&text, 65536)) {
        size_t n = fread(text.data + text.len, 1, 65536, f);

        text.len += n;
        if (!n)
            break;
    }
    if (f)
        fclose(f);
    *ret_len = text.len;
    return (char *)text.data;
}

static void check_mount(struct json *checks, const struct mount *m)
{
    const char *point = m->point_len ? m->point : "/";

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (strncmp(m->type, kinds[i].type, strlen(kinds[i].type)) == 0) {
            doctor_add(checks, "file systems", kinds[i].verdict,
                       "schedule scans of it, or watch it on the host that has the disk", "%s (%s): %s", point, m->type,
                       kinds[i].text);
            return;
        }
    doctor_add(checks, "file systems", VERDICT_GOOD, NULL, "%s (%s): watched whole, by one mark", point, m->type);
}

static void check_mounts(struct json *checks, const struct settings *settings)
{
    size_t len, count;
    char *text = read_text("/proc/self/mountinfo", &len);
    const char *const *roots = policy_roots(settings->policy, &count);
    struct mounts mounts;

    if (text && mounts_parse(text, len, &mounts) == 0) {
        for (size_t i = 0; i < count; i++) {
            struct mount *m = mounts_at(&mounts, roots[i], strlen(roots[i]));

            if (m && !m->wanted)
                check_mount(checks, m);
            if (m)
                m->wanted = true; /* told */
        }
        mounts_fini(&mounts);
    }
    free(text);
}

static int count_entries(struct store_txn *t, void *ctx)
{
    return store_count(t, ctx);
}

static void check_space(struct json *checks, const char *dir)
{
    struct statvfs fs;
    struct buf size = {0};
    uint64_t left;

    if (statvfs(dir, &fs) < 0)
        return;
    left = (uint64_t)fs.f_bavail * fs.f_frsize;
    human_size(&size, left);
    if (left < UINT64_C(256) << 20)
        doctor_add(checks, "store", VERDICT_WARNING, "free some space, or move state_dir",
                   "%s: only %s left; without space nothing can be recorded", dir, buf_cstr(&size) ? (char *)size.data : "?");
    buf_fini(&size);
}

static void check_store(struct json *checks, const struct settings *settings)
{
    struct store_options options = {.dir = settings->state_dir, .read_only = true};
    struct store_counts counts = {0};
    struct store *store = NULL;
    struct fault why = {0};
    int r = store_open(&options, &store, &why);

    if (r == 0)
        r = store_read(store, count_entries, &counts, &why);
    if (r == -ENOENT)
        doctor_add(checks, "store", VERDICT_WARNING, "start fimd, or run: fimctl init", "%s: no baseline yet", options.dir);
    else if (r < 0)
        doctor_add(checks, "store", VERDICT_BAD, "see the text; nothing is thrown away by itself", "%s",
                   why.error ? why.text : strerror(-r));
    else
        doctor_add(checks, "store", VERDICT_GOOD, NULL, "%s: %" PRIu64 " entries, journal up to record %" PRIu64,
                   options.dir, counts.entries, counts.journal_last);
    check_space(checks, options.dir);
    store_close(store);
}

static void check_secret(struct json *checks, const struct output_settings *o, const char *path)
{
    struct stat st;

    if (!path)
        return;
    if (stat(path, &st) < 0)
        doctor_add(checks, "outputs", errno == EACCES ? VERDICT_WARNING : VERDICT_BAD, "make the file, or mend its name",
                   "%s: %s: %s", o->name, path, strerror(errno));
    else if (st.st_mode & 0077)
        doctor_add(checks, "outputs", VERDICT_WARNING, "chmod 0600 it", "%s: %s can be read by others than its owner",
                   o->name, path);
}

static void check_file(struct json *checks, const struct output_settings *o)
{
    const char *name;
    size_t name_len, len = path_parent(o->path, strlen(o->path), &name, &name_len);
    char *dir = strndup(o->path, len);
    struct stat st;

    if (dir && stat(dir, &st) < 0 && errno != ENOENT)
        doctor_add(checks, "outputs", VERDICT_BAD, "mend the path, or its rights", "%s: %s: %s", o->name, dir,
                   strerror(errno));
    else if (dir)
        doctor_add(checks, "outputs", VERDICT_GOOD, NULL, "%s: %s", o->name, o->path);
    free(dir);
}

static void check_outputs(struct json *checks, const struct settings *settings)
{
    for (size_t i = 0; i < settings->outputs_count; i++) {
        const struct output_settings *o = &settings->outputs[i];

        if (o->type == OUTPUT_FILE)
            check_file(checks, o);
        check_secret(checks, o, o->password_file);
        check_secret(checks, o, o->api_key_file);
        check_secret(checks, o, o->bearer_token_file);
        check_secret(checks, o, o->key_file);
        if (o->verify == TLS_VERIFY_NONE)
            doctor_add(checks, "outputs", VERDICT_WARNING, "set ca_file, and verify: full",
                       "%s: the server's certificate is not verified", o->name);
    }
}

void doctor_files(struct json *checks, const struct settings *settings, bool alone)
{
    if (alone)
        check_mounts(checks, settings);
    check_store(checks, settings);
    check_outputs(checks, settings);
}
