/* An entry's facts for people and as JSON. */
#ifndef FIMD_CLI_FACTS_H
#define FIMD_CLI_FACTS_H

#include "baseline/entry.h"
#include "fimd/rt/json.h"

/* {"type":…,"mode":"0644","uid":0,…,"hash":{…}} at key; nothing for an absent entry. */
void facts_put(struct json *parent, const char *key, const struct entry *e);
void facts_put_changes(struct json *parent, const char *key, uint32_t changes); /* ["content", "size"] */
/* Lines "  mode    0644" for people. */
void facts_print(struct buf *to, const struct entry *e);

#endif
