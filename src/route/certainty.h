/* certainty.h - from how sure a model was of its answer to the chance that the answer is right.
 *
 * The probabilities of a reply's tokens are no chance of being right: a model may be sure and wrong, and what is sure
 * for one is doubtful for another. Rows of router data that tell confidence and quality give the map, together with
 * what the prompt's text had promised: sigmoid(slope * logit(confidence) + text * logit(quality) + offset). Pure
 * functions, any thread. */
#ifndef ROUTE_CERTAINTY_H
#define ROUTE_CERTAINTY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CERTAINTY_ROWS_MIN 50 /* that a map is learnt from, */
#define CERTAINTY_KIND_MIN 5  /* and of them so many of right answers and of wrong ones */

struct certainty {
    float slope, text, offset;
    uint32_t rows; /* that it was learnt from; 0: nothing is known, and confidence stands for the chance */
};

/* `confidence` and `quality`, which the text predicts, from 0 to 1. */
double certainty_chance(const struct certainty *certainty, double confidence, double quality);

/* Learns from rows picked[0 .. count): those whose confidence or target is not a number are left out. Too few of a
 * kind: rows is 0. More confidence never means less of a chance. */
void certainty_fit(const float *confidences, const float *qualities, const float *targets, const size_t *picked,
                   size_t count, struct certainty *certainty);

bool certainty_is_sound(const struct certainty *certainty);

#endif
