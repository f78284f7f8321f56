/* The socket's address, for both ends. */
#ifndef FIMD_CONTROL_ADDRESS_H
#define FIMD_CONTROL_ADDRESS_H

#include <sys/un.h>

#include "baseline/fault.h"

/* 0, or -ENAMETOOLONG: the kernel takes 107 bytes. */
int address_make(const char *path, struct sockaddr_un *ret, struct fault *why);

#endif
