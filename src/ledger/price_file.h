/* price_file.h - a price list as its file has it, read and checked; docs/LEDGER.md has the form. Prices are picodollars
 * per million tokens, factors millionths of millionths (CONFIG_PICO is 1). Everything lies in the arena. */
#ifndef LEDGER_PRICE_FILE_H
#define LEDGER_PRICE_FILE_H

#include "core/error.h"
#include "core/mem.h"
#include "ledger/price.h"

struct cache_prices {
    uint64_t read, write_5m, write_1h;
};

struct prices { /* the first member of all that has prices */
    uint64_t input, output;
    bool has_cache;
    struct cache_prices cache;
};

struct step_entry {
    struct prices prices;
    uint64_t tokens;
};

struct tier_entry {
    struct prices prices;
    const char *tier;
    struct step_entry *above;
    size_t above_count;
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
    struct tier_entry *by_tier; /* prices of their own, instead of a factor */
    size_t by_tier_count;
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

/* `path` is for messages, which name file, line and key. */
enum error_code price_file_parse(struct str text, const char *path, struct arena *arena, struct book_file *file,
                                 struct error *error) WARN_UNUSED;

/* The step that begins above so many tokens; NULL: there is none. */
const struct step_entry *price_find_step(const struct step_entry *steps, size_t count, uint64_t tokens);

/* Makes its rows; an error names the row. */
enum error_code price_file_rows(struct book_file *file, const char *path, struct arena *arena,
                                struct error *error) WARN_UNUSED;

/* One step of a row: `prices` times `factor`, in the tiers that the model is sold in at the file's factors. */
void price_step_fill(struct price_step *step, const struct book_file *file, const struct model_entry *model,
                     const struct prices *prices, uint64_t factor);
enum error_code price_step_check(const struct price_step *step, const char *name, struct error *error) WARN_UNUSED;
uint64_t price_scale(uint64_t rate, uint64_t factor); /* half up; what is over any price stays over it */

#endif
