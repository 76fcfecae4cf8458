/* step_cost.h - how long a step will take, by the shape of its batch.
 *
 * A linear model over five figures of the shape, fitted to the steps as they are
 * measured: recursive least squares that forgets (the last hundred steps count);
 * a single slow step (a stranger took the core) weighs no more than three usual
 * errors. Weights may be negative where figures go together, and on a busy machine
 * they are rough; so no step counts as cheaper than half of what its prompt tokens
 * cost on average. Rows of a batch are dear up to
 * STEP_COST_KNEE and cheaper behind it, where matrix kernels take over from
 * vector kernels. Pure; one thread. */
#ifndef ENGINE_STEP_COST_H
#define ENGINE_STEP_COST_H

#include <stdint.h>

#define STEP_COST_FIGURES 5
#define STEP_COST_KNEE 16u /* rows */

struct step_shape {
    uint32_t replies;  /* sequences with one token each, logits wanted */
    uint32_t prompt;   /* tokens of prompts */
    uint64_t attended; /* pairs of a token and one before it in its sequence */
};

struct step_cost {
    double weights[STEP_COST_FIGURES]; /* microseconds */
    double spread[STEP_COST_FIGURES][STEP_COST_FIGURES];
    uint64_t steps;    /* measured */
    uint32_t most_rows; /* of a measured step */
    double token_us;   /* a prompt's token in steps that are mostly prompt, smoothed */
    double error;      /* usual distance of a prediction from the step, as a share of the prediction */
};

void step_cost_init(struct step_cost *cost);

/* Adds `count` tokens behind `past` others of their sequence. */
void step_shape_add_reply(struct step_shape *shape, uint32_t past);
void step_shape_add_prompt(struct step_shape *shape, uint32_t past, uint32_t count);

double step_cost_predict(const struct step_cost *cost, const struct step_shape *shape); /* us; 0: nothing measured */
void step_cost_learn(struct step_cost *cost, const struct step_shape *shape, double us);

/* Most prompt tokens behind `past` that fit into a step of limit_us with what is in
 * the shape already, at most `room`. Never far beyond what was measured. */
uint32_t step_cost_fit(const struct step_cost *cost, const struct step_shape *shape, uint32_t past, double limit_us,
                       uint32_t room);

#endif
