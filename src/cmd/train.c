/* train.c - `fulcrum train`: options and exit status around distill/train.c. */
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "cmd/cmd_io.h"
#include "core/buf.h"
#include "core/subprocess.h"
#include "distill/count.h"
#include "distill/train.h"
#include "engine/broker.h"

static const char usage[] =
    "usage: fulcrum train --config FILE.yaml --out FILE.gguf [--resume | --count [--longer N] | --check]\n"
    "Trains a model by the recipe in FILE.yaml and writes it to FILE.gguf, the loss curve to FILE.gguf.csv.\n"
    "--resume goes on from FILE.gguf.checkpoint, which is written now and then and on SIGTERM.\n"
    "--count trains nothing: it prints rows, tokens and hash of the recipe's files, a JSON object each,\n"
    "in tokens of the model in FILE.gguf; with --longer before that each row of more than N tokens.\n"
    "--check trains nothing: it opens the model that the recipe begins with and its teacher, and says what\n"
    "keeps them from going together.\n"
    "docs/MODELS.md describes the recipe's keys; models/desk-small.yaml is one.\n";

#define COUNT_BYTES_MAX (16u << 20)

static volatile sig_atomic_t stop;

static void on_signal(int number)
{
    (void)number;
    stop = 1;
}

static int train(const char *config_path, const struct train_options *options)
{
    struct train_config config;
    struct train_result result;
    struct error error;
    if (train_config_load(config_path, &config, &error))
        return cmd_fail("train", &error, CMD_USAGE);
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    enum error_code code = train_run(&config, options, &result, &error);
    train_config_deinit(&config);
    if (code)
        return cmd_fail("train", &error, CMD_FAILED);
    if (result.was_stopped) {
        fprintf(stderr, "fulcrum train: stopped after step %" PRIu64 "; go on with --resume\n", result.steps);
        return CMD_FAILED;
    }
    printf("%s: %" PRIu64 " steps, %" PRIu64 " tokens, loss %.4f\n", options->out, result.steps, result.tokens,
           result.last_loss);
    return CMD_DONE;
}

static int count(const char *config_path, const char *model, uint32_t most)
{
    struct train_config config;
    struct error error;
    struct buf out;
    if (train_config_load(config_path, &config, &error))
        return cmd_fail("train", &error, CMD_USAGE);
    buf_init(&out, COUNT_BYTES_MAX);
    enum error_code code = count_corpora(&config, model, most, &out, &error);
    if (!code)
        fwrite(out.data, 1, out.len, stdout);
    buf_deinit(&out);
    train_config_deinit(&config);
    return code ? cmd_fail("train", &error, CMD_FAILED) : CMD_DONE;
}

static int check(const char *config_path)
{
    struct train_config config;
    struct error error;
    if (train_config_load(config_path, &config, &error))
        return cmd_fail("train", &error, CMD_USAGE);
    const enum error_code code = train_check(&config, &error);
    train_config_deinit(&config);
    return code ? cmd_fail("train", &error, CMD_FAILED) : CMD_DONE;
}

/* Sleeps while the workers want all CPUs; no longer once it is to stop, for a step must come to its end. */
static void give_way(void *ctx, uint32_t number)
{
    static const struct timespec pause = {.tv_nsec = 500000};
    while (!stop && !broker_has_room(ctx, number))
        (void)nanosleep(&pause, NULL);
}

static bool meet_workers(int page, struct give_way *way)
{
    static struct broker broker;
    struct error error;
    broker.fd = page;
    if (broker_attach(&broker, page, &error) != OK) {
        (void)cmd_fail("train", &error, CMD_FAILED);
        return false;
    }
    *way = (struct give_way){give_way, &broker};
    return true;
}

static int refuse(const char *message)
{
    fprintf(stderr, "fulcrum train: %s\n%s", message, usage);
    return CMD_USAGE;
}

int cmd_train(int argc, char **argv)
{
    static const struct option long_options[] = {
        {"config", required_argument, NULL, 'c'},
        {"out", required_argument, NULL, 'o'},
        {"resume", no_argument, NULL, 'r'},
        {"count", no_argument, NULL, 'n'},
        {"check", no_argument, NULL, 'k'},
        {"longer", required_argument, NULL, 'l'},
        {"parent", required_argument, NULL, 'p'}, /* internal: the server that started it */
        {"broker", required_argument, NULL, 'b'}, /* internal: descriptor of the page of that server's workers */
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    struct train_options options = {.stop = &stop};
    const char *config = NULL;
    bool counts = false, checks = false;
    uint64_t most = UINT32_MAX, parent = 0, page = 0;
    optind = 1;
    opterr = 0;
    for (int option; (option = getopt_long(argc, argv, "", long_options, NULL)) != -1;) {
        switch (option) {
        case 'c': config = optarg; break;
        case 'o': options.out = optarg; break;
        case 'r': options.resume = true; break;
        case 'n': counts = true; break;
        case 'k': checks = true; break;
        case 'l':
            if (!str_to_u64(str_of(optarg), &most) || most > UINT32_MAX)
                return refuse("--longer: a number of tokens");
            break;
        case 'p':
            if (!str_to_u64(str_of(optarg), &parent))
                return refuse("--parent: a process");
            break;
        case 'b':
            if (!str_to_u64(str_of(optarg), &page) || page > INT_MAX)
                return refuse("--broker: a descriptor");
            break;
        case 'h': fputs(usage, stdout); return CMD_DONE;
        default: return refuse("unknown option, or one without its value");
        }
    }
    if (!config || !options.out)
        return refuse("--config and --out are required");
    if (optind != argc)
        return refuse("unexpected argument");
    if (counts + checks + options.resume > 1)
        return refuse("--count, --check and --resume exclude each other");
    if (parent && !subprocess_serve(parent))
        return CMD_FAILED;
    if (page && !meet_workers((int)page, &options.way))
        return CMD_FAILED;
    if (checks)
        return check(config);
    if (counts)
        return count(config, options.out, (uint32_t)most);
    return train(config, &options);
}
