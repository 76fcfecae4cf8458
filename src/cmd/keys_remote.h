/* keys_remote.h - `fulcrum keys --endpoint`: the same of a server that runs somewhere, by its API. */
#ifndef CMD_KEYS_REMOTE_H
#define CMD_KEYS_REMOTE_H

#include "cmd/keys_options.h"
#include "cmd/keys_show.h"

/* What the server says is in command->out, as the other way prints it. Errors are the server's own. */
enum error_code keys_remote(struct keys_command *command, const struct keys_arguments *options,
                            struct error *error) WARN_UNUSED;

#endif
