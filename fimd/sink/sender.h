/* The network process: all that fimd says to a server goes through it, and no byte of a server's is parsed
 * anywhere else. It has no rights (confine.h), no files, and knows no more than it is told over its socket.
 *
 *   daemon (root)  ◄─ socket pair ─►  sender (nobody)  ◄─ HTTPS ─►  Elasticsearch
 */
#ifndef FIMD_SINK_SENDER_H
#define FIMD_SINK_SENDER_H

enum { SENDER_FD = 3 };
#define SENDER_ARGUMENT "--sender"

/* The whole life of the process: main() calls this with SENDER_FD, before anything else, when its first
 * argument is SENDER_ARGUMENT, and returns the result. Ends when the other side hangs up. */
int sender_main(int fd);

#endif
