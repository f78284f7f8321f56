/* What only the running daemon knows of its health, each with a verdict and a remedy: {checks: […]}. */
#ifndef FIMD_DAEMON_DOCTOR_H
#define FIMD_DAEMON_DOCTOR_H

#include "fimd/flow/flow.h"
#include "fimd/rt/json.h"

struct json *doctor_checks(struct flow *f); /* the caller's; NULL out of memory */

#endif
