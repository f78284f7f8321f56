/* Events on the output: documents with --json, else lines for people. */
#ifndef FIMD_CLI_PRINT_H
#define FIMD_CLI_PRINT_H

#include "fimd/cli/cli.h"
#include "fimd/model/event.h"
#include "fimd/sink/document.h"

struct printer {
    struct cli *cli;
    struct document_host *host; /* only with --json */
    struct buf line;
};

/* 0 or an exit code. The store tells the agent's id. */
int printer_init(struct printer *p, struct cli *cli, struct store *store);
void printer_fini(struct printer *p);
void print_document(struct printer *p, const struct event *e);
void print_line(struct printer *p, const struct event *e);   /* one line, as the console has it, with its date */
void print_answer(struct printer *p, const struct event *e); /* who did it, in two lines */

/* "by alice (uid 1000) as root, from 10.1.2.3" */
void print_person(struct buf *to, const struct actor *a);
/* "size 1671→1714, mode 0644→0600, content": what a change of these attributes was. */
void print_changes(struct buf *to, uint32_t changes, const struct entry *before, const struct entry *after);

#endif
