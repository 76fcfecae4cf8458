/* price_rows.c - rows of a price list: a rate for each class of tokens, tier and length of the prompt. See
 * price_file.h. */
#include "ledger/price_file.h"

#include <stdlib.h>
#include <string.h>

#include "core/config_values.h"

#define RATE_MAX ((uint64_t)INT64_MAX) /* picodollars per million tokens, all factors included */

/* rate * factor, half up; a factor of CONFIG_PICO is 1. What is over RATE_MAX, both being so large, stays over it. */
uint64_t price_scale(uint64_t rate, uint64_t factor)
{
    unsigned __int128 product = (unsigned __int128)rate * factor;
    unsigned __int128 scaled = (product + CONFIG_PICO / 2) / CONFIG_PICO;
    return scaled > RATE_MAX ? RATE_MAX + 1 : (uint64_t)scaled;
}

static void fill_rates(uint64_t rates[PRICE_CLASSES], const struct prices *prices, uint64_t factor)
{
    const struct cache_prices as_input = {prices->input, prices->input, prices->input};
    const struct cache_prices *cache = prices->has_cache ? &prices->cache : &as_input;
    rates[PRICE_INPUT] = price_scale(prices->input, factor);
    rates[PRICE_OUTPUT] = price_scale(prices->output, factor);
    rates[PRICE_CACHE_READ] = price_scale(cache->read, factor);
    rates[PRICE_CACHE_WRITE_5M] = price_scale(cache->write_5m, factor);
    rates[PRICE_CACHE_WRITE_1H] = price_scale(cache->write_1h, factor);
}

static bool is_sold(const struct model_entry *model, enum tier tier)
{
    for (size_t i = 0; i < model->tier_count; i++) {
        if (!strcmp(model->tiers[i], tier_names[tier]))
            return true;
    }
    return false;
}

void price_step_fill(struct price_step *step, const struct book_file *file, const struct model_entry *model,
                     const struct prices *prices, uint64_t factor)
{
    const uint64_t factors[TIERS_PRICED] = {
        [TIER_DEFAULT] = CONFIG_PICO,
        [TIER_PRIORITY] = file->tiers.priority,
        [TIER_FLEX] = file->tiers.flex,
        [TIER_BATCH] = file->tiers.batch,
        [TIER_ULTRAFAST] = CONFIG_PICO, /* sold at prices of its own alone */
    };
    fill_rates(step->rates[TIER_DEFAULT], prices, factor);
    for (size_t tier = 0; tier < TIERS_PRICED; tier++)
        for (size_t i = 0; i < PRICE_CLASSES; i++)
            step->rates[tier][i] = price_scale(step->rates[TIER_DEFAULT][i],
                                               is_sold(model, (enum tier)tier) ? factors[tier] : CONFIG_PICO);
}

enum error_code price_step_check(const struct price_step *step, const char *name, struct error *error)
{
    for (size_t tier = 0; tier < TIERS_PRICED; tier++)
        for (size_t i = 0; i < PRICE_CLASSES; i++)
            if (step->rates[price_tiers[tier]][i] > RATE_MAX)
                return error_set(error, ERROR_INVALID,
                                 "%s: in tier %s a million tokens would cost more than $%llu; lower the price or a "
                                 "factor", name, tier_names[price_tiers[tier]],
                                 (unsigned long long)(RATE_MAX / CONFIG_PICO));
    return OK;
}

const struct step_entry *price_find_step(const struct step_entry *steps, size_t count, uint64_t tokens)
{
    for (size_t i = 0; i < count; i++)
        if (steps[i].tokens == tokens)
            return &steps[i];
    return NULL;
}

/* Where a tier has prices of its own they replace those of the factor; in steps that it does not name it is not sold,
 * and costs as the standard one. */
static void fill_own_tiers(struct price_step *step, const struct model_entry *model, uint64_t factor)
{
    for (size_t i = 0; i < model->by_tier_count; i++) {
        const struct tier_entry *entry = &model->by_tier[i];
        const struct step_entry *own = price_find_step(entry->above, entry->above_count, step->above_tokens);
        enum tier tier = TIER_DEFAULT;
        (void)tier_find(str_of(entry->tier), &tier);
        if (step->above_tokens == 0)
            fill_rates(step->rates[tier], &entry->prices, factor);
        else if (own)
            fill_rates(step->rates[tier], &own->prices, factor);
        else
            memcpy(step->rates[tier], step->rates[TIER_DEFAULT], sizeof(step->rates[tier]));
    }
}

/* A place with prices of its own has no long-context prices: nobody lists any. */
static enum error_code fill_row(struct arena *arena, struct price_row *row, const struct book_file *file,
                                const struct model_entry *model, const char *at, const struct place_entry *place,
                                struct error *error)
{
    bool has_own = place && !place->factor;
    size_t count = has_own ? 1 : 1 + model->above_count;
    struct price_step *steps = ARENA_ARRAY(arena, struct price_step, count);
    struct str name = arena_printf(arena, "%s@%s/%s/%s", file->book, file->version, model->id, at);
    if (!steps || !name.data)
        return error_no_memory(error);
    uint64_t factor = place && place->factor ? place->factor : CONFIG_PICO;
    for (size_t i = 0; i < count; i++) {
        const struct prices *prices = i ? &model->above[i - 1].prices : has_own ? &place->prices : &model->prices;
        steps[i].above_tokens = i ? model->above[i - 1].tokens : 0;
        price_step_fill(&steps[i], file, model, prices, factor);
        if (!has_own)
            fill_own_tiers(&steps[i], model, factor);
    }
    *row = (struct price_row){.name = name.data, .id = model->id, .place = at, .steps = steps, .step_count = count};
    enum error_code code = OK;
    for (size_t i = 0; i < count && code == OK; i++)
        code = price_step_check(&steps[i], name.data, error);
    return code;
}

static enum error_code add_rows(struct arena *arena, struct book_file *file, const struct model_entry *model,
                                struct error *error)
{
    enum error_code code =
        fill_row(arena, &file->rows[file->row_count++], file, model, file->region, NULL, error);
    for (size_t i = 0; i < model->place_count; i++) {
        const struct place_entry *place = &model->places[i];
        for (size_t k = 0; k < place->at_count && code == OK; k++)
            code = fill_row(arena, &file->rows[file->row_count++], file, model, place->at[k], place, error);
    }
    return code;
}

static int compare_models(const void *a, const void *b)
{
    return strcmp(((const struct model_entry *)a)->id, ((const struct model_entry *)b)->id);
}

enum error_code price_file_rows(struct book_file *file, const char *path, struct arena *arena, struct error *error)
{
    size_t count = file->model_count;
    if (count)
        qsort(file->models, count, sizeof(*file->models), compare_models);
    for (size_t i = 0; i < file->model_count; i++) {
        if (i && !strcmp(file->models[i - 1].id, file->models[i].id))
            return error_set(error, ERROR_INVALID, "%s: models: the ID %s stands here twice", path, file->models[i].id);
        for (size_t k = 0; k < file->models[i].place_count; k++)
            count += file->models[i].places[k].at_count;
    }
    file->rows = ARENA_ARRAY(arena, struct price_row, count + 1);
    if (!file->rows)
        return error_no_memory(error);
    enum error_code code = OK;
    for (size_t i = 0; i < file->model_count && code == OK; i++)
        code = add_rows(arena, file, &file->models[i], error);
    return code;
}
