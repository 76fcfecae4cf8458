#include "cmd/cmd.h"
#include "cmd/cmd_io.h"
#include "core/config.h"
#include "ledger/price_book.h"

static const char usage[] = "usage: fulcrum check-config [--config FILE]\n"
                            "Reads FILE (fulcrum.yaml by default) as `serve` would and says what is wrong with it.\n"
                            "Exit status: 0 it is right, 2 it is not.\n";

static void append_summary(struct buf *out, const struct config *config)
{
    if (config->file)
        buf_appendf(out, "%s is right: ", config->file);
    else
        buf_append_text(out, "no fulcrum.yaml here, the defaults hold: ");
    buf_appendf(out, "%zu model%s, %zu tenant%s, listens on %s\n", config->model_count,
                config->model_count == 1 ? "" : "s", config->tenant_count, config->tenant_count == 1 ? "" : "s",
                config->listen);
    /* Not a fault of the file: the command line of `serve` may still change it. */
    struct error error;
    if (config_check_exposure(config, &error))
        buf_appendf(out, "note: serve will refuse to start. %s\n", error.message);
}

int cmd_check_config(int argc, char **argv)
{
    struct cmd_options options;
    int status;
    if (!cmd_options_parse(argc, argv, usage, false, true, &options, &status))
        return status;
    struct config config;
    struct error error;
    if (config_load(config_find(options.config), &config, &error))
        return cmd_fail("check-config", &error, CMD_USAGE);
    struct price_book *prices;
    if (price_book_load(&config, &prices, &error)) {
        config_deinit(&config);
        return cmd_fail("check-config", &error, CMD_USAGE);
    }
    price_book_free(prices);
    struct buf out;
    buf_init(&out, 65536);
    append_summary(&out, &config);
    config_deinit(&config);
    return cmd_finish("check-config", &out);
}
