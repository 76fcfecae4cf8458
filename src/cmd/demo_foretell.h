/* demo_foretell.h - what the advisor says of a demo's day without levers: what those that are pulled then would save,
 * and, asked openly, which to start with. One thread. */
#ifndef CMD_DEMO_FORETELL_H
#define CMD_DEMO_FORETELL_H

#include "demo/report.h"

/* `log` is the day's, as records of an invocation log. Adds to the sums of `advice`. */
enum error_code demo_foretell(struct str log, struct demo_advice *advice, struct error *error) WARN_UNUSED;

#endif
