/* main.c - the table of subcommands. */
#include <stdio.h>
#include <string.h>

#include "cmd/cmd.h"

struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary; /* NULL: internal, not listed */
};

static const struct command commands[] = {
    {"serve", cmd_serve, "serve models over the APIs of Bedrock, OpenAI and Anthropic"},
    {"eval", cmd_eval, "measure the quality of a model, or of two"},
    {"ledger", cmd_ledger, "what requests cost, and what was saved"},
    {"advise", cmd_advise, "read logs, and say in dollars which lever to pull first"},
    {"demo", cmd_demo, "play a support desk's day, and see what each lever saves of it"},
    {"show", cmd_show, "show what the console of a running server shows"},
    {"batch", cmd_batch, "submit batch jobs to a running server, and follow them"},
    {"distill", cmd_distill, "submit customization jobs to a running server, and follow them"},
    {"cache", cmd_cache, "say why one request does not read what another one cached"},
    {"train", cmd_train, "train a model"},
    {"router", cmd_router, "learn which model answers a prompt well, and measure it"},
    {"keys", cmd_keys, "make and revoke API keys, and say what may be spent"},
    {"models", cmd_models, "list the models, their files and the IDs that mean them"},
    {"check-config", cmd_check_config, "check a configuration and do nothing else"},
    {"limits", cmd_limits, "print every limit, its value and what it bounds"},
    {"version", cmd_version, "print the version"},
    {"worker", cmd_worker, NULL},
    {"extract", cmd_extract, NULL},
    {"template", cmd_template, NULL},
};

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (!strcmp(commands[i].name, name))
            return &commands[i];
    }
    return NULL;
}

static void print_help(FILE *out)
{
    fprintf(out, "usage: fulcrum COMMAND [OPTION]...\n\n");
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (commands[i].summary)
            fprintf(out, "  %-13s %s\n", commands[i].name, commands[i].summary);
    }
    fprintf(out, "\nfulcrum COMMAND --help says more. "
                 "Exit status: 0 done, 1 failed, 2 wrong usage or configuration.\n");
}

static int help(int argc, char **argv)
{
    if (argc < 3) {
        print_help(stdout);
        return 0;
    }
    const struct command *command = find_command(argv[2]);
    if (!command) {
        fprintf(stderr, "fulcrum: no command '%s'; `fulcrum help` lists them\n", argv[2]);
        return 2;
    }
    char option[] = "--help";
    char *args[] = {argv[2], option, NULL};
    return command->run(2, args);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        print_help(stderr);
        return 2;
    }
    if (!strcmp(argv[1], "help") || !strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))
        return help(argc, argv);
    const struct command *command = find_command(strcmp(argv[1], "--version") ? argv[1] : "version");
    if (!command) {
        fprintf(stderr, "fulcrum: no command '%s'; `fulcrum help` lists them\n", argv[1]);
        return 2;
    }
    return command->run(argc - 1, argv + 1);
}
