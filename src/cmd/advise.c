/* advise.c - `fulcrum advise`: which lever to pull first, by anybody's log. Starts no server and asks none. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "advise/report.h"
#include "cmd/advise_levers.h"
#include "cmd/advise_remote.h"
#include "cmd/advise_scales.h"
#include "cmd/advise_tokens.h"
#include "cmd/cmd.h"
#include "cmd/cmd_io.h"
#include "cmd/sections.h"
#include "core/config.h"
#include "core/file.h"
#include "core/subprocess.h"
#include "core/util.h"

#define OUT_MAX (4u << 20)
#define TELL_US 100000
#define DAY_US UINT64_C(86400000000)
#define DAYS_MAX 3650

static const char usage[] =
    "usage: fulcrum advise SOURCE... [--json | --apply] [--html FILE] [--prices BOOK] [--model ID] [--days N]\n"
    "                          [--tenant NAME] [--config FILE]\n"
    "       fulcrum advise [SOURCE...] --what-if KEY=VALUE,... [--json] [--html FILE] [...]\n"
    "       fulcrum advise --endpoint URL [--days N] [--tenant NAME] [--what-if KEY=VALUE,...] [--json]\n"
    "Reads logs of requests and replies and says in dollars which lever to pull first: cache, route, distill or\n"
    "batch; where, why, and how sure that is. A source is a file, a gzip file, a folder of them, a server's data\n"
    "directory (or its ledger.db), or - for standard input. Known are Bedrock's invocation logs and batch files,\n"
    "Fulcrum's ledger, OpenAI's and Anthropic's requests and replies (also their batch files), and LiteLLM's spend\n"
    "log (JSON or CSV). docs/ADVISOR.md says how to get them out.\n\n"
    "  --json         one object, as docs/ADVISOR.md describes it\n"
    "  --html FILE    a page with pictures, whole in itself\n"
    "  --apply        prints the fulcrum.yaml that would do it, and nothing else\n"
    "  --prices BOOK  a price book of your own (docs/LEDGER.md), which goes before the built-in one\n"
    "  --model ID     the model of records that name none, such as those of batch files\n"
    "  --days N       requests of the last N days\n"
    "  --tenant NAME  this tenant's requests and no others'\n"
    "  --config FILE  a server's configuration: the prices that it names, and without SOURCE its data directory\n"
    "  --what-if KEY=VALUE,...  only these levers: ttl=5m|1h|best, router=auto, a router of the configuration or a\n"
    "                 model ID, batch=nightly|all, distill=on, a student of the configuration or a model ID; with\n"
    "                 VALUE@TAG:WORD or VALUE@model:ID of such requests alone. Without SOURCE, of this server's data\n"
    "                 directory\n"
    "  --endpoint URL  the advice of the server that runs there, on its own requests\n";

struct options {
    bool is_json, is_apply;
    const char *html, *prices, *model, *what_if, *days, *tenant, *config, *endpoint;
    /* Internal, of a server's child (advise/runs.h). */
    const char *parent, *seconds, *memory;
    bool tells_progress;
    bool is_own; /* of this server's data directory */
};

struct progress {
    uint64_t whole, told_us;
    bool is_terminal, is_shown, is_for_server;
};

/* A line that a server reads. */
static void tell_server(const struct progress *progress, uint64_t bytes, uint64_t records)
{
    (void)fprintf(stderr, "progress %.4f %" PRIu64 "\n",
                  progress->whole ? (double)bytes / (double)progress->whole : 0.0, records);
}

static void tell(void *ctx, uint64_t bytes, uint64_t records)
{
    struct progress *progress = ctx;
    const uint64_t now_us = clock_now_us();
    if ((!progress->is_terminal && !progress->is_for_server) || now_us < progress->told_us + TELL_US)
        return;
    progress->told_us = now_us;
    if (progress->is_for_server) {
        tell_server(progress, bytes, records);
        return;
    }
    progress->is_shown = true;
    char bar[31] = "                              ";
    const double share = progress->whole ? (double)bytes / (double)progress->whole : 0;
    for (size_t i = 0; i < 30 && (double)i < 30 * share; i++)
        bar[i] = '#';
    if (progress->whole)
        (void)fprintf(stderr, "\r[%s] %3.0f%%  %" PRIu64 " records", bar, 100 * (share < 1 ? share : 1), records);
    else
        (void)fprintf(stderr, "\r%" PRIu64 " records", records);
}

static void clear_progress(const struct progress *progress)
{
    if (progress->is_shown)
        (void)fprintf(stderr, "\r%60s\r", "");
}

/* --- what is printed ------------------------------------------------------------------------------------ */

static enum error_code write_page(const struct advice *advice, const char *path, struct error *error)
{
    struct buf page;
    buf_init(&page, OUT_MAX);
    enum error_code code = advice_append_page(&page, advice, error);
    if (code == OK)
        code = file_replace(path, buf_str(&page), 0644, error);
    buf_deinit(&page);
    return code;
}

static int print_advice(const struct options *options, const struct advice *advice)
{
    struct buf out;
    struct error error;
    enum error_code code = options->html ? write_page(advice, options->html, &error) : OK;
    if (code != OK)
        return cmd_fail("advise", &error, CMD_FAILED);
    buf_init(&out, OUT_MAX);
    if (options->is_apply)
        code = advice_append_config(&out, advice, &error);
    else if (options->is_json)
        code = advice_append_json(&out, advice, &error);
    else
        code = advice_append_table(&out, advice, &error);
    if (code == OK)
        return cmd_finish("advise", &out);
    buf_deinit(&out);
    return cmd_fail("advise", &error, CMD_FAILED);
}

/* --- the command ------------------------------------------------------------------------------------------ */

static enum error_code read_days(const char *text, uint64_t *from_us, struct error *error)
{
    uint64_t days;
    *from_us = 0;
    if (!text)
        return OK;
    if (!str_to_u64(str_of(text), &days) || days == 0 || days > DAYS_MAX)
        return error_set(error, ERROR_INVALID, "--days: expected 1 to %d, got '%s'", DAYS_MAX, text);
    *from_us = clock_wall_us() - days * DAY_US;
    return OK;
}

static enum error_code read_sources(struct advisor *advisor, struct progress *progress, const char *const *sources,
                                    int count, const struct advice **advice, struct error *error)
{
    enum error_code code = OK;
    for (int i = 0; i < count; i++)
        progress->whole += source_bytes(sources[i]);
    for (int i = 0; i < count && code == OK; i++)
        code = advisor_read(advisor, sources[i], error);
    return code == OK ? advisor_finish(advisor, advice, error) : code;
}

static int advise(const struct options *options, const struct advise_scales *scales,
                  const char *const *sources, int count)
{
    struct progress progress = {.is_terminal = isatty(STDERR_FILENO), .is_for_server = options->tells_progress};
    struct advisor_options asked = {.book = scales->book, .catalog = &scales->catalog,
                                    .predictor = scales->predictor, .model = str_of(options->model),
                                    .tenant = str_of(options->tenant),
                                    .progress = tell, .ctx = &progress};
    struct advise_levers levers = {.own = NULL};
    struct advise_tokens *tokens = options->config || options->is_own ? advise_tokens_new(&scales->config) : NULL;
    struct advisor *advisor = NULL;
    const struct advice *advice;
    struct error error;
    int status = CMD_FAILED;
    enum error_code code = read_days(options->days, &asked.from_us, &error);
    if (code == OK)
        code = advise_levers_read(options->what_if, scales, scales->config.data, &levers, &error);
    advise_levers_apply(&levers, &asked);
    asked.counter = (struct intake_counter){tokens ? advise_tokens_count : NULL, tokens};
    if (code != OK)
        status = CMD_USAGE;
    else
        code = advisor_new(&asked, &advisor, &error);
    if (code == OK) {
        code = read_sources(advisor, &progress, sources, count, &advice, &error);
        status = code == ERROR_NOT_FOUND ? CMD_USAGE : CMD_FAILED;
    }
    clear_progress(&progress);
    status = code == OK ? print_advice(options, advice) : cmd_fail("advise", &error, status);
    advisor_free(advisor);
    advise_levers_free(&levers);
    advise_tokens_free(tokens);
    return status;
}

/* The data directory of the configuration that is here. */
static int advise_own(const struct options *options, const struct advise_scales *scales)
{
    struct config config;
    struct error error;
    if (config_load(config_find(options->config), program_sections, &config, &error))
        return cmd_fail("advise", &error, CMD_USAGE);
    const char *const data = config.data;
    const int status = advise(options, scales, &data, 1);
    config_deinit(&config);
    return status;
}

/* --- as a server's child ---------------------------------------------------------------------------------- */

static enum error_code read_bound(const char *name, const char *text, uint64_t *value, struct error *error)
{
    *value = 0;
    if (!text || str_to_u64(str_of(text), value))
        return OK;
    return error_set(error, ERROR_INVALID, "--%s: expected a number, got '%s'", name, text);
}

/* The system ends it at its bounds. False: it is not to run. */
static bool bind_to_server(const struct options *options)
{
    uint64_t parent, seconds, memory;
    struct error error;
    if (read_bound("parent", options->parent, &parent, &error) ||
        read_bound("seconds", options->seconds, &seconds, &error) ||
        read_bound("memory", options->memory, &memory, &error)) {
        (void)cmd_fail("advise", &error, CMD_USAGE);
        return false;
    }
    subprocess_bind(seconds, memory);
    return parent == 0 || subprocess_serve(parent);
}

static int ask_server(const struct options *options, bool has_source)
{
    const struct advise_remote remote = {options->endpoint, options->days, options->tenant, options->what_if,
                                         options->is_json};
    if (!has_source && !options->html && !options->prices && !options->model && !options->config &&
        !options->is_apply)
        return advise_remote(&remote);
    fputs("fulcrum advise: --endpoint goes with --days, --tenant, --what-if and --json alone\n", stderr);
    return CMD_USAGE;
}

int cmd_advise(int argc, char **argv)
{
    struct options options = {0};
    struct advise_scales scales = {0};
    struct error error;
    int status;
    const struct cmd_option known[] = {
        {"json", .flag = &options.is_json},     {"apply", .flag = &options.is_apply},
        {"html", .value = &options.html},       {"prices", .value = &options.prices},
        {"model", .value = &options.model},     {"what-if", .value = &options.what_if},
        {"days", .value = &options.days},       {"tenant", .value = &options.tenant},
        {"config", .value = &options.config},   {"parent", .value = &options.parent},
        {"seconds", .value = &options.seconds}, {"memory", .value = &options.memory},
        {"progress", .flag = &options.tells_progress},
        {"endpoint", .value = &options.endpoint},
    };
    if (!cmd_read_options(argc, argv, usage, known, sizeof(known) / sizeof(known[0]), &status))
        return status;
    if (!bind_to_server(&options))
        return CMD_USAGE;
    if (options.endpoint)
        return ask_server(&options, optind < argc);
    const bool is_lost = optind >= argc && !options.what_if && !options.config;
    if (is_lost) {
        fputs("fulcrum advise: which log is to be read?\n", stderr);
        fputs(usage, stderr);
        return CMD_USAGE;
    }
    options.is_own = optind >= argc;
    if (advise_scales_load(options.prices, options.config, options.is_own, &scales, &error) != OK)
        status = cmd_fail("advise", &error, CMD_USAGE);
    else if (options.is_own)
        status = advise_own(&options, &scales);
    else
        status = advise(&options, &scales, (const char *const *)(argv + optind), argc - optind);
    advise_scales_free(&scales);
    return status;
}
