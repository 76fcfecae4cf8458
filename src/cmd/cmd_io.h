/* cmd_io.h - what small subcommands share: their options and how they end. */
#ifndef CMD_CMD_IO_H
#define CMD_CMD_IO_H

#include <stdbool.h>

#include "core/buf.h"
#include "core/error.h"

#define CMD_DONE 0
#define CMD_FAILED 1
#define CMD_USAGE 2

struct cmd_options {
    bool is_json;       /* --json */
    const char *config; /* --config FILE */
};

/* Reads --json, --config FILE (only where `takes_config`) and --help. `usage`
 * is the text of --help. True to go on; false when the command is over with
 * *status. Other arguments are refused. */
bool cmd_options_parse(int argc, char **argv, const char *usage, bool takes_json, bool takes_config,
                       struct cmd_options *options, int *status);

/* Writes the whole output and gives the exit status: CMD_FAILED when memory
 * ran out or standard output is gone. Deinitialises `out`. */
int cmd_finish(const char *command, struct buf *out);

/* "fulcrum COMMAND: message" on standard error; gives `status`. */
int cmd_fail(const char *command, const struct error *error, int status);

#endif
