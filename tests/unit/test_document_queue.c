/* Whose document is read next: accounts by time, spare readers, places in the queue. */
#include "support.h"

#include "core/limits.h"
#include "document/reader_queue.h"

#define S(seconds) ((uint64_t)(seconds) * 1000000)
#define ITEMS 100

static struct reader_queue queue;
static struct reader_item items[ITEMS];
static uint64_t now_us;

static int begin(void **state)
{
    (void)state;
    queue = (struct reader_queue){0};
    memset(items, 0, sizeof(items));
    now_us = S(1000);
    limits_in_force.document_extractions = 2;
    limits_in_force.document_queue = 64;
    return 0;
}

/* Whatever a test left behind. */
static int end(void **state)
{
    (void)state;
    for (struct reader_item *item; (item = reader_queue_first(&queue));)
        item->is_running ? reader_queue_finish(&queue, item, now_us) : reader_queue_remove(&queue, item);
    assert_null(queue.tenants);
    return 0;
}

static enum error_code push(size_t item, const char *tenant)
{
    struct error error;
    return reader_queue_push(&queue, &items[item], str_of(tenant), &error);
}

/* Index of the one that may start now, ITEMS: none. */
static size_t take(void)
{
    struct reader_item *item = reader_queue_take(&queue, now_us);
    return item ? (size_t)(item - items) : ITEMS;
}

static void finish(size_t item)
{
    reader_queue_finish(&queue, &items[item], now_us);
}

/* Six files of 30 s each, then a small one of another tenant: it waits for none of them. */
static void another_tenant_is_served_at_once(void **state)
{
    (void)state;
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(push(i, "slow"), OK);
    assert_int_equal(take(), 0);
    assert_int_equal(take(), 1);
    assert_int_equal(take(), ITEMS); /* spare readers are not for who has some */
    assert_int_equal(push(6, "quick"), OK);
    assert_int_equal(take(), 6);
    finish(6);
    assert_int_equal(take(), ITEMS);
    assert_int_equal(push(7, "third"), OK);
    assert_int_equal(push(8, "fourth"), OK);
    assert_int_equal(push(9, "fifth"), OK);
    assert_int_equal(take(), 7);
    assert_int_equal(take(), 8);
    assert_int_equal(take(), ITEMS); /* four at once are all */
}

/* Whoever had less time goes first, however many wait. */
static void time_decides(void **state)
{
    (void)state;
    limits_in_force.document_extractions = 1;
    for (size_t i = 0; i < 10; i++)
        assert_int_equal(push(i, "long"), OK);
    for (size_t i = 10; i < 30; i++)
        assert_int_equal(push(i, "short"), OK);
    uint64_t time_of[2] = {0, 0};
    unsigned count_of[2] = {0, 0};
    /* One at a time: a tenant's next starts when its last is done. */
    for (unsigned step = 0; step < 14; step++) {
        size_t item = take();
        assert_true(item < ITEMS);
        size_t spare = take(); /* the other tenant's */
        const size_t both[] = {item, spare};
        for (size_t i = 0; i < 2; i++) {
            if (both[i] == ITEMS)
                continue;
            const bool is_short = both[i] >= 10;
            const uint64_t cost_us = is_short ? S(1) : S(9);
            now_us += cost_us;
            time_of[is_short] += cost_us;
            count_of[is_short]++;
            finish(both[i]);
        }
    }
    assert_true(count_of[1] >= count_of[0]);
}

/* A tenant that comes back has neither credit for its absence nor lost its debt. */
static void absence_is_no_credit(void **state)
{
    (void)state;
    limits_in_force.document_extractions = 1;
    assert_int_equal(push(1, "b"), OK);
    assert_int_equal(push(0, "a"), OK);
    assert_int_equal(take(), 1); /* who came first, among equals */
    now_us += S(20);
    assert_int_equal(take(), 0); /* a spare reader */
    now_us += S(1);
    finish(1); /* b: 21 s */
    assert_int_equal(push(2, "a"), OK);
    assert_int_equal(push(3, "a"), OK);
    finish(0); /* a: 1 s */
    assert_int_equal(push(4, "b"), OK); /* still owes */
    assert_int_equal(take(), 2);
    now_us += S(1);
    finish(2);
    assert_int_equal(take(), 3);
    now_us += S(30);
    finish(3); /* a: 32 s */
    assert_int_equal(push(5, "a"), OK);
    assert_int_equal(take(), 4);
}

static void places_for_those_with_few(void **state)
{
    (void)state;
    size_t next = 0;
    while (push(next, "greedy") == OK)
        next++;
    assert_int_equal(next, 48);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(push(next + i, "modest"), OK);
    assert_int_equal(push(next + 4, "modest"), ERROR_THROTTLED);
    for (size_t tenant = 0; tenant < 12; tenant++) {
        const char name[] = {(char)('a' + tenant), '\0'};
        assert_int_equal(push(next + 5 + tenant, name), OK);
    }
    assert_int_equal(push(99, "last"), ERROR_THROTTLED);
}

static void cancelled_ones_are_not_taken(void **state)
{
    (void)state;
    assert_int_equal(push(0, "a"), OK);
    assert_int_equal(push(1, "a"), OK);
    assert_int_equal(push(2, "a"), OK);
    reader_queue_remove(&queue, &items[1]);
    assert_int_equal(take(), 0);
    assert_int_equal(take(), 2);
    assert_int_equal(queue.queued, 0);
    assert_int_equal(queue.running, 2);
}

static void walking_meets_each_once(void **state)
{
    (void)state;
    for (size_t i = 0; i < 9; i++)
        assert_int_equal(push(i, i % 3 == 0 ? "a" : i % 3 == 1 ? "b" : "c"), OK);
    (void)take();
    (void)take();
    (void)take();
    unsigned seen[9] = {0};
    for (struct reader_item *item = reader_queue_first(&queue); item; item = reader_queue_next(item))
        seen[item - items]++;
    for (size_t i = 0; i < 9; i++)
        assert_int_equal(seen[i], 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(another_tenant_is_served_at_once, begin, end),
        cmocka_unit_test_setup_teardown(time_decides, begin, end),
        cmocka_unit_test_setup_teardown(absence_is_no_credit, begin, end),
        cmocka_unit_test_setup_teardown(places_for_those_with_few, begin, end),
        cmocka_unit_test_setup_teardown(cancelled_ones_are_not_taken, begin, end),
        cmocka_unit_test_setup_teardown(walking_meets_each_once, begin, end),
    };
    return cmocka_run_group_tests_name("document_queue", tests, NULL, NULL);
}
