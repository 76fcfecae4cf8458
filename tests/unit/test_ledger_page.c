/* test_ledger_page.c - pages of lines against the same lines picked by hand, wherever they lie and while others come;
 * one line by its request; what misses lost, and rates of price rows, against the functions of the bill. */
#include "ledger_fixture.h"

#include "ledger/fields.h"
#include "ledger/misses.h"
#include "ledger/page.h"
#include "ledger/reads.h"

/* --- by hand ---------------------------------------------------------------------------------------- */

static struct str word_of(const struct ledger_line *line, enum ledger_filter_word word)
{
    switch (word) {
    case LEDGER_WITH_TENANT: return line->tenant;
    case LEDGER_WITH_MODEL: return line->model_invoked;
    case LEDGER_WITH_OPERATION: return line->operation;
    case LEDGER_WITH_TIER: return str_of(tier_names[line->tier]);
    case LEDGER_WITH_OUTCOME: return str_of(ledger_outcome_names[line->outcome]);
    case LEDGER_WITH_MISS: return line->miss_reason;
    case LEDGER_WITH_ROUTER: return line->router;
    case LEDGER_WITH_KEY: return line->key;
    case LEDGER_WITH_PROFILE: return line->profile;
    case LEDGER_WITH_SESSION: return line->session;
    default: break;
    }
    fail();
    return STR("");
}

static bool fits(const struct ledger_line *line, const struct ledger_filter *filter)
{
    for (unsigned i = 0; i < LEDGER_FILTER_WORDS; i++)
        if (filter->words[i].data && !str_eq(filter->words[i], word_of(line, (enum ledger_filter_word)i)))
            return false;
    return line->time_us >= filter->from_us && (!filter->to_us || line->time_us < filter->to_us);
}

static uint64_t value_of(const struct ledger_line *line, enum ledger_sort sort)
{
    return sort == LEDGER_SORT_COST ? line->quote.cost : sort == LEDGER_SORT_LATENCY ? line->latency_us : 0;
}

static enum ledger_sort sorted_by;

static int descending(const void *a, const void *b)
{
    const struct ledger_line *first = &lines[*(const size_t *)a], *second = &lines[*(const size_t *)b];
    const uint64_t x = value_of(first, sorted_by), y = value_of(second, sorted_by);
    if (x != y)
        return x < y ? 1 : -1;
    if (first->time_us != second->time_us)
        return first->time_us < second->time_us ? 1 : -1;
    return strcmp(second->request_id.data, first->request_id.data);
}

static size_t expected[LINES], expected_count;

static void pick(const struct ledger_filter *filter, enum ledger_sort sort, size_t count)
{
    expected_count = 0;
    for (size_t i = 0; i < count; i++)
        if (fits(&lines[i], filter))
            expected[expected_count++] = i;
    sorted_by = sort;
    qsort(expected, expected_count, sizeof(expected[0]), descending);
}

/* --- pages ------------------------------------------------------------------------------------------ */

static char seen[LINES + 1][UUID_LEN + 1];
static size_t seen_count;

static enum error_code see(void *ctx, const struct ledger_line *line, struct error *error)
{
    (void)ctx;
    (void)error;
    assert_true(seen_count <= LINES);
    (void)snprintf(seen[seen_count++], sizeof(seen[0]), STR_FMT, STR_ARG(line->request_id));
    return OK;
}

static void read_pages(struct ledger_view *view, const struct ledger_page_query *first)
{
    struct ledger_page_query query = *first;
    struct ledger_page_end end;
    struct error error;
    char cursor[LEDGER_CURSOR_MAX];
    seen_count = 0;
    for (size_t pages = 0;; pages++) {
        const size_t before = seen_count;
        assert_true(pages < 2 * LINES);
        if (ledger_page(view, &query, see, NULL, &end, &error) != OK)
            fail_msg("%s: %s", query.cursor.len ? cursor : "", error.message);
        assert_true(seen_count - before <= query.limit);
        if (!end.next[0])
            return;
        memcpy(cursor, end.next, sizeof(cursor));
        query.cursor = str_of(cursor);
    }
}

static void compare(struct ledger_view *view, const struct ledger_page_query *query, size_t count)
{
    read_pages(view, query);
    pick(&query->filter, query->sort, count);
    assert_int_equal(seen_count, expected_count);
    for (size_t i = 0; i < seen_count; i++)
        assert_string_equal(seen[i], ids[expected[i]]);
}

static struct str some_word(struct rng *rng, enum ledger_filter_word word)
{
    return rng_below(rng, 4) ? (struct str){NULL, 0} : word_of(&lines[rng_below(rng, LINES)], word);
}

static void read_much(struct ledger_view *view, struct rng *rng, size_t count)
{
    for (size_t i = 0; i < 200; i++) {
        struct ledger_page_query query = {.sort = (enum ledger_sort)rng_below(rng, LEDGER_SORTS),
                                          .limit = 1 + (uint32_t)rng_below(rng, 200)};
        for (unsigned word = 0; word < LEDGER_FILTER_WORDS; word++)
            query.filter.words[word] = some_word(rng, (enum ledger_filter_word)word);
        if (rng_below(rng, 2))
            query.filter.from_us = BEGIN_US + rng_below(rng, 5 * DAY_US);
        if (rng_below(rng, 2))
            query.filter.to_us = BEGIN_US + rng_below(rng, 5 * DAY_US);
        compare(view, &query, count);
    }
}

static void pages_have_each_line_once(void **state)
{
    (void)state;
    struct rng rng;
    struct ledger_view *view;
    struct error error;
    rng_seed(&rng, 11);
    make_lines(&rng);
    write_db(IN_DB, SUMMED);
    struct journal *journal = open_journal();
    for (size_t i = IN_DB - 100; i < LINES; i++) /* the first hundred are in the database as well */
        append(journal, LEDGER_FINISHED, &lines[i]);
    int lock = hold_lock();
    assert_int_equal(ledger_view_open(test_root, &view, &error), OK);
    read_much(view, &rng, LINES);
    write_db(LINES, LINES);
    read_much(view, &rng, LINES);
    ledger_view_close(view);
    close(lock);
    journal_close(journal);
}

/* Those that were there when the first page was read come once each, though between two pages others come that are
 * newer, older and dearer, and all move from the journal into the database. */
static void read_while_lines_come(enum ledger_sort sort)
{
    struct rng rng;
    struct ledger_view *view;
    struct error error;
    const size_t first = LINES / 2;
    rng_seed(&rng, 12);
    make_lines(&rng);
    write_db(first - 50, 400);
    struct journal *journal = open_journal();
    for (size_t i = first - 50; i < first; i++)
        append(journal, LEDGER_FINISHED, &lines[i]);
    int lock = hold_lock();
    assert_int_equal(ledger_view_open(test_root, &view, &error), OK);
    struct ledger_page_query query = {.sort = sort, .limit = 100};
    struct ledger_page_end end;
    char cursor[LEDGER_CURSOR_MAX] = "";
    static unsigned found[LINES];
    memset(found, 0, sizeof(found));
    size_t come = first;
    do {
        seen_count = 0;
        query.cursor = str_of(cursor);
        assert_int_equal(ledger_page(view, &query, see, NULL, &end, &error), OK);
        for (size_t i = 0; i < seen_count; i++)
            found[strtoul(seen[i] + 24, NULL, 10)]++;
        memcpy(cursor, end.next, sizeof(cursor));
        for (size_t i = 0; i < 50 && come < LINES; i++)
            append(journal, LEDGER_FINISHED, &lines[come++]);
        if (come == first + 200)
            write_db(come, 0);
    } while (cursor[0]);
    for (size_t i = 0; i < LINES; i++)
        assert_true(i < first ? found[i] == 1 : found[i] <= 1);
    ledger_view_close(view);
    close(lock);
    journal_close(journal);
}

static void lines_that_come_meanwhile_hide_none(void **state)
{
    (void)state;
    read_while_lines_come(LEDGER_SORT_TIME);
}

static void nor_do_they_by_cost(void **state)
{
    (void)state;
    read_while_lines_come(LEDGER_SORT_COST);
}

static void cursors_of_other_orders_are_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {"x", "t", "t~", "t~-1~a", "t~a~b", "c~1", "l~1~2~3",
                                        "t~9223372036854775807~a", "l~9223372036854775807"};
    struct ledger_view *view;
    struct error error;
    struct ledger_page_end end;
    ledger_db_close(open_db());
    assert_int_equal(ledger_view_open(test_root, &view, &error), OK);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        const struct ledger_page_query query = {
            .limit = 1,
            .cursor = str_of(wrong[i]),
            .sort = wrong[i][0] == 'l' ? LEDGER_SORT_LATENCY : LEDGER_SORT_TIME,
        };
        const enum error_code code = ledger_page(view, &query, see, NULL, &end, &error);
        if (code != ERROR_INVALID)
            fail_msg("%s: %d", wrong[i], code);
    }
    ledger_view_close(view);
}

/* --- one line --------------------------------------------------------------------------------------- */

static void a_line_is_found_by_its_request(void **state)
{
    (void)state;
    struct rng rng;
    struct ledger_reads *reads;
    struct ledger_view *view, *other;
    struct error error;
    rng_seed(&rng, 13);
    make_lines(&rng);
    write_db(IN_DB, SUMMED);
    struct journal *journal = open_journal();
    for (size_t i = IN_DB; i < LINES; i++)
        append(journal, LEDGER_FINISHED, &lines[i]);
    int lock = hold_lock();
    assert_int_equal(ledger_reads_new(test_root, &reads, &error), OK);
    assert_int_equal(ledger_reads_take(reads, &view, &error), OK);
    assert_int_equal(ledger_reads_take(reads, &other, &error), OK);
    assert_ptr_not_equal(view, other);
    for (size_t i = 0; i < LINES; i += 7) {
        seen_count = 0;
        assert_int_equal(ledger_find(view, lines[i].request_id, (struct str){NULL, 0}, see, NULL, &error), OK);
        assert_int_equal(seen_count, 1);
        assert_string_equal(seen[0], ids[i]);
        assert_int_equal(ledger_find(other, lines[i].request_id, lines[i].tenant, see, NULL, &error), OK);
        assert_int_equal(ledger_find(other, lines[i].request_id, STR("stranger"), see, NULL, &error),
                         ERROR_NOT_FOUND);
    }
    assert_int_equal(ledger_find(view, STR("nothing"), (struct str){NULL, 0}, see, NULL, &error), ERROR_NOT_FOUND);
    ledger_reads_give(reads, other);
    ledger_reads_give(reads, view);
    assert_int_equal(ledger_reads_take(reads, &other, &error), OK);
    assert_ptr_equal(other, view);
    ledger_reads_give(reads, other);
    ledger_reads_free(reads);
    close(lock);
    journal_close(journal);
}

/* --- money ------------------------------------------------------------------------------------------ */

#define PRICED "amazon.nova-pro-v1:0"

static void rates_come_back_as_they_were(void **state)
{
    (void)state;
    struct arena arena;
    struct buf text, again;
    arena_init(&arena, 0);
    buf_init(&text, 1 << 20);
    buf_init(&again, 1 << 20);
    for (size_t i = 0; i < price_book_count(book); i++) {
        struct price_row row;
        buf_clear(&text);
        buf_clear(&again);
        assert_true(price_row_append(&text, price_book_row(book, i)));
        assert_true(price_row_read(buf_str(&text), STR("name"), &arena, &row));
        assert_true(price_row_append(&again, &row));
        assert_true(str_eq(buf_str(&text), buf_str(&again)));
        assert_string_equal(row.name, "name");
    }
    static const char *const wrong[] = {"", "{}", "[]", "[1]", "[{\"above\":0}]", "[{\"above\":0,\"default\":{}}]"};
    struct price_row row;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_false(price_row_read(str_of(wrong[i]), STR("name"), &arena, &row));
    buf_deinit(&text);
    buf_deinit(&again);
    arena_deinit(&arena);
}

static void misses_lose_what_a_hit_would_have_saved(void **state)
{
    (void)state;
    struct rng rng;
    struct ledger_view *view;
    struct ledger_misses misses;
    struct error error;
    const struct price_row *row = price_book_find(book, STR(PRICED), STR(""));
    assert_non_null(row);
    rng_seed(&rng, 14);
    make_lines(&rng);
    for (size_t i = 0; i < LINES; i++)
        lines[i].price = i % 10 ? str_of(row->name) : STR("gone");
    write_db(LINES, SUMMED);
    assert_int_equal(ledger_view_open(test_root, &view, &error), OK);
    const uint64_t from_us = BEGIN_US + DAY_US;
    assert_int_equal(ledger_misses(view, from_us, 0, STR("acme"), &misses, &error), OK);
    assert_int_equal(misses.from_us, from_us);
    assert_int_equal(misses.count, 2);
    for (size_t k = 0; k < misses.count; k++) {
        const struct ledger_miss *miss = &misses.items[k];
        uint64_t requests = 0, tokens = 0;
        ledger_sum lost = 0;
        for (size_t i = 0; i < LINES; i++) {
            const struct ledger_line *line = &lines[i];
            if (line->time_us < from_us || !str_eq(line->tenant, STR("acme")) ||
                !str_eq(line->miss_reason, str_of(miss->reason)))
                continue;
            const struct price_usage warm = price_usage_warm(&line->usage);
            requests++;
            tokens += line->usage.tokens[PRICE_INPUT] + line->usage.tokens[PRICE_CACHE_WRITE_5M] +
                      line->usage.tokens[PRICE_CACHE_WRITE_1H];
            if (i % 10)
                lost += (ledger_sum)price_cost(row, line->tier, &line->usage) -
                        (ledger_sum)price_cost(row, line->tier, &warm);
        }
        assert_int_equal(miss->requests, requests);
        assert_int_equal(miss->tokens, tokens);
        assert_true(miss->lost == lost && lost > 0);
    }
    assert_true(misses.items[0].lost >= misses.items[1].lost);
    ledger_view_close(view);
}

static void another_cache_has_the_same_tokens(void **state)
{
    (void)state;
    const struct price_usage usage = {{100, 50, 20, 3, 7}};
    const struct price_usage cold = price_usage_cold(&usage), warm = price_usage_warm(&usage);
    assert_int_equal(price_input_tokens(&cold), 173);
    assert_int_equal(price_input_tokens(&warm), 173);
    assert_int_equal(cold.tokens[PRICE_INPUT], 150);
    assert_int_equal(cold.tokens[PRICE_CACHE_WRITE_5M], 20);
    assert_int_equal(warm.tokens[PRICE_CACHE_READ], 173);
    assert_int_equal(warm.tokens[PRICE_OUTPUT], 7);
}

static void lines_have_dollars_beside_their_amounts(void **state)
{
    (void)state;
    const struct ledger_line line = {.request_id = STR("a"), .tier = TIER_FLEX, .first_token_us = LEDGER_NO_TOKEN,
                                     .quote = {.cost = 5, .saved = {-2}, .classes = {LEDGER_ABSENT}}};
    static struct ledger_fields fields;
    struct buf json, csv;
    buf_init(&json, 1 << 16);
    buf_init(&csv, 1 << 16);
    ledger_fields_line(&fields, &line, true);
    ledger_fields_append_json(&json, &fields);
    ledger_fields_append_header(&csv, &fields);
    ledger_fields_append_csv(&csv, &fields);
    assert_true(str_find(buf_str(&json), STR("\"costPicodollars\":5,\"costDollars\":\"0.000000000005\""), 0) >= 0);
    assert_true(str_find(buf_str(&json), STR("\"savedRoute\":-2,\"savedRouteDollars\":\"-0.000000000002\""), 0) >= 0);
    assert_true(str_find(buf_str(&json), STR("\"costInputPicodollars\":null,\"costInputDollars\":null"), 0) >= 0);
    assert_true(str_find(buf_str(&csv), STR("costPicodollars,costDollars,baselinePicodollars"), 0) > 0);
    buf_deinit(&json);
    buf_deinit(&csv);
}

#define EACH_IN_ITS_OWN(test) cmocka_unit_test_setup_teardown(test, load, unload)

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH_IN_ITS_OWN(pages_have_each_line_once),
        EACH_IN_ITS_OWN(lines_that_come_meanwhile_hide_none),
        EACH_IN_ITS_OWN(nor_do_they_by_cost),
        EACH_IN_ITS_OWN(cursors_of_other_orders_are_refused),
        EACH_IN_ITS_OWN(a_line_is_found_by_its_request),
        EACH_IN_ITS_OWN(rates_come_back_as_they_were),
        EACH_IN_ITS_OWN(misses_lose_what_a_hit_would_have_saved),
        cmocka_unit_test(another_cache_has_the_same_tokens),
        cmocka_unit_test(lines_have_dollars_beside_their_amounts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
