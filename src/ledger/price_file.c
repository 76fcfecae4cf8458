/* price_file.c - reads price lists and checks them. Makes no rows of them: price_rows.c does. See price_file.h. */
#include "ledger/price_file.h"

#include <stdio.h>
#include <string.h>

#include "core/config_values.h"
#include "core/config_yaml.h"
#include "core/tier.h"

#define MODELS_MAX 4096
#define STEPS_MAX (PRICE_STEPS_MAX - 1) /* besides the first */
#define PLACES_MAX 64
#define FACTOR_MAX (100 * CONFIG_PICO)

static bool is_word(struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !strchr("._-:/", c))
            return false;
    }
    return text.len > 0 && text.len <= 256;
}

static bool is_sold_tier(struct str text)
{
    return str_eq(text, STR("batch")) || str_eq(text, STR("flex")) || str_eq(text, STR("priority"));
}

static bool is_priced_tier(struct str text)
{
    return is_sold_tier(text) || str_eq(text, STR("ultrafast"));
}

#define AT(type, member) .offset = offsetof(struct type, member)
#define LIST_AT(type, member, counter) AT(type, member), .count_offset = offsetof(struct type, counter)
#define PRICE_AT(type, member) FIELD_PICO, AT(type, member), .high = CONFIG_PRICE_MAX
#define WORD .check = is_word, .expected = "letters, digits and ._-:/"

static const struct field cache_fields[] = {
    {"read", PRICE_AT(cache_prices, read), .is_required = true},
    {"write_5m", PRICE_AT(cache_prices, write_5m), .is_required = true},
    {"write_1h", PRICE_AT(cache_prices, write_1h), .is_required = true},
};
static const struct field_table cache_table = FIELD_TABLE(cache_fields, struct cache_prices);

static enum error_code read_cache(struct yaml_reader *reader, const yaml_node_t *node, void *parent)
{
    struct prices *prices = parent;
    prices->has_cache = true;
    return yaml_read_object(reader, node, &cache_table, &prices->cache);
}

static const struct field step_fields[] = {
    {"tokens", FIELD_COUNT, .is_required = true, AT(step_entry, tokens), .low = 1, .high = UINT32_MAX},
    {"input", PRICE_AT(step_entry, prices.input), .is_required = true},
    {"output", PRICE_AT(step_entry, prices.output), .is_required = true},
    {"cache", FIELD_CUSTOM, .custom = read_cache},
};
static const struct field_table step_table = FIELD_TABLE(step_fields, struct step_entry);

static const struct field tier_price_fields[] = {
    {"tier", FIELD_STRING, .is_required = true, AT(tier_entry, tier), .check = is_priced_tier,
     .expected = "batch, flex, priority or ultrafast"},
    {"input", PRICE_AT(tier_entry, prices.input), .is_required = true},
    {"output", PRICE_AT(tier_entry, prices.output), .is_required = true},
    {"cache", FIELD_CUSTOM, .custom = read_cache},
    {"above", FIELD_OBJECTS, LIST_AT(tier_entry, above, above_count), .high = STEPS_MAX, .table = &step_table},
};
static const struct field_table tier_price_table = FIELD_TABLE(tier_price_fields, struct tier_entry);

static const struct field place_fields[] = {
    {"at", FIELD_STRINGS, .is_required = true, LIST_AT(place_entry, at, at_count), WORD},
    {"factor", FIELD_PICO, AT(place_entry, factor), .low = 1, .high = FACTOR_MAX},
    {"input", PRICE_AT(place_entry, prices.input)},
    {"output", PRICE_AT(place_entry, prices.output)},
    {"cache", FIELD_CUSTOM, .custom = read_cache},
};
static const struct field_table place_table = FIELD_TABLE(place_fields, struct place_entry);

static const struct field model_fields[] = {
    {"id", FIELD_STRING, .is_required = true, AT(model_entry, id), WORD},
    {"input", PRICE_AT(model_entry, prices.input), .is_required = true},
    {"output", PRICE_AT(model_entry, prices.output), .is_required = true},
    {"cache", FIELD_CUSTOM, .custom = read_cache},
    {"tiers", FIELD_STRINGS, LIST_AT(model_entry, tiers, tier_count), .check = is_sold_tier,
     .expected = "batch, flex or priority"},
    {"source", FIELD_STRING, .is_required = true, AT(model_entry, source), WORD},
    {"by_tier", FIELD_OBJECTS, LIST_AT(model_entry, by_tier, by_tier_count), .high = TIERS_PRICED,
     .table = &tier_price_table},
    {"above", FIELD_OBJECTS, LIST_AT(model_entry, above, above_count), .high = STEPS_MAX, .table = &step_table},
    {"places", FIELD_OBJECTS, LIST_AT(model_entry, places, place_count), .high = PLACES_MAX, .table = &place_table},
};
static const struct field_table model_table = FIELD_TABLE(model_fields, struct model_entry);

static const struct field same_fields[] = {
    {"id", FIELD_STRING, .is_required = true, AT(same_entry, id), WORD},
    {"as", FIELD_STRING, .is_required = true, AT(same_entry, as), WORD},
};
static const struct field_table same_table = FIELD_TABLE(same_fields, struct same_entry);

static const struct field source_fields[] = {
    {"tag", FIELD_STRING, .is_required = true, AT(source_entry, tag), WORD},
    {"date", FIELD_STRING, .is_required = true, AT(source_entry, date), WORD},
    {"what", FIELD_STRING, .is_required = true, AT(source_entry, what)},
};
static const struct field_table source_table = FIELD_TABLE(source_fields, struct source_entry);

static const struct field tier_fields[] = {
    {"batch", FIELD_PICO, .is_required = true, AT(tier_factors, batch), .high = FACTOR_MAX},
    {"flex", FIELD_PICO, .is_required = true, AT(tier_factors, flex), .high = FACTOR_MAX},
    {"priority", FIELD_PICO, .is_required = true, AT(tier_factors, priority), .high = FACTOR_MAX},
};
static const struct field_table tier_table = FIELD_TABLE(tier_fields, struct tier_factors);

static const char *const currencies[] = {"USD", NULL};
static const char *const units[] = {"dollars per million tokens", NULL};

static const struct field book_fields[] = {
    {"book", FIELD_STRING, .is_required = true, AT(book_file, book), WORD},
    {"version", FIELD_STRING, .is_required = true, AT(book_file, version), WORD},
    {"currency", FIELD_CHOICE, .is_required = true, AT(book_file, currency), .choices = currencies},
    {"unit", FIELD_CHOICE, .is_required = true, AT(book_file, unit), .choices = units},
    {"region", FIELD_STRING, .is_required = true, AT(book_file, region), WORD},
    {"sources", FIELD_OBJECTS, .is_required = true, LIST_AT(book_file, sources, source_count), .high = 64,
     .table = &source_table},
    {"tiers", FIELD_OBJECT, .is_required = true, AT(book_file, tiers), .table = &tier_table},
    {"same", FIELD_OBJECTS, LIST_AT(book_file, same, same_count), .high = MODELS_MAX, .table = &same_table},
    {"models", FIELD_OBJECTS, .is_required = true, LIST_AT(book_file, models, model_count), .high = MODELS_MAX,
     .table = &model_table},
};
static const struct field_table book_table = FIELD_TABLE(book_fields, struct book_file);

/* --- checks across keys --- */

static bool has_source(const struct book_file *file, const char *tag)
{
    for (size_t i = 0; i < file->source_count; i++) {
        if (!strcmp(file->sources[i].tag, tag))
            return true;
    }
    return false;
}

static enum error_code check_places(struct yaml_reader *reader, const struct model_entry *model, size_t index)
{
    char path[64];
    for (size_t i = 0; i < model->place_count; i++) {
        const struct place_entry *place = &model->places[i];
        bool has_prices = place->prices.input || place->prices.output || place->prices.has_cache;
        bool is_whole = !has_prices || (place->prices.input && place->prices.output);
        snprintf(path, sizeof(path), "models[%zu].places[%zu]", index, i);
        if (!place->at_count)
            return yaml_fail_at(reader, path, "expected at least one geography or region under 'at'");
        if (has_prices == (place->factor != 0) || !is_whole)
            return yaml_fail_at(reader, path, "expected either factor, or input and output");
    }
    return OK;
}

/* Steps of a tier are steps of the model: elsewhere the tier is not sold. */
static enum error_code check_tiers(struct yaml_reader *reader, const struct model_entry *model, size_t index)
{
    char path[128];
    for (size_t i = 0; i < model->by_tier_count; i++) {
        const struct tier_entry *entry = &model->by_tier[i];
        for (size_t k = 0; k < i; k++) {
            snprintf(path, sizeof(path), "models[%zu].by_tier[%zu].tier", index, i);
            if (!strcmp(model->by_tier[k].tier, entry->tier))
                return yaml_fail_at(reader, path, "'%s' stands there twice", entry->tier);
        }
        for (size_t k = 0; k < entry->above_count; k++) {
            snprintf(path, sizeof(path), "models[%zu].by_tier[%zu].above[%zu].tokens", index, i, k);
            if (!price_find_step(model->above, model->above_count, entry->above[k].tokens))
                return yaml_fail_at(reader, path, "expected the tokens of one of the model's own steps");
        }
    }
    return OK;
}

static enum error_code check_models(struct yaml_reader *reader, const struct book_file *file)
{
    char path[64];
    for (size_t i = 0; i < file->model_count; i++) {
        const struct model_entry *model = &file->models[i];
        snprintf(path, sizeof(path), "models[%zu].source", i);
        if (!has_source(file, model->source))
            return yaml_fail_at(reader, path, "expected the tag of one of 'sources', got '%s'", model->source);
        for (size_t k = 0; k < model->above_count; k++) {
            snprintf(path, sizeof(path), "models[%zu].above[%zu].tokens", i, k);
            if (k && model->above[k].tokens <= model->above[k - 1].tokens)
                return yaml_fail_at(reader, path, "expected more tokens than in the entry before");
        }
        enum error_code code = check_places(reader, model, i);
        if (code == OK)
            code = check_tiers(reader, model, i);
        if (code)
            return code;
    }
    return OK;
}

enum error_code price_file_parse(struct str text, const char *path, struct arena *arena, struct book_file *file,
                                 struct error *error)
{
    struct yaml_reader reader;
    enum error_code code = yaml_reader_open(&reader, text, path, arena, error);
    if (code)
        return code;
    code = yaml_read_root(&reader, &book_table, file);
    if (!code && !file->book) /* an empty file is an empty mapping */
        code = error_set(error, ERROR_INVALID, "%s: expected a price book, got an empty file", path);
    if (!code)
        code = check_models(&reader, file);
    yaml_reader_close(&reader);
    return code;
}
