/* distill_parts.h - the parts of `make bench B=distill`. One thread. */
#ifndef BENCH_DISTILL_PARTS_H
#define BENCH_DISTILL_PARTS_H

#include "support.h"

void bench_distill_speed(struct bench *bench); /* exits when it can't */

#endif
