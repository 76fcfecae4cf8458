/* test_engine_fair_queue.c - turns by tokens. */
#include <stddef.h>
#include <string.h>

#include "core/util.h"
#include "engine/fair_queue.h"
#include "support.h"

#define ITEMS 400u

struct entry {
    struct fair_item item;
    uint32_t owner, number;
};

static struct entry *entry_of(struct fair_item *item)
{
    return (struct entry *)(void *)((char *)item - offsetof(struct entry, item));
}

static void add(struct fair_queue *queue, struct entry *entry, const char *name, uint32_t share, uint32_t cost)
{
    entry->item = (struct fair_item){.flow = fair_queue_join(queue, str_of(name), share), .cost = cost};
    assert_non_null(entry->item.flow);
    fair_queue_push(&entry->item);
}

static struct entry *take(struct fair_queue *queue)
{
    struct fair_item *item = fair_queue_peek(queue);
    assert_non_null(item);
    fair_queue_take(item);
    return entry_of(item);
}

static void done(struct entry *entry)
{
    fair_queue_leave(entry->item.flow);
}

static void test_order_of_one(void **state)
{
    (void)state;
    struct fair_queue queue = {0};
    struct entry entries[20];
    assert_null(fair_queue_peek(&queue));
    for (uint32_t i = 0; i < 20; i++)
        add(&queue, &entries[i], "a", FAIR_SHARE, 5000 + i);
    for (uint32_t i = 0; i < 20; i++) {
        assert_ptr_equal(fair_queue_peek(&queue), &entries[i].item);
        assert_ptr_equal(take(&queue), &entries[i]);
        done(&entries[i]);
    }
    assert_null(fair_queue_peek(&queue));
    assert_null(queue.flows);
}

/* Three hundred of one tenant came first: the few of the other go between them. */
static void test_many_and_few(void **state)
{
    (void)state;
    struct fair_queue queue = {0};
    static struct entry many[300], few[10];
    for (uint32_t i = 0; i < 300; i++)
        add(&queue, &many[i], "many", FAIR_SHARE, 3000);
    for (uint32_t i = 0; i < 10; i++)
        add(&queue, &few[i], "few", FAIR_SHARE, 3000);
    uint32_t taken_few = 0;
    for (uint32_t i = 0; i < 24; i++) {
        struct entry *entry = take(&queue);
        taken_few += entry >= few && entry < few + 10;
        done(entry);
    }
    assert_int_equal(taken_few, 10);
    while (queue.turn != NULL)
        done(take(&queue));
    assert_null(queue.flows);
}

/* Tokens count, not requests: eight times as long, an eighth as often. */
static void test_by_tokens(void **state)
{
    (void)state;
    struct fair_queue queue = {0};
    static struct entry entries[2][ITEMS];
    uint64_t tokens[2] = {0};
    for (uint32_t i = 0; i < ITEMS; i++) {
        add(&queue, &entries[0][i], "long", FAIR_SHARE, 8000);
        add(&queue, &entries[1][i], "short", FAIR_SHARE, 1000);
    }
    for (uint32_t i = 0; i < 300; i++) {
        struct entry *entry = take(&queue);
        tokens[entry >= entries[1]] += entry->item.cost;
        done(entry);
    }
    assert_true(tokens[0] < tokens[1] + 16000 && tokens[1] < tokens[0] + 16000);
    while (queue.turn != NULL)
        done(take(&queue));
}

/* What a reply took is paid as well, while the request runs. */
static void test_replies_are_paid(void **state)
{
    (void)state;
    struct fair_queue queue = {0};
    static struct entry talker[20], other[20];
    for (uint32_t i = 0; i < 20; i++) {
        add(&queue, &talker[i], "talker", FAIR_SHARE, 100);
        add(&queue, &other[i], "other", FAIR_SHARE, 100);
    }
    fair_flow_charge(talker[0].item.flow, 40960);
    for (uint32_t i = 0; i < 20; i++) {
        struct entry *entry = take(&queue);
        assert_true(entry >= other && entry < other + 20);
        done(entry);
    }
    for (uint32_t i = 0; i < 20; i++)
        done(take(&queue));
}

/* A quarter of the share is a quarter of the tokens. */
static void test_shares(void **state)
{
    (void)state;
    struct fair_queue queue = {0};
    static struct entry entries[2][ITEMS];
    uint32_t taken[2] = {0};
    for (uint32_t i = 0; i < ITEMS; i++) {
        add(&queue, &entries[0][i], "whole", FAIR_SHARE, 512);
        add(&queue, &entries[1][i], "quarter", 1, 512);
    }
    for (uint32_t i = 0; i < 200; i++) {
        struct entry *entry = take(&queue);
        taken[entry >= entries[1]]++;
        done(entry);
    }
    assert_in_range(taken[1], 35, 45);
    while (queue.turn != NULL)
        done(take(&queue));
}

/* Who comes back is the next of its flow, and has not paid. */
static void test_coming_back(void **state)
{
    (void)state;
    struct fair_queue queue = {0};
    struct entry entries[3];
    for (uint32_t i = 0; i < 3; i++)
        add(&queue, &entries[i], "a", FAIR_SHARE, 9000);
    struct entry *first = take(&queue);
    fair_queue_push_front(&first->item);
    assert_ptr_equal(take(&queue), first);
    struct entry *second = take(&queue), *third = take(&queue);
    fair_queue_push_front(&third->item); /* into an empty one */
    assert_ptr_equal(take(&queue), third);
    done(first);
    done(second);
    done(third);
    assert_null(queue.flows);
}

static bool is_odd(struct fair_item *item, void *ctx)
{
    (void)ctx;
    return entry_of(item)->number % 2 == 1;
}

/* One that can't use its turn keeps it; of the others who has most credit goes first, in debt or not. */
static void test_others(void **state)
{
    (void)state;
    struct fair_queue queue = {0};
    struct entry stuck[2], poor[2], rich[2];
    for (uint32_t i = 0; i < 2; i++) {
        add(&queue, &stuck[i], "stuck", 1, 10);
        add(&queue, &poor[i], "poor", FAIR_SHARE, 100);
        add(&queue, &rich[i], "rich", FAIR_SHARE, 100);
    }
    assert_ptr_equal(fair_queue_peek(&queue), &stuck[0].item);
    fair_flow_charge(poor[0].item.flow, 5000);
    fair_flow_charge(rich[0].item.flow, 4000);
    struct entry *const order[] = {&rich[0], &rich[1], &poor[0], &poor[1]};
    for (size_t i = 0; i < 4; i++) {
        assert_ptr_equal(fair_queue_peek_other(&queue), &order[i]->item);
        fair_queue_take(&order[i]->item);
        assert_ptr_equal(fair_queue_peek(&queue), &stuck[0].item);
        done(order[i]);
    }
    assert_null(fair_queue_peek_other(&queue));
    for (size_t i = 0; i < 2; i++)
        done(take(&queue));
    assert_null(fair_queue_peek_other(&queue));
    assert_null(queue.flows);
}

static void test_extract(void **state)
{
    (void)state;
    struct fair_queue queue = {0};
    static struct entry entries[40];
    static const char *const names[] = {"a", "b", "c"};
    for (uint32_t i = 0; i < 40; i++) {
        entries[i].number = i < 20 ? 2 * i : 2 * i + 1; /* all of the second half */
        add(&queue, &entries[i], i < 20 ? names[i % 2] : names[2 - i % 2], FAIR_SHARE, 10);
    }
    uint32_t count = 0;
    for (struct fair_item *item = fair_queue_extract(&queue, is_odd, NULL), *next; item != NULL; item = next) {
        next = item->next;
        assert_true(entry_of(item) >= entries + 20);
        done(entry_of(item));
        count++;
    }
    assert_int_equal(count, 20);
    add(&queue, &entries[20], "c", FAIR_SHARE, 10); /* its flow was emptied */
    for (uint32_t i = 0; i < 21; i++)
        done(take(&queue));
    assert_null(queue.turn);
    assert_null(queue.flows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_of_one), cmocka_unit_test(test_many_and_few), cmocka_unit_test(test_by_tokens),
        cmocka_unit_test(test_replies_are_paid), cmocka_unit_test(test_shares), cmocka_unit_test(test_coming_back),
        cmocka_unit_test(test_others),
        cmocka_unit_test(test_extract),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
