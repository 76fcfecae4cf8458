/* report.h - usage reports and bills of providers, read into items: so many tokens of a class, requests or
 * picodollars of a model in a bucket of time. What they are compared with is compare.h's. Lenient: what is no usage
 * of tokens is passed over. One thread at a time. */
#ifndef RECONCILE_REPORT_H
#define RECONCILE_REPORT_H

#include <yyjson.h>

#include "advise/table_text.h"
#include "core/error.h"
#include "core/mem.h"
#include "core/tier.h"
#include "ledger/price.h"

enum report_kind { REPORT_OPENAI, REPORT_ANTHROPIC, REPORT_BEDROCK_CUR, REPORT_KINDS };
extern const char *const report_kind_names[REPORT_KINDS + 1]; /* ends with NULL */

/* What is counted: tokens by class of price, then these. */
enum report_measure {
    REPORT_REQUESTS = PRICE_CLASSES,
    REPORT_COST,
    REPORT_CLASS_COST, /* of the first class of price, then of the others */
    REPORT_MEASURES = REPORT_CLASS_COST + PRICE_CLASSES
};
extern const char *const report_measure_names[REPORT_MEASURES]; /* as exports of the ledger call them */

/* One model's part of one bucket. Strings borrow from the report. */
struct report_item {
    uint64_t from_us, to_us; /* the bucket; equal: nobody says where it ends */
    struct str model;        /* as the provider calls it; empty: the report does not say */
    enum tier tier;          /* with has_tier */
    bool has_tier;
    unsigned said;           /* bit by measure: what the item has */
    int64_t values[REPORT_MEASURES]; /* tokens, requests, picodollars */
    int64_t rounding;        /* picodollars that its cost may be off, for it is written with so many decimals */
};

/* Which of a report's rows are ours; empty: any. */
struct report_filter {
    struct str project; /* OpenAI's project, Anthropic's workspace, AWS's account */
    struct str key;     /* ID of the provider's API key */
};

struct report_sink {
    void *ctx;
    enum error_code (*item)(void *ctx, const struct report_item *item, struct error *error);
    void (*bucket)(void *ctx, uint64_t from_us, uint64_t to_us); /* that the report covers, also where it has no item */
};

struct report_reader {
    enum report_kind kind;
    struct report_filter filter;
    struct report_sink sink;
};

/* A page of OpenAI's usage or costs, or of Anthropic's usage or cost report, parsed by json_parse_exact; or a list of
 * pages. `next` is what the page after it is asked for by; empty: there is none. ERROR_INVALID: it is no such page. */
enum error_code report_read_json(const struct report_reader *reader, yyjson_val *root, struct str *next,
                                 struct error *error) WARN_UNUSED;

/* Comma-separated: exports of the providers' pages, Cost and Usage Reports of AWS (both forms), FOCUS. */
struct report_table;
/* ERROR_INVALID: it lacks a column, and which. */
enum error_code report_table_new(const struct report_reader *reader, const struct table_row *head,
                                 struct report_table **table, struct error *error) WARN_UNUSED;
enum error_code report_table_row(struct report_table *table, const struct table_row *row,
                                 struct error *error) WARN_UNUSED;
void report_table_free(struct report_table *table); /* NULL is legal */

/* The whole of a report in memory, JSON or comma-separated, as report_read_file reads a file of these bytes. */
enum error_code report_read_text(const struct report_reader *reader, struct str text, struct error *error) WARN_UNUSED;
/* A file of any size, compressed by gzip or not; "-" is standard input. Blocks. ERROR_INVALID: it is no report, or a
 * form that is not read here, by its name. */
enum error_code report_read_file(const struct report_reader *reader, const char *path, struct error *error) WARN_UNUSED;
/* The same of an open file, which it closes; `name` is for messages. */
enum error_code report_read_open(const struct report_reader *reader, int fd, const char *name,
                                 struct error *error) WARN_UNUSED;

/* --- what readers of both forms share ---------------------------------------------------------------- */

/* A row of usage or costs, by the names of its members or columns. */
struct report_row {
    const void *ctx;
    struct str (*get)(const void *ctx, const char *name); /* empty: there is none */
    uint64_t from_us, to_us;
    int cost_power; /* of ten: picodollars in what `amount` counts */
};
enum error_code report_usage_row(const struct report_reader *reader, const struct report_row *row,
                                 struct error *error) WARN_UNUSED;

/* The class of tokens that words such as "cached input" or CacheWrite1hInputTokenCount name; PRICE_CLASSES: none. */
unsigned report_class_of(struct str words);
/* The tier that a word of a provider's names. */
enum tier report_tier_of(struct str word);
/* Where `word` begins, whatever its case; -1: nowhere. */
ptrdiff_t report_find(struct str text, const char *word);

/* What is the same for a model under all its names: without maker, date and version, its letters and numbers in order.
 * In the arena; data NULL: no memory. */
struct str report_model_key(struct str model, struct arena *arena);

/* A decimal number times 10^power, half up, and how much its last written digit leaves open. False: it is none, or does
 * not fit. `open` may be NULL. */
bool report_decimal(struct str text, int power, int64_t *value, int64_t *open);

void report_say(struct report_item *item, unsigned measure, int64_t value);
/* A cost, of a class where it is one; adds to the item's total. */
void report_say_cost(struct report_item *item, unsigned class, int64_t cost, int64_t open);

#endif
