/* The measuring workers: take findings at rest, measure their paths, hand them to the judge. */
#ifndef FIMD_FLOW_POOL_H
#define FIMD_FLOW_POOL_H

#include "baseline/measure.h"
#include "fimd/flow/judge.h"
#include "fimd/flow/select.h"

struct pool;

/* Starts `threads` workers. */
int pool_open(struct select *select, struct judge *judge, const struct measure_options *measure, unsigned threads,
              struct pool **ret);
/* Joins the workers; select_stop must have been called. */
void pool_close(struct pool *p);

#endif
