/* cmd_io.h - what small subcommands share: their options and how they end. */
#ifndef CMD_CMD_IO_H
#define CMD_CMD_IO_H

#include <stdbool.h>

#include "core/buf.h"
#include "core/error.h"

#define CMD_DONE 0
#define CMD_FAILED 1
#define CMD_USAGE 2

/* An option of a command line; one of the three is set. */
struct cmd_option {
    const char *name;   /* without "--" */
    const char **value; /* what stands behind it */
    bool *flag;         /* true when it is there */
    int *choice;        /* becomes `chosen`; the last of several wins */
    int chosen;
};

/* Reads `options` and --help, whose text `usage` is. True to go on, the other
 * arguments from argv[optind]; false when the command is over with *status. */
bool cmd_read_options(int argc, char **argv, const char *usage, const struct cmd_option *options, size_t count,
                      int *status);

/* Refuses arguments that are left. */
bool cmd_no_arguments(int argc, char **argv, const char *usage);

struct cmd_options {
    bool is_json;       /* --json */
    const char *config; /* --config FILE */
};

/* Both for a command that takes --json, --config FILE (only where it does), --help and nothing else. */
bool cmd_options_parse(int argc, char **argv, const char *usage, bool takes_json, bool takes_config,
                       struct cmd_options *options, int *status);

/* The whole of a file, "-" being standard input, into `text`: core/file.h. */
enum error_code cmd_read_file(const char *path, struct buf *text, struct error *error) WARN_UNUSED;

/* Writes the whole output and gives the exit status: CMD_FAILED when memory
 * ran out or standard output is gone. Deinitialises `out`. */
int cmd_finish(const char *command, struct buf *out);

/* "fulcrum COMMAND: message" on standard error; gives `status`. */
int cmd_fail(const char *command, const struct error *error, int status);

#endif
