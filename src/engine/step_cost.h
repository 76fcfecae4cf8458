/* step_cost.h - how long a step will take, by the shape of its batch, and in how many passes it is computed.
 *
 * Most steps are one pass: the weights are read once for all of its rows. Where a model's attention is ggml's own and
 * not that of src/kernels, queries of a pass are taken in tiles of 64 rows as soon as there are so many rows, and a
 * tile looks at all cells that any of its rows looks at. A tile in which a prompt's tokens lie beside replies of other
 * sequences therefore costs as if each of its rows attended to all of them: 9 replies and 128 tokens of a prompt took
 * 208 to 361 ms in one pass where they take 158 to 195 in two (110 million parameters, 2,400 and 5,600 cells in use).
 * There a step with so many rows has two passes, its replies and its prompts.
 *
 * A linear model over five figures of a pass, fitted to the passes as they are
 * measured: recursive least squares that forgets (the last hundred passes count);
 * a single slow one (a stranger took the core) weighs no more than three usual
 * errors. Weights may be negative where figures go together, and on a busy machine
 * they are rough; so none counts as cheaper than half of what its prompt tokens
 * cost on average. Rows of a pass are dear up to
 * STEP_COST_KNEE and cheaper behind it, where matrix kernels take over from
 * vector kernels. Pure; one thread. */
#ifndef ENGINE_STEP_COST_H
#define ENGINE_STEP_COST_H

#include <stdbool.h>
#include <stdint.h>

#define STEP_COST_FIGURES 5
#define STEP_COST_KNEE 16u /* rows */

struct step_shape {
    uint32_t replies; /* sequences with one token each, logits wanted */
    uint32_t prompt;  /* tokens of prompts */
    uint64_t replies_attended, prompt_attended; /* pairs of a token and one before it in its sequence */
};

struct step_cost {
    double weights[STEP_COST_FIGURES]; /* microseconds */
    double spread[STEP_COST_FIGURES][STEP_COST_FIGURES];
    uint32_t tile;      /* rows from which on replies and prompts have a pass each; 0: they always share one */
    uint64_t passes;    /* measured */
    uint32_t most_rows; /* of a measured pass */
    double token_us;    /* a prompt's token in passes that are mostly prompt, smoothed */
    bool is_fixed;      /* nothing is learned */
    double error;       /* usual distance of a prediction from what was measured, as a share of the prediction */
};

void step_cost_init(struct step_cost *cost, uint32_t tile);
/* Each row costs so much from here on, whatever is measured: with it what a step holds is the same on any machine. */
void step_cost_fix(struct step_cost *cost, double row_us);

/* Adds `count` tokens behind `past` others of their sequence. */
void step_shape_add_reply(struct step_shape *shape, uint32_t past);
void step_shape_add_prompt(struct step_shape *shape, uint32_t past, uint32_t count);

#define STEP_PASSES 2
/* The passes of a step, the one with the replies first; how many there are. */
uint32_t step_cost_passes(const struct step_cost *cost, const struct step_shape *shape,
                          struct step_shape passes[STEP_PASSES]);

/* Of all passes. */
double step_cost_predict(const struct step_cost *cost, const struct step_shape *shape); /* us; 0: nothing measured */
void step_cost_learn(struct step_cost *cost, const struct step_shape *pass, double us);

/* Most prompt tokens behind `past` that fit into a step of limit_us with what is in
 * the shape already, at most `room`. Never far beyond what was measured. */
uint32_t step_cost_fit(const struct step_cost *cost, const struct step_shape *shape, uint32_t past, double limit_us,
                       uint32_t room);

#endif
