/* check_config.c - `fulcrum check-config`: reads a configuration as serve would, and starts nothing. */
#include <string.h>

#include "cmd/cmd.h"
#include "cmd/cmd_io.h"
#include "cmd/sections.h"
#include "core/config.h"
#include "engine/embedded.h"
#include "ledger/price_book.h"
#include "model/resolve.h"
#include "net/tls_config.h"
#include "upstream/probe.h"

static const char usage[] = "usage: fulcrum check-config [--config FILE] [--probe]\n"
                            "Reads FILE (fulcrum.yaml by default) as `serve` would and says what is wrong with it.\n"
                            "With --probe each upstream is asked once, without a completion that is paid for.\n"
                            "Exit status: 0 it is right, 1 an upstream did not answer as it should, 2 it is\n"
                            "not right.\n";

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
    if (tls_check_exposure(config, &error))
        buf_appendf(out, "note: serve will refuse to start. %s\n", error.message);
}

/* Not faults either: IDs that nobody has heard of yet may still come. */
static void append_unused_patterns(struct buf *out, const struct registry *models, const struct catalog *catalog)
{
    const struct model_list *list = registry_list(models);
    for (size_t i = 0; i < list->count; i++) {
        const struct model *model = list->models[i];
        for (size_t j = 0; j < model->id_count; j++) {
            const char *id = model->ids[j];
            bool is_last_resort = strspn(id, "*") == strlen(id), is_arn = str_starts(str_of(id), STR("arn:"));
            if (catalog_is_pattern(str_of(id)) && !is_last_resort && !is_arn &&
                !catalog_pattern_is_used(catalog, models, model, id))
                buf_appendf(out,
                            "note: models[%zu].ids[%zu]: no model ID of the catalogue leads to '%s' by '%s'; it fits "
                            "none, or other entries of ids take all that fit.\n",
                            i, j, model->name, id);
        }
    }
}

/* What each of the models of upstreams costs by, and where that is not what its provider lists. */
static void append_prices(struct buf *out, const struct registry *models, const struct price_book *prices)
{
    const struct model_list *list = registry_list(models);
    for (size_t i = 0; i < list->count; i++) {
        const struct model *model = list->models[i];
        if (model->kind != MODEL_UPSTREAM)
            continue;
        const struct price_row *row = price_book_row_of(prices, model->price, str_of(model->name), STR(""));
        buf_appendf(out, "price: %s (%s of upstream %s) %s%s", model->name, upstream_model_id(model->upstream_model),
                    model->upstream->name, strcmp(row->name, PRICE_NONE) ? "costs as " : "", row->name);
        if (model_price_is_elsewhere(model))
            buf_appendf(out, ": the list of %s does not have it; give it price or price_as",
                        upstream_provider(model->upstream));
        else if (!strcmp(row->name, PRICE_NONE))
            buf_append_text(out, ": its requests cost nothing; give it price or price_as");
        buf_append_char(out, '\n');
    }
}

static enum error_code append_notes(struct buf *out, const struct config *config, struct price_book *prices,
                                    struct error *error)
{
    struct catalog catalog;
    enum error_code code = catalog_load(embedded_file(STR("aliases.yaml")), &catalog, error);
    if (code != OK)
        return code;
    struct registry *models;
    code = registry_new(config, prices, &models, error);
    if (code == OK) {
        append_unused_patterns(out, models, &catalog);
        append_prices(out, models, prices);
    }
    registry_free(models);
    catalog_deinit(&catalog);
    return code;
}

/* Their secrets are there; with --probe they answer. ERROR_UNAVAILABLE: some don't. */
static enum error_code check_upstreams(const struct config *config, bool is_probed, struct buf *out,
                                       struct error *error)
{
    struct upstreams upstreams;
    struct buf answers; /* of their own: an error has room for them alone */
    size_t failed = 0;
    enum error_code code = upstreams_open(config, &upstreams, error);
    if (code != OK)
        return code;
    buf_init(&answers, out->max);
    if (is_probed)
        code = probe_upstreams(&upstreams, &answers, &failed, error);
    upstreams_close(&upstreams);
    if (code == OK && failed > 0)
        code = error_set(error, ERROR_UNAVAILABLE, "%zu upstream%s did not answer as expected:\n" STR_FMT, failed,
                         failed == 1 ? "" : "s", STR_ARG(buf_str(&answers)));
    buf_append_str(out, buf_str(&answers));
    buf_deinit(&answers);
    return code;
}

int cmd_check_config(int argc, char **argv)
{
    const char *file = NULL;
    bool is_probed = false;
    const struct cmd_option known[] = {{"config", .value = &file}, {"probe", .flag = &is_probed}};
    int status;
    if (!cmd_read_options(argc, argv, usage, known, sizeof(known) / sizeof(known[0]), &status) ||
        !cmd_no_arguments(argc, argv, usage))
        return CMD_USAGE;
    struct config config;
    struct error error;
    if (config_load(config_find(file), program_sections, &config, &error))
        return cmd_fail("check-config", &error, CMD_USAGE);
    struct price_book *prices;
    if (price_book_load(&config, &prices, &error)) {
        config_deinit(&config);
        return cmd_fail("check-config", &error, CMD_USAGE);
    }
    struct buf out;
    buf_init(&out, 65536);
    append_summary(&out, &config);
    enum error_code code = append_notes(&out, &config, prices, &error);
    if (code == OK)
        code = check_upstreams(&config, is_probed, &out, &error);
    price_book_free(prices);
    config_deinit(&config);
    if (code != OK) {
        buf_deinit(&out);
        return cmd_fail("check-config", &error, code == ERROR_INVALID ? CMD_USAGE : CMD_FAILED);
    }
    return cmd_finish("check-config", &out);
}
