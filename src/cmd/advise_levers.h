/* advise_levers.h - the levers that a what-if names: "router=desk@task:answer,distill=MODEL@task:summary,ttl=1h".
 * Behind an @ stands which requests one takes: a tag and its value, or "model" and an ID. One thread. */
#ifndef CMD_ADVISE_LEVERS_H
#define CMD_ADVISE_LEVERS_H

#include "advise/advice.h"
#include "cmd/advise_scales.h"

struct advise_levers {
    struct plan_choice choice;
    const struct price_row *small;
    bool has_router;
    struct advise_router router; /* of the configuration */
    struct intake_scope route, student, batch;
    struct predictor *own; /* the router's */
};

/* `scales` has the routers and models that may be named; `data` is where routers keep their labels, NULL: nowhere. All
 * is borrowed. ERROR_INVALID says which word is wrong. *levers needs advise_levers_free in any case. */
enum error_code advise_levers_read(const char *text, const struct advise_scales *scales, const char *data,
                                   struct advise_levers *levers, struct error *error) WARN_UNUSED;
void advise_levers_free(struct advise_levers *levers);
void advise_levers_apply(const struct advise_levers *levers, struct advisor_options *options);

#endif
