/* keys_options.h - the command line of `fulcrum keys`. */
#ifndef CMD_KEYS_OPTIONS_H
#define CMD_KEYS_OPTIONS_H

#include "cmd/cmd_io.h"
#include "keys/make.h"

struct keys_arguments {
    const char *verb, *what;
    const char *endpoint, *config, *data, *tenant, *expires, *models, *rpm, *tpm, *tags, *tag, *alert;
    const char *amounts[BUDGET_PERIODS];
    bool is_json;
};

/* False: the command is over with *status. */
bool keys_options_parse(int argc, char **argv, struct keys_arguments *options, int *status);

/* The key that `create` is to make; its lists lie beside it. */
struct keys_wish {
    struct key_wish wish;
    struct str models[LIMIT_KEY_MODELS];
    struct key_tag tags[LIMIT_KEY_TAGS];
};
/* Errors name the option. */
enum error_code keys_options_wish(const struct keys_arguments *options, struct keys_wish *wish,
                                  struct error *error) WARN_UNUSED;

#endif
