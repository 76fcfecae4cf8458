/* cache_parts.h - parts of `make bench B=cache` that have a file of their own. */
#ifndef BENCH_CACHE_PARTS_H
#define BENCH_CACHE_PARTS_H

#include "support.h"

void bench_tenants(struct bench *report);  /* cache_tenants.c */
void bench_document(struct bench *report); /* cache_document.c */

#endif
