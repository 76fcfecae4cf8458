/* route_parts.h - what `make bench B=route` consists of beside the published data. Each adds rows and limits, and exits
 * the bench when it can't. One thread. */
#ifndef BENCH_ROUTE_PARTS_H
#define BENCH_ROUTE_PARTS_H

#include <math.h>

#include "route/coverage.h"
#include "support.h"

#define ROUTE_SEED 1
#define ROUTE_DESK_ROWS "build/bench/desk-rows.jsonl" /* of models/desk_generate.py; bench_route_desk makes it */

/* The least share of groups within their 95% interval: less two standard errors of so many groups. */
static inline double route_coverage_bound(const struct coverage *coverage)
{
    return 0.95 - 2 * sqrt(0.95 * 0.05 / (double)(coverage->groups ? coverage->groups : 1));
}

void bench_route_desk(struct bench *bench);
void bench_route_talk(struct bench *bench); /* after bench_route_desk */

#endif
