/* Any bytes on the connector's socket: refused, or a message that the tree takes without harm. The input is
 * many datagrams, each behind one byte with its length; all of them go into one tree. */
#include <stdlib.h>

#include "fimd/process/connector.h"
#include "fimd/process/tree.h"
#include "fimd/process/who.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look(struct tree *t, pid_t pid, int64_t at)
{
    bool lost = false;
    struct who who;
    struct actor *a = NULL;
    struct process *n = tree_meant(t, pid, at, &lost);
    if (!n)
        return;
    process_hold(n);
    who_ask(t, n, at, at, &who);
    if (!who_actor(t, n, at, &who, 0, &a))
        actor_unref(a);
    tree_forget(t, at, 4);
    process_release(t, n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tree t;
    struct connector_sequences sequences = {0};
    if (tree_init(&t, 8))
        return 0;
    t.connector = t.logins_come = true;
    while (size > 1) {
        size_t len = data[0] < size - 1 ? data[0] : size - 1;
        struct connector_message m;
        if (!connector_decode(data + 1, len, &m)) {
            connector_sequence(&sequences, &m);
            tree_apply(&t, &m);
            if (m.sequence % 7 == 0)
                tree_login(&t, m.pid, m.time, m.time, m.sequence, m.cpu);
            look(&t, m.pid, m.time);
        }
        data += 1 + len;
        size -= 1 + len;
    }
    connector_sequences_fini(&sequences);
    tree_fini(&t);
    return 0;
}
