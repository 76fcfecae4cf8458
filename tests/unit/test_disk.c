/* The disk below the data directory: who is admitted, what the reserve gives and takes, what goes first. How much is
 * free is pretended; tests/e2e/test_disk.py has disks that are really full. */
#include "support.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/condition.h"
#include "core/io.h"
#include "core/limits.h"
#include "core/log.h"
#include "store/disk.h"

#define MIB (UINT64_C(1) << 20)
#define RESERVE (16 * MIB)
#define MARGIN (RESERVE / 4)

static char path[128];

static int make(void **state)
{
    log_configure(LOG_OFF, LOG_LOGFMT);
    const int failed = test_root_make(state);
    (void)snprintf(path, sizeof(path), "%s/data", test_root);
    limits_in_force.disk_reserve_bytes = RESERVE;
    io_pretend_space(UINT64_MAX);
    return failed || mkdir(path, 0700);
}

static int remove_all(void **state)
{
    disk_close();
    io_pretend_space(UINT64_MAX);
    io_pretend_silence(false);
    condition_clear("disk");
    condition_clear("data");
    return test_root_remove(state);
}

static void open_disk(void)
{
    struct error error;
    assert_int_equal(disk_open(path, &error), OK);
    disk_started();
}

static uint64_t reserve_bytes(void)
{
    struct disk_figures figures;
    assert_true(disk_figures(&figures));
    return figures.reserve_bytes;
}

/* The module's thread looks twice a second. */
static bool comes_true(bool (*is_so)(void))
{
    for (int i = 0; i < 1000 && !is_so(); i++)
        (void)nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    return is_so();
}

static enum error_code admit(uint64_t bytes)
{
    struct error error;
    return disk_admit(bytes, &error);
}

static bool is_noted(void)
{
    return condition_level("disk") == CONDITION_NOTE;
}

static bool is_down(void)
{
    return condition_level("disk") == CONDITION_DOWN;
}

static bool is_clear(void)
{
    return condition_level("disk") == CONDITION_CLEAR && condition_level("data") == CONDITION_CLEAR;
}

static bool is_gone(void)
{
    return condition_level("data") == CONDITION_DOWN;
}

static bool is_whole(void)
{
    return reserve_bytes() == RESERVE;
}

static void nothing_is_refused_without_a_disk(void **state)
{
    (void)state;
    struct error error;
    struct disk_figures figures;
    io_pretend_space(0);
    assert_int_equal(admit(UINT64_MAX / 2), OK);
    assert_int_equal(disk_check(&error), OK);
    assert_false(disk_release());
    assert_false(disk_is_short());
    assert_false(disk_figures(&figures));
}

static void others_are_refused_before_the_ledger(void **state)
{
    (void)state;
    open_disk();
    assert_true(comes_true(is_whole));
    io_pretend_space(MARGIN + MIB);
    assert_int_equal(admit(MIB), OK);
    assert_int_equal(admit(MIB + 1), ERROR_UNAVAILABLE);
    assert_int_equal(admit(UINT64_MAX), ERROR_UNAVAILABLE); /* nothing wraps round */
    io_pretend_space(MARGIN);
    assert_int_equal(admit(1), ERROR_UNAVAILABLE);
    assert_true(is_noted());
    assert_true(disk_is_short());
    io_pretend_space(UINT64_MAX);
    assert_int_equal(admit(1), OK);
    assert_true(comes_true(is_clear));
    assert_false(disk_is_short());
}

static void the_reserve_gives_and_takes_back(void **state)
{
    (void)state;
    open_disk();
    assert_true(comes_true(is_whole));
    io_pretend_space(0);
    uint64_t last = RESERVE;
    unsigned steps = 0;
    for (; disk_release(); steps++) {
        assert_true(reserve_bytes() < last);
        last = reserve_bytes();
    }
    assert_int_equal(steps, 12);           /* sixteenths */
    assert_int_equal(last, RESERVE / 4);   /* the last quarter is for the next start */
    disk_refused();
    assert_true(comes_true(is_down));
    io_pretend_space(UINT64_MAX);
    assert_true(comes_true(is_clear));
    assert_true(comes_true(is_whole));
}

static void a_start_may_use_all_of_it(void **state)
{
    (void)state;
    struct error error;
    open_disk();
    assert_true(comes_true(is_whole));
    disk_close();
    io_pretend_space(0);
    assert_int_equal(disk_open(path, &error), OK);
    assert_true(reserve_bytes() <= RESERVE - 4 * MIB); /* so much is free for a start now */
    while (disk_release())
        continue;
    assert_int_equal(reserve_bytes(), 0);
    disk_started();
    assert_true(comes_true(is_noted));
}

static void a_smaller_reserve_is_given_back(void **state)
{
    (void)state;
    open_disk();
    assert_true(comes_true(is_whole));
    disk_close();
    limits_in_force.disk_reserve_bytes = 0;
    open_disk();
    assert_int_equal(reserve_bytes(), 0);
    io_pretend_space(0);
    assert_int_equal(admit(0), OK);
    assert_int_equal(admit(1), ERROR_UNAVAILABLE);
}

static void prefix_file(const char *name, size_t len, long used_s)
{
    char file[256], bytes[1000] = "";
    (void)snprintf(file, sizeof(file), "%s/kv/model/%s", path, name);
    const int fd = open(file, O_CREAT | O_WRONLY, 0600);
    assert_true(fd >= 0);
    for (size_t i = 0; i < len; i += sizeof(bytes))
        assert_true(io_write_all(fd, bytes, sizeof(bytes)));
    const struct timespec times[] = {{.tv_sec = used_s}, {.tv_sec = used_s}};
    assert_int_equal(futimens(fd, times), 0);
    close(fd);
}

static bool has_prefix(const char *name)
{
    char file[256];
    (void)snprintf(file, sizeof(file), "%s/kv/model/%s", path, name);
    return access(file, F_OK) == 0;
}

#define OLD "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define NEW "ff112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static void prefixes_go_first_the_oldest_before_the_others(void **state)
{
    (void)state;
    char dir[256];
    open_disk();
    assert_true(comes_true(is_whole));
    (void)snprintf(dir, sizeof(dir), "%s/kv", path);
    assert_int_equal(mkdir(dir, 0700), 0);
    (void)snprintf(dir, sizeof(dir), "%s/kv/model", path);
    assert_int_equal(mkdir(dir, 0700), 0);
    prefix_file(NEW, 6 * MIB, 2000000);
    prefix_file(OLD, 6 * MIB, 1000000);
    prefix_file("lock", 1000, 1);
    io_pretend_space(MARGIN + 1000);
    assert_int_equal(admit(2000), ERROR_UNAVAILABLE); /* what is pretended does not grow */
    assert_false(has_prefix(OLD));
    assert_true(has_prefix(NEW));
    assert_true(has_prefix("lock"));
    assert_int_equal(admit(2000), ERROR_UNAVAILABLE);
    assert_false(has_prefix(NEW));
    assert_true(has_prefix("lock"));
}

static void prefixes_keep_their_distance(void **state)
{
    (void)state;
    uint64_t free_now, total = 0;
    const int fd = open(path, O_RDONLY | O_DIRECTORY);
    assert_true(fd >= 0 && io_space(fd, &free_now, &total));
    const uint64_t spare = total / 8 < 64 * MIB ? total / 8 : 64 * MIB;
    io_pretend_space(spare + 10);
    assert_true(disk_spares(fd, 10));
    assert_false(disk_spares(fd, 11));
    io_pretend_space(0);
    assert_false(disk_spares(fd, 0));
    close(fd);
}

static void a_disk_that_says_nothing_refuses_nobody(void **state)
{
    (void)state;
    io_pretend_silence(true);
    open_disk();
    assert_int_equal(admit(1u << 30), OK);
    const int fd = open(path, O_RDONLY | O_DIRECTORY);
    assert_true(disk_spares(fd, 1u << 30));
    close(fd);
    assert_true(comes_true(is_clear));
    assert_false(disk_is_short());
}

static void a_directory_that_goes_and_comes_back(void **state)
{
    (void)state;
    struct error error;
    char other[128];
    open_disk();
    assert_int_equal(disk_check(&error), OK);
    (void)snprintf(other, sizeof(other), "%s/other", test_root);
    assert_int_equal(rename(path, other), 0);
    assert_int_equal(disk_check(&error), ERROR_UNAVAILABLE);
    assert_true(is_gone());
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(admit(1), ERROR_UNAVAILABLE); /* another of the same name */
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(rename(other, path), 0);
    assert_int_equal(admit(1), OK);
    assert_true(comes_true(is_clear));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make, remove_all)
    const struct CMUnitTest tests[] = {
        TEST(nothing_is_refused_without_a_disk),
        TEST(others_are_refused_before_the_ledger),
        TEST(the_reserve_gives_and_takes_back),
        TEST(a_start_may_use_all_of_it),
        TEST(a_smaller_reserve_is_given_back),
        TEST(prefixes_go_first_the_oldest_before_the_others),
        TEST(prefixes_keep_their_distance),
        TEST(a_disk_that_says_nothing_refuses_nobody),
        TEST(a_directory_that_goes_and_comes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
