/* router_labels.h - labels of a router's own traffic: what `fulcrum router train --from-ledger` learns from, and
 * `fulcrum router labels`. */
#ifndef CMD_ROUTER_LABELS_H
#define CMD_ROUTER_LABELS_H

#include "route/samples.h"

/* Which labels. */
struct router_labels_options {
    const char *config, *data_dir, *router; /* NULL: as the server has it; of the router one has to be given */
    const char *tenant;       /* NULL: of all */
    bool skips_damaged, skips_gone;
    uint64_t seed;            /* deals the folds */
};

/* Labels as samples. Notes go to standard error; every error says which line it is and what to do. */
enum error_code router_labels_read(const struct router_labels_options *options, struct samples *samples,
                                   struct error *error) WARN_UNUSED;

int router_labels_command(int argc, char **argv);

#endif
