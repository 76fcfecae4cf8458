/* price_book.c - reads price lists and finds the row for a model at a date. Computes no price. See price_book.h. */
#include "ledger/price_book.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/catalog.h"
#include "core/config_values.h"
#include "core/config_yaml.h"
#include "core/limits.h"
#include "core/util.h"
#include "ledger/price_config.h"

#define BOOKS_MAX 64
#define MODELS_MAX 4096
#define STEPS_MAX (PRICE_STEPS_MAX - 1) /* besides the first */
#define PLACES_MAX 64
#define MEMORY_BYTES 33554432
#define FACTOR_MAX (100 * CONFIG_PICO)
#define RATE_MAX ((uint64_t)INT64_MAX) /* picodollars per million tokens, all factors included */
#define EMBEDDED_FILE "prices/bedrock.yaml"

extern const char ledger_prices[], ledger_prices_end[];

/* --- a book as its file has it --- */

struct cache_prices {
    uint64_t read, write_5m, write_1h;
};

struct prices { /* the first member of all that has prices, for read_cache */
    uint64_t input, output;
    bool has_cache;
    struct cache_prices cache;
};

struct step_entry {
    struct prices prices;
    uint64_t tokens;
};

struct place_entry {
    struct prices prices;
    const char **at;
    size_t at_count;
    uint64_t factor; /* 0: prices of its own */
};

struct model_entry {
    struct prices prices;
    const char *id, *source;
    const char **tiers;
    size_t tier_count;
    struct step_entry *above;
    size_t above_count;
    struct place_entry *places;
    size_t place_count;
};

struct same_entry {
    const char *id, *as;
};

struct source_entry {
    const char *tag, *date, *what;
};

struct tier_factors {
    uint64_t batch, flex, priority;
};

struct book_file {
    const char *book, *version, *region;
    unsigned currency, unit;
    struct source_entry *sources;
    size_t source_count;
    struct tier_factors tiers;
    struct same_entry *same;
    size_t same_count;
    struct model_entry *models;
    size_t model_count;
    struct price_row *rows; /* sorted by ID; the one for `region` goes before other places */
    size_t row_count;
};

struct price_book {
    struct arena arena;
    struct book_file books[BOOKS_MAX]; /* the embedded one first; a later one goes before */
    size_t book_count;
    const struct price_row **own; /* of `price` and `price_as`, by model; NULL: the ID asked for counts */
    struct price_row *priced;     /* rows of `price`, by model; name NULL without */
    size_t model_count;
    struct price_row none;
    const struct price_row **added; /* (LIMIT_MODEL_VERSIONS) of models that came later */
    _Atomic size_t added_count;
};

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
        if (code)
            return code;
    }
    return OK;
}

/* --- rows --- */

/* rate * factor, half up; a factor of CONFIG_PICO is 1. What is over RATE_MAX, both being so large, stays over it. */
static uint64_t scale(uint64_t rate, uint64_t factor)
{
    unsigned __int128 product = (unsigned __int128)rate * factor;
    unsigned __int128 scaled = (product + CONFIG_PICO / 2) / CONFIG_PICO;
    return scaled > RATE_MAX ? RATE_MAX + 1 : (uint64_t)scaled;
}

static void fill_rates(uint64_t rates[PRICE_CLASSES], const struct prices *prices, uint64_t factor)
{
    const struct cache_prices as_input = {prices->input, prices->input, prices->input};
    const struct cache_prices *cache = prices->has_cache ? &prices->cache : &as_input;
    rates[PRICE_INPUT] = scale(prices->input, factor);
    rates[PRICE_OUTPUT] = scale(prices->output, factor);
    rates[PRICE_CACHE_READ] = scale(cache->read, factor);
    rates[PRICE_CACHE_WRITE_5M] = scale(cache->write_5m, factor);
    rates[PRICE_CACHE_WRITE_1H] = scale(cache->write_1h, factor);
}

static bool is_sold(const struct model_entry *model, enum tier tier)
{
    for (size_t i = 0; i < model->tier_count; i++) {
        if (!strcmp(model->tiers[i], tier_names[tier]))
            return true;
    }
    return false;
}

static void fill_step(struct price_step *step, const struct book_file *file, const struct model_entry *model,
                      const struct prices *prices, uint64_t factor)
{
    const uint64_t factors[TIERS] = {
        [TIER_DEFAULT] = CONFIG_PICO,
        [TIER_PRIORITY] = file->tiers.priority,
        [TIER_FLEX] = file->tiers.flex,
        [TIER_BATCH] = file->tiers.batch,
    };
    fill_rates(step->rates[TIER_DEFAULT], prices, factor);
    for (size_t tier = 0; tier < TIERS; tier++)
        for (size_t i = 0; i < PRICE_CLASSES; i++)
            step->rates[tier][i] = scale(step->rates[TIER_DEFAULT][i],
                                         is_sold(model, (enum tier)tier) ? factors[tier] : CONFIG_PICO);
}

static enum error_code check_step(const struct price_step *step, const char *name, struct error *error)
{
    for (size_t tier = 0; tier < TIERS; tier++)
        for (size_t i = 0; i < PRICE_CLASSES; i++)
            if (step->rates[price_tiers[tier]][i] > RATE_MAX)
                return error_set(error, ERROR_INVALID,
                                 "%s: in tier %s a million tokens would cost more than $%llu; lower the price or a "
                                 "factor", name, tier_names[price_tiers[tier]],
                                 (unsigned long long)(RATE_MAX / CONFIG_PICO));
    return OK;
}

/* A place with prices of its own has no long-context prices: nobody lists any. */
static enum error_code fill_row(struct price_book *book, struct price_row *row, const struct book_file *file,
                                const struct model_entry *model, const char *at, const struct place_entry *place,
                                struct error *error)
{
    bool has_own = place && !place->factor;
    size_t count = has_own ? 1 : 1 + model->above_count;
    struct price_step *steps = ARENA_ARRAY(&book->arena, struct price_step, count);
    struct str name = arena_printf(&book->arena, "%s@%s/%s/%s", file->book, file->version, model->id, at);
    if (!steps || !name.data)
        return error_no_memory(error);
    uint64_t factor = place && place->factor ? place->factor : CONFIG_PICO;
    fill_step(&steps[0], file, model, has_own ? &place->prices : &model->prices, factor);
    for (size_t i = 1; i < count; i++) {
        steps[i].above_tokens = model->above[i - 1].tokens;
        fill_step(&steps[i], file, model, &model->above[i - 1].prices, factor);
    }
    *row = (struct price_row){.name = name.data, .id = model->id, .place = at, .steps = steps, .step_count = count};
    enum error_code code = OK;
    for (size_t i = 0; i < count && code == OK; i++)
        code = check_step(&steps[i], name.data, error);
    return code;
}

static enum error_code add_rows(struct price_book *book, struct book_file *file, const struct model_entry *model,
                                struct error *error)
{
    enum error_code code =
        fill_row(book, &file->rows[file->row_count++], file, model, file->region, NULL, error);
    for (size_t i = 0; i < model->place_count; i++) {
        const struct place_entry *place = &model->places[i];
        for (size_t k = 0; k < place->at_count && code == OK; k++)
            code = fill_row(book, &file->rows[file->row_count++], file, model, place->at[k], place, error);
    }
    return code;
}

static int compare_models(const void *a, const void *b)
{
    return strcmp(((const struct model_entry *)a)->id, ((const struct model_entry *)b)->id);
}

static enum error_code build_rows(struct price_book *book, struct book_file *file, const char *path,
                                  struct error *error)
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
    file->rows = ARENA_ARRAY(&book->arena, struct price_row, count + 1);
    if (!file->rows)
        return error_no_memory(error);
    enum error_code code = OK;
    for (size_t i = 0; i < file->model_count && code == OK; i++)
        code = add_rows(book, file, &file->models[i], error);
    return code;
}

static enum error_code parse_book(struct price_book *book, struct str text, const char *path, struct error *error)
{
    struct yaml_reader reader;
    struct book_file *file = &book->books[book->book_count];
    enum error_code code = yaml_reader_open(&reader, text, path, &book->arena, error);
    if (code)
        return code;
    code = yaml_read_root(&reader, &book_table, file);
    if (!code && !file->book) /* an empty file is an empty mapping */
        code = error_set(error, ERROR_INVALID, "%s: expected a price book, got an empty file", path);
    if (!code)
        code = check_models(&reader, file);
    yaml_reader_close(&reader);
    if (!code)
        code = build_rows(book, file, path, error);
    book->book_count += !code;
    return code;
}

static enum error_code read_book(struct price_book *book, const char *path, struct error *error)
{
    struct buf text;
    if (book->book_count == BOOKS_MAX)
        return error_set(error, ERROR_INVALID, "prices: expected at most %d files", BOOKS_MAX - 1);
    buf_init(&text, LIMIT_CONFIG_BYTES + 4096);
    enum error_code code = config_read_file(path, &text, error);
    if (!code)
        code = parse_book(book, buf_str(&text), path, error);
    buf_deinit(&text);
    return code;
}

/* --- prices of fulcrum.yaml --- */

/* Its version is a hash of the rates: the file has no date, and a line must name the price it was made of. */
static enum error_code name_own(struct price_book *book, struct price_row *row, const struct config_model *model,
                                struct error *error)
{
    struct buf rates;
    uint8_t hash[SHA256_LEN];
    char version[13];
    buf_init(&rates, 65536);
    price_row_append(&rates, row);
    sha256(buf_str(&rates), hash);
    hex_encode(hash, 6, version);
    bool failed = rates.failed;
    buf_deinit(&rates);
    row->name = arena_printf(&book->arena, "fulcrum.yaml@%s/%s", version, model->name).data;
    return failed || !row->name ? error_no_memory(error) : OK;
}

/* Who sets a price sells all tiers, at the embedded book's factors. */
static enum error_code price_own(struct price_book *book, struct price_row *row, const struct config_model *model,
                                 struct error *error)
{
    static const char *tiers[] = {"batch", "flex", "priority"};
    const struct model_entry entry = {.tiers = tiers, .tier_count = 3};
    const struct prices prices = {
        .input = model->price.input,
        .output = model->price.output,
        .has_cache = true,
        .cache = {model->price.cache_read, model->price.cache_write_5m, model->price.cache_write_1h},
    };
    struct price_step *step = ARENA_NEW(&book->arena, struct price_step);
    if (!step)
        return error_no_memory(error);
    fill_step(step, &book->books[0], &entry, &prices, CONFIG_PICO);
    if (check_step(step, model->name, error) != OK)
        return error->code;
    *row = (struct price_row){.id = model->name, .place = "", .steps = step, .step_count = 1};
    return name_own(book, row, model, error);
}

/* A part of another row, in all tiers and steps. */
static enum error_code price_share(struct price_book *book, const struct price_row *of,
                                   const struct config_model *model, struct price_row *row, struct error *error)
{
    struct price_step *steps = ARENA_ARRAY(&book->arena, struct price_step, of->step_count);
    if (!steps)
        return error_no_memory(error);
    for (size_t i = 0; i < of->step_count; i++) {
        steps[i].above_tokens = of->steps[i].above_tokens;
        for (size_t tier = 0; tier < TIERS; tier++)
            for (size_t k = 0; k < PRICE_CLASSES; k++)
                steps[i].rates[tier][k] = scale(of->steps[i].rates[tier][k], model->price_share);
    }
    *row = (struct price_row){.id = model->name, .place = "", .steps = steps, .step_count = of->step_count};
    return name_own(book, row, model, error);
}

/* By what the model itself says; `room` is for a row that no book has. NULL: the ID asked for counts. ERROR_NOT_FOUND:
 * no book has its price_as. */
static enum error_code find_own(struct price_book *book, const struct config_model *model, struct price_row *room,
                                const struct price_row **row, struct error *error)
{
    enum error_code code = OK;
    *row = NULL;
    if (model->has_price) {
        code = price_own(book, room, model, error);
        *row = room;
    } else if (model->price_as) {
        const struct str asked = str_of(model->price_as), bare = catalog_bare_id(asked);
        *row = price_book_find(book, bare, price_place(asked, bare));
        if (!*row)
            return error_set(error, ERROR_NOT_FOUND, "no price book has '%s'", model->price_as);
    }
    if (code == OK && *row && model->price_share) {
        code = price_share(book, *row, model, room, error);
        *row = room;
    }
    return code;
}

static enum error_code price_model(struct price_book *book, const struct config *config, size_t i,
                                   struct error *error)
{
    const struct config_model *model = &config->models[i];
    const enum error_code code = find_own(book, model, &book->priced[i], &book->own[i], error);
    if (code != ERROR_NOT_FOUND)
        return code;
    return error_set(error, ERROR_INVALID,
                     "%s: models[%zu].price_as: no price book has '%s'; add one under 'prices' or give 'price'",
                     config->file ? config->file : "configuration", i, model->price_as);
}

static enum error_code price_models(struct price_book *book, const struct config *config, struct error *error)
{
    struct price_step *free_of_charge = ARENA_NEW(&book->arena, struct price_step);
    book->model_count = config->model_count;
    book->priced = ARENA_ARRAY(&book->arena, struct price_row, config->model_count + 1);
    book->own = ARENA_ARRAY(&book->arena, const struct price_row *, config->model_count + 1);
    if (!free_of_charge || !book->priced || !book->own)
        return error_no_memory(error);
    book->none = (struct price_row){
        .name = PRICE_NONE, .id = "", .place = "", .steps = free_of_charge, .step_count = 1};
    enum error_code code = OK;
    for (size_t i = 0; i < config->model_count && code == OK; i++)
        code = price_model(book, config, i, error);
    return code;
}

/* A model that comes back with the same price has the same row. */
static const struct price_row *find_added(const struct price_book *book, const char *name)
{
    for (size_t i = 0; i < book->added_count; i++)
        if (strcmp(book->added[i]->name, name) == 0)
            return book->added[i];
    return NULL;
}

enum error_code price_book_add(struct price_book *book, const struct config_model *model,
                               const struct price_row **row, struct error *error)
{
    struct price_row *room = ARENA_NEW(&book->arena, struct price_row);
    if (!room)
        return error_no_memory(error);
    enum error_code code = find_own(book, model, room, row, error);
    if (code != OK || *row != room) {
        error->code = code == ERROR_NOT_FOUND ? ERROR_INVALID : code;
        return code == ERROR_NOT_FOUND ? ERROR_INVALID : code;
    }
    const struct price_row *same = find_added(book, room->name);
    if (same) {
        *row = same;
        return OK;
    }
    const size_t count = book->added_count;
    if (count == LIMIT_MODEL_VERSIONS)
        return error_set(error, ERROR_CONFLICT, "the server has seen too many prices of models");
    book->added[count] = room;
    atomic_store(&book->added_count, count + 1);
    return OK;
}

size_t price_book_added_count(const struct price_book *book)
{
    return atomic_load(&book->added_count);
}

const struct price_row *price_book_added(const struct price_book *book, size_t index)
{
    return book->added[index];
}

enum error_code price_book_load(const struct config *config, struct price_book **book, struct error *error)
{
    struct price_book *made = mem_calloc(1, sizeof(*made));
    if (!made)
        return error_no_memory(error);
    arena_init(&made->arena, MEMORY_BYTES);
    made->added = mem_calloc(LIMIT_MODEL_VERSIONS, sizeof(*made->added));
    if (!made->added) {
        price_book_free(made);
        return error_no_memory(error);
    }
    struct str embedded = {ledger_prices, (size_t)(ledger_prices_end - ledger_prices)};
    enum error_code code = parse_book(made, embedded, EMBEDDED_FILE, error);
    const struct price_config *files = price_config(config);
    for (size_t i = 0; i < files->count && code == OK; i++)
        code = read_book(made, files->books[i], error);
    if (code == OK)
        code = price_models(made, config, error);
    if (code != OK) {
        price_book_free(made);
        return code;
    }
    *book = made;
    return OK;
}

void price_book_free(struct price_book *book)
{
    if (!book)
        return;
    arena_deinit(&book->arena);
    mem_free(book->added);
    mem_free(book);
}

/* --- looking up --- */

/* The first of the ID's rows: the one of the book's own region. */
static const struct price_row *find_first(const struct book_file *file, struct str id)
{
    size_t low = 0, high = file->row_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        struct str known = str_of(file->rows[middle].id);
        size_t shorter = id.len < known.len ? id.len : known.len;
        int order = memcmp(known.data, id.data, shorter);
        if (order < 0 || (order == 0 && known.len < id.len))
            low = middle + 1;
        else
            high = middle;
    }
    return low < file->row_count && str_eq(str_of(file->rows[low].id), id) ? &file->rows[low] : NULL;
}

static const struct price_row *find_in_place(const struct book_file *file, struct str id, struct str place)
{
    const struct price_row *first = find_first(file, id), *end = file->rows + file->row_count;
    for (const struct price_row *row = first; row && row < end && str_eq(str_of(row->id), id); row++) {
        if (str_eq(str_of(row->place), place))
            return row;
    }
    return first;
}

static const struct price_row *find_any(const struct price_book *book, struct str id, struct str place)
{
    for (size_t i = book->book_count; i-- > 0;) {
        const struct price_row *row = id.len ? find_in_place(&book->books[i], id, place) : NULL;
        if (row)
            return row;
    }
    return NULL;
}

const struct price_row *price_book_find(const struct price_book *book, struct str id, struct str place)
{
    const struct price_row *row = find_any(book, id, place);
    for (size_t i = book->book_count; i-- > 0 && !row;) {
        const struct book_file *file = &book->books[i];
        for (size_t k = 0; k < file->same_count && !row; k++) {
            if (str_eq(str_of(file->same[k].id), id))
                row = find_any(book, str_of(file->same[k].as), place);
        }
    }
    return row;
}

const struct price_row *price_book_of_model(const struct price_book *book, size_t model, struct str id,
                                            struct str place)
{
    return price_book_row_of(book, price_book_own(book, model), id, place);
}

const struct price_row *price_book_own(const struct price_book *book, size_t model)
{
    return model < book->model_count ? book->own[model] : NULL;
}

const struct price_row *price_book_row_of(const struct price_book *book, const struct price_row *own, struct str id,
                                          struct str place)
{
    const struct price_row *row = own ? own : price_book_find(book, id, place);
    return row ? row : &book->none;
}

struct str price_place(struct str asked, struct str bare)
{
    if (!asked.data || !bare.data || bare.data <= asked.data || bare.data > asked.data + asked.len ||
        bare.data[-1] != '.')
        return (struct str){NULL, 0};
    const char *begin = bare.data - 1;
    while (begin > asked.data && begin[-1] != '/' && begin[-1] != ':')
        begin--;
    return (struct str){begin, (size_t)(bare.data - 1 - begin)};
}

size_t price_book_count(const struct price_book *book)
{
    size_t count = 1; /* none */
    for (size_t i = 0; i < book->book_count; i++)
        count += book->books[i].row_count;
    for (size_t i = 0; i < book->model_count; i++)
        count += book->priced[i].name != NULL;
    return count;
}

const struct price_row *price_book_row(const struct price_book *book, size_t index)
{
    for (size_t i = 0; i < book->book_count; i++) {
        if (index < book->books[i].row_count)
            return &book->books[i].rows[index];
        index -= book->books[i].row_count;
    }
    for (size_t i = 0; i < book->model_count; i++) {
        if (book->priced[i].name && index-- == 0)
            return &book->priced[i];
    }
    return &book->none;
}
