/* router.c - `fulcrum router`: its verbs. Those that make and measure predictors are in router_train.c, questions to
 * a server in router_ask.c. */
#include <stdio.h>
#include <string.h>

#include "cmd/cmd.h"
#include "cmd/cmd_io.h"
#include "cmd/router.h"
#include "cmd/router_ask.h"
#include "cmd/router_labels.h"

static const char usage[] = "usage: fulcrum router VERB [OPTION]...\n"
                            "  train    learn a predictor from rows of prompts and each model's quality\n"
                            "  eval     measure a predictor on such rows\n"
                            "  labels   what a router has learnt of its own traffic, and taking a tenant's out\n"
                            "  list     the routers that a running server has\n"
                            "  explain  which model would answer a request, and why\n"
                            "fulcrum router VERB --help says more.\n";

int cmd_router(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(int argc, char **argv);
    } verbs[] = {{"train", cmd_router_train}, {"eval", cmd_router_eval}, {"labels", router_labels_command},
               {"list", router_list_command}, {"explain", router_explain_command}};
    for (size_t i = 0; argc > 1 && i < sizeof(verbs) / sizeof(verbs[0]); i++)
        if (!strcmp(argv[1], verbs[i].name))
            return verbs[i].run(argc - 1, argv + 1);
    const bool is_help = argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"));
    if (argc > 1 && !is_help)
        fprintf(stderr, "fulcrum router: no verb '%s'\n", argv[1]);
    fputs(usage, is_help ? stdout : stderr);
    return is_help ? CMD_DONE : CMD_USAGE;
}
