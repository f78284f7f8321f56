/* What the tests of measure share: a directory of their own, files in it, digests as text. */
#ifndef TESTS_MEASURE_HELP_H
#define TESTS_MEASURE_HELP_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "baseline/measure.h"

struct place {
    char path[64];
    int fd; /* of it, O_RDONLY|O_DIRECTORY */
};

/* The one a test has open; the suite's fini takes it away when an assertion ended the test before its end. A
 * test is a process of its own, so this is its own. */
static struct place place_kept = {.fd = -1};

static inline void place_drop(void)
{
    char command[128];
    if (place_kept.fd < 0)
        return;
    close(place_kept.fd);
    place_kept.fd = -1;
    snprintf(command, sizeof(command), "rm -rf '%s'", place_kept.path);
    cr_expect_eq(system(command), 0);
}

static inline void place_open(struct place *p, const char *below)
{
    snprintf(p->path, sizeof(p->path), "%s/fimd-measure.XXXXXX", below);
    cr_assert_not_null(mkdtemp(p->path), "%s", p->path);
    p->fd = open(p->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    place_kept = *p;
    cr_assert_geq(p->fd, 0);
}

static inline void place_close(struct place *p)
{
    (void)p;
    place_drop();
}

static inline void put_file(int dirfd, const char *name, const void *data, size_t len)
{
    int fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    cr_assert_geq(fd, 0, "%s", name);
    cr_assert_eq(write(fd, data, len), (ssize_t)len);
    close(fd);
}

#define PUT_TEXT(dirfd, name, text) put_file(dirfd, name, text, strlen(text))

/* names: "md5 sha256"; "" for none */
static inline struct measurer *measurer_for(struct measure_options options, const char *names)
{
    struct measurer *m;
    while (*names) {
        size_t n = strcspn(names, " ");
        options.digests.ids[options.digests.count++] = digest_id(names, n);
        names += n + (names[n] == ' ');
    }
    cr_assert_eq(measurer_new(&options, &m), 0);
    return m;
}

/* "" when there is none; the text is good until the next call */
static inline const char *hex_of(const struct entry *e, const char *name)
{
    static char text[2 * DIGEST_SIZE_MAX + 1];
    const struct digest *d = digests_find(&e->digests, digest_id(name, strlen(name)));
    text[0] = '\0';
    for (size_t i = 0; d && i < d->len; i++)
        snprintf(text + 2 * i, 3, "%02x", d->value[i]);
    return text;
}

#define SHA256_ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define SHA256_NOTHING "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

#endif
