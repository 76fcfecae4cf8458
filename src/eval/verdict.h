/* verdict.h - how sure scores are, and whether one model may take another's place.
 *
 * Intervals are 95%, by bootstrap over rows, in the form that holds for few rows too: rows are weighed at random (the
 * Bayesian bootstrap: all weights that sum up to 1 are as likely), and with them one row more, of the worst that a
 * score may be for the low end and of the best for the high one. The ends are the 2.5% and 97.5% quantiles of that mean
 * (Gaffke's bound). Rows that are won or lost alone thereby get the exact interval of Clopper and Pearson: where n
 * rows showed no loss, up to 1 - 0.025^(1/n) of all requests may be lost (3.6% after 100 rows, 0.37% after 1,000); a
 * bootstrap that draws only what it has seen says `switch` too often of models that lose seldom. A gain is paired: each
 * row's difference of both scores is what is weighed. Quantiles are computed, not drawn: the same scores give the same
 * interval.
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

#include "core/error.h"

#define VERDICT_BOUND_DEFAULT 0.02

struct estimate {
    double value, low, high;
    size_t rows;
};

enum verdict { VERDICT_SWITCH, VERDICT_STAY, VERDICT_UNSURE, VERDICTS };
extern const char *const verdict_names[VERDICTS];

/* Of scores from 0 to 1; rows that are NAN are left out. Without rows: 0, from 0 to 1. ERROR_NO_MEMORY. */
enum error_code estimate_score(const double *scores, size_t count, struct estimate *estimate,
                               struct error *error) WARN_UNUSED;
/* first - second of rows that have both. Without any: 0, from -1 to 1. */
enum error_code estimate_gain(const double *first, const double *second, size_t count, struct estimate *estimate,
                              struct error *error) WARN_UNUSED;

enum verdict verdict_of(const struct estimate *gain, double bound);

#endif
