/* test_api_reservation.c - tokens a minute, on a clock that is made up. */
#include "support.h"

#include "generate/reservation.h"

#define SECOND 1000000u

static const struct reservation_config much = {.model = "desk", .input_tpm = 600, .output_tpm = 60};
static const struct reservation_config nothing = {.model = "desk", .input_tpm = 100, .output_tpm = 0};
static struct config_tenant tenants[] = {
    {.name = "shop", .parts = {{&reservation_section, &much}}},
    {.name = "plain"},
    {.name = "none", .parts = {{&reservation_section, &nothing}}},
};

static struct reservations *open_all(void)
{
    const struct config config = {.tenants = tenants, .tenant_count = 3};
    struct reservations *all;
    struct error error;
    assert_int_equal(reservations_new(&config, &all, &error), OK);
    return all;
}

static void test_whose(void **state)
{
    (void)state;
    struct reservations *all = open_all();
    assert_non_null(reservation_find(all, "shop", "desk"));
    assert_null(reservation_find(all, "shop", "other"));
    assert_null(reservation_find(all, "plain", "desk"));
    assert_null(reservation_find(all, "nobody", "desk"));
    assert_false(reservation_has_room(reservation_find(all, "none", "desk"), SECOND)); /* nothing out */
    reservations_free(all);
}

/* Ten tokens a second come back, sixty seconds' worth at most; what is overdrawn has to come back first. */
static void test_fills_evenly(void **state)
{
    (void)state;
    struct reservations *all = open_all();
    struct reservation *shop = reservation_find(all, "shop", "desk");
    uint64_t now_us = 1000 * (uint64_t)SECOND;
    assert_true(reservation_has_room(shop, now_us));
    reservation_use(shop, 599, 0, now_us);
    assert_true(reservation_has_room(shop, now_us));
    reservation_use(shop, 101, 0, now_us); /* 100 over */
    assert_false(reservation_has_room(shop, now_us));
    assert_false(reservation_has_room(shop, now_us + 9 * SECOND));
    assert_true(reservation_has_room(shop, now_us + 11 * SECOND));
    now_us += 3600 * (uint64_t)SECOND;
    assert_true(reservation_has_room(shop, now_us));
    reservation_use(shop, 600, 0, now_us); /* an hour gives no more than a minute */
    assert_false(reservation_has_room(shop, now_us));
    reservations_free(all);
}

static void test_output_counts(void **state)
{
    (void)state;
    struct reservations *all = open_all();
    struct reservation *shop = reservation_find(all, "shop", "desk");
    const uint64_t now_us = 1000 * (uint64_t)SECOND;
    assert_true(reservation_has_room(shop, now_us));
    reservation_use(shop, 0, 61, now_us);
    assert_false(reservation_has_room(shop, now_us));
    assert_true(reservation_has_room(shop, now_us + 2 * SECOND));
    assert_true(reservation_has_room(shop, now_us)); /* a clock of another thread is a little behind */
    reservations_free(all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whose), cmocka_unit_test(test_fills_evenly), cmocka_unit_test(test_output_counts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
