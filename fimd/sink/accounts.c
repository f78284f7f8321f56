/* Owns: the cache of account names. A table of fixed size, an id has one slot; the lock is never held while
 * the system is asked, which may take seconds where a directory server is down.
 *
 *   uid ─► slot, fresh? ─► name
 *              └ no ─► getpwuid_r ─► slot
 */
#include "fimd/sink/accounts.h"

#include "fimd/rt/clock.h"

#include <errno.h>
#include <grp.h>
#include <pthread.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SLOTS = 256,            /* a power of two */
    BUFFER_FIRST = 4096,
    BUFFER_MOST = 1 << 20,  /* a group with very many members */
    FRESH_S = 60,           /* a renamed or new account is seen after this */
};

enum kind { KIND_USER, KIND_GROUP, KINDS };

struct slot {
    int64_t until; /* ns monotonic; 0: empty */
    uint32_t id;
    char name[ACCOUNT_NAME_SIZE]; /* "": none */
};

struct accounts {
    pthread_mutex_t lock;
    struct slot slots[KINDS][SLOTS];
};

int accounts_new(struct accounts **ret)
{
    struct accounts *a = calloc(1, sizeof(*a));

    if (!a)
        return -ENOMEM;
    pthread_mutex_init(&a->lock, NULL);
    *ret = a;
    return 0;
}

void accounts_free(struct accounts *a)
{
    if (!a)
        return;
    pthread_mutex_destroy(&a->lock);
    free(a);
}

/* 0, also when there is no such account (name ""); ERANGE when the buffer is too small; else an errno. */
static int ask_with(enum kind kind, uint32_t id, char *buffer, size_t size, char name[ACCOUNT_NAME_SIZE])
{
    struct passwd user, *found_user = NULL;
    struct group group, *found_group = NULL;
    const char *found = NULL;
    int error;

    if (kind == KIND_USER) {
        error = getpwuid_r(id, &user, buffer, size, &found_user);
        found = found_user ? found_user->pw_name : NULL;
    } else {
        error = getgrgid_r(id, &group, buffer, size, &found_group);
        found = found_group ? found_group->gr_name : NULL;
    }
    snprintf(name, ACCOUNT_NAME_SIZE, "%s", !error && found ? found : "");
    return error;
}

static void ask(enum kind kind, uint32_t id, char name[ACCOUNT_NAME_SIZE])
{
    char small[BUFFER_FIRST];
    int error = ask_with(kind, id, small, sizeof(small), name);

    for (size_t size = 4 * BUFFER_FIRST; error == ERANGE && size <= BUFFER_MOST; size *= 4) {
        char *buffer = malloc(size);

        if (!buffer)
            return;
        error = ask_with(kind, id, buffer, size, name);
        free(buffer);
    }
}

static bool recall(struct accounts *a, enum kind kind, uint32_t id, int64_t now, char name[ACCOUNT_NAME_SIZE])
{
    struct slot *slot = &a->slots[kind][id & (SLOTS - 1)];
    bool fresh;

    pthread_mutex_lock(&a->lock);
    fresh = slot->until > now && slot->id == id;
    if (fresh)
        strcpy(name, slot->name);
    pthread_mutex_unlock(&a->lock);
    return fresh;
}

static void remember(struct accounts *a, enum kind kind, uint32_t id, int64_t now,
                     char name[ACCOUNT_NAME_SIZE])
{
    struct slot *slot = &a->slots[kind][id & (SLOTS - 1)];

    pthread_mutex_lock(&a->lock);
    if (!name[0] && slot->until && slot->id == id)
        memcpy(name, slot->name, ACCOUNT_NAME_SIZE);
    slot->id = id;
    slot->until = now + FRESH_S * NS_PER_S;
    memcpy(slot->name, name, ACCOUNT_NAME_SIZE);
    pthread_mutex_unlock(&a->lock);
}

static bool name_of(struct accounts *a, enum kind kind, uint32_t id, char ret[ACCOUNT_NAME_SIZE])
{
    int64_t now = a ? clock_mono() : 0;

    if (a && recall(a, kind, id, now, ret))
        return ret[0] != '\0';
    memset(ret, 0, ACCOUNT_NAME_SIZE);
    ask(kind, id, ret);
    if (a)
        remember(a, kind, id, now, ret);
    return ret[0] != '\0';
}

bool accounts_user(struct accounts *a, uint32_t uid, char ret[ACCOUNT_NAME_SIZE])
{
    return name_of(a, KIND_USER, uid, ret);
}

bool accounts_group(struct accounts *a, uint32_t gid, char ret[ACCOUNT_NAME_SIZE])
{
    return name_of(a, KIND_GROUP, gid, ret);
}
