/* route_parts.h - what `make bench B=route` consists of beside the published data. Each adds rows and limits, and exits
 * the bench when it can't. One thread. */
#ifndef BENCH_ROUTE_PARTS_H
#define BENCH_ROUTE_PARTS_H

#include "support.h"

#define ROUTE_SEED 1
#define ROUTE_COVERAGE 0.93 /* least share of groups within their 95% interval */
#define ROUTE_DESK_ROWS "build/bench/desk-rows.jsonl" /* of models/desk_generate.py; bench_route_desk makes it */

void bench_route_desk(struct bench *bench);
void bench_route_talk(struct bench *bench); /* after bench_route_desk */

#endif
