/* Prices: every rule of the books with an example computed by hand. 1 dollar per million tokens is 1,000,000
 * picodollars per token. */
#include "support.h"
#include "cmd/sections.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/catalog.h"
#include "core/mem.h"
#include "engine/embedded.h"
#include "ledger/price_book.h"

static struct config config;
static struct price_book *book;
static char directory[] = "/tmp/fulcrum-test-price-XXXXXX";

static int load(void **state)
{
    (void)state;
    struct error error;
    return !mkdtemp(directory) || config_parse(STR(""), NULL, program_sections, &config, &error) ||
           price_book_load(&config, &book, &error);
}

static int unload(void **state)
{
    (void)state;
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/p.yaml", directory);
    (void)unlink(path);
    (void)rmdir(directory);
    price_book_free(book);
    config_deinit(&config);
    return 0;
}

static const struct price_row *row_at(const char *id, const char *place)
{
    const struct price_row *row = price_book_find(book, str_of(id), str_of(place));
    assert_non_null(row);
    return row;
}

static const struct price_row *row_of(const char *id)
{
    return row_at(id, "");
}

/* input, cache read, written for 5 minutes, written for 1 hour, output */
#define USAGE(...) (&(struct price_usage){{__VA_ARGS__}})

static void standard(void **state)
{
    (void)state;
    /* Nova Pro: 1000 * 800,000 + 200 * 3,200,000 = 800,000,000 + 640,000,000 */
    assert_int_equal(price_cost(row_of("amazon.nova-pro-v1:0"), TIER_DEFAULT, USAGE(1000, 0, 0, 0, 200)), 1440000000);
    /* Claude 3.5 Sonnet: 7 * 3,000,000 + 11 * 15,000,000 */
    assert_int_equal(price_cost(row_of("anthropic.claude-3-5-sonnet-20241022-v2:0"), TIER_DEFAULT,
                                USAGE(7, 0, 0, 0, 11)), 186000000);
    /* Llama 3.1 8B: (3 + 5) * 220,000 */
    assert_int_equal(price_cost(row_of("meta.llama3-1-8b-instruct-v1:0"), TIER_DEFAULT, USAGE(3, 0, 0, 0, 5)),
                     1760000);
    /* Mistral Large 3: 10 * 500,000 + 10 * 1,500,000 */
    assert_int_equal(price_cost(row_of("mistral.mistral-large-3-675b-instruct"), TIER_DEFAULT,
                                USAGE(10, 0, 0, 0, 10)), 20000000);
    assert_int_equal(price_cost(row_of("amazon.nova-pro-v1:0"), TIER_DEFAULT, USAGE(0, 0, 0, 0, 0)), 0);
}

static void tiers(void **state)
{
    (void)state;
    const struct price_row *pro = row_of("amazon.nova-pro-v1:0");
    const struct price_usage *usage = USAGE(1000, 400, 0, 0, 200);
    /* 1000 * 800,000 + 400 * 200,000 + 200 * 3,200,000 = 1,520,000,000 */
    assert_int_equal(price_cost(pro, TIER_DEFAULT, usage), 1520000000);
    assert_int_equal(price_cost(pro, TIER_FLEX, usage), 760000000);      /* half */
    assert_int_equal(price_cost(pro, TIER_BATCH, usage), 760000000);     /* half */
    assert_int_equal(price_cost(pro, TIER_PRIORITY, usage), 2660000000); /* and three quarters */
    /* Nova Lite is sold in batch, not in flex or priority: 1000 * 60,000 + 200 * 240,000 = 108,000,000 */
    const struct price_row *lite = row_of("amazon.nova-lite-v1:0");
    assert_int_equal(price_cost(lite, TIER_BATCH, USAGE(1000, 0, 0, 0, 200)), 54000000);
    assert_int_equal(price_cost(lite, TIER_FLEX, USAGE(1000, 0, 0, 0, 200)), 108000000);
    assert_int_equal(price_cost(lite, TIER_PRIORITY, USAGE(1000, 0, 0, 0, 200)), 108000000);
}

static void cache(void **state)
{
    (void)state;
    /* Claude Sonnet 4.5, 3,000,000 a token: 100 read at 0.1, 200 written at 1.25, 300 written for an hour at 2. */
    const struct price_row *sonnet = row_of("anthropic.claude-sonnet-4-5-20250929-v1:0");
    assert_int_equal(price_cost(sonnet, TIER_DEFAULT, USAGE(0, 100, 0, 0, 0)), 30000000);
    assert_int_equal(price_cost(sonnet, TIER_DEFAULT, USAGE(0, 0, 200, 0, 0)), 750000000);
    assert_int_equal(price_cost(sonnet, TIER_DEFAULT, USAGE(0, 0, 0, 300, 0)), 1800000000);
    assert_int_equal(price_cost(sonnet, TIER_DEFAULT, USAGE(10, 100, 200, 300, 20)),
                     30000000 + 30000000 + 750000000 + INT64_C(1800000000) + 300000000);
    /* Nova Micro reads at a quarter, 35,000 / 4 = 8,750, and writes for nothing. */
    assert_int_equal(price_cost(row_of("amazon.nova-micro-v1:0"), TIER_DEFAULT, USAGE(0, 1000, 500, 0, 0)), 8750000);
    /* No cache prices: cached tokens cost as any input, (1 + 2 + 3 + 4) * 150,000 */
    assert_int_equal(price_cost(row_of("openai.gpt-oss-120b-1:0"), TIER_DEFAULT, USAGE(1, 2, 3, 4, 0)), 1500000);
}

static void long_context(void **state)
{
    (void)state;
    const struct price_row *sonnet = row_of("anthropic.claude-sonnet-4-5-20250929-v1:0");
    /* 200,000 of input in all is not above: 100,000 * 3,000,000 + 100,000 * 300,000 + 10 * 15,000,000 */
    assert_int_equal(price_cost(sonnet, TIER_DEFAULT, USAGE(100000, 100000, 0, 0, 10)), 330150000000);
    /* One more and every token of the request has the long price, cached ones counted:
     * 100,001 * 6,000,000 + 100,000 * 600,000 + 10 * 22,500,000 */
    assert_int_equal(price_cost(sonnet, TIER_DEFAULT, USAGE(100001, 100000, 0, 0, 10)), 660231000000);
    /* Written for an hour at 12,000,000: 200,001 of them; half in batch. */
    assert_int_equal(price_cost(sonnet, TIER_DEFAULT, USAGE(0, 0, 0, 200001, 0)), 2400012000000);
    assert_int_equal(price_cost(sonnet, TIER_BATCH, USAGE(0, 0, 0, 200001, 0)), 1200006000000);
    /* Output doesn't count for the length. */
    assert_int_equal(price_cost(sonnet, TIER_DEFAULT, USAGE(0, 0, 0, 0, 300000)), 4500000000000);
}

static void places(void **state)
{
    (void)state;
    /* A geography's profile costs 10% more than the global one from Claude 4.5 on. */
    const char *haiku = "anthropic.claude-haiku-4-5-20251001-v1:0";
    assert_int_equal(price_cost(row_at(haiku, "global"), TIER_DEFAULT, USAGE(10, 0, 0, 0, 10)), 60000000);
    assert_int_equal(price_cost(row_at(haiku, "us"), TIER_DEFAULT, USAGE(10, 0, 0, 0, 10)), 66000000);
    assert_int_equal(price_cost(row_at(haiku, "us"), TIER_DEFAULT, USAGE(0, 100, 10, 10, 0)),
                     11000000 + 13750000 + 22000000);
    assert_int_equal(price_cost(row_at(haiku, "us"), TIER_BATCH, USAGE(10, 0, 0, 0, 10)), 33000000);
    /* The long price as well: 200,001 * 6,600,000 */
    assert_int_equal(price_cost(row_at("anthropic.claude-sonnet-4-5-20250929-v1:0", "eu"), TIER_DEFAULT,
                                USAGE(200001, 0, 0, 0, 0)), 1320006600000);
    /* Nova Pro in Frankfurt 800,000 * 1.31, in Ireland * 1.15, under the European profile 1,050,000 */
    const char *pro = "amazon.nova-pro-v1:0";
    assert_int_equal(price_cost(row_at(pro, "eu-central-1"), TIER_DEFAULT, USAGE(1, 0, 0, 0, 0)), 1048000);
    assert_int_equal(price_cost(row_at(pro, "eu-west-1"), TIER_DEFAULT, USAGE(1, 0, 0, 0, 0)), 920000);
    assert_int_equal(price_cost(row_at(pro, "eu"), TIER_DEFAULT, USAGE(1, 4, 0, 0, 1)),
                     1050000 + 4 * 262500 + 4200000);
    assert_int_equal(price_cost(row_at(pro, "sa-east-1"), TIER_DEFAULT, USAGE(1, 0, 0, 0, 0)), 800000); /* not named */
    assert_string_equal(row_at(pro, "eu")->name, "bedrock@2026-08-21/amazon.nova-pro-v1:0/eu");
    assert_string_equal(row_at(pro, "")->name, "bedrock@2026-08-21/amazon.nova-pro-v1:0/us-east-1");
    assert_null(price_book_find(book, STR("amazon.nova-pro"), STR("")));
    assert_null(price_book_find(book, STR(""), STR("")));
}

static void rounding(void **state)
{
    (void)state;
    /* 2.5, 0.5 and 0.4 picodollars a token: half up, once for each class. */
    const struct price_step step = {.rates = {[TIER_DEFAULT] = {2500000, 500000, 400000, 499999, 1}}};
    const struct price_row row = {.name = "r", .id = "r", .place = "", .steps = &step, .step_count = 1};
    assert_int_equal(price_cost(&row, TIER_DEFAULT, USAGE(1, 0, 0, 0, 0)), 3);
    assert_int_equal(price_cost(&row, TIER_DEFAULT, USAGE(2, 0, 0, 0, 0)), 5);
    assert_int_equal(price_cost(&row, TIER_DEFAULT, USAGE(0, 1, 0, 0, 0)), 1);
    assert_int_equal(price_cost(&row, TIER_DEFAULT, USAGE(0, 0, 1, 0, 0)), 0);
    assert_int_equal(price_cost(&row, TIER_DEFAULT, USAGE(0, 0, 0, 1, 0)), 0);
    assert_int_equal(price_cost(&row, TIER_DEFAULT, USAGE(0, 0, 0, 0, 499999)), 0);
    assert_int_equal(price_cost(&row, TIER_DEFAULT, USAGE(0, 0, 0, 0, 500000)), 1);
    assert_int_equal(price_cost(&row, TIER_DEFAULT, USAGE(1, 1, 1, 1, 500000)), 3 + 1 + 0 + 0 + 1);
    /* Without a cache there is one class of input: (1 + 1 + 1 + 1) * 2.5 */
    assert_int_equal(price_cost_plain(&row, USAGE(1, 1, 1, 1, 0)), 10);
    /* A price so high that the sum would not fit stops at the end. */
    const struct price_step dear = {
        .rates = {[TIER_DEFAULT] = {UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX}}};
    const struct price_row dear_row = {.name = "d", .id = "d", .place = "", .steps = &dear, .step_count = 1};
    assert_true(price_cost(&dear_row, TIER_DEFAULT, USAGE(UINT32_MAX, UINT32_MAX, 0, 0, UINT32_MAX)) == INT64_MAX);
}

static void savings(void **state)
{
    (void)state;
    const struct price_row *pro = row_of("amazon.nova-pro-v1:0"), *lite = row_of("amazon.nova-lite-v1:0"),
                           *micro = row_of("amazon.nova-micro-v1:0");
    struct price_path path = {.asked = pro, .routed = pro, .answered = pro};
    struct price_quote quote = price_quote(&path, TIER_DEFAULT, USAGE(1000, 0, 0, 0, 100));
    assert_int_equal(quote.cost, 1120000000);
    assert_int_equal(quote.baseline, 1120000000);
    for (size_t i = 0; i < LEVERS; i++)
        assert_int_equal(quote.saved[i], 0);

    /* All levers: Pro asked for, routed to Lite, its student Micro answers, 600 of 1000 read, in batch.
     *   Pro    1000 * 800,000 + 100 * 3,200,000          = 1,120,000,000
     *   Lite   1000 *  60,000 + 100 *   240,000          =    84,000,000
     *   Micro  1000 *  35,000 + 100 *   140,000          =    49,000,000
     *   cache   400 *  35,000 + 600 * 8,750 + 14,000,000 =    33,250,000
     *   batch  half                                      =    16,625,000 */
    path = (struct price_path){.asked = pro, .routed = lite, .answered = micro};
    quote = price_quote(&path, TIER_BATCH, USAGE(400, 600, 0, 0, 100));
    assert_int_equal(quote.baseline, 1120000000);
    assert_int_equal(quote.saved[LEVER_ROUTE], 1036000000);
    assert_int_equal(quote.saved[LEVER_DISTIL], 35000000);
    assert_int_equal(quote.saved[LEVER_CACHE], 15750000);
    assert_int_equal(quote.saved[LEVER_TIER], 16625000);
    assert_int_equal(quote.cost, 16625000);

    /* The example of docs/LEDGER.md: 400 * 400,000 + 600 * 100,000 + 100 * 1,600,000 */
    path = (struct price_path){.asked = pro, .routed = pro, .answered = pro};
    quote = price_quote(&path, TIER_FLEX, USAGE(400, 600, 0, 0, 100));
    assert_int_equal(quote.cost, 380000000);
    assert_int_equal(quote.baseline, 1120000000);
    assert_int_equal(quote.saved[LEVER_CACHE], 360000000);
    assert_int_equal(quote.saved[LEVER_TIER], 380000000);

    /* A write that nobody reads costs a quarter more, priority three quarters: both shares are negative. */
    const struct price_row *haiku = row_of("anthropic.claude-haiku-4-5-20251001-v1:0");
    path = (struct price_path){.asked = haiku, .routed = haiku, .answered = haiku};
    quote = price_quote(&path, TIER_DEFAULT, USAGE(0, 0, 1000, 0, 0));
    assert_int_equal(quote.saved[LEVER_CACHE], -250000000);
    assert_int_equal((int64_t)quote.baseline - (int64_t)quote.cost, -250000000);
    path = (struct price_path){.asked = pro, .routed = pro, .answered = pro};
    quote = price_quote(&path, TIER_PRIORITY, USAGE(1000, 0, 0, 0, 0));
    assert_int_equal(quote.saved[LEVER_TIER], -600000000);
    assert_int_equal(quote.cost, 1400000000);
    assert_int_equal(quote.saved[LEVER_SHADOW], 0);
}

/* An answer that nobody asked for: nothing is saved by it, and no other lever has a share. */
static void shadows(void **state)
{
    (void)state;
    const struct price_row *row = row_of("amazon.nova-pro-v1:0");
    const struct price_quote quote = price_quote_shadow(row, TIER_FLEX, USAGE(400, 600, 0, 0, 100));
    assert_int_equal(quote.baseline, 0);
    assert_int_equal(quote.cost, price_cost(row, TIER_FLEX, USAGE(400, 600, 0, 0, 100)));
    for (size_t i = 0; i < LEVERS; i++)
        assert_int_equal(quote.saved[i], i == LEVER_SHADOW ? -(int64_t)quote.cost : 0);
}

/* An answer that was given again costs nothing; the other levers have the shares that they would have had. */
static void answers_again(void **state)
{
    (void)state;
    const struct price_row *pro = row_of("amazon.nova-pro-v1:0"), *lite = row_of("amazon.nova-lite-v1:0");
    const struct price_path path = {.asked = pro, .routed = lite, .answered = lite};
    const struct price_usage *usage = USAGE(400, 600, 0, 0, 100);
    const struct price_quote first = price_quote(&path, TIER_FLEX, usage);
    const struct price_quote again = price_quote_again(&path, TIER_FLEX, usage);
    int64_t saved = 0;
    assert_int_equal(first.saved[LEVER_RESPONSE], 0);
    assert_int_equal(again.cost, 0);
    assert_int_equal(again.baseline, first.baseline);
    assert_int_equal(again.saved[LEVER_RESPONSE], first.cost);
    for (size_t i = 0; i < LEVERS; i++) {
        saved += again.saved[i];
        assert_int_equal(again.saved[i], i == LEVER_RESPONSE ? (int64_t)first.cost : first.saved[i]);
    }
    for (size_t i = 0; i < PRICE_CLASSES; i++)
        assert_int_equal(again.classes[i], 0);
    assert_int_equal(saved, again.baseline - again.cost);
}

/* Texts of before do not know the tier: where it is not sold they are the same, and are read as the standard one. */
static void ultrafast_is_sold_by_prices_of_its_own(void **state)
{
    (void)state;
    const struct price_row *pro = row_of("amazon.nova-pro-v1:0"), *sol = row_of("openai/gpt-6.1-sol");
    struct price_step plain = sol->steps[0];
    struct price_row before = *sol, read;
    struct arena arena;
    struct buf text;
    arena_init(&arena, 0);
    buf_init(&text, 1 << 16);
    before.steps = &plain;
    before.step_count = 1;
    const struct price_row now = {.name = sol->name, .steps = sol->steps, .step_count = 1};
    memcpy(plain.rates[TIER_ULTRAFAST], plain.rates[TIER_DEFAULT], sizeof(plain.rates[TIER_DEFAULT]));
    assert_int_equal(price_cost(sol, TIER_ULTRAFAST, USAGE(10, 10, 10, 0, 10)),
                     6 * price_cost(sol, TIER_DEFAULT, USAGE(10, 10, 10, 0, 10)));
    assert_int_equal(price_cost(pro, TIER_ULTRAFAST, USAGE(10, 10, 0, 0, 10)),
                     price_cost(pro, TIER_DEFAULT, USAGE(10, 10, 0, 0, 10)));
    assert_true(price_row_append(&text, &before));
    assert_true(str_find(buf_str(&text), STR("ultrafast"), 0) < 0);
    assert_int_equal(price_row_compare(&before, buf_str(&text)), PRICE_SAME);
    assert_int_equal(price_row_compare(&now, buf_str(&text)), PRICE_MORE);
    assert_true(price_row_read(buf_str(&text), STR("n"), &arena, &read));
    assert_memory_equal(read.steps[0].rates[TIER_ULTRAFAST], plain.rates[TIER_DEFAULT],
                        sizeof(plain.rates[TIER_DEFAULT]));
    buf_clear(&text);
    assert_true(price_row_append(&text, &now));
    assert_int_equal(price_row_compare(&now, buf_str(&text)), PRICE_SAME);
    assert_int_equal(price_row_compare(&before, buf_str(&text)), PRICE_OTHER);
    buf_deinit(&text);
    arena_deinit(&arena);
}

/* The contract: under their own names the pair has the prices of Nova Pro and Lite. */
static void embedded_pair(void **state)
{
    (void)state;
    assert_ptr_equal(price_book_of_model(book, 0, STR("desk-large"), STR("")), row_of("amazon.nova-pro-v1:0"));
    assert_ptr_equal(price_book_of_model(book, 1, STR("desk-small"), STR("")), row_of("amazon.nova-lite-v1:0"));
    assert_ptr_equal(price_book_of_model(book, 0, STR("anthropic.claude-opus-4-1-20250805-v1:0"), STR("")),
                     row_of("anthropic.claude-opus-4-1-20250805-v1:0"));
    assert_string_equal(price_book_of_model(book, 0, STR("nobody.knows"), STR(""))->name, PRICE_NONE);
    assert_int_equal(price_cost(price_book_of_model(book, 0, STR("nobody.knows"), STR("")), TIER_DEFAULT,
                                USAGE(9, 9, 9, 9, 9)), 0);
}

static void whole_catalogue_is_priced(void **state)
{
    (void)state;
    struct catalog catalog;
    struct error error;
    assert_int_equal(catalog_load(embedded_file(STR("aliases.yaml")), &catalog, &error), OK);
    for (size_t i = 0; i < catalog.count; i++) {
        if (catalog.entries[i].makes != MAKES_TEXT)
            continue;
        const struct price_row *row = price_book_find(book, str_of(catalog.entries[i].id), STR(""));
        if (!row)
            print_error("no price for %s\n", catalog.entries[i].id);
        assert_non_null(row);
        assert_true(row->steps[0].rates[TIER_DEFAULT][PRICE_INPUT] > 0);
        assert_true(row->steps[0].rates[TIER_DEFAULT][PRICE_OUTPUT] > 0);
    }
    catalog_deinit(&catalog);
}

static void assert_place(const char *asked, const char *place)
{
    struct str bare = catalog_bare_id(str_of(asked));
    const char *slash = strrchr(asked, '/');
    if (slash)
        bare = catalog_bare_id(str_of(slash + 1));
    assert_str_equal(price_place(str_of(asked), bare), place);
}

static void place_of_an_id(void **state)
{
    (void)state;
    assert_place("eu.amazon.nova-pro-v1:0", "eu");
    assert_place("us-gov.anthropic.claude-sonnet-5", "us-gov");
    assert_place("amazon.nova-pro-v1:0", "");
    assert_place("arn:aws:bedrock:us-east-1:000000000000:inference-profile/apac.amazon.nova-lite-v1:0", "apac");
    assert_place("arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0", "");
    assert_str_equal(price_place(STR("elsewhere"), STR("eu.x")), "");
}

/* --- files of fulcrum.yaml --- */

#define HEAD                                                                                        \
    "book: house\nversion: '7'\ncurrency: USD\nunit: dollars per million tokens\nregion: here\n"     \
    "sources: [{tag: s, date: '2026-01-01', what: a contract}]\ntiers: {batch: 0.4, flex: 0.6, priority: 2}\n"

/* Loads a configuration whose prices are `text`. */
static enum error_code load_prices(const char *text, const char *models, struct config *read, struct price_book **made,
                                   struct error *error)
{
    char path[128], yaml[1024];
    (void)snprintf(path, sizeof(path), "%s/p.yaml", directory);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    (void)snprintf(yaml, sizeof(yaml), "prices: [%s]\n%s", path, models);
    assert_int_equal(config_parse(str_of(yaml), "f.yaml", program_sections, read, error), OK);
    enum error_code code = price_book_load(read, made, error);
    if (code)
        config_deinit(read);
    return code;
}

static void own_files_go_first(void **state)
{
    (void)state;
    struct config read;
    struct price_book *made;
    struct error error;
    const char *models = "models:\n"
                         "  - {name: desk-large, price_as: eu.house.one}\n"
                         "  - {name: desk-small, price: {input: 2, output: 8, cache_read: 0.5}}\n";
    const char *text = HEAD "same: [{id: uno, as: house.one}]\n"
                            "models:\n"
                            "  - {id: house.one, input: 1, output: 2, tiers: [batch, priority], source: s,\n"
                            "     places: [{at: [eu, jp], input: 3, output: 4}]}\n"
                            "  - {id: 'amazon.nova-pro-v1:0', input: 5, output: 6, source: s}\n";
    assert_int_equal(load_prices(text, models, &read, &made, &error), OK);
    const struct price_row *row = price_book_find(made, STR("uno"), STR(""));
    assert_string_equal(row->name, "house@7/house.one/here");
    assert_int_equal(price_cost(row, TIER_BATCH, USAGE(10, 0, 0, 0, 0)), 4000000);
    assert_int_equal(price_cost(row, TIER_PRIORITY, USAGE(10, 0, 0, 0, 0)), 20000000);
    assert_int_equal(price_cost(row, TIER_FLEX, USAGE(10, 0, 0, 0, 0)), 10000000);
    /* An own price of a known ID replaces the embedded one, in all places. */
    row = price_book_find(made, STR("amazon.nova-pro-v1:0"), STR("eu"));
    assert_string_equal(row->name, "house@7/amazon.nova-pro-v1:0/here");
    assert_string_equal(price_book_find(made, STR("amazon.nova-lite-v1:0"), STR(""))->name,
                        "bedrock@2026-08-21/amazon.nova-lite-v1:0/us-east-1");
    /* price_as and price hold whatever the ID that was asked for. */
    row = price_book_of_model(made, 0, STR("amazon.nova-lite-v1:0"), STR(""));
    assert_string_equal(row->name, "house@7/house.one/eu");
    row = price_book_of_model(made, 1, STR("amazon.nova-lite-v1:0"), STR(""));
    assert_true(!strncmp(row->name, "fulcrum.yaml@", 13) && strstr(row->name, "/desk-small"));
    /* 10 * 2,000,000 + 4 * 500,000 + 7 * 0 + 1 * 8,000,000, and half of it */
    assert_int_equal(price_cost(row, TIER_DEFAULT, USAGE(10, 4, 7, 0, 1)), 30000000);
    assert_int_equal(price_cost(row, TIER_FLEX, USAGE(10, 4, 7, 0, 1)), 15000000);
    size_t count = price_book_count(made);
    assert_string_equal(price_book_row(made, count - 1)->name, PRICE_NONE);
    assert_ptr_equal(price_book_row(made, count - 2), row);
    price_book_free(made);
    config_deinit(&read);
}

/* --- providers' own lists --- */

#define SOL "openai/gpt-6.1-sol"

/* Dollars per million tokens, by hand: 2, 0.1 read, 2.5 and 5 written, 10; flex half, priority twice as much. */
static void providers_have_lists_of_their_own(void **state)
{
    (void)state;
    const struct price_row *row = row_of(SOL);
    assert_string_equal(row->name, "providers@2026-11-30/" SOL "/global");
    /* 11 * 2,000,000 + 100 * 100,000 + 15 * 2,500,000 + 5 * 5,000,000 + 7 * 10,000,000 */
    assert_int_equal(price_cost(row, TIER_DEFAULT, USAGE(11, 100, 15, 5, 7)), 164500000);
    assert_int_equal(price_cost(row, TIER_FLEX, USAGE(11, 100, 15, 5, 7)), 82250000);
    assert_int_equal(price_cost(row, TIER_BATCH, USAGE(11, 100, 15, 5, 7)), 82250000);
    assert_int_equal(price_cost(row, TIER_PRIORITY, USAGE(11, 100, 15, 5, 7)), 329000000);
    /* All of a longer prompt: 272,000 * 200,000 + 1 * 4,000,000 + 2 * 15,000,000 */
    assert_int_equal(price_cost(row, TIER_DEFAULT, USAGE(1, 272000, 0, 0, 2)), 54434000000);
    assert_int_equal(price_cost(row, TIER_DEFAULT, USAGE(0, 272000, 0, 0, 2)), 27220000000);
    /* Not as Bedrock sells the model of the same name. */
    row = row_of("anthropic/claude-opus-5-5");
    assert_int_equal(price_cost(row, TIER_DEFAULT, USAGE(11, 100, 15, 5, 7)), 319000000);
    assert_int_equal(price_cost(row, TIER_BATCH, USAGE(11, 100, 15, 5, 7)), 159500000);
    assert_int_equal(price_cost(row, TIER_PRIORITY, USAGE(11, 100, 15, 5, 7)), 319000000);
    /* Half of a cent for a million tokens and less. */
    assert_int_equal(price_cost(row_of("deepseek/deepseek-v4-flash"), TIER_DEFAULT, USAGE(1, 1, 1, 0, 1)), 1506000);
    assert_int_equal(price_cost(row_of("openai/text-embedding-3-small"), TIER_DEFAULT, USAGE(3, 0, 0, 0, 0)), 60000);
}

static void tiers_have_prices_of_their_own(void **state)
{
    (void)state;
    struct config read;
    struct price_book *made;
    struct error error;
    const char *text = HEAD "models:\n"
                            "  - {id: m, input: 2, output: 8, cache: {read: 1, write_5m: 3, write_1h: 4}, source: s,\n"
                            "     tiers: [batch, flex],\n"
                            "     above: [{tokens: 10, input: 4, output: 16}, {tokens: 20, input: 5, output: 6}],\n"
                            "     by_tier:\n"
                            "       [{tier: flex, input: 1.5, output: 7,\n"
                            "         above: [{tokens: 20, input: 3, output: 4}]}]}\n";
    assert_int_equal(load_prices(text, "", &read, &made, &error), OK);
    const struct price_row *row = price_book_find(made, STR("m"), STR(""));
    /* By the factor of 0.4; by prices of its own; not sold above 10 tokens; sold above 20. */
    assert_int_equal(price_cost(row, TIER_BATCH, USAGE(5, 0, 0, 0, 1)), 7200000);
    assert_int_equal(price_cost(row, TIER_FLEX, USAGE(5, 1, 0, 0, 1)), 16000000);
    assert_int_equal(price_cost(row, TIER_FLEX, USAGE(11, 0, 0, 0, 1)), 60000000);
    assert_int_equal(price_cost(row, TIER_FLEX, USAGE(21, 0, 0, 0, 1)), 67000000);
    price_book_free(made);
    config_deinit(&read);
    assert_int_equal(load_prices(HEAD "models:\n  - {id: m, input: 2, output: 8, source: s,\n"
                                      "     by_tier: [{tier: flex, input: 1, output: 1, above: [{tokens: 9, input: 1, "
                                      "output: 1}]}]}\n", "", &read, &made, &error), ERROR_INVALID);
    assert_non_null(strstr(error.message, "models[0].by_tier[0].above[0].tokens: expected the tokens of one of"));
    assert_int_equal(load_prices(HEAD "models:\n  - {id: m, input: 2, output: 8, source: s,\n"
                                      "     by_tier: [{tier: flex, input: 1, output: 1}, {tier: flex, input: 2, "
                                      "output: 1}]}\n", "", &read, &made, &error), ERROR_INVALID);
    assert_non_null(strstr(error.message, "models[0].by_tier[1].tier: 'flex' stands there twice"));
}

/* In all tiers and for requests of any length; a model that comes again has the row that it had. */
static void a_share_of_a_price_is_a_part_of_every_rate(void **state)
{
    (void)state;
    struct config read;
    struct price_book *made;
    struct error error;
    const struct price_row *rows[3];
    const char *models = "models:\n  - {name: desk-large, price_as: house.one, price_share: 0.25}\n"
                         "  - {name: desk-small, price: {input: 2, output: 8, cache_read: 0.5}, price_share: 0.5}\n";
    const char *text = HEAD "models:\n  - {id: house.one, input: 4, output: 8, tiers: [batch], source: s,\n"
                            "     above: [{tokens: 100, input: 40, output: 80}]}\n";
    assert_int_equal(load_prices(text, models, &read, &made, &error), OK);
    rows[0] = price_book_of_model(made, 0, STR("house.one"), STR(""));
    assert_int_equal(price_cost(rows[0], TIER_DEFAULT, USAGE(10, 0, 0, 0, 1)), 12000000);
    assert_int_equal(price_cost(rows[0], TIER_BATCH, USAGE(10, 0, 0, 0, 1)), 4800000); /* batch: 0.4 */
    assert_int_equal(price_cost(rows[0], TIER_DEFAULT, USAGE(200, 0, 0, 0, 1)), 2020000000);
    rows[0] = price_book_of_model(made, 1, STR("house.one"), STR(""));
    assert_int_equal(price_cost(rows[0], TIER_DEFAULT, USAGE(10, 4, 0, 0, 1)), 15000000);
    assert_int_equal(price_book_added_count(made), 0);
    const struct config_model added[] = {{.name = "later", .price_as = "house.one", .price_share = 250000000000},
                                         {.name = "plain", .price_as = "house.one"}, {.name = "free"},
                                         {.name = "bad", .price_as = "nobody.knows"}};
    assert_int_equal(price_book_add(made, &added[0], &rows[0], &error), OK);
    assert_int_equal(price_book_add(made, &added[0], &rows[1], &error), OK);
    assert_ptr_equal(rows[0], rows[1]);
    assert_int_equal(price_book_added_count(made), 1);
    assert_ptr_equal(price_book_added(made, 0), rows[0]);
    assert_int_equal(price_cost(rows[0], TIER_DEFAULT, USAGE(10, 0, 0, 0, 1)), 12000000);
    assert_int_equal(price_book_add(made, &added[1], &rows[2], &error), OK);
    assert_string_equal(rows[2]->name, "house@7/house.one/here");
    assert_int_equal(price_book_add(made, &added[2], &rows[2], &error), OK);
    assert_null(rows[2]);
    assert_int_equal(price_book_add(made, &added[3], &rows[2], &error), ERROR_INVALID);
    assert_int_equal(price_book_added_count(made), 1);
    price_book_free(made);
    config_deinit(&read);
}

static void refuse(const char *text, const char *part)
{
    struct config read;
    struct price_book *made;
    struct error error;
    assert_int_not_equal(load_prices(text, "", &read, &made, &error), OK);
    if (!strstr(error.message, part))
        print_error("'%s' is not in '%s'\n", part, error.message);
    assert_non_null(strstr(error.message, part));
}

static void bad_files(void **state)
{
    (void)state;
    refuse("", "expected a price book, got an empty file");
    refuse("book: a\n", "the key 'version' is missing");
    refuse(HEAD "models: [{id: a, input: 1, source: s}]", "p.yaml:8: models[0]: the key 'output' is missing");
    refuse(HEAD "models: [{id: a, input: -1, output: 1, source: s}]", "p.yaml:8: models[0].input: expected a number");
    refuse(HEAD "models: [{id: a, input: 1, output: 1, source: t}]",
           "p.yaml:8: models[0].source: expected the tag of one of 'sources', got 't'");
    refuse(HEAD "models: [{id: a, input: 1, output: 1, source: s, tiers: [fast]}]",
           "models[0].tiers[0]: expected batch, flex or priority, got 'fast'");
    refuse(HEAD "models: [{id: a, input: 1, output: 1, source: s, cache: {read: 1}}]",
           "models[0].cache: the key 'write_5m' is missing");
    refuse(HEAD "models: [{id: a, input: 1, output: 1, source: s}, {id: a, input: 1, output: 1, source: s}]",
           "the ID a stands here twice");
    refuse(HEAD "models: [{id: a, input: 1, output: 1, source: s, places: [{at: [eu]}]}]",
           "models[0].places[0]: expected either factor, or input and output");
    refuse(HEAD "models: [{id: a, input: 1, output: 1, source: s,\n"
                "places: [{at: [eu], factor: 2, input: 1, output: 1}]}]",
           "models[0].places[0]: expected either factor, or input and output");
    refuse(HEAD "models: [{id: a, input: 1, output: 1, source: s, above: [{tokens: 9, input: 1, output: 1}, "
                "{tokens: 9, input: 1, output: 1}]}]",
           "models[0].above[1].tokens: expected more tokens than in the entry before");
    refuse("book: a\nversion: '1'\ncurrency: EUR\n", "currency: expected USD, got 'EUR'");

    struct config read;
    struct price_book *made;
    struct error error;
    assert_int_equal(load_prices(HEAD "models: []", "models: [{name: desk-large, price_as: no.such}]", &read, &made,
                                 &error), ERROR_INVALID);
    assert_string_equal(error.message, "f.yaml: models[0].price_as: no price book has 'no.such'; add one under "
                                       "'prices' or give 'price'");
}

/* The largest prices and factors that a file may have: exact, or refused by the row's name, never wrapped round. */
static void prices_too_large_to_count(void **state)
{
    (void)state;
    static const char head[] = "book: b\nversion: '1'\ncurrency: USD\nunit: dollars per million tokens\nregion: here\n"
                               "sources: [{tag: s, date: '2026', what: x}]\n"
                               "tiers: {batch: 0.5, flex: 1, priority: 100}\n";
    char text[1024];
    struct config read;
    struct price_book *made;
    struct error error;
    (void)snprintf(text, sizeof(text), "%smodels: [{id: a, input: 2000, output: 1, source: s, tiers: [priority], "
                                       "places: [{at: [eu], factor: 100}]}]", head);
    refuse(text, "b@1/a/eu: in tier priority a million tokens would cost more than $9223372");
    (void)snprintf(text, sizeof(text), "%smodels: [{id: a, input: 1, output: 1000000, source: s, places: [{at: [eu], "
                                       "factor: 100}]}]", head);
    refuse(text, "b@1/a/eu: in tier default");
    (void)snprintf(text, sizeof(text), "%smodels: [{id: a, input: 900, output: 1, source: s, tiers: [priority], "
                                       "places: [{at: [eu], factor: 100}]}]", head);
    assert_int_equal(load_prices(text, "", &read, &made, &error), OK);
    const struct price_row *row = price_book_find(made, STR("a"), STR("eu"));
    assert_true(row->steps[0].rates[TIER_PRIORITY][PRICE_INPUT] == UINT64_C(9000000000000000000));
    /* Two tokens of nine dollars each. */
    assert_true(price_cost(row, TIER_PRIORITY, USAGE(2, 0, 0, 0, 0)) == UINT64_C(18000000000000));
    price_book_free(made);
    config_deinit(&read);
}

static void out_of_memory(void **state)
{
    (void)state;
    struct error error = {.code = OK};
    enum error_code code = ERROR_NO_MEMORY;
    for (uint64_t n = 1; code != OK; n++) {
        struct price_book *made = NULL;
        mem_fail_at(n);
        code = price_book_load(&config, &made, &error);
        mem_fail_at(0);
        if (code == OK)
            price_book_free(made);
        else
            assert_int_equal(code, ERROR_NO_MEMORY);
    }
}

static void rows_say_what_they_are(void **state)
{
    (void)state;
    const struct price_step steps[] = {{.rates = {[TIER_DEFAULT] = {1, 2, 3, 4, 5}}},
                                       {.above_tokens = 7, .rates = {[TIER_DEFAULT] = {6}}}};
    const struct price_row row = {.name = "r", .id = "r", .place = "", .steps = steps, .step_count = 2};
    struct buf out;
    buf_init(&out, 4096);
    assert_true(price_row_append(&out, &row));
    assert_true(str_starts(buf_str(&out), STR("[{\"above\":0,\"default\":{\"input\":1,\"cacheRead\":2,"
                                              "\"cacheWrite5m\":3,\"cacheWrite1h\":4,\"output\":5},\"priority\":{")));
    assert_true(str_find(buf_str(&out), STR("{\"above\":7,\"default\":{\"input\":6,"), 0) > 0);
    buf_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(standard),
        cmocka_unit_test(tiers),
        cmocka_unit_test(cache),
        cmocka_unit_test(long_context),
        cmocka_unit_test(places),
        cmocka_unit_test(rounding),
        cmocka_unit_test(savings),
        cmocka_unit_test(shadows),
        cmocka_unit_test(answers_again),
        cmocka_unit_test(ultrafast_is_sold_by_prices_of_its_own),
        cmocka_unit_test(embedded_pair),
        cmocka_unit_test(whole_catalogue_is_priced),
        cmocka_unit_test(place_of_an_id),
        cmocka_unit_test(own_files_go_first),
        cmocka_unit_test(providers_have_lists_of_their_own),
        cmocka_unit_test(tiers_have_prices_of_their_own),
        cmocka_unit_test(a_share_of_a_price_is_a_part_of_every_rate),
        cmocka_unit_test(bad_files),
        cmocka_unit_test(prices_too_large_to_count),
        cmocka_unit_test(out_of_memory),
        cmocka_unit_test(rows_say_what_they_are),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
