/* An event as a document (ECS 8.17, one JSON object) or as a line for people. Pure. */
#ifndef FIMD_SINK_DOCUMENT_H
#define FIMD_SINK_DOCUMENT_H

#include "baseline/buf.h"
#include "fimd/model/event.h"
#include "fimd/model/settings.h"

/* What is the same in every document of this host: rendered once, read-only, shared by threads. */
struct document_host;
struct accounts;
/* Reads the host's name, id, addresses and operating system. agent_id: 16 bytes, kept in the store. */
int document_host_new(const struct settings *settings, const uint8_t agent_id[16],
                      struct document_host **ret);
void document_host_free(struct document_host *h);
const char *document_host_agent(const struct document_host *h); /* agent.id, a UUID; belongs to h */
struct accounts *document_host_accounts(const struct document_host *h); /* its names of users; belongs to h */

/* Appends one line of JSON without a newline. 0 or -ENOMEM. Thread-safe. */
int document_render(const struct document_host *h, const struct event *e, enum action_vocab vocab,
                    struct buf *to);

enum { DOCUMENT_COLOUR = 1u << 0, DOCUMENT_DATE = 1u << 1 };
/* "10:15:30 updated  /etc/sudoers   by jenkins (uid 1001) as root, from 10.1.2.3   vim ← sudo   size 1671→1714".
 * Names with control or non-UTF-8 bytes are escaped. Local time. */
void document_line(const struct event *e, unsigned flags, struct buf *to);

#endif
