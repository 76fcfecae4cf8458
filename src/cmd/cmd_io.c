#include "cmd/cmd_io.h"

#include <getopt.h>
#include <stdio.h>

bool cmd_options_parse(int argc, char **argv, const char *usage, bool takes_json, bool takes_config,
                       struct cmd_options *options, int *status)
{
    static const struct option known[] = {
        {"json", no_argument, NULL, 'j'},
        {"config", required_argument, NULL, 'c'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    *options = (struct cmd_options){0};
    *status = CMD_USAGE;
    optind = 1;
    for (int option; (option = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        if (option == 'h') {
            fputs(usage, stdout);
            *status = CMD_DONE;
            return false;
        }
        if (option == 'j' && takes_json) {
            options->is_json = true;
        } else if (option == 'c' && takes_config) {
            options->config = optarg;
        } else { /* getopt_long names the culprit, but for options of other commands */
            if (option != '?')
                fprintf(stderr, "%s: unknown option --%s\n", argv[0], option == 'j' ? "json" : "config");
            fputs(usage, stderr);
            return false;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "fulcrum %s: unexpected argument '%s'\n%s", argv[0], argv[optind], usage);
        return false;
    }
    return true;
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
