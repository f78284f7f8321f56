/* fimctl verify: the journal's hash chain, from its anchor to its head, and whether a head that was noted elsewhere
 * is still in it. Whoever can write the store can make a whole new chain: only a head kept elsewhere tells that. */
#include "fimd/cli/command.h"

#include "baseline/journal.h"
#include "fimd/cli/human.h"
#include "fimd/sink/text.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

enum { HEAD, AGAINST, OPTIONS };

static const struct option_row rows[OPTIONS] = {
    [HEAD] = {0, "head", OPTION_VALUE, "HASH", "is this head, noted earlier, still part of the chain?"},
    [AGAINST] = {0, "against", OPTION_VALUE, "OUTPUT", "compare with the server's copy (a later release)"},
};

enum { HEX = 2 * STORE_DIGEST_SIZE };

struct noted {
    uint8_t head[STORE_DIGEST_SIZE];
    uint64_t next, found;
    unsigned left; /* of this transaction */
};

static int nibble(char c)
{
    static const char digits[] = "0123456789abcdefABCDEF";
    const char *at = c ? strchr(digits, c) : NULL;
    int n = at ? (int)(at - digits) : -1;

    return n > 15 ? n - 6 : n;
}

static int parse_head(const char *text, uint8_t ret[STORE_DIGEST_SIZE])
{
    if (strlen(text) != HEX)
        return -EINVAL;
    for (size_t i = 0; i < STORE_DIGEST_SIZE; i++) {
        int high = nibble(text[2 * i]), low = nibble(text[2 * i + 1]);

        if (high < 0 || low < 0)
            return -EINVAL;
        ret[i] = (uint8_t)(high << 4 | low);
    }
    return 0;
}

static int compare(void *ctx, const struct journal_record *record)
{
    struct noted *n = ctx;

    if (!n->left--)
        return 1;
    n->next = record->sequence + 1;
    if (memcmp(record->chain, n->head, STORE_DIGEST_SIZE) != 0)
        return 0;
    n->found = record->sequence;
    return 2;
}

static int look(struct store_txn *t, void *ctx)
{
    struct noted *n = ctx;

    n->left = 10000;
    return journal_each(t, n->next, compare, n);
}

static int find_head(struct store *store, struct noted *n, struct fault *why)
{
    int r;

    do
        r = store_read(store, look, n, why);
    while (r == 1);
    return r < 0 ? r : 0;
}

struct outcome {
    struct journal_proof proof;
    const char *head; /* as given; NULL */
    uint64_t found;   /* its sequence; 0 not in the chain */
};

static bool good(const struct outcome *o)
{
    return !o->proof.broken && (!o->head || o->found);
}

static int tell_json(struct cli *cli, const struct outcome *o)
{
    struct json *j = json_object();
    char head[HEX + 1];

    text_hex(o->proof.head, STORE_DIGEST_SIZE, head);
    json_put_bool(j, "good", good(o));
    json_put_uint(j, "first", o->proof.first);
    json_put_uint(j, "last", o->proof.last);
    json_put_uint(j, "records", o->proof.records);
    json_put_text(j, "head", head);
    if (o->proof.broken) {
        json_put_uint(j, "broken", o->proof.broken);
        json_put_text(j, "reason", o->proof.reason);
    }
    if (o->head && o->found)
        json_put_uint(j, "noted", o->found);
    else if (o->head)
        json_put_null(j, "noted");
    return cli_put_json(cli, j);
}

static void put_proof(struct cli *cli, const struct outcome *o, struct buf *to)
{
    const struct journal_proof *p = &o->proof;
    char head[HEX + 1];

    text_hex(p->head, STORE_DIGEST_SIZE, head);
    if (p->broken)
        buf_printf(to, "%sbroken%s at record %" PRIu64 ": %s\n", cli_colour(cli, CLI_RED), cli_colour(cli, CLI_PLAIN),
                   p->broken, p->reason);
    else if (!p->records)
        buf_put_str(to, "the journal is empty\n");
    else {
        human_count(to, p->records);
        buf_printf(to, " records, %" PRIu64 " to %" PRIu64 ": each fits the one before\nhead %s\n", p->first, p->last, head);
    }
}

static void tell(struct cli *cli, const struct outcome *o)
{
    struct buf text = {0};

    put_proof(cli, o, &text);
    if (o->head && o->found)
        buf_printf(&text, "the noted head is that of record %" PRIu64 "\n", o->found);
    else if (o->head)
        buf_printf(&text,
                   "%sthe noted head is not in this journal%s: it was altered or cut off since, or keeps that record no "
                   "longer\n",
                   cli_colour(cli, CLI_RED), cli_colour(cli, CLI_PLAIN));
    cli_put(cli, &text);
    buf_fini(&text);
}

static int prove(struct cli *cli, struct store *store, struct noted *noted, const char *head)
{
    struct outcome o = {.head = head};
    struct fault why = {0};
    int r = journal_verify(store, &o.proof, &why);

    if (r == 0 && head)
        r = find_head(store, noted, &why);
    if (r < 0)
        return cli_fault(cli, EXIT_INTERNAL, &why);
    o.found = noted->found;
    if (cli->json)
        tell_json(cli, &o);
    else
        tell(cli, &o);
    return good(&o) ? EXIT_WELL : EXIT_NOT_SO;
}

static int run(struct cli *cli, const struct words *words)
{
    const char *head = words->options[HEAD];
    struct store *store = NULL;
    struct noted noted = {0};
    int r;

    if (words->options[AGAINST])
        return cli_fail(cli, EXIT_BAD_USAGE, "--against: not yet; it comes with a later release");
    if (head && parse_head(head, noted.head) < 0)
        return cli_fail(cli, EXIT_BAD_USAGE, "--head: '%s' is none; it would be 64 hexadecimal digits", head);
    r = cli_store(cli, &(struct store_options){.read_only = true}, &store);
    if (r == 0)
        r = prove(cli, store, &noted, head);
    store_close(store);
    return r;
}

const struct command command_verify = {
    .name = "verify",
    .help = "prove that nothing was taken out of the journal or altered",
    .more = "Note the head elsewhere (--json has it as \"head\"), and ask for it later with --head.\n"
            "Works without the daemon. Exit code 1: the proof fails.\n",
    .options = rows,
    .options_count = OPTIONS,
    .run = run,
};
