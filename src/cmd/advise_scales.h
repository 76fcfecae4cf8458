/* advise_scales.h - what the sources of an advice are weighed by: prices, the catalogue of model IDs, the predictor.
 * One thread. */
#ifndef CMD_ADVISE_SCALES_H
#define CMD_ADVISE_SCALES_H

#include "advise/prices.h"
#include "core/config.h"
#include "route/predictor.h"

struct advise_scales {
    struct config config;
    struct price_book *book;
    struct catalog catalog;
    struct predictor *predictor;
};

/* `prices` is the path of a book that goes before the built-in one, or NULL: prices are those of the configuration at
 * `config`, or where that is NULL and the data is one's own (`is_own`) of the one in the working directory. *scales,
 * zero before, needs advise_scales_free in any case. */
enum error_code advise_scales_load(const char *prices, const char *config, bool is_own, struct advise_scales *scales,
                                   struct error *error) WARN_UNUSED;
void advise_scales_free(struct advise_scales *scales);

/* By a configuration that is not in a file. */
enum error_code advise_scales_parse(struct str config, struct advise_scales *scales, struct error *error) WARN_UNUSED;

/* The row of the model ID that a what-if's `key` names. ERROR_INVALID: no book has it. */
enum error_code advise_scales_find(const struct advise_scales *scales, const char *key, struct str id,
                                   const struct price_row **row, struct error *error) WARN_UNUSED;

#endif
