/* support.h - what all benches share: a table on standard output and
 * build/bench/NAME.json of the form
 *
 *   {"name":..., "machine":{...}, "rows":[{...}], "limits":{"KEY":{"value":V,"bound":B,"holds":true}}}
 *
 * Rows may differ in their keys; the table has a heading whenever they do. One thread. */
#ifndef BENCH_SUPPORT_H
#define BENCH_SUPPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/random_gguf.h"

struct bench;

struct bench_cell {
    const char *key;
    const char *text; /* NULL: a number */
    double number;
};
#define BENCH_TEXT(key_, text_) ((struct bench_cell){.key = (key_), .text = (text_)})
#define BENCH_NUMBER(key_, number_) ((struct bench_cell){.key = (key_), .number = (double)(number_)})

struct bench *bench_new(const char *name); /* exits when memory is out */
void bench_row(struct bench *bench, const struct bench_cell *cells, size_t count); /* printed at once */

enum bench_bound { BENCH_AT_MOST, BENCH_AT_LEAST };
void bench_limit(struct bench *bench, const char *key, double value, enum bench_bound direction, double bound);

/* Prints the limits, writes the file, frees. Exit status: 1 when the file can't
 * be written. A bound that does not hold is a result, not a failure. */
int bench_finish(struct bench *bench);

/* Sorts `values`; share 0.5 gives the median. 0 without values. */
double bench_percentile(double *values, size_t count, double share);

/* A number from the environment; `fallback` where it is absent, no number, or 0. */
uint64_t bench_setting(const char *name, uint64_t fallback);

#define BENCH_ROUNDS_MAX 101u
unsigned bench_rounds(unsigned fallback); /* BENCH_ROUNDS, at most BENCH_ROUNDS_MAX */

/* Writes a model with random weights unless it is there; exits when it can't. */
void bench_model(const struct random_gguf_options *shape, const char *path);

#endif
