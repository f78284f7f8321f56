#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "fimd/sink/suspicion.h"

static const char letters[] = "atpf"; /* again, taken, poison, forbidden */

/* A batch: a letter an item, each with the error type that follows it. */
struct step {
    const char *batch; /* "p:type p:type t" */
    enum suspicion_verdict verdict;
};

static const struct {
    const char *name;
    struct step steps[6];
} stories[] = {
    {"one bad among good is poison", {{"t p:a", SUSPICION_NONE}}},
    {"all bad alike is the set-up", {{"p:a p:a p:a", SUSPICION_SETUP}, {"p:a p:a p:a", SUSPICION_SETUP}}},
    {"all bad in different ways are poison", {{"t", SUSPICION_NONE}, {"p:a p:b", SUSPICION_NONE}}},
    {"a single one before any was taken proves nothing", {{"p:a", SUSPICION_SETUP}}},
    {"single ones are given up after one was taken, but not for ever",
     {{"t", SUSPICION_NONE}, {"p:a", SUSPICION_NONE}, {"p:a", SUSPICION_NONE}, {"p:a", SUSPICION_NONE},
      {"p:a", SUSPICION_SETUP}}},
    {"a taken one clears it",
     {{"t", SUSPICION_NONE}, {"p:a", SUSPICION_NONE}, {"p:a", SUSPICION_NONE}, {"t", SUSPICION_NONE},
      {"p:a", SUSPICION_NONE}}},
    {"all forbidden are the credentials", {{"f:s f:s", SUSPICION_RIGHTS}}},
    {"some turned away for now, some poison", {{"a p:a", SUSPICION_NONE}}},
};

static size_t parse(const char *batch, struct bulk_item *items)
{
    size_t count = 0;

    while (*batch) {
        struct bulk_item *item = &items[count++];
        size_t len = strcspn(batch, " ");

        *item = (struct bulk_item){.status = 400};
        item->verdict = (enum bulk_verdict)(strchr(letters, batch[0]) - letters);
        if (batch[1] == ':')
            snprintf(item->reason, sizeof(item->reason), "%.*s: document %zu", (int)len - 2, batch + 2,
                     count);
        batch += len + (batch[len] == ' ');
    }
    return count;
}

Test(suspicion, tells_poison_from_a_wrong_setup)
{
    for (size_t i = 0; i < sizeof(stories) / sizeof(stories[0]); i++) {
        struct suspicion s = {0};

        for (size_t k = 0; k < 6 && stories[i].steps[k].batch; k++) {
            struct bulk_item items[8];
            size_t count = parse(stories[i].steps[k].batch, items);

            cr_expect_eq(suspicion_weigh(&s, items, count), stories[i].steps[k].verdict, "%s: step %zu",
                         stories[i].name, k + 1);
        }
    }
}
