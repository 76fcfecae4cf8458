#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>

#include "cmd/cmd.h"
#include "distill/train.h"

static volatile sig_atomic_t stop;

static void on_signal(int number)
{
    (void)number;
    stop = 1;
}

static int usage(void)
{
    fprintf(stderr, "usage: fulcrum train --config FILE.yaml --out FILE.gguf [--resume]\n");
    return 2;
}

static int train(const char *config_path, const struct train_options *options)
{
    struct train_config config;
    struct train_result result;
    struct error error;
    if (train_config_load(config_path, &config, &error)) {
        fprintf(stderr, "fulcrum train: %s\n", error.message);
        return 2;
    }
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    enum error_code code = train_run(&config, options, &result, &error);
    train_config_deinit(&config);
    if (code) {
        fprintf(stderr, "fulcrum train: %s\n", error.message);
        return 1;
    }
    if (result.was_stopped) {
        fprintf(stderr, "fulcrum train: stopped after step %" PRIu64 "; go on with --resume\n", result.steps);
        return 1;
    }
    printf("%s: %" PRIu64 " steps, %" PRIu64 " tokens, loss %.4f\n", options->out, result.steps, result.tokens,
           result.last_loss);
    return 0;
}

int cmd_train(int argc, char **argv)
{
    static const struct option long_options[] = {
        {"config", required_argument, NULL, 'c'},
        {"out", required_argument, NULL, 'o'},
        {"resume", no_argument, NULL, 'r'},
        {0},
    };
    struct train_options options = {.stop = &stop};
    const char *config = NULL;
    optind = 1;
    for (int option; (option = getopt_long(argc, argv, "", long_options, NULL)) != -1;) {
        switch (option) {
        case 'c': config = optarg; break;
        case 'o': options.out = optarg; break;
        case 'r': options.resume = true; break;
        default: return usage();
        }
    }
    if (!config || !options.out || optind != argc)
        return usage();
    return train(config, &options);
}
