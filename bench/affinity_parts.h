/* affinity_parts.h - the parts of `make bench B=affinity`. */
#ifndef BENCH_AFFINITY_PARTS_H
#define BENCH_AFFINITY_PARTS_H

#include "support.h"

/* Four real servers behind the product. Skips itself, and says so, where llama-server can't be had. */
void affinity_servers(struct bench *bench);

#endif
