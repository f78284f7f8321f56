/* Private to fimd/sink: document_line with a cache of account names. */
#ifndef FIMD_SINK_LINE_H
#define FIMD_SINK_LINE_H

#include "fimd/sink/accounts.h"
#include "fimd/sink/document.h"

/* accounts NULL: the system is asked each time. */
void line_put(struct accounts *accounts, const struct event *e, unsigned flags, struct buf *to);

#endif
