/* advise_scales.c - see advise_scales.h. */
#include "cmd/advise_scales.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "cmd/sections.h"
#include "core/buf.h"
#include "engine/embedded.h"

/* Prices of a configuration: that of the server whose data is read, or what `prices` makes one of. */
static enum error_code load_config(const char *prices, const char *path, bool is_own, struct config *config,
                                   struct error *error)
{
    char text[4200] = "";
    if (!prices && (is_own || path))
        return config_load(config_find(path), program_sections, config, error);
    if (prices) {
        char name[2048], *whole = realpath(prices, NULL);
        if (!whole)
            return error_set_errno(error, ERROR_NOT_FOUND, errno, "--prices %s", prices);
        const int len = snprintf(name, sizeof(name), "%s", whole);
        free(whole); /* lint: allow(memory) realpath's own */
        struct buf quoted;
        buf_init(&quoted, sizeof(text));
        buf_append_text(&quoted, "prices: [");
        buf_append_json(&quoted, (struct str){name, (size_t)len});
        buf_append_text(&quoted, "]\n");
        const bool fits = !quoted.failed && len < (int)sizeof(name);
        (void)snprintf(text, sizeof(text), STR_FMT, STR_ARG(buf_str(&quoted)));
        buf_deinit(&quoted);
        if (!fits)
            return error_set(error, ERROR_INVALID, "--prices: the path is too long");
    }
    return config_parse(str_of(text), "--prices", program_sections, config, error);
}

static enum error_code load_rest(struct advise_scales *scales, struct error *error)
{
    enum error_code code = price_book_load(&scales->config, &scales->book, error);
    if (code == OK)
        code = catalog_load(embedded_file(STR("aliases.yaml")), &scales->catalog, error);
    if (code == OK)
        code = predictor_open_builtin(PREDICTOR_GENERAL, &scales->predictor, error);
    return code;
}

enum error_code advise_scales_load(const char *prices, const char *config, bool is_own, struct advise_scales *scales,
                                   struct error *error)
{
    const enum error_code code = load_config(prices, config, is_own, &scales->config, error);
    return code == OK ? load_rest(scales, error) : code;
}

enum error_code advise_scales_parse(struct str config, struct advise_scales *scales, struct error *error)
{
    const enum error_code code = config_parse(config, "the configuration", program_sections, &scales->config, error);
    return code == OK ? load_rest(scales, error) : code;
}

void advise_scales_free(struct advise_scales *scales)
{
    predictor_free(scales->predictor);
    catalog_deinit(&scales->catalog);
    price_book_free(scales->book);
    config_deinit(&scales->config);
}

enum error_code advise_scales_find(const struct advise_scales *scales, const char *key, struct str id,
                                   const struct price_row **row, struct error *error)
{
    struct advise_price price;
    advise_price_find(scales->book, &scales->catalog, id, STR(""), &price);
    *row = price.row;
    return *row ? OK : error_set(error, ERROR_INVALID, "--what-if: %s: no price book has '" STR_FMT "'", key,
                                 STR_ARG(id));
}
