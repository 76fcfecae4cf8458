/* test_engine_broker.c - cores are shared among the workers that have work. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/util.h"
#include "engine/broker.h"
#include "engine/wait.h"

struct bed {
    struct broker broker;
    struct broker_client large, other, small; /* would use 8, 8 and 1 threads */
};

static int setup(void **state)
{
    static struct bed bed;
    struct error error;
    assert_int_equal(broker_create(&bed.broker, &error), OK);
    atomic_store(&bed.broker.page->cores, 8);
    broker_client_init(&bed.large, &bed.broker, 0, 8, false);
    broker_client_init(&bed.other, &bed.broker, 1, 8, false);
    broker_client_init(&bed.small, &bed.broker, 2, 1, false);
    *state = &bed;
    return 0;
}

static int teardown(void **state)
{
    broker_deinit(&((struct bed *)*state)->broker);
    return 0;
}

static uint32_t threads_of(struct broker_client *client)
{
    const uint32_t threads = broker_client_begin(client, clock_now_us());
    broker_client_end(client, clock_now_us());
    return threads;
}

static void test_shares(void **state)
{
    struct bed *bed = *state;
    assert_int_equal(threads_of(&bed->large), 8);
    assert_int_equal(threads_of(&bed->other), 4); /* the first has work, too: half each */
    assert_int_equal(threads_of(&bed->large), 4);
    assert_int_equal(threads_of(&bed->small), 1);
    assert_in_range(threads_of(&bed->large), 4, 5); /* the small one leaves what it can't use */
    broker_client_idle(&bed->other);
    assert_int_equal(threads_of(&bed->large), 7);
    broker_client_idle(&bed->small);
    assert_int_equal(threads_of(&bed->large), 8);
}

/* A training's threads have what is left beside workers that serve somebody. */
static void test_what_is_left(void **state)
{
    struct bed *bed = *state;
    struct broker_slot *large = bed->large.slot, *small = bed->small.slot;
    assert_true(broker_has_room(&bed->broker, 7));
    assert_false(broker_has_room(&bed->broker, 8));
    (void)threads_of(&bed->small); /* it has work, of nobody as yet */
    assert_true(broker_has_room(&bed->broker, 7));
    atomic_store(&small->running[TIER_BATCH], 3);
    assert_true(broker_has_room(&bed->broker, 7));
    atomic_store(&small->running[TIER_DEFAULT], 1);
    assert_false(broker_has_room(&bed->broker, 7));
    assert_true(broker_has_room(&bed->broker, 6));
    (void)threads_of(&bed->large);
    atomic_store(&large->queued[TIER_PRIORITY], 1);
    assert_false(broker_has_room(&bed->broker, 0));
    broker_client_idle(&bed->large);
    assert_true(broker_has_room(&bed->broker, 6));
}

static void test_one_core(void **state)
{
    struct bed *bed = *state;
    atomic_store(&bed->broker.page->cores, 1);
    assert_int_equal(threads_of(&bed->large), 1);
    assert_int_equal(threads_of(&bed->other), 1); /* one is the least, or nothing would move */
    assert_int_equal(threads_of(&bed->small), 1);
}

static void test_dead_worker_frees_cores(void **state)
{
    struct bed *bed = *state;
    (void)broker_client_begin(&bed->other, clock_now_us());
    assert_int_equal(threads_of(&bed->large), 4);
    broker_release(&bed->broker, 1);
    assert_int_equal(threads_of(&bed->large), 8);
}

static void test_wait(void **state)
{
    struct bed *bed = *state;
    struct broker_slot *slot = &bed->broker.page->slots[1];
    atomic_store(&slot->queued_tokens[TIER_DEFAULT], 4000);
    assert_int_equal(wait_estimate_s(slot, TIER_DEFAULT), 1); /* nothing was read yet: not known */
    atomic_store(&slot->prefilled_tokens, 1000);
    atomic_store(&slot->steps_us, 2000000);
    assert_int_equal(wait_estimate_s(slot, TIER_DEFAULT), 8);
    assert_int_equal(wait_estimate_s(slot, TIER_PRIORITY), 1); /* those below do not count */
    atomic_store(&slot->queued_tokens[TIER_PRIORITY], 1);
    assert_int_equal(wait_estimate_s(slot, TIER_PRIORITY), 1);
    assert_int_equal(wait_estimate_s(slot, TIER_DEFAULT), 9); /* those above do, and it is rounded up */
    atomic_store(&slot->queued_tokens[TIER_FLEX], 1000000000000);
    assert_int_equal(wait_estimate_s(slot, TIER_FLEX), WAIT_MAX_S);
    broker_release(&bed->broker, 1); /* what waited is gone with the worker */
    assert_int_equal(wait_estimate_s(slot, TIER_FLEX), 1);
}

static void test_fixed(void **state)
{
    struct bed *bed = *state;
    struct broker_client fixed;
    broker_client_init(&fixed, &bed->broker, 3, 2, true);
    assert_int_equal(threads_of(&bed->large), 8);
    assert_int_equal(threads_of(&fixed), 2); /* deterministic: whoever else has work */
}

static void test_attach(void **state)
{
    struct bed *bed = *state;
    struct broker again;
    struct error error;
    assert_int_equal(broker_attach(&again, dup(bed->broker.fd), &error), OK);
    atomic_fetch_add(&again.page->slots[5].steps, 3);
    assert_int_equal(atomic_load(&bed->broker.page->slots[5].steps), 3);
    broker_deinit(&again);
    int pair[2];
    assert_int_equal(pipe(pair), 0);
    assert_int_equal(broker_attach(&again, pair[0], &error), ERROR_INVALID);
    broker_deinit(&again);
    close(pair[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_shares, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_is_left, setup, teardown),
        cmocka_unit_test_setup_teardown(test_one_core, setup, teardown),
        cmocka_unit_test_setup_teardown(test_dead_worker_frees_cores, setup, teardown),
        cmocka_unit_test_setup_teardown(test_wait, setup, teardown),
        cmocka_unit_test_setup_teardown(test_fixed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_attach, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
