/* cmd_io.c - options and exits of small subcommands. See cmd_io.h. */
#include "cmd/cmd_io.h"

#include <assert.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "core/file.h"

#define OPTIONS_MAX 16
#define HELP 'h'
#define FIRST 256 /* options are numbered from here, beyond what getopt_long returns by itself */

bool cmd_read_options(int argc, char **argv, const char *usage, const struct cmd_option *options, size_t count,
                      int *status)
{
    struct option known[OPTIONS_MAX + 2] = {{"help", no_argument, NULL, HELP}};
    assert(count <= OPTIONS_MAX);
    for (size_t i = 0; i < count; i++)
        known[i + 1] = (struct option){options[i].name, options[i].value ? required_argument : no_argument, NULL,
                                       FIRST + (int)i};
    *status = CMD_USAGE;
    optind = 1;
    for (int option; (option = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        if (option < FIRST) { /* help, or what getopt_long has named */
            *status = option == HELP ? CMD_DONE : CMD_USAGE;
            fputs(usage, option == HELP ? stdout : stderr);
            return false;
        }
        const struct cmd_option *found = &options[option - FIRST];
        if (found->value)
            *found->value = optarg;
        else if (found->flag)
            *found->flag = true;
        else
            *found->choice = found->chosen;
    }
    return true;
}

bool cmd_no_arguments(int argc, char **argv, const char *usage)
{
    if (optind < argc)
        fprintf(stderr, "fulcrum %s: unexpected argument '%s'\n%s", argv[0], argv[optind], usage);
    return optind >= argc;
}

bool cmd_options_parse(int argc, char **argv, const char *usage, bool takes_json, bool takes_config,
                       struct cmd_options *options, int *status)
{
    struct cmd_option known[2];
    size_t count = 0;
    *options = (struct cmd_options){0};
    if (takes_json)
        known[count++] = (struct cmd_option){"json", .flag = &options->is_json};
    if (takes_config)
        known[count++] = (struct cmd_option){"config", .value = &options->config};
    return cmd_read_options(argc, argv, usage, known, count, status) && cmd_no_arguments(argc, argv, usage);
}

enum error_code cmd_read_file(const char *path, struct buf *text, struct error *error)
{
    return strcmp(path, "-") ? file_read(path, text, error) : file_read_open(stdin, path, text, error);
}

int cmd_finish(const char *command, struct buf *out)
{
    int status = CMD_DONE;
    if (out->failed) {
        fprintf(stderr, "fulcrum %s: out of memory\n", command);
        status = CMD_FAILED;
    } else if (fwrite(out->data, 1, out->len, stdout) != out->len || fflush(stdout)) {
        fprintf(stderr, "fulcrum %s: cannot write to standard output: %m\n", command);
        status = CMD_FAILED;
    }
    buf_deinit(out);
    return status;
}

int cmd_fail(const char *command, const struct error *error, int status)
{
    fprintf(stderr, "fulcrum %s: %s\n", command, error->message);
    return status;
}
