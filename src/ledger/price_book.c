/* price_book.c - reads price lists and finds the row for a model at a date. Computes no price. See price_book.h. */
#include "ledger/price_book.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/catalog.h"
#include "core/config_values.h"
#include "core/limits.h"
#include "core/util.h"
#include "ledger/price_config.h"
#include "ledger/price_file.h"

#define BOOKS_MAX 64
#define MEMORY_BYTES 33554432
#define EMBEDDED_FILE "prices/bedrock.yaml"
#define EMBEDDED_PROVIDERS_FILE "prices/providers.yaml"

extern const char ledger_prices[], ledger_prices_end[];
extern const char ledger_provider_prices[], ledger_provider_prices_end[];

struct price_book {
    struct arena arena;
    struct book_file books[BOOKS_MAX]; /* the embedded ones first; a later one goes before */
    size_t book_count;
    const struct price_row **own; /* of `price` and `price_as`, by model; NULL: the ID asked for counts */
    struct price_row *priced;     /* rows of `price`, by model; name NULL without */
    size_t model_count;
    struct price_row none;
    const struct price_row **added; /* (LIMIT_MODEL_VERSIONS) of models that came later */
    _Atomic size_t added_count;
};

static enum error_code parse_book(struct price_book *book, struct str text, const char *path, struct error *error)
{
    struct book_file *file = &book->books[book->book_count];
    enum error_code code = price_file_parse(text, path, &book->arena, file, error);
    if (code == OK)
        code = price_file_rows(file, path, &book->arena, error);
    book->book_count += code == OK;
    return code;
}

static enum error_code read_book(struct price_book *book, const char *path, struct error *error)
{
    struct buf text;
    if (book->book_count == BOOKS_MAX)
        return error_set(error, ERROR_INVALID, "prices: expected at most %d files", BOOKS_MAX - 2);
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

#define OWN_ULTRAFAST 6 /* times the standard price, as OpenAI sells it */

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
    price_step_fill(step, &book->books[0], &entry, &prices, CONFIG_PICO);
    for (size_t k = 0; k < PRICE_CLASSES; k++)
        step->rates[TIER_ULTRAFAST][k] = price_scale(step->rates[TIER_DEFAULT][k], OWN_ULTRAFAST * CONFIG_PICO);
    if (price_step_check(step, model->name, error) != OK)
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
        for (size_t tier = 0; tier < TIERS_PRICED; tier++)
            for (size_t k = 0; k < PRICE_CLASSES; k++)
                steps[i].rates[tier][k] = price_scale(of->steps[i].rates[tier][k], model->price_share);
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
    struct str providers = {ledger_provider_prices, (size_t)(ledger_provider_prices_end - ledger_provider_prices)};
    enum error_code code = parse_book(made, embedded, EMBEDDED_FILE, error);
    if (code == OK)
        code = parse_book(made, providers, EMBEDDED_PROVIDERS_FILE, error);
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
