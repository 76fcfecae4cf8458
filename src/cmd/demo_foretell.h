/* demo_foretell.h - what the advisor says of a demo's day without levers: what those that are pulled then would save,
 * and, asked openly, which to start with. One thread. */
#ifndef CMD_DEMO_FORETELL_H
#define CMD_DEMO_FORETELL_H

#include "demo/report.h"

/* How sure the small model was of its answers to some of the day's questions, as a router's shadow would tell. */
struct demo_shadow {
    double *confidences;
    size_t count, cap;
};

/* `log` is the day's, as records of an invocation log. Adds to the sums of `advice`. */
enum error_code demo_foretell(struct str log, const struct demo_shadow *shadow, struct demo_advice *advice,
                              struct error *error) WARN_UNUSED;

#endif
