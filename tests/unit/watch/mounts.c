/* mountinfo: parsing, what covers what, and under which names a file system's paths are seen. */
#include "fimd/watch/mounts.h"

#include <criterion/criterion.h>

#include <errno.h>
#include <string.h>

#include "fimd/watch/table.h"

static struct mounts parse(const char *text)
{
    struct mounts m = { 0 };
    cr_assert_eq(mounts_parse(text, strlen(text), &m), 0);
    return m;
}

/* / (8:1), /srv (8:2) with a bind of its /www at /var/www, /srv/hidden covered by a tmpfs, /etc/passwd a file of 8:2 */
static const char host[] =
    "21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
    "22 21 8:2 / /srv rw shared:2 master:1 - xfs /dev/sda2 ro,attr2\n"
    "23 21 8:2 /www /var/www rw - xfs /dev/sda2 rw\n"
    "24 22 0:40 / /srv/hidden rw - tmpfs tmpfs rw\n"
    "25 21 8:2 /config/passwd /etc/passwd rw - xfs /dev/sda2 rw\n"
    "26 21 0:41 / /mnt/a\\040b\\012c rw - tmpfs with\\040blank rw\n";

Test(mounts, fields_are_read)
{
    struct mounts m = parse(host);
    cr_assert_eq(m.count, 6);
    cr_expect_eq(m.list[1].id, 22);
    cr_expect_eq(m.list[1].parent, 21);
    cr_expect_eq(m.list[1].dev, UINT64_C(8) << 32 | 2);
    cr_expect_str_eq(m.list[1].type, "xfs");
    cr_expect(m.list[1].read_only);
    cr_expect_not(m.list[0].read_only);
    cr_expect_str_eq(m.list[0].point, "");
    cr_expect_str_eq(m.list[2].root, "/www");
    cr_expect_str_eq(m.list[5].point, "/mnt/a b\nc");
    cr_expect_str_eq(m.list[5].source, "with blank");
    mounts_fini(&m);
}

Test(mounts, broken_lines_are_refused)
{
    static const char *const cases[] = {
        "x", "21 1 8:1 / / rw", "21 1 8:1 / / rw -", "x 1 8:1 / / rw - ext4 a rw", "21 1 8 / / rw - ext4 a rw",
        "21 1 8:1 / relative rw - ext4 a rw", "\n", "21 1 8:1:2 / / rw - ext4 a rw",
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct mounts m = { 0 };
        cr_expect_eq(mounts_parse(cases[i], strlen(cases[i]), &m), -EBADMSG, "%s", cases[i]);
        cr_expect_null(m.list);
    }
}

Test(mounts, path_leads_into_the_right_mount)
{
    static const struct {
        const char *path;
        int id;
    } cases[] = {
        { "/", 21 }, { "/srv", 22 }, { "/srv/", 22 }, { "/srvx", 21 }, { "/srv/a/b", 22 }, { "/srv/hidden", 24 },
        { "/srv/hidden/x", 24 }, { "/var/www/x", 23 }, { "/var", 21 }, { "/etc/passwd", 25 }, { "/etc/passwd-", 21 },
    };
    struct mounts m = parse(host);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct mount *at = mounts_at(&m, cases[i].path, strlen(cases[i].path));
        cr_expect(at && at->id == cases[i].id, "%s is in %d", cases[i].path, at ? at->id : -1);
    }
    mounts_fini(&m);
}

static void expect_shown(const struct mounts *m, size_t i, const char *inside, const char *path)
{
    struct buf b = { 0 };
    bool shown = mounts_show(m, &m->list[i], inside, strlen(inside), &b);
    cr_expect_eq(shown, path != NULL, "%s by mount %zu", inside, i);
    if (path)
        cr_expect_str_eq(buf_cstr(&b), path);
    else
        cr_expect_eq(b.len, 0);
    buf_fini(&b);
}

Test(mounts, one_file_has_a_name_a_mount)
{
    struct mounts m = parse(host);
    expect_shown(&m, 1, "/www/index", "/srv/www/index");
    expect_shown(&m, 2, "/www/index", "/var/www/index");
    expect_shown(&m, 2, "/www", "/var/www");
    expect_shown(&m, 2, "/wwwx", NULL);
    expect_shown(&m, 2, "/other", NULL);
    expect_shown(&m, 4, "/config/passwd", "/etc/passwd");
    expect_shown(&m, 4, "/config", NULL);
    expect_shown(&m, 0, "", "/");
    expect_shown(&m, 0, "/x", "/x");
    mounts_fini(&m);
}

Test(mounts, what_is_covered_is_not_shown)
{
    struct mounts m = parse(host);
    expect_shown(&m, 1, "/hidden", NULL);
    expect_shown(&m, 1, "/hidden/x", NULL);
    expect_shown(&m, 0, "/srv/x", NULL);
    expect_shown(&m, 0, "/etc/passwd", NULL);
    expect_shown(&m, 0, "/etc/shadow", "/etc/shadow");
    mounts_fini(&m);
}

Test(mounts, of_two_at_one_point_the_later_is_on_top)
{
    struct mounts m = parse("21 1 8:1 / / rw - ext4 a rw\n"
                            "22 21 8:2 / /srv rw - ext4 b rw\n"
                            "23 22 8:3 / /srv rw - ext4 c rw\n");
    cr_expect_eq(mounts_at(&m, "/srv/x", 6)->id, 23);
    cr_expect_not(m.list[1].reachable);
    cr_expect(m.list[2].reachable);
    mounts_fini(&m);
}

Test(mounts, over_the_root_hides_everything)
{
    struct mounts m = parse("21 1 8:1 / / rw - ext4 a rw\n22 21 8:2 / / rw - ext4 b rw\n");
    cr_expect_eq(mounts_at(&m, "/x", 2)->id, 22);
    cr_expect_not(m.list[0].reachable);
    mounts_fini(&m);
}

Test(mounts, first_of_all_is_its_own_parent)
{
    struct mounts m = parse("1 1 0:2 / / rw - rootfs rootfs rw\n");
    cr_expect_eq(mounts_at(&m, "/x", 2)->id, 1);
    mounts_fini(&m);
}

Test(mounts, torn_table_ends)
{
    struct mounts m = parse("5 6 8:1 / / rw - ext4 a rw\n6 5 8:2 / / rw - ext4 b rw\n");
    (void)mounts_at(&m, "/x", 2);
    mounts_fini(&m);
    m = parse("");
    cr_expect_null(mounts_at(&m, "/x", 2));
    mounts_fini(&m);
}

Test(mounts, direct_children_only)
{
    struct mounts m = parse(host);
    cr_expect(mounts_on_child(&m, "/srv", 4));
    cr_expect(mounts_on_child(&m, "/etc", 4));
    cr_expect(mounts_on_child(&m, "/", 1));
    cr_expect(mounts_on_child(&m, "/var", 4));
    cr_expect_not(mounts_on_child(&m, "/sr", 3));
    cr_expect_not(mounts_on_child(&m, "/srv/hidden", 11));
    mounts_fini(&m);
}

Test(table, differences_name_each_point_once)
{
    struct mounts before = parse(host);
    struct mounts now = parse("21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
                              "22 21 8:2 / /srv rw shared:2 master:1 - xfs /dev/sda2 ro,attr2\n"
                              "24 22 0:44 / /srv/hidden rw - tmpfs tmpfs rw\n"
                              "25 21 8:2 /config/passwd /etc/passwd rw - xfs /dev/sda2 rw\n"
                              "26 21 0:41 / /mnt/a\\040b\\012c rw - tmpfs with\\040blank rw\n");
    struct buf b = { 0 };
    table_changes(&before, &now, &b);
    cr_expect_eq(b.len, sizeof("/var/www") + sizeof("/srv/hidden"));
    cr_expect_eq(memcmp(b.data, "/var/www\0/srv/hidden", b.len), 0);
    cr_expect(table_differs_for(&before, &now, UINT64_C(8) << 32 | 2));
    cr_expect_not(table_differs_for(&before, &now, UINT64_C(8) << 32 | 1));
    buf_fini(&b);
    mounts_fini(&before);
    mounts_fini(&now);
}

Test(table, same_number_mounted_anew_is_a_change)
{
    struct mounts before = parse(host), now = parse(host);
    before.list[1].unique = 100;
    now.list[1].unique = 101;
    struct buf b = { 0 };
    table_changes(&before, &now, &b);
    cr_expect_str_eq((const char *)b.data, "/srv");
    buf_fini(&b);
    mounts_fini(&before);
    mounts_fini(&now);
}

Test(table, this_machine_can_be_read)
{
    struct mounts m;
    cr_assert_eq(table_read(&m), 0);
    cr_expect_not_null(mounts_at(&m, "/proc", 5));
    cr_expect_str_eq(mounts_at(&m, "/proc", 5)->type, "proc");
    mounts_fini(&m);
}
