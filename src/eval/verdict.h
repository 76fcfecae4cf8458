/* verdict.h - how sure scores are, and whether one model may take another's place.
 *
 * Intervals are 95%, by bootstrap over rows: LIMIT_EVAL_RESAMPLES times as many rows are drawn, with repetition, as
 * there are; low and high are the 2.5% and 97.5% quantiles of their means. A gain is paired: each row's difference of
 * both scores is what is drawn. The same scores and seed give the same interval, on every machine.
 *
 * What rows never showed the bootstrap can't know: n rows without an event leave it possible, at 97.5%, that it
 * befalls a share u = 1 - 0.025^(1/n) of all requests (3.6% after 100 rows, 0.37% after 1,000). So where no row was
 * lost, a gain's low end becomes (1 - u) * low - u, and where none was won its high end (1 - u) * high + u. The same
 * for a score whose rows are all equal: towards 0 and 1.
 *
 * The verdict on putting the first model in the second one's place, `bound` being the greatest loss that is borne
 * (0.02: 2 points of 100):
 *
 *   switch   low >= -bound     the loss is within the bound, at 95%
 *   stay     high < -bound     the loss is beyond the bound, at 95%
 *   unsure   else: the interval straddles the bound; more rows would tell
 *
 * Pure functions, any thread. */
#ifndef EVAL_VERDICT_H
#define EVAL_VERDICT_H

#include <stddef.h>
#include <stdint.h>

#include "core/error.h"

#define VERDICT_BOUND_DEFAULT 0.02
#define VERDICT_SEED 1

struct estimate {
    double value, low, high;
    size_t rows;
};

enum verdict { VERDICT_SWITCH, VERDICT_STAY, VERDICT_UNSURE, VERDICTS };
extern const char *const verdict_names[VERDICTS];

/* Of scores from 0 to 1; rows that are NAN are left out. Without rows: 0, from 0 to 1. ERROR_NO_MEMORY. */
enum error_code estimate_score(const double *scores, size_t count, uint64_t seed, struct estimate *estimate,
                               struct error *error) WARN_UNUSED;
/* first - second of rows that have both. Without any: 0, from -1 to 1. */
enum error_code estimate_gain(const double *first, const double *second, size_t count, uint64_t seed,
                              struct estimate *estimate, struct error *error) WARN_UNUSED;

enum verdict verdict_of(const struct estimate *gain, double bound);

#endif
