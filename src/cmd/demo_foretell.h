/* demo_foretell.h - what the advisor says of a demo's day without levers: what each lever would save as the only one,
 * and, asked openly, which to start with. One thread. */
#ifndef CMD_DEMO_FORETELL_H
#define CMD_DEMO_FORETELL_H

#include "demo/report.h"

/* `log` is the day's, as records of an invocation log; `small` the ID that questions are routed to. Adds to
 * advice->alone. */
enum error_code demo_foretell(struct str log, const char *small, struct demo_advice *advice,
                              struct error *error) WARN_UNUSED;

#endif
